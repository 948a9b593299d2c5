"""Images in temporary files, so that a set of many exposures takes no more memory than one of few."""

from __future__ import annotations

import mmap
import tempfile
import weakref
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.frame import Frame
from soxspipe.datamodel.geometry import Geometry
from soxspipe.datamodel.stored_frame import StoredFrame, StoredMap
from soxspipe.datamodel.stored_image import StoredImage


def store(image: NDArray[Any]) -> StoredImage:
    """Put an image into a temporary file that vanishes with it; it stays in memory where there is no room for a file.

    The file is mapped anew for each look: pages that were read count as memory of the process only while they are used.  A map of
    the user's own file would be quicker, but a file cut short under a map ends the process.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Of any type.
    """
    shape, dtype = (image.shape[0], image.shape[1]), image.dtype
    try:
        file = tempfile.TemporaryFile(prefix="soxspipe-")  # noqa: SIM115  # closed when nobody looks at it any more
        file.write(np.ascontiguousarray(image).data)
        file.flush()
    except OSError:
        return StoredImage(shape=shape, dtype=dtype, look=lambda: image)

    def look() -> NDArray[Any]:
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), dtype).reshape(shape)

    stored = StoredImage(shape=shape, dtype=dtype, look=look)
    weakref.finalize(look, file.close)
    return stored


def store_frame(frame: Frame) -> StoredFrame:
    """Put a single frame, as master calibrations are, into temporary files."""
    return StoredFrame(stored=(store(frame.electrons), store(frame.variance), store(frame.flags)), exptime_s=frame.exptime_s)


def store_map(geometry: Geometry) -> Geometry:
    """The geometry with its dispersion map in temporary files."""
    mapped = geometry.dispersion_map
    stored = StoredMap(stored=(store(mapped.wavelength_nm), store(mapped.slit_arcsec), store(mapped.order)), x=mapped.x, y=mapped.y)
    return replace(geometry, dispersion_map=stored)
