"""FITS files as headers and arrays, read with care: nothing is allocated before the header's claim has been checked against the file.

Plain files are read in place.  Compressed ones (``.gz``, ``.Z``) are unpacked in memory within a limit (`fits_source`);
tile-compressed images (``.fz``) are unpacked by astropy after their claimed size has been checked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.errors import FETCH_AGAIN, InputError
from soxspipe.io.fits_header import Header, parse_header
from soxspipe.io.fits_source import Source, packing_of, readable, unpack
from soxspipe.io.fits_tiles import unpack_tiles

BLOCK = 2880
MAX_HEADER_BLOCKS = 400
MAX_HDUS = 64
MAX_AXIS_PX = 20_000
MAX_IMAGE_BYTES = 160 << 20
MAX_TABLE_BYTES = 32 << 20

UNSIGNED_ZERO = 1 << 15
"""BZERO by which FITS, which has signed integers of 16 bits alone, stores unsigned ones."""

_IMAGE_TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
_COLUMN_TYPES = {"L": "S1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}


@dataclass(frozen=True, slots=True, eq=False)
class Hdu:
    """One header-data unit: its header, and where its data lie in the (unpacked) file."""

    header: Header
    offset: int
    n_bytes: int

    @property
    def name(self) -> str:
        """EXTNAME in upper case, empty if there is none."""
        return str(self.header.get("EXTNAME", "")).strip().upper()

    @property
    def is_compressed_image(self) -> bool:
        """True for a tile-compressed image."""
        return bool(self.header.get("ZIMAGE", False)) and self.is_table

    @property
    def is_table(self) -> bool:
        """True for a binary table (a tile-compressed image is one, too)."""
        return str(self.header.get("XTENSION", "")).strip().upper() in ("BINTABLE", "A3DTABLE")

    @property
    def has_image(self) -> bool:
        """True when the unit holds pixels."""
        if self.is_compressed_image:
            return True
        kind = str(self.header.get("XTENSION", "IMAGE")).strip().upper()
        return kind in ("IMAGE", "IUEIMAGE") and self.n_bytes > 0


@dataclass(frozen=True, slots=True, eq=False)
class FitsFile:
    """A FITS file that has been opened: the units found, and the content if it had to be unpacked."""

    path: Path
    hdus: tuple[Hdu, ...]
    content: bytes | None = None

    @property
    def name(self) -> str:
        """File name, for messages."""
        return self.path.name

    @property
    def images(self) -> tuple[Hdu, ...]:
        """Units with pixels, in file order."""
        return tuple(hdu for hdu in self.hdus if hdu.has_image)

    @property
    def tables(self) -> tuple[Hdu, ...]:
        """Binary tables, in file order."""
        return tuple(hdu for hdu in self.hdus if hdu.is_table and not hdu.is_compressed_image)

    @property
    def header(self) -> Header:
        """The header that says what the file is: the first unit's, or the first image's where the first unit is empty (``.fz``)."""
        return self.hdus[_main_unit(self.hdus)].header


def read_header(path: Path) -> Header:
    """Read the header that says what a file is, without its data.

    Raises
    ------
    InputError
        If the file cannot be read or is not FITS.
    """
    with readable(path):
        content = unpack(path, enough=MAX_HEADER_BLOCKS * BLOCK) if packing_of(path) else None
        source = Source(path, content)
        first = _read_unit(source, 0)
        if _main_unit((first,)) == 0 and (first.n_bytes or _holds_keywords(first.header)):
            return first.header
        following = first.offset + _padded(first.n_bytes)
        return _read_unit(source, following).header if following < source.size else first.header


def open_fits(path: Path) -> FitsFile:
    """Open a FITS file and read the headers of all its units.

    Parameters
    ----------
    path : Path
        A regular file, plain or packed as ``.gz``, ``.Z`` or ``.fz``.

    Returns
    -------
    FitsFile

    Raises
    ------
    InputError
        If the file cannot be read, is not FITS, is shorter than its headers say, or claims absurd sizes.
    """
    with readable(path):
        content = unpack(path) if packing_of(path) else None
        source = Source(path, content)
        units: list[Hdu] = []
        position = 0
        while not units or (position < source.size and len(units) < MAX_HDUS):
            if units and not source.read(position, 8).startswith(b"XTENSION"):
                break
            unit = _read_unit(source, position)
            if unit.offset + unit.n_bytes > source.size:
                missing = unit.offset + unit.n_bytes - source.size
                raise InputError(f"{path}: truncated, {missing} bytes of HDU {len(units)} are missing; {FETCH_AGAIN}")
            units.append(unit)
            position = unit.offset + _padded(unit.n_bytes)
        return FitsFile(path, tuple(units), content)


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
    shape = _image_shape(file, hdu)
    if hdu.is_compressed_image:
        with readable(file.path):
            pixels = unpack_tiles(Source(file.path, file.content), file.hdus.index(hdu), hdu.header, hdu.offset, shape)
    else:
        pixels = _plain_pixels(file, hdu, shape)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows becomes infinite, and is flagged as such
        return pixels if dtype is None else pixels.astype(dtype, copy=False)


def read_table(file: FitsFile, hdu: Hdu) -> dict[str, NDArray[Any]]:
    """Read a binary table as columns by name, in column order.

    Raises
    ------
    InputError
        If the table is too large, or a column has a form that calibration tables do not use.
    """
    n_rows, width = _integer(file, hdu, "NAXIS2"), _integer(file, hdu, "NAXIS1")
    if n_rows * width > MAX_TABLE_BYTES:
        raise InputError(f"{file.path}: a table of {n_rows} rows of {width} bytes is larger than any calibration table")
    fields: list[tuple[str, Any]] = []
    for column in range(1, _integer(file, hdu, "TFIELDS") + 1):
        fields.append(_column_field(file, hdu, column))
    try:
        layout = np.dtype(fields)
    except ValueError as error:
        raise InputError(f"{file.path}: columns of the table cannot be told apart ({error})") from error
    if layout.itemsize != width:
        raise InputError(
            f"{file.path}: the table is damaged: its rows have {width} bytes (NAXIS1), but their columns {layout.itemsize} (TFORM); {FETCH_AGAIN}"
        )
    raw = np.frombuffer(Source(file.path, file.content).read(hdu.offset, n_rows * width), dtype=layout)
    return {name: _native(raw[name], hdu.header, column) for column, name in enumerate(layout.names or (), start=1)}


def _main_unit(units: tuple[Hdu, ...]) -> int:
    """Index of the unit whose header describes the file."""
    if units[0].n_bytes == 0 and not _holds_keywords(units[0].header) and len(units) > 1:
        return 1
    return 0


def _holds_keywords(header: Header) -> bool:
    return any(keyword.startswith("ESO ") or keyword == "INSTRUME" for keyword in header)


def _read_unit(source: Source, position: int) -> Hdu:
    """Header at `position`, and where its data lie."""
    text = b""
    for block in range(MAX_HEADER_BLOCKS):
        piece = source.read(position + block * BLOCK, BLOCK)
        if block == 0 and not piece.startswith((b"SIMPLE  =", b"XTENSION=")):
            raise InputError(f"{source.path}: {'is empty' if not piece else 'is not a FITS file'}")
        if len(piece) < BLOCK:
            raise InputError(f"{source.path}: truncated within a header; {FETCH_AGAIN}")
        text += piece
        if any(piece[card : card + 8] == b"END     " for card in range(0, BLOCK, 80)):
            break
    else:
        raise InputError(f"{source.path}: a header has no END within {MAX_HEADER_BLOCKS} blocks")
    header = parse_header(text)
    return Hdu(header, position + len(text), _data_bytes(source.path, header))


def _data_bytes(path: Path, header: Header) -> int:
    """Size of a unit's data by the FITS rule."""
    n_axes = _count(path, header, "NAXIS", most=999)
    if n_axes == 0:
        return 0
    size = abs(_count(path, header, "BITPIX", least=-64, most=64)) // 8
    n_elements = 1
    for axis in range(1, n_axes + 1):
        n_elements *= _count(path, header, f"NAXIS{axis}", most=1 << 48)
    parameters = _count(path, header, "PCOUNT", default=0, most=1 << 48)
    groups = _count(path, header, "GCOUNT", default=1, most=1 << 32)
    return size * groups * (parameters + n_elements)


def _count(path: Path, header: Header, keyword: str, *, default: int | None = None, least: int = 0, most: int) -> int:
    value = header.get(keyword, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InputError(f"{path}: {keyword} is {value!r}, a whole number from {least} to {most} is needed")
    return value


def _integer(file: FitsFile, hdu: Hdu, keyword: str) -> int:
    return _count(file.path, hdu.header, keyword, most=1 << 31)


def _padded(n_bytes: int) -> int:
    return -(-n_bytes // BLOCK) * BLOCK


def _image_shape(file: FitsFile, hdu: Hdu) -> tuple[int, int]:
    prefix = "Z" if hdu.is_compressed_image else ""
    n_axes = _integer(file, hdu, f"{prefix}NAXIS")
    shape = [_integer(file, hdu, f"{prefix}NAXIS{axis}") for axis in range(n_axes, 0, -1)] if n_axes < 10 else []
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    if len(shape) != 2:
        raise InputError(f"{file.path}: {prefix}NAXIS is {n_axes}, an image with 2 axes is needed")
    bits = abs(_count(file.path, hdu.header, f"{prefix}BITPIX", least=-64, most=64))
    if max(shape) > MAX_AXIS_PX or shape[0] * shape[1] * bits // 8 > MAX_IMAGE_BYTES:
        raise InputError(f"{file.path}: an image of {shape[1]} x {shape[0]} pixels is larger than any detector of the instrument")
    if min(shape) < 1:
        raise InputError(f"{file.path}: an image of {shape[1]} x {shape[0]} pixels holds nothing")
    return shape[0], shape[1]


def _plain_pixels(file: FitsFile, hdu: Hdu, shape: tuple[int, int]) -> NDArray[Any]:
    bitpix = _count(file.path, hdu.header, "BITPIX", least=-64, most=64)
    if bitpix not in _IMAGE_TYPES:
        raise InputError(f"{file.path}: BITPIX is {bitpix}, one of {', '.join(map(str, _IMAGE_TYPES))} is needed")
    stored = np.dtype(_IMAGE_TYPES[bitpix])
    raw = Source(file.path, file.content).array(hdu.offset, stored, shape[0] * shape[1])
    if raw.size != shape[0] * shape[1]:
        raise InputError(f"{file.path}: truncated, {raw.size} of {shape[0] * shape[1]} pixels are there; {FETCH_AGAIN}")
    if not stored.isnative:
        raw = raw.byteswap(inplace=True).view(stored.newbyteorder("="))
    return _scaled(file, hdu, raw.reshape(shape))


def _scaled(file: FitsFile, hdu: Hdu, raw: NDArray[Any]) -> NDArray[Any]:
    """Apply BSCALE, BZERO and BLANK."""
    zero, scale, blank = (hdu.header.get(key, default) for key, default in (("BZERO", 0), ("BSCALE", 1), ("BLANK", None)))
    if not all(isinstance(number, int | float) and np.isfinite(number) for number in (zero, scale)):
        raise InputError(f"{file.path}: BZERO is {zero!r} and BSCALE {scale!r}, numbers are needed")
    if scale == 1 and zero == 0 and blank is None:
        return raw
    if raw.dtype == np.int16 and scale == 1 and zero == UNSIGNED_ZERO and blank is None:
        return np.bitwise_xor(raw, np.int16(-UNSIGNED_ZERO), out=raw).view(np.uint16)
    if raw.dtype.itemsize <= 2 and scale == 1 and float(zero).is_integer() and blank is None:
        return raw.astype(np.int32) + np.int32(zero) if abs(zero) < 1 << 30 else raw + float(zero)
    pixels = raw * float(scale) + float(zero)
    if blank is not None and raw.dtype.kind in "iu":
        pixels[raw == blank] = np.nan
    return pixels


def _column_field(file: FitsFile, hdu: Hdu, column: int) -> tuple[str, Any]:
    name = str(hdu.header.get(f"TTYPE{column}", "")).strip() or f"col{column}"
    form = str(hdu.header.get(f"TFORM{column}", "")).strip().upper()
    match = re.fullmatch(r"(\d{0,6})([A-Z])", form)
    if not match or match.group(2) not in (*_COLUMN_TYPES, "A"):
        raise InputError(f"{file.path}: column {name!r} has the form {form!r}, a column of numbers or text is needed")
    repeat = int(match.group(1) or 1)
    if match.group(2) == "A":
        return name, f"S{repeat}"
    return (name, _COLUMN_TYPES[match.group(2)]) if repeat == 1 else (name, _COLUMN_TYPES[match.group(2)], (repeat,))  # type: ignore[return-value]  # numpy takes both


def _native(values: NDArray[Any], header: Header, column: int) -> NDArray[Any]:
    """Native byte order, text decoded, TSCAL and TZERO applied, TNULL made NaN."""
    if values.dtype.kind == "S":
        if header.get(f"TFORM{column}", "").strip().upper().endswith("L"):
            return values == b"T"
        if not values.size:  # of nothing, older numpy makes numbers
            return values.astype(np.str_)
        return np.char.strip(np.char.decode(values, "ascii", "replace"))
    native = values.astype(values.dtype.newbyteorder("="))
    scale, zero, null = (header.get(f"{key}{column}", default) for key, default in (("TSCAL", 1), ("TZERO", 0), ("TNULL", None)))
    if scale == 1 and zero == 0 and null is None:
        return native
    scaled = native * float(scale) + float(zero)
    if null is not None and native.dtype.kind in "iu":
        scaled = np.where(native == null, np.nan, scaled)
    return scaled
