"""Images in temporary files, so that a set of many exposures takes no more memory than one of few."""

from __future__ import annotations

import mmap
import tempfile
import weakref
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from soxspipe.datamodel.frame import Frame
from soxspipe.datamodel.geometry import Geometry
from soxspipe.datamodel.stored_frame import StoredFrame, StoredMap
from soxspipe.datamodel.stored_image import StoredImage

ROWS_AT_ONCE = 256
"""Of which a contiguous copy is made while they are written."""


def store(image: NDArray[Any], dtype: DTypeLike | None = None) -> StoredImage:
    """Put an image into a temporary file that vanishes with it; it stays in memory where there is no room for a file.

    The file is mapped anew for each look: pages that were read count as memory of the process only while they are used.  A map of
    the user's own file would be quicker, but a file cut short under a map ends the process.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Of any type; one that is the same number everywhere needs no file.
    dtype : dtype, optional
        In which it is kept; its own by default.
    """
    shape, kept = (image.shape[0], image.shape[1]), np.dtype(dtype or image.dtype)
    if not any(image.strides):
        constant = np.broadcast_to(image[:1, :1].astype(kept), shape)
        return StoredImage(shape=shape, dtype=kept, look=lambda: constant)
    try:
        file = tempfile.TemporaryFile(prefix="soxspipe-")  # noqa: SIM115  # closed when nobody looks at it any more
        for start in range(0, shape[0], ROWS_AT_ONCE):
            file.write(np.ascontiguousarray(image[start : start + ROWS_AT_ONCE], kept).data)
        file.flush()
    except OSError:
        held = image.astype(kept, copy=False)
        return StoredImage(shape=shape, dtype=kept, look=lambda: held)

    def look() -> NDArray[Any]:
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), kept).reshape(shape)

    stored = StoredImage(shape=shape, dtype=kept, look=look)
    weakref.finalize(look, file.close)
    return stored


def store_frame(frame: Frame) -> StoredFrame:
    """Put a frame into temporary files, electrons and variance in single precision."""
    return StoredFrame(
        stored=(store(frame.electrons, np.float32), store(frame.variance, np.float32), store(frame.flags)),
        exptime_s=frame.exptime_s,
        n_exposures=frame.n_exposures,
        integrations=frame.integrations,
        stored_counts=None if frame.counts is None else store(frame.counts),
    )


def store_map(geometry: Geometry) -> Geometry:
    """The geometry with its dispersion map in temporary files."""
    mapped = geometry.dispersion_map
    stored = StoredMap(stored=(store(mapped.wavelength_nm), store(mapped.slit_arcsec), store(mapped.order)), x=mapped.x, y=mapped.y)
    return replace(geometry, dispersion_map=stored)
