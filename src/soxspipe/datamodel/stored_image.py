"""An image that lies outside the memory until some of it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredImage:
    """An image of which parts are read when they are asked for, so that memory does not grow with the number of images.

    Indexed as an array is; `numpy.asarray` reads all of it.

    Attributes
    ----------
    shape : tuple of int
        Rows and columns.
    dtype : dtype
        Of the pixels.
    look : callable
        Gives the whole image as a view of where it lies; memory is taken for what is read of it, as long as it is used.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    look: Callable[[], NDArray[Any]]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all pixels."""
        return self.shape[0] * self.shape[1] * self.dtype.itemsize

    def __getitem__(self, where: Any) -> NDArray[Any]:
        """A copy of some of its pixels."""
        return np.array(self.look()[where])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """A copy of the whole."""
        return np.array(self.look(), dtype=dtype)

    def through(self, view: Callable[[NDArray[Any]], NDArray[Any]]) -> StoredImage:
        """The image that a view (turned, trimmed) makes of this one."""
        seen = view(np.broadcast_to(np.zeros(1, self.dtype), self.shape))
        return StoredImage(shape=(seen.shape[0], seen.shape[1]), dtype=self.dtype, look=lambda: view(self.look()))


Pixels: TypeAlias = NDArray[Any] | StoredImage
"""An image, in memory or not."""


def seen(image: Pixels) -> NDArray[Any]:
    """The image itself, or a view of where it lies, which takes memory only as long as it is used; not to be changed."""
    return image.look() if isinstance(image, StoredImage) else image
