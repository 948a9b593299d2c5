"""Tile-compressed images (``.fz``): what they claim is checked here, astropy unpacks them."""

from __future__ import annotations

import re
import threading
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.errors import FETCH_AGAIN, InputError
from soxspipe.io.fits_header import Header

ALGORITHMS = ("RICE_1", "RICE_ONE", "GZIP_1", "GZIP_2", "NOCOMPRESS")
_ONE_AT_A_TIME = threading.Lock()  # warning filters belong to the process, not to a thread
_WIDTHS = {"L": 1, "B": 1, "A": 1, "I": 2, "J": 4, "K": 8, "E": 4, "D": 8, "P": 8, "Q": 16}
"""Bytes of the column formats of the FITS standard."""
_CARDS = re.compile(
    r"BITPIX|NAXIS\d*|PCOUNT|GCOUNT|TFIELDS|THEAP|(TTYPE|TFORM|TNULL|TSCAL|TZERO)\d+|BSCALE|BZERO|BLANK|"
    r"Z(IMAGE|BITPIX|NAXIS\d*|TILE\d+|CMPTYPE|NAME\d+|VAL\d+|QUANTIZ|DITHER0|BLANK|SCALE|ZERO|MASKCMP)"
)
"""What describes pixels and tiles; astropy sees nothing else of a header."""


def unpack_tiles(path: Path, header: Header, data: bytes) -> NDArray[Any]:
    """Unpack a tile-compressed image that `require_sound_tiles` has found sound.

    Parameters
    ----------
    path : Path
        The file, for messages.
    header : Header
        Of the unit, as it stands in the file (with ``ZIMAGE``).
    data : bytes
        The unit's data.

    Returns
    -------
    ndarray
        Scaling applied.

    Raises
    ------
    InputError
        If the tiles are corrupt.
    """
    from astropy.io import fits

    cards = [(keyword, value) for keyword, value, _ in header.cards if _CARDS.fullmatch(keyword)]
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            first = fits.Header([("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True)]).tostring()
            lead = first + fits.Header([("XTENSION", "BINTABLE"), *cards]).tostring()
            with fits.HDUList.fromstring(lead.encode("ascii") + data + bytes(-len(data) % 2880)) as hdus:
                return np.asarray(hdus[1].data)
        except Exception as error:  # the decoders raise classes of their own
            raise InputError(f"{path}: the compressed image is corrupt ({' '.join(str(error).split())[:120]})") from error


def require_sound_tiles(path: Path, header: Header, data: bytes, shape: tuple[int, int]) -> None:
    """Raise an `InputError` if tiles do not fit the image, are compressed in a way that is not taken, or would unpack to more than the image."""
    algorithm = str(header.get("ZCMPTYPE", "")).strip().upper()
    if algorithm not in ALGORITHMS:
        raise InputError(f"{path}: ZCMPTYPE is {algorithm!r}, one of {', '.join(ALGORITHMS)} is needed")
    tile = tuple(header.get(f"ZTILE{axis}", shape[1] if axis == 1 else 1) for axis in (1, 2))
    if not all(isinstance(length, int) and 0 < length <= limit for length, limit in zip(tile, shape[::-1], strict=True)):
        raise InputError(f"{path}: ZTILE1 x ZTILE2 is {tile[0]} x {tile[1]}, tiles within {shape[1]} x {shape[0]} pixels are needed")
    _require_small_tiles(path, header, data, algorithm, most=64 + 8 * tile[0] * tile[1])


def _require_small_tiles(path: Path, header: Header, data: bytes, algorithm: str, *, most: int) -> None:
    """Raise if a gzip-compressed tile unpacks to more than `most` bytes; no other algorithm can grow without bound."""
    rows, width = (int(header.get(key, 0)) for key in ("NAXIS2", "NAXIS1"))
    heap = int(header.get("THEAP", rows * width) or rows * width)
    if len(data) < rows * width:
        raise InputError(f"{path}: truncated within the table of tiles; {FETCH_AGAIN}")
    table = np.frombuffer(data, dtype=np.uint8, count=rows * width).reshape(rows, width)
    for start, form in _tile_columns(path, header, width, algorithm):
        size = 4 if form == "P" else 8
        pointers = np.ascontiguousarray(table[:, start : start + 2 * size]).view(f">i{size}").reshape(rows, 2)
        for length, place in pointers.tolist():
            if not 0 <= heap + place <= heap + place + length <= len(data):
                raise InputError(f"{path}: a tile of {length} bytes lies outside the file")
            if length:
                unpacked = zlib.decompressobj(wbits=47).decompress(data[heap + place : heap + place + length], most + 1)
                if len(unpacked) > most:
                    raise InputError(f"{path}: a tile unpacks to more than {most} bytes")


def _tile_columns(path: Path, header: Header, width: int, algorithm: str) -> list[tuple[int, str]]:
    """First byte in a row, and descriptor form, of the columns that hold gzip-compressed tiles."""
    columns, start = [], 0
    for column in range(1, int(header.get("TFIELDS", 0)) + 1):
        match = re.match(r"(\d{0,4})([LBAIJKEDPQ])", str(header.get(f"TFORM{column}", "")).strip().upper())
        if not match:
            raise InputError(f"{path}: TFORM{column} is {header.get(f'TFORM{column}')!r}, a column of tiles is needed")
        name = str(header.get(f"TTYPE{column}", "")).strip().upper()
        repeat = int(match.group(1) or 1)
        if match.group(2) in "PQ" and repeat == 1 and (name == "GZIP_COMPRESSED_DATA" or algorithm.startswith("GZIP")):
            columns.append((start, match.group(2)))
        start += repeat * _WIDTHS[match.group(2)]
    if start != width:
        raise InputError(f"{path}: rows of tiles have {width} bytes (NAXIS1), their columns {start}")
    return columns
