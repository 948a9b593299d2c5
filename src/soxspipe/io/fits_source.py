"""Bytes of a FITS file, plain or packed: unpacked in memory, never beyond `MAX_UNPACKED_BYTES`, every failure one `InputError`."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.errors import FETCH_AGAIN, InputError
from soxspipe.io.lzw import decompress

MAX_UNPACKED_BYTES = 320 << 20
PIECE_BYTES = 16 << 20
FITS_SUFFIX = re.compile(r"\.fits(\.gz|\.z|\.fz)?$", re.IGNORECASE)
READABLE_PROBLEMS = (ValueError, TypeError, KeyError, OverflowError, IndexError, AttributeError)


class readable:  # reads as a phrase where it is used
    """Turns what goes wrong while a file is read into one `InputError` that names it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        if self.path.is_dir():
            raise InputError(f"{self.path}: is a directory, a FITS file is needed")
        if self.path.exists() and not self.path.is_file():
            raise InputError(f"{self.path}: is not a regular file")

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, InputError):
            return
        if isinstance(error, OSError):
            raise InputError(f"{self.path}: cannot be read ({error.strerror or error})") from error
        if isinstance(error, (*READABLE_PROBLEMS, zlib.error, EOFError, MemoryError)):
            raise InputError(f"{self.path}: is not a readable FITS file ({error}); {FETCH_AGAIN}") from error


class Source:
    """Bytes of a file or of its unpacked content."""

    def __init__(self, path: Path, content: bytes | None) -> None:
        self.path = path
        self.content = content
        self.size = path.stat().st_size if content is None else len(content)

    def read(self, offset: int, n_bytes: int) -> bytes:
        """Exactly `n_bytes` from `offset`, fewer at the end of the file."""
        if self.content is not None:
            return self.content[offset : offset + n_bytes]
        with self.path.open("rb") as stream:
            stream.seek(offset)
            return stream.read(n_bytes)

    def array(self, offset: int, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
        """`count` values from `offset`, free to be changed."""
        if self.content is not None:
            return np.frombuffer(self.content, dtype=dtype, count=count, offset=offset).copy()
        return np.fromfile(self.path, dtype=dtype, count=count, offset=offset)


def packing_of(path: Path) -> str:
    match = FITS_SUFFIX.search(path.name)
    packing = (match.group(1) or "").lower() if match else ""
    return packing if packing in (".gz", ".z") else ""


def unpack(path: Path, enough: int | None = None) -> bytes:
    """Content of a packed file, or its first `enough` bytes."""
    if path.stat().st_size > MAX_UNPACKED_BYTES:
        raise InputError(f"{path}: is larger than any frame of the instrument")
    with path.open("rb") as stream:
        data = stream.read(-1 if enough is None else 2 * enough)
    if not data:
        raise InputError(f"{path}: is empty")
    if packing_of(path) == ".z":
        return decompress(data, limit=MAX_UNPACKED_BYTES, stop_after=enough)
    return _gunzip(path, data, enough)


def _gunzip(path: Path, data: bytes, enough: int | None) -> bytes:
    """Content of a gzip file of one or more members, or its first `enough` bytes."""
    pieces: list[bytes] = []
    left = enough or MAX_UNPACKED_BYTES + 1
    while data and left > 0:
        unpacker = zlib.decompressobj(wbits=31)
        while data and left > 0 and not unpacker.eof:
            pieces.append(unpacker.decompress(data, min(PIECE_BYTES, left)))
            left -= len(pieces[-1])
            data = unpacker.unconsumed_tail
        if enough is None and left <= 0:
            raise InputError(f"{path}: unpacks to more than {MAX_UNPACKED_BYTES >> 20} MB, no frame of the instrument is that large")
        if not unpacker.eof:
            if enough is None:
                raise InputError(f"{path}: truncated, the compressed stream does not end; {FETCH_AGAIN}")
            break
        data = unpacker.unused_data if unpacker.unused_data.startswith(b"\x1f\x8b") else b""
    return b"".join(pieces)
