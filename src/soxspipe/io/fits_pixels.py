"""Pixels of one unit of a FITS file, read by astropy from the data and the few cards that describe them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.errors import InputError
from soxspipe.io.fits import FitsFile, errors_named
from soxspipe.io.fits_tiles import require_sound_tiles, unpack_tiles
from soxspipe.io.fits_units import Hdu, extension_header, whole_number

MAX_AXIS_PX = 20_000
"""Five times the largest detector."""
MAX_IMAGE_BYTES = 160 << 20
"""The largest detector, 4096 x 2048, takes 64 MB in double precision."""
ROWS_AT_ONCE = 64
"""Of an image: whole images, read and then converted, would be the most memory that a worker takes."""
_BITPIX = (8, 16, 32, 64, -32, -64)
"""By the FITS standard (Pence et al. 2010, A&A 524, A42)."""


def read_image(file: FitsFile, hdu: Hdu, dtype: type[np.floating[Any]] | None = np.float32) -> NDArray[Any]:
    """Read the pixels of one unit.

    Parameters
    ----------
    file : FitsFile
        From `open_fits`.
    hdu : Hdu
        One of its images.
    dtype : type, optional
        Floating type wanted; None keeps the type of the file (native byte order, BZERO and BSCALE applied).

    Returns
    -------
    ndarray, shape (ny, nx)

    Raises
    ------
    InputError
        If the unit has not two axes, or claims more pixels than any detector has.
    """
    shape, row = image_shape(file, hdu), 0
    image: NDArray[Any] | None = None
    for rows in image_rows(file, hdu, dtype):
        if len(rows) == shape[0]:
            return rows
        image = np.empty(shape, rows.dtype) if image is None else image
        image[row : row + len(rows)] = rows
        row += len(rows)
    assert image is not None  # which has a row
    return image


def image_rows(file: FitsFile, hdu: Hdu, dtype: type[np.floating[Any]] | None = np.float32) -> Iterator[NDArray[Any]]:
    """Read the pixels of one unit some rows at a time; arguments and errors as for `read_image`.

    Yields
    ------
    ndarray, shape (rows, nx)
        `ROWS_AT_ONCE` rows, the last piece fewer; of a compressed image all rows at once.
    """
    shape = image_shape(file, hdu)
    steps = (0, shape[0]) if hdu.is_compressed_image else (*range(0, shape[0], ROWS_AT_ONCE), shape[0])
    for start, stop in pairwise(steps):
        with (
            errors_named(file.path),
            np.errstate(over="ignore", invalid="ignore"),
        ):  # what overflows becomes infinite, and is flagged as such
            pixels = _unpacked(file, hdu, shape) if hdu.is_compressed_image else _plain_pixels(file, hdu, shape[1], start, stop)
            rows = np.require(pixels, pixels.dtype.newbyteorder("=") if dtype is None else dtype, ["C", "W"])
        yield rows


def _unpacked(file: FitsFile, hdu: Hdu, shape: tuple[int, int]) -> NDArray[Any]:
    """Pixels of a tile-compressed image."""
    data = file.data(hdu)
    require_sound_tiles(file.path, hdu.header, data, shape)
    pixels = unpack_tiles(file.path, hdu.header, data)
    if pixels.shape[-2:] != shape:
        raise InputError(f"{file.path}: the compressed image does not unpack to {shape[1]} x {shape[0]} pixels")
    return pixels.reshape(shape)


def image_shape(file: FitsFile, hdu: Hdu) -> tuple[int, int]:
    """Rows and columns of an image; errors as for `read_image`."""
    path = file.path
    prefix = "Z" if hdu.is_compressed_image else ""
    n_axes = whole_number(path, hdu.header, f"{prefix}NAXIS", most=1 << 31)
    shape = [whole_number(path, hdu.header, f"{prefix}NAXIS{axis}", most=1 << 31) for axis in range(n_axes, 0, -1)] if n_axes < 10 else []
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    if len(shape) != 2:
        raise InputError(f"{path}: {prefix}NAXIS is {n_axes}, an image with 2 axes is needed")
    bits = abs(whole_number(path, hdu.header, f"{prefix}BITPIX", least=-64, most=64))
    if max(shape) > MAX_AXIS_PX or shape[0] * shape[1] * bits // 8 > MAX_IMAGE_BYTES:
        raise InputError(f"{path}: an image of {shape[1]} x {shape[0]} pixels is larger than any detector of the instrument")
    if min(shape) < 1:
        raise InputError(f"{path}: an image of {shape[1]} x {shape[0]} pixels holds nothing")
    return shape[0], shape[1]


def _plain_pixels(file: FitsFile, hdu: Hdu, columns: int, start: int, stop: int) -> NDArray[Any]:
    """Rows from `start` to before `stop` of an image that is not compressed."""
    bitpix = whole_number(file.path, hdu.header, "BITPIX", least=-64, most=64)
    if bitpix not in _BITPIX:
        raise InputError(f"{file.path}: BITPIX is {bitpix}, one of {', '.join(map(str, _BITPIX))} is needed")
    zero, scale, blank = (hdu.header.get(key, default) for key, default in (("BZERO", 0), ("BSCALE", 1), ("BLANK", None)))
    if not all(isinstance(number, int | float) and np.isfinite(number) for number in (zero, scale)):
        raise InputError(f"{file.path}: BZERO is {zero!r} and BSCALE {scale!r}, numbers are needed")
    cards: list[tuple[str, Any]] = [
        ("BITPIX", bitpix),
        ("NAXIS", 2),
        ("NAXIS1", columns),
        ("NAXIS2", stop - start),
        ("PCOUNT", 0),
        ("GCOUNT", 1),
    ]
    cards += [("BZERO", zero), ("BSCALE", scale)] if (zero, scale) != (0, 1) else []
    cards += [("BLANK", blank)] if bitpix > 0 and isinstance(blank, int) and not isinstance(blank, bool) else []
    row_bytes = columns * abs(bitpix) // 8
    data = file.data(hdu, start * row_bytes, stop * row_bytes)
    if (zero, scale) == (0, 1) and (bitpix < 0 or blank is None):  # numbers as they are; astropy takes longer to import than they to read
        return np.frombuffer(data, f">{'f' if bitpix < 0 else 'u' if bitpix == 8 else 'i'}{abs(bitpix) // 8}").reshape(
            stop - start, columns
        )
    if (bitpix, zero, scale, blank) == (16, 1 << 15, 1, None):  # unsigned ones, which lie in a file with their first bit turned over
        return (np.frombuffer(data, ">u2") ^ np.uint16(1 << 15)).reshape(stop - start, columns)
    from astropy.io import fits

    return np.asarray(fits.ImageHDU.fromstring(extension_header("IMAGE", cards) + data, uint=True).data)
