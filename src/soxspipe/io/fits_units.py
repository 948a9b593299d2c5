"""Header-data units of a FITS file: the header of one, and what it claims of its data, within bounds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soxspipe.errors import FETCH_AGAIN, InputError
from soxspipe.io.fits_header import Header, parse_header

BLOCK = 2880
MAX_HEADER_BLOCKS = 400
"""A raw header has some 15 blocks, a product's fewer than 100."""


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


def read_unit(path: Path, start: bytes, position: int, file_position: int = 0) -> Hdu:
    """Header at `position` of the bytes given, which lie at `file_position`, and where its data lie."""
    if start[position : position + 9] not in (b"SIMPLE  =", b"XTENSION="):
        raise InputError(f"{path}: {f'is empty; {FETCH_AGAIN}' if position >= len(start) else 'is not a FITS file'}")
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
    n_axes = whole_number(path, header, "NAXIS", most=999)
    if n_axes == 0:
        return 0
    size = abs(whole_number(path, header, "BITPIX", least=-64, most=64)) // 8
    n_elements = 1
    for axis in range(1, n_axes + 1):
        n_elements *= whole_number(path, header, f"NAXIS{axis}", most=1 << 48)
    parameters = whole_number(path, header, "PCOUNT", default=0, most=1 << 48)
    groups = whole_number(path, header, "GCOUNT", default=1, most=1 << 32)
    return size * groups * (parameters + n_elements)


def whole_number(path: Path, header: Header, keyword: str, *, default: int | None = None, least: int = 0, most: int) -> int:
    """A whole number of a header, or an `InputError` that names the file, the keyword and the limits."""
    value = header.get(keyword, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InputError(f"{path}: {keyword} is {value!r}, a whole number from {least} to {most} is needed")
    return value


def extension_header(kind: str, cards: list[tuple[str, Any]]) -> bytes:
    """Header of an extension, ready for its data."""
    from astropy.io import fits

    return bytes(fits.Header([("XTENSION", kind), *cards]).tostring().encode("ascii"))
