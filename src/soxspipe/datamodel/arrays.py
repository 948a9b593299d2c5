"""Array type names, and the checks that every value makes of its arrays."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.stored_image import StoredImage

FloatArray: TypeAlias = NDArray[np.floating[Any]]
ComplexArray: TypeAlias = NDArray[np.complexfloating[Any, Any]]
IntArray: TypeAlias = NDArray[np.integer[Any]]
BoolArray: TypeAlias = NDArray[np.bool_]
FlagArray: TypeAlias = NDArray[np.unsignedinteger[Any]]
Image: TypeAlias = FloatArray
"""Two-dimensional, axis 0 is y (or dispersion in a cut-out), axis 1 is x (or slit)."""
BoolImage: TypeAlias = BoolArray


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view of `array` that refuses to be written to."""
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view


def freeze(value: object, **shapes: tuple[int, ...]) -> None:
    """Make the named array fields of a frozen dataclass read-only and check their shapes; stored images are read-only as they are.

    Parameters
    ----------
    value : object
        A frozen dataclass instance, from its `__post_init__`.
    **shapes : tuple of int
        Field name and the shape it must have.

    Raises
    ------
    ValueError
        If a field has another shape.
    """
    for name, shape in shapes.items():
        field = getattr(value, name)
        array = field if isinstance(field, StoredImage) else np.asarray(field)
        if array.shape != shape:
            raise ValueError(f"{type(value).__name__}.{name} has shape {array.shape}, expected {shape}")
        if not isinstance(array, StoredImage):  # which gives copies, or views that are read-only
            object.__setattr__(value, name, read_only(array))
