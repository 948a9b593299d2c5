"""Files that are broken as files, whatever is in them: every kind of input, spoiled in every way."""

from __future__ import annotations

import gzip
import os
import random
import socket
from collections.abc import Callable, Iterator
from functools import partial

from hostile.cards import BLOCK, header_at, set_cards
from hostile.case import Case, remove, replace_file
from support.lzw import compress
from support.small import Kit

ROLES = ("raw0", "bias", "flat", "order_table", "disp_table", "disp_image")
UNPACKED = "unpacks to more than|larger than any"

Bytes = Callable[[bytes], bytes]


def cases() -> Iterator[Case]:
    """All of them."""
    for role in ROLES:
        for name, (change, says) in CONTENTS.items():
            yield Case(name=f"{name} as {role}", spoil=partial(_rewritten, role=role, change=change), says=says, names=_stem(role))
        for name, (place, says) in PLACES.items():
            yield Case(name=f"{name} as {role}", spoil=partial(_placed, role=role, place=place), says=says, names=_stem(role))
        for name, (suffix, change, says) in PACKED.items():
            spoil = partial(_rewritten, role=role, change=change, suffix=suffix)
            yield Case(name=f"{name} as {role}", spoil=spoil, says=says, names=_stem(role), slow="bomb" in name and role != "raw0")
        for name, (cards, says) in STRUCTURE.items():
            yield Case(name=f"{name} in {role}", spoil=partial(_carded, role=role, cards=cards), says=says, names=_stem(role))


def _stem(role: str) -> str:
    return {"raw0": "raw_VIS_sci_0.fits", "bias": "master_bias_VIS.fits", "flat": "master_flat_VIS.fits"}.get(role, f"{role}_VIS.fits")


def _rewritten(kit: Kit, *, role: str, change: Bytes, suffix: str = "") -> None:
    replace_file(kit, role, change(kit.files[role].read_bytes()), suffix)


def _placed(kit: Kit, *, role: str, place: Callable[[str], None]) -> None:
    remove(kit.files[role])
    place(str(kit.files[role]))


def _carded(kit: Kit, *, role: str, cards: dict[str, str | None]) -> None:
    if cards.keys() & {"NAXIS1", "NAXIS2", "BITPIX"} and role in ("order_table", "disp_table"):
        set_cards(kit.own(role), hdu=1, **cards)
    else:
        set_cards(kit.own(role), **cards)


def _noise(n: int) -> bytes:
    return random.Random(7).randbytes(n)


def _most(data: bytes) -> bytes:
    return data[: 3 * len(data) // 5]


def _no_end(data: bytes) -> bytes:
    start, stop = header_at(data)
    return data[start : stop - BLOCK].replace(b"END     ", b"ENDE    ") + b"COMMENT ".ljust(80) * (420 * 36)


CONTENTS: dict[str, tuple[Bytes, str]] = {
    "an empty file": (lambda data: b"", "empty|not FITS|not a readable FITS"),
    "one byte": (lambda data: b"S", "FITS"),
    "a line of text": (lambda data: b"this is not a FITS file\n", "FITS"),
    "a web page": (lambda data: b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>\n" * 80, "FITS"),
    "a picture": (lambda data: b"\x89PNG\r\n\x1a\n" + _noise(4000), "FITS"),
    "noise": (lambda data: _noise(100_000), "FITS"),
    "zeros": (lambda data: bytes(100_000), "FITS"),
    "blanks": (lambda data: b" " * 100_000, "FITS"),
    "a gzip file without the suffix": (lambda data: gzip.compress(data, 1), "FITS"),
    "a header cut short": (lambda data: data[:1000], "truncated|END|FITS"),
    "a header without END": (_no_end, "END"),
    "a header alone": (lambda data: data[: header_at(data)[1]], "truncated|holds|has no"),
    "half a file": (lambda data: data[: len(data) // 2], "truncated|holds|has no"),
    "all but the last block": (lambda data: data[: -BLOCK - 1], "truncated|missing|holds|has no"),
    "a file with its first block missing": (lambda data: data[BLOCK:], "FITS|END"),
}


def _fifo(path: str) -> None:
    os.mkfifo(path)


def _socket(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = os.getcwd()
        os.chdir(os.path.dirname(path))
        made.bind(os.path.basename(path))
        os.chdir(here)


PLACES: dict[str, tuple[Callable[[str], None], str]] = {
    "a directory": (os.mkdir, "directory"),
    "a pipe": (_fifo, "not a regular file"),
    "a socket": (_socket, "not a regular file"),
    "a link to nowhere": (lambda path: os.symlink("nowhere.fits", path), "does not exist"),
    "a link to itself": (lambda path: os.symlink(path, path), "does not exist"),
    "a link to /dev/zero": (lambda path: os.symlink("/dev/zero", path), "not a regular file"),
    "a link to a folder": (lambda path: os.symlink("/", path), "directory"),
}


def _bomb(data: bytes) -> bytes:
    """A valid file followed by a gigabyte of zeros, in a few hundred kilobytes."""
    return gzip.compress(data, 1) + gzip.compress(bytes(1 << 24), 9) * 64


PACKED: dict[str, tuple[str, Bytes, str]] = {
    "a gzip bomb": (".gz", _bomb, UNPACKED),
    "a gzip file cut short": (".gz", lambda data: _most(gzip.compress(data, 1)), "truncated|FITS"),
    "a gzip file with noise in it": (".gz", lambda data: gzip.compress(data, 1)[:400] + _noise(3000), "FITS"),
    "text that claims to be gzip": (".gz", lambda data: b"hello", "FITS"),
    "an empty gzip file": (".gz", lambda data: b"", "empty"),
    "text that claims to be .Z": (".Z", lambda data: b"hello", "FITS"),
    "a .Z file with noise in it": (".Z", lambda data: compress(data[:3000])[:300] + _noise(4000), "FITS|truncated|END"),
    "a .Z file of one header": (".Z", lambda data: compress(data[:2880]), "END|truncated|holds|has no"),
}

STRUCTURE: dict[str, tuple[dict[str, str | None], str]] = {
    "NAXIS 999": ({"NAXIS": "999"}, "NAXIS"),
    "NAXIS -1": ({"NAXIS": "-1"}, "NAXIS"),
    "NAXIS as text": ({"NAXIS": "'two'"}, "NAXIS"),
    "no NAXIS": ({"NAXIS": None}, "NAXIS"),
    "NAXIS1 of 10^9": ({"NAXIS1": "1000000000"}, "truncated|larger|NAXIS1"),
    "NAXIS2 of 10^18": ({"NAXIS2": "1000000000000000000"}, "NAXIS2|truncated"),
    "NAXIS1 below 0": ({"NAXIS1": "-5"}, "NAXIS1"),
    "BITPIX as text": ({"BITPIX": "'float'"}, "BITPIX"),
    "BITPIX of 10^6": ({"BITPIX": "1000000"}, "BITPIX"),
    "PCOUNT of 10^18": ({"NAXIS": "1", "NAXIS1": "1", "PCOUNT": "1000000000000000000"}, "PCOUNT|truncated|NAXIS"),
}
