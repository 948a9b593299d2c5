"""Images in temporary files, so that a set of many exposures takes no more memory than one of few."""

from __future__ import annotations

import mmap
import tempfile
import weakref
from contextlib import suppress
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from soxspipe.datamodel.frame import Frame
from soxspipe.datamodel.stored_frame import StoredFrame
from soxspipe.datamodel.stored_image import StoredImage
from soxspipe.io.fits import FitsFile
from soxspipe.io.fits_pixels import image_rows
from soxspipe.io.fits_units import Hdu

ROWS_AT_ONCE = 256
"""Of which a contiguous copy is made while they are written."""


class Storing:
    """An image that is put into a temporary file some rows at a time; it stays in memory where there is no room for a file.

    The file vanishes with the image.  It is mapped anew for each look: pages that were read count as memory of the process only while
    they are used.  A map of the user's own file would be quicker, but a file cut short under a map ends the process.

    Parameters
    ----------
    columns : int
        Length of a row.
    dtype : dtype
        In which pixels are kept.
    """

    def __init__(self, columns: int, dtype: DTypeLike) -> None:
        self._columns, self._dtype = columns, np.dtype(dtype)
        self._rows = 0
        self._held: list[NDArray[Any]] = []
        self._file: IO[bytes] | None = None
        self._close: weakref.finalize[[], Any] | None = None
        with suppress(OSError):
            self._file = tempfile.TemporaryFile(buffering=0, prefix="soxspipe-")  # noqa: SIM115  # closed when nobody looks at it any more
            self._close = weakref.finalize(self, self._file.close)

    def add(self, rows: NDArray[Any]) -> None:
        """Add rows at the end."""
        piece = np.ascontiguousarray(rows, self._dtype)
        if self._file is not None:
            try:
                _write(self._file, piece)
            except OSError:
                self._take_back(self._file)
        if self._file is None:
            self._held.append(piece)
        self._rows += rows.shape[0]

    def stored(self) -> StoredImage:
        """The image, once it is whole."""
        shape, dtype, file = (self._rows, self._columns), self._dtype, self._file
        if file is None:
            held = np.concatenate(self._held)
            held.flags.writeable = False
            return StoredImage(shape=shape, dtype=dtype, look=lambda: held)

        def look() -> NDArray[Any]:
            return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), dtype).reshape(shape)

        if self._close is not None:
            self._close.detach()
        weakref.finalize(look, file.close)
        return StoredImage(shape=shape, dtype=dtype, look=look)

    def _take_back(self, file: IO[bytes]) -> None:
        """Hold in memory what a full disk has taken so far."""
        file.seek(0)
        held = file.read(self._rows * self._columns * self._dtype.itemsize)
        self._held = [np.frombuffer(held, self._dtype).reshape(self._rows, self._columns)]
        self._file = None
        file.close()


def _write(file: IO[bytes], piece: NDArray[Any]) -> None:
    """Write all of an array: a file without a buffer, of which a full disk leaves nothing behind, may take a part at a time."""
    left = piece.reshape(-1).view(np.uint8).data
    while left:
        left = left[file.write(left) :]


def store(image: NDArray[Any], dtype: DTypeLike | None = None) -> StoredImage:
    """Put an image into a temporary file (`Storing`).

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Of any type; one that is the same number everywhere needs no file.
    dtype : dtype, optional
        In which it is kept; its own by default.
    """
    kept = np.dtype(dtype or image.dtype)
    if not any(image.strides):
        constant = np.broadcast_to(image[:1, :1].astype(kept), image.shape)
        return StoredImage(shape=(image.shape[0], image.shape[1]), dtype=kept, look=lambda: constant)
    storing = Storing(image.shape[1], kept)
    for start in range(0, image.shape[0], ROWS_AT_ONCE):
        storing.add(image[start : start + ROWS_AT_ONCE])
    return storing.stored()


def store_image(file: FitsFile, hdu: Hdu, dtype: type[np.floating[Any]] | None = np.float32) -> StoredImage:
    """Bring the pixels of a unit of a FITS file into a temporary file; arguments and errors as for `read_image`."""
    storing: Storing | None = None
    for rows in image_rows(file, hdu, dtype):
        storing = storing or Storing(rows.shape[1], rows.dtype)
        storing.add(rows)
    assert storing is not None  # an image has a row
    return storing.stored()


def store_frame(frame: Frame, dtype: DTypeLike = np.float32) -> StoredFrame:
    """Put a frame into temporary files, electrons and variance in single precision or another."""
    return StoredFrame(
        stored=(store(frame.electrons, dtype), store(frame.variance, dtype), store(frame.flags)),
        exptime_s=frame.exptime_s,
        n_exposures=frame.n_exposures,
        integrations=frame.integrations,
        stored_counts=None if frame.counts is None else store(frame.counts),
    )
