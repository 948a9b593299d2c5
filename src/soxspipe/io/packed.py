"""Packed files are unpacked in memory, never beyond `MAX_UNPACKED_BYTES`."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import re
from pathlib import Path
from typing import BinaryIO

from soxspipe.errors import FETCH_AGAIN, InputError

MAX_UNPACKED_BYTES = 320 << 20
"""Twice the largest image that is taken (`fits_pixels.MAX_IMAGE_BYTES`)."""
FITS_SUFFIX = re.compile(r"\.fits(\.gz|\.z|\.fz)?$", re.IGNORECASE)


def packing_of(path: Path) -> str:
    """``.gz`` or ``.z`` for a file that has to be unpacked as a whole, else empty."""
    match = FITS_SUFFIX.search(path.name)
    packing = (match.group(1) or "").lower() if match else ""
    return packing if packing in (".gz", ".z") else ""


def unpack(path: Path, stream: BinaryIO, *, enough: int | None = None) -> bytes:
    """Content of a packed file, or its first `enough` bytes at least, if it has as many.

    Raises
    ------
    InputError
        If the file is empty, or unpacks to more than `MAX_UNPACKED_BYTES`.
    ValueError, OSError, EOFError, zlib.error
        If it is damaged.
    """
    size = os.fstat(stream.fileno()).st_size
    if size == 0:
        raise InputError(f"{path}: is empty; {FETCH_AGAIN}")
    if size > MAX_UNPACKED_BYTES:
        raise InputError(f"{path}: is larger than any frame of the instrument")
    wanted = MAX_UNPACKED_BYTES + 1 if enough is None else enough
    content = _gunzip(stream, wanted) if packing_of(path) == ".gz" else _uncompress(stream, wanted)
    if enough is None and len(content) >= wanted:
        raise InputError(f"{path}: unpacks to more than {MAX_UNPACKED_BYTES >> 20} MB, no frame of the instrument is that large")
    return content


def _gunzip(stream: BinaryIO, wanted: int) -> bytes:
    with gzip.GzipFile(fileobj=stream) as unpacked:
        return unpacked.read(wanted)


class _EnoughError(Exception):
    """Ends the unpacking of a ``.Z`` file."""


class _Sink(io.RawIOBase):
    """Takes what `ncompress` writes, until there is enough."""

    def __init__(self, wanted: int) -> None:
        super().__init__()
        self.content = bytearray()
        self.wanted = wanted

    def writable(self) -> bool:
        return True

    def write(self, piece: bytes, /) -> int:  # type: ignore[override]  # ncompress writes bytes alone
        self.content += piece
        if len(self.content) >= self.wanted:
            raise _EnoughError
        return len(piece)


def _uncompress(stream: BinaryIO, wanted: int) -> bytes:
    """Content of a ``.Z`` file; `ncompress` does not notice where a file was cut, the size that the FITS header claims shows it."""
    import ncompress

    sink = _Sink(wanted)
    with contextlib.suppress(_EnoughError):
        ncompress.decompress(stream, sink)
    return bytes(sink.content)
