"""FITS files, read by astropy behind one guard: nothing is allocated or handed on before a header's claim has been checked against the file.

Headers are read here (`fits_header`), without the file's data.  Of pixels, tables and tiles astropy gets the data and the few cards
that describe them, so that nothing else in a header can disturb it.  Plain files are read in place, packed ones unpacked within a limit
(`packed`), tiles checked before (`fits_tiles`).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.errors import FETCH_AGAIN, InputError
from soxspipe.io.fits_header import Header, parse_header
from soxspipe.io.fits_tiles import require_sound_tiles, unpack_tiles
from soxspipe.io.packed import packing_of, unpack
from soxspipe.regular_files import open_regular

BLOCK = 2880
MAX_HEADER_BLOCKS = 400
"""A raw header has some 15 blocks, a product's fewer than 100."""
FIRST_BYTES = 16 * BLOCK
"""Read at once for a header; more only if it has no END by then."""
MAX_HDUS = 64
"""Many times what a raw frame or product has; ends a file that is made of headers."""
MAX_AXIS_PX = 20_000
"""Five times the largest detector."""
MAX_IMAGE_BYTES = 160 << 20
"""The largest detector, 4096 x 2048, takes 64 MB in double precision."""
MAX_TABLE_BYTES = 32 << 20
"""Calibration tables have some kilobytes, sampled spectra some megabytes."""

_BITPIX = (8, 16, 32, 64, -32, -64)
"""By the FITS standard (Pence et al. 2010, A&A 524, A42)."""
_FORMS = re.compile(r"(\d{0,6})([LABIJKED])")
_PROBLEMS = (ValueError, TypeError, KeyError, OverflowError, IndexError, AttributeError, zlib.error, EOFError, MemoryError)


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
        kind = str(self.header.get("XTENSION", "IMAGE")).strip().upper()
        return self.is_compressed_image or (kind in ("IMAGE", "IUEIMAGE") and self.n_bytes > 0)

    @property
    def describes_file(self) -> bool:
        """True for a first unit with data or the instrument's keywords; where it has neither (``.fz``), the second says what the file is."""
        return self.n_bytes > 0 or any(keyword.startswith("ESO ") or keyword == "INSTRUME" for keyword in self.header)


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
        """The header that says what the file is: the first unit's, or the second's where the first says nothing (``.fz``)."""
        return self.hdus[0 if self.hdus[0].describes_file or len(self.hdus) == 1 else 1].header

    def data(self, hdu: Hdu) -> bytes:
        """A unit's data as they lie in the file."""
        if self.content is not None:
            return self.content[hdu.offset : hdu.offset + hdu.n_bytes]
        with open_regular(self.path) as stream:
            stream.seek(hdu.offset)
            data = stream.read(hdu.n_bytes)
        if len(data) != hdu.n_bytes:
            raise InputError(f"{self.path}: truncated, it became shorter while it was read; {FETCH_AGAIN}")
        return data


def read_header(path: Path) -> Header:
    """Read the header that says what a file is, without its data: of a packed file only as much is unpacked as the header takes.

    Raises
    ------
    InputError
        If the file cannot be read or is not FITS.
    """
    with _named(path):
        for enough in (FIRST_BYTES, 2 * MAX_HEADER_BLOCKS * BLOCK):
            with open_regular(path) as stream:
                start = unpack(path, stream, enough=enough) if packing_of(path) else stream.read(enough)
            is_all = len(start) < enough or enough > FIRST_BYTES
            try:
                first = _read_unit(path, start, 0)
                if first.describes_file or (is_all and first.offset >= len(start)):
                    return first.header
                return _read_unit(path, start, first.offset).header
            except InputError:
                if is_all:
                    raise
        raise AssertionError("unreachable")  # pragma: no cover


def first_data(path: Path, n_bytes: int = BLOCK) -> bytes:
    """The first bytes of the first unit's data, which tell exposures apart at little cost; empty where it has none near, or is tiled.

    Raises
    ------
    InputError
        If the file cannot be read or is not FITS.
    """
    with _named(path), open_regular(path) as stream:
        enough = FIRST_BYTES + n_bytes
        start = unpack(path, stream, enough=enough) if packing_of(path) else stream.read(enough)
        first = _read_unit(path, start, 0)
        return start[first.offset : first.offset + min(n_bytes, first.n_bytes)]


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
    with _named(path), open_regular(path) as stream:
        content = unpack(path, stream) if packing_of(path) else None
        size = stream.seek(0, 2) if content is None else len(content)
        units: list[Hdu] = []
        position = 0
        while not units or (position < size and len(units) < MAX_HDUS):
            for n_bytes in (FIRST_BYTES, MAX_HEADER_BLOCKS * BLOCK):
                if content is None:
                    stream.seek(position)
                start = stream.read(n_bytes) if content is None else content[position : position + n_bytes]
                if b"END     " in start:
                    break
            if units and not start.startswith(b"XTENSION"):
                break
            unit = _read_unit(path, start, 0, position)
            missing = unit.offset + unit.n_bytes - size
            if missing > 0:
                raise InputError(f"{path}: truncated, {missing} bytes of HDU {len(units)} are missing; {FETCH_AGAIN}")
            units.append(unit)
            position = unit.offset - (-unit.n_bytes // BLOCK) * BLOCK
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
    shape = _image_shape(file.path, hdu)
    with _named(file.path), np.errstate(over="ignore", invalid="ignore"):  # what overflows becomes infinite, and is flagged as such
        if hdu.is_compressed_image:
            data = file.data(hdu)
            require_sound_tiles(file.path, hdu.header, data, shape)
            pixels = unpack_tiles(file.path, hdu.header, data)
            if pixels.shape[-2:] != shape:
                raise InputError(f"{file.path}: the compressed image does not unpack to {shape[1]} x {shape[0]} pixels")
        else:
            pixels = _plain_pixels(file, hdu, shape)
        return np.require(pixels.reshape(shape), pixels.dtype.newbyteorder("=") if dtype is None else dtype, ["C", "W"])


def read_table(file: FitsFile, hdu: Hdu) -> dict[str, NDArray[Any]]:
    """Read a binary table as columns by name, in column order.

    Raises
    ------
    InputError
        If the table is too large, or a column has a form that calibration tables do not use.
    """
    from astropy.io import fits

    path, header = file.path, hdu.header
    n_rows, width, n_columns = (_count(path, header, key, most=1 << 31) for key in ("NAXIS2", "NAXIS1", "TFIELDS"))
    if n_rows * width > MAX_TABLE_BYTES:
        raise InputError(f"{path}: a table of {n_rows} rows of {width} bytes is larger than any calibration table")
    names = [str(header.get(f"TTYPE{column}", "")).strip() or f"col{column}" for column in range(1, n_columns + 1)]
    if len(set(names)) != n_columns:
        raise InputError(f"{path}: columns of the table cannot be told apart, two have one name")
    cards: list[tuple[str, Any]] = [("BITPIX", 8), ("NAXIS", 2), ("NAXIS1", width), ("NAXIS2", n_rows)]
    cards += [("PCOUNT", 0), ("GCOUNT", 1), ("TFIELDS", n_columns)]
    for column, name in enumerate(names, start=1):
        cards += _column_cards(path, header, column, name)
    with _named(path), np.errstate(over="ignore", invalid="ignore"):
        lead = _lead("BINTABLE", cards)
        table = fits.BinTableHDU.fromstring(lead + file.data(hdu)[: n_rows * width])
        needed = table.columns.dtype.itemsize
        if needed != width:
            raise InputError(
                f"{path}: the table is damaged: its rows have {width} bytes (NAXIS1), but their columns {needed} (TFORM); {FETCH_AGAIN}"
            )
        return {name: _native(np.asarray(table.data.field(i)), header.get(f"TNULL{i + 1}")) for i, name in enumerate(names)}


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is read into one `InputError` that names it."""
    try:
        yield
    except InputError:
        raise
    except EOFError as error:
        raise InputError(f"{path}: truncated, the compressed stream does not end; {FETCH_AGAIN}") from error
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())[:120]
        more = "" if error.strerror else f"is not a readable FITS file ({reason}); {FETCH_AGAIN}"
        raise InputError(f"{path}: {more or f'cannot be read ({reason})'}") from error
    except _PROBLEMS as error:
        raise InputError(f"{path}: is not a readable FITS file ({' '.join(str(error).split())[:120]}); {FETCH_AGAIN}") from error


def _read_unit(path: Path, start: bytes, position: int, file_position: int = 0) -> Hdu:
    """Header at `position` of the bytes given, which lie at `file_position`, and where its data lie."""
    if start[position : position + 9] not in (b"SIMPLE  =", b"XTENSION="):
        raise InputError(f"{path}: {'is empty' if position >= len(start) else 'is not a FITS file'}")
    for block in range(position, position + MAX_HEADER_BLOCKS * BLOCK, BLOCK):
        if len(start) < block + BLOCK:
            raise InputError(f"{path}: truncated within a header; {FETCH_AGAIN}")
        if any(start[card : card + 8] == b"END     " for card in range(block, block + BLOCK, 80)):
            break
    else:
        raise InputError(f"{path}: a header has no END within {MAX_HEADER_BLOCKS} blocks")
    header = parse_header(start[position : block + BLOCK])
    return Hdu(header, file_position + block + BLOCK, _data_bytes(path, header))


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


def _image_shape(path: Path, hdu: Hdu) -> tuple[int, int]:
    prefix = "Z" if hdu.is_compressed_image else ""
    n_axes = _count(path, hdu.header, f"{prefix}NAXIS", most=1 << 31)
    shape = [_count(path, hdu.header, f"{prefix}NAXIS{axis}", most=1 << 31) for axis in range(n_axes, 0, -1)] if n_axes < 10 else []
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    if len(shape) != 2:
        raise InputError(f"{path}: {prefix}NAXIS is {n_axes}, an image with 2 axes is needed")
    bits = abs(_count(path, hdu.header, f"{prefix}BITPIX", least=-64, most=64))
    if max(shape) > MAX_AXIS_PX or shape[0] * shape[1] * bits // 8 > MAX_IMAGE_BYTES:
        raise InputError(f"{path}: an image of {shape[1]} x {shape[0]} pixels is larger than any detector of the instrument")
    if min(shape) < 1:
        raise InputError(f"{path}: an image of {shape[1]} x {shape[0]} pixels holds nothing")
    return shape[0], shape[1]


def _plain_pixels(file: FitsFile, hdu: Hdu, shape: tuple[int, int]) -> NDArray[Any]:
    from astropy.io import fits

    bitpix = _count(file.path, hdu.header, "BITPIX", least=-64, most=64)
    if bitpix not in _BITPIX:
        raise InputError(f"{file.path}: BITPIX is {bitpix}, one of {', '.join(map(str, _BITPIX))} is needed")
    zero, scale, blank = (hdu.header.get(key, default) for key, default in (("BZERO", 0), ("BSCALE", 1), ("BLANK", None)))
    if not all(isinstance(number, int | float) and np.isfinite(number) for number in (zero, scale)):
        raise InputError(f"{file.path}: BZERO is {zero!r} and BSCALE {scale!r}, numbers are needed")
    cards: list[tuple[str, Any]] = [
        ("BITPIX", bitpix),
        ("NAXIS", 2),
        ("NAXIS1", shape[1]),
        ("NAXIS2", shape[0]),
        ("PCOUNT", 0),
        ("GCOUNT", 1),
    ]
    cards += [("BZERO", zero), ("BSCALE", scale)] if (zero, scale) != (0, 1) else []
    cards += [("BLANK", blank)] if bitpix > 0 and isinstance(blank, int) and not isinstance(blank, bool) else []
    data = file.data(hdu)
    return np.asarray(fits.ImageHDU.fromstring(_lead("IMAGE", cards) + data, uint=True).data)


def _lead(kind: str, cards: list[tuple[str, Any]]) -> bytes:
    """Header of an extension, ready for its data."""
    from astropy.io import fits

    return bytes(fits.Header([("XTENSION", kind), *cards]).tostring().encode("ascii"))


def _column_cards(path: Path, header: Header, column: int, name: str) -> list[tuple[str, Any]]:
    """Cards that describe one column; its name is a number, so that any name can be read."""
    form = str(header.get(f"TFORM{column}", "")).strip().upper()
    if not _FORMS.fullmatch(form):
        raise InputError(f"{path}: column {name!r} has the form {form!r}, a column of numbers or text is needed")
    scaling = [(f"{key}{column}", header.get(f"{key}{column}", default)) for key, default in (("TSCAL", 1), ("TZERO", 0))]
    if not all(isinstance(number, int | float) and np.isfinite(number) for _, number in scaling):
        raise InputError(f"{path}: column {name!r} is scaled by {scaling[0][1]!r} and {scaling[1][1]!r}, numbers are needed")
    return [(f"TTYPE{column}", f"C{column}"), (f"TFORM{column}", form), *(scaling if [n for _, n in scaling] != [1, 0] else [])]


def _native(values: NDArray[Any], null: object) -> NDArray[Any]:
    """Native byte order, text stripped, TNULL made NaN."""
    if values.dtype.kind in "SU":
        return np.char.strip(values.astype(np.str_))
    native = values.astype(values.dtype.newbyteorder("="))
    if null is not None and native.dtype.kind in "iu":
        return np.where(native == null, np.nan, native)
    return native
