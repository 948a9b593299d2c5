"""Images in temporary files, so that a set of many exposures takes no more memory than one of few."""

from __future__ import annotations

import mmap
import tempfile
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.stored_image import StoredImage


def store(image: NDArray[Any]) -> StoredImage | NDArray[Any]:
    """Put an image into a temporary file that vanishes with it; the image itself where there is no room for a file.

    The file is mapped anew for each look: pages that were read count as memory of the process only while they are used.  A map of
    the user's own file would be quicker, but a file cut short under a map ends the process.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Of any type.
    """
    try:
        file = tempfile.TemporaryFile(prefix="soxspipe-")  # noqa: SIM115  # closed when nobody looks at it any more
        file.write(np.ascontiguousarray(image).data)
        file.flush()
    except OSError:
        return image
    shape, dtype = image.shape, image.dtype

    def look() -> NDArray[Any]:
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), dtype).reshape(shape)

    stored = StoredImage(shape=(shape[0], shape[1]), dtype=dtype, look=look)
    weakref.finalize(look, file.close)
    return stored
