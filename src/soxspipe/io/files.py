"""Whole files."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path

from soxspipe.errors import InputError
from soxspipe.regular_files import open_regular

REMEMBERED = 4096
"""Checksums kept in memory: the files of a large night. Masters serve many sets, and a night asks before the recipe does."""


def md5_of(path: Path) -> str:
    """MD5 of a file's bytes, in hexadecimal; a file of the same size, time and place on disk as before is not read again.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        status = os.stat(path)
        return _md5(os.path.abspath(path), status.st_size, status.st_mtime_ns, status.st_ino)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error


@lru_cache(maxsize=REMEMBERED)
def _md5(path: str, size: int, mtime_ns: int, inode: int) -> str:
    """MD5 of a file; what `os.stat` says of it is the key under which it is remembered."""
    with open_regular(path) as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
