"""FITS as bytes: header cards, images and binary tables, with checksums.

The package writes some hundred megabytes a run and hostile header strings must never stop it, so that the bytes are laid
out here directly: one pass over the data, no re-verification, every string cleaned on its way out.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.provenance import Card, CardValue
from soxspipe.datamodel.stored_image import StoredImage, seen

BLOCK = 2880
"""Of the FITS standard, like the length of a card."""
CARD = 80
PIECE_BYTES = 1 << 19
"""About as much of an image is worked on at a time: it stays in the cache, and takes no fresh memory from the system."""
_COMMENTARY = ("COMMENT", "HISTORY")
DIGEST = 7
"""Length of what ends a shortened value: a tilde and six digits of its checksum, so that no two values become one."""
_BITPIX = {"u1": 8, "i4": 32, "f4": -32, "f8": -64}
CARDS_REMEMBERED = 4096
"""Each of a run's dozen files repeats the two hundred cards of the exposure."""
_NOT_IN_KEYWORD = re.compile(r"[^A-Z0-9_\- ]")
_EXCLUDED_CODES = frozenset([*range(0x3A, 0x41), *range(0x5B, 0x61)])
"""Bytes that the checksum of the FITS standard does not use: punctuation."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """A table column: name, values of shape (rows,) or (rows, n), unit in FITS spelling, one-line comment, and further cards such as ``TUCD``."""

    name: str
    values: NDArray[Any]
    unit: str = ""
    comment: str = ""
    extra: tuple[tuple[str, CardValue], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ComputedImage:
    """An image of float32 that is computed some rows at a time while it is written, shape (ny, nx).

    Attributes
    ----------
    source : ndarray or StoredImage, shape (ny, nx)
        What it is computed from.
    compute : callable
        Takes rows of the source and returns as many of the image.
    """

    source: NDArray[Any] | StoredImage
    compute: Callable[[NDArray[Any]], NDArray[Any]]

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""
        return self.source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the pixels."""
        return np.dtype(np.float32)

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        """Some rows of the image."""
        return self.compute(self.source[rows]).astype(np.float32, copy=False)


Pixels: TypeAlias = NDArray[Any] | ComputedImage | StoredImage


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hdu:
    """One header-data unit: an image (`data`), a binary table (`columns`) or a header alone."""

    name: str = ""
    cards: tuple[Card, ...] = ()
    data: Pixels | None = None
    columns: tuple[Column, ...] = field(default_factory=tuple)


def fits_chunks(hdus: Sequence[Hdu], *, long_values: bool = True) -> Iterator[bytes | memoryview]:
    """Lay out a whole FITS file.

    Text longer than a card is shortened in its card (ESO's archive and CPL do not know CONTINUE cards) and stands in full in the table
    `LONG_VALUES` at the end of the file: number of the HDU, keyword, value.

    Parameters
    ----------
    hdus : sequence of Hdu
        The first becomes the primary HDU; it may not be a table.
    long_values : bool
        Whether that table is written.

    Yields
    ------
    bytes or memoryview
        Pieces of the file, in order.

    Raises
    ------
    ValueError
        If the first HDU is a table, a table's columns differ in length, or a data type has no place in FITS.
    """
    kept = _long_values(hdus) if long_values else ()
    for position, hdu in enumerate([*hdus, *kept]):
        if position == 0 and hdu.columns:
            raise ValueError("a table cannot be the primary HDU of a FITS file")
        if hdu.columns:
            structure, payload, total = _table(hdu.columns)
            yield _header(structure, hdu, total)
            yield payload
            yield from _padding(payload.nbytes)
        elif hdu.data is not None:
            yield _header(_image(hdu.data, primary=position == 0), hdu, _word_sum(hdu.data))
            for piece in _pieces(hdu.data):
                yield (piece.byteswap() if np.little_endian and piece.itemsize > 1 else piece).data.cast("B")
            yield from _padding(math.prod(hdu.data.shape) * hdu.data.dtype.itemsize)
        else:
            yield _header(_empty(primary=position == 0), hdu, 0)


def format_card(keyword: str, value: CardValue, comment: str = "") -> str:
    """One header card of 80 printable ASCII characters (comments and history: as many as they need).

    Parameters
    ----------
    keyword : str
        More than eight characters or a blank in it make a ``HIERARCH`` card.
    value : str, int, float, bool or None
        Text that does not fit is shortened, see `card_text`.  None and non-finite numbers become cards without a value.
    comment : str
        Cut to what fits.
    """
    name = clean_keyword(keyword)
    if name in _COMMENTARY:
        text = printable(str(value))
        return "".join(f"{name:8}{text[i : i + 72]:72}" for i in range(0, max(len(text), 1), 72))
    start = f"HIERARCH {name} = " if len(name) > 8 or " " in name else f"{name:8}= "
    remark = printable(comment)
    if isinstance(value, str):
        quoted = card_text(keyword, value).replace("'", "''")
        return _with_comment(f"{start}'{quoted:8}'" if len(start) + 10 <= CARD else f"{start}'{quoted}'", remark)
    body = _plain_value(value)
    body = body if start.startswith("HIERARCH") else f"{body:>20}"
    return _with_comment(start + body, remark)


def card_text(keyword: str, text: str) -> str:
    """Text as its card holds it: printable ASCII; what does not fit keeps its start and ends in a tilde and six digits of its checksum."""
    name, shown = clean_keyword(keyword), printable(text).rstrip()
    room = CARD - 2 - (len(f"HIERARCH {name} = ") if len(name) > 8 or " " in name else 10)
    if len(shown.replace("'", "''")) <= room:
        return shown
    digest = "~" + hashlib.blake2s(text.encode("utf-8", "surrogateescape"), digest_size=3).hexdigest()
    return _fitting(shown, max(room - DIGEST, 0)) + digest[: max(min(DIGEST, room), 0)]


def _long_values(hdus: Sequence[Hdu]) -> tuple[Hdu, ...]:
    """The table of values that their cards hold shortened; none if all fit."""
    cards = [(i, name, value) for i, hdu in enumerate(hdus) for name, value, _ in hdu.cards if isinstance(value, str)]
    found = [(i, name, printable(value).rstrip()) for i, name, value in cards if clean_keyword(name) not in _COMMENTARY]
    found = [(i, clean_keyword(name), text) for i, name, text in found if card_text(name, text) != text]
    if not found:
        return ()
    number, keyword, text = zip(*found, strict=True)
    return (
        table_hdu(
            "LONG_VALUES",
            [
                Column(name="HDU", values=np.array(number, dtype=np.int32), comment="0 is the primary one"),
                Column(name="KEYWORD", values=np.array(keyword)),
                Column(name="VALUE", values=np.array(text), comment="in full"),
            ],
        ),
    )


@lru_cache(maxsize=CARDS_REMEMBERED)
def clean_keyword(keyword: str) -> str:
    """A keyword with only the characters that FITS allows, blanks single, at most 60 long."""
    return " ".join(_NOT_IN_KEYWORD.sub("_", keyword.upper()).split())[:60] or "_"


def printable(text: str) -> str:
    """Text with everything but printable ASCII replaced by ``?``; white space becomes a blank."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if " " <= c <= "~" else " " if c.isspace() else "?" for c in text)


def checksum_text(total: int) -> str:
    """The 16 characters that make the ones' complement sum of an HDU vanish (Seaman & Pence 1995).

    Parameters
    ----------
    total : int
        32-bit ones' complement sum of the HDU with sixteen ``0`` in place of the answer.
    """
    complement = 0xFFFFFFFF - total
    out = [0] * 16
    for i in range(4):
        byte = (complement >> (24 - 8 * i)) & 0xFF
        codes = [byte // 4 + 48 + byte % 4, *[byte // 4 + 48] * 3]
        while any(code in _EXCLUDED_CODES for code in codes):
            for j in (0, 2):
                if codes[j] in _EXCLUDED_CODES or codes[j + 1] in _EXCLUDED_CODES:
                    codes[j] += 1
                    codes[j + 1] -= 1
        for j, code in enumerate(codes):
            out[4 * j + i] = code
    return bytes(out[-1:] + out[:-1]).decode("ascii")


def fold(total: int) -> int:
    """Ones' complement fold of a sum of 32-bit words back to 32 bits."""
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def _fitting(text: str, room: int) -> str:
    """The longest start of `text` that fits `room` characters once quotes are doubled."""
    used, length = 0, 0
    while used < len(text) and length + (2 if text[used] == "'" else 1) <= room:
        length += 2 if text[used] == "'" else 1
        used += 1
    return text[:used]


def _plain_value(value: CardValue) -> str:
    if value is None:
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "T" if value else "F"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    number = float(value)
    return repr(number).upper() if math.isfinite(number) else ""


def _with_comment(card: str, comment: str) -> str:
    if comment and len(card) + 4 <= CARD:
        card = f"{card:<30} / {comment}" if len(card) <= 30 else f"{card} / {comment}"
    return card[:CARD].ljust(CARD)


def _header(structure: Sequence[Card], hdu: Hdu, data_sum: int) -> bytes:
    name: tuple[Card, ...] = (("EXTNAME", hdu.name, ""),) if hdu.name else ()
    cards = [format_card(*card) for card in (*structure, *name, *hdu.cards)]
    cards.append(format_card("CHECKSUM", "0" * 16, "HDU checksum"))
    place = sum(map(len, cards)) - CARD + 11
    cards.append(format_card("DATASUM", str(data_sum), "data unit checksum"))
    text = "".join([*cards, "END".ljust(CARD)])
    raw = bytearray(text.ljust(-(-len(text) // BLOCK) * BLOCK).encode("ascii"))
    words = int(np.frombuffer(raw, dtype=">u4").sum(dtype=np.uint64))
    raw[place : place + 16] = checksum_text(fold(words + data_sum)).encode("ascii")
    return bytes(raw)


def _empty(*, primary: bool) -> list[Card]:
    first: Card = ("SIMPLE", True, "conforms to FITS standard") if primary else ("XTENSION", "IMAGE", "image extension")
    return [first, ("BITPIX", 8, ""), ("NAXIS", 0, ""), *_tail(primary)]


def _tail(primary: bool) -> list[Card]:
    return [("EXTEND", True, "")] if primary else [("PCOUNT", 0, ""), ("GCOUNT", 1, "")]


def _image(data: Pixels, *, primary: bool) -> list[Card]:
    bitpix = _BITPIX.get(data.dtype.str[1:])
    if bitpix is None:
        raise ValueError(f"images are written as uint8, float32 or float64, not {data.dtype}")
    first: Card = ("SIMPLE", True, "conforms to FITS standard") if primary else ("XTENSION", "IMAGE", "image extension")
    axes: list[Card] = [(f"NAXIS{i}", int(n), "") for i, n in enumerate(reversed(data.shape), start=1)]
    return [first, ("BITPIX", bitpix, ""), ("NAXIS", len(data.shape), ""), *axes, *_tail(primary)]


def _pieces(data: Pixels) -> Iterator[NDArray[Any]]:
    """Rows of an image in turn, contiguous and in the machine's byte order."""
    row_bytes = math.prod(data.shape[1:]) * data.dtype.itemsize
    step = max(1, PIECE_BYTES // max(row_bytes, 1))
    native = data.dtype.newbyteorder("=")
    whole = replace(data, source=seen(data.source)) if isinstance(data, ComputedImage) else seen(data)  # its file is mapped once
    for start in range(0, data.shape[0], step):
        yield np.ascontiguousarray(whole[start : start + step], dtype=native)


def _word_sum(data: Pixels) -> int:
    """Ones' complement sum of the file's 32-bit words; those of numbers are the machine's own."""
    if data.dtype.itemsize > 1:
        return fold(sum(int(piece.reshape(-1).view(np.uint32).sum(dtype=np.uint64)) for piece in _pieces(data)))
    return _byte_sum(data[:])


def _padding(n_bytes: int) -> Iterator[bytes]:
    if n_bytes % BLOCK:
        yield bytes(BLOCK - n_bytes % BLOCK)


def _table(columns: Sequence[Column]) -> tuple[list[Card], memoryview, int]:
    rows = {len(column.values) for column in columns}
    if len(rows) != 1:
        raise ValueError(f"the columns of a table differ in length: {sorted(rows)}")
    typed = [_column_values(column.values) for column in columns]
    record = np.dtype([(f"f{i}", kind, values.shape[1:]) for i, (values, kind, _) in enumerate(typed)])
    table = np.empty(rows.pop(), dtype=record)
    for i, (values, _, _) in enumerate(typed):
        table[f"f{i}"] = values
    cards: list[Card] = [
        ("XTENSION", "BINTABLE", "binary table extension"),
        ("BITPIX", 8, ""),
        ("NAXIS", 2, ""),
        ("NAXIS1", record.itemsize, "bytes in a row"),
        ("NAXIS2", table.size, "rows"),
        *_tail(primary=False),
        ("TFIELDS", len(columns), "columns"),
    ]
    for i, (column, (_, _, form)) in enumerate(zip(columns, typed, strict=True), start=1):
        cards += [(f"TTYPE{i}", column.name, column.comment), (f"TFORM{i}", form, ""), (f"TUNIT{i}", column.unit, "")]
        cards += [(f"{key}{i}", value, "") for key, value in column.extra]
    payload = table.view(np.uint8).data.cast("B") if table.size else memoryview(b"")
    return cards, payload, _byte_sum(np.frombuffer(payload, dtype=np.uint8))


def _column_values(values: NDArray[Any]) -> tuple[NDArray[Any], np.dtype[Any], str]:
    """Values, their type in the file, and their ``TFORM``."""
    codes = {"f8": "D", "f4": "E", "i8": "K", "i4": "J", "i2": "I", "u1": "B"}
    width = int(np.prod(values.shape[1:], dtype=int))
    if values.dtype.kind == "b":
        return np.where(values, np.uint8(ord("T")), np.uint8(ord("F"))), np.dtype("u1"), f"{width if values.ndim > 1 else ''}L"
    if values.dtype.kind in "US":
        ascii_values = _ascii(values) if values.dtype.kind == "U" else values
        return ascii_values, ascii_values.dtype, f"{max(ascii_values.dtype.itemsize, 1)}A"
    key = values.dtype.str[1:]
    if key not in codes:
        raise ValueError(f"no FITS column form for {values.dtype}")
    return values, values.dtype.newbyteorder(">"), f"{width if values.ndim > 1 else ''}{codes[key]}"


def _ascii(texts: NDArray[np.str_]) -> NDArray[np.bytes_]:
    """Texts of shape (n,) as bytes, ``?`` for what is not ASCII."""
    length = texts.dtype.itemsize // 4
    if not length or not texts.size:
        return np.zeros(texts.shape, dtype=f"S{max(length, 1)}")
    codes = np.ascontiguousarray(texts, dtype=texts.dtype.newbyteorder("=")).view(np.uint32).reshape(texts.size, length)
    return np.where(codes < 128, codes, ord("?")).astype(np.uint8).view(f"S{length}").reshape(texts.shape)


def _byte_sum(data: NDArray[Any]) -> int:
    flat = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
    whole = flat.size // 4 * 4
    total = int(flat[:whole].view(">u4").sum(dtype=np.uint64))
    rest = bytes(flat[whole:]).ljust(4, b"\0") if whole < flat.size else b"\0\0\0\0"
    return fold(total + int.from_bytes(rest, "big"))


def table_hdu(name: str, columns: Iterable[Column], cards: Iterable[Card] = ()) -> Hdu:
    """A binary-table HDU."""
    return Hdu(name=name, columns=tuple(columns), cards=tuple(cards))
