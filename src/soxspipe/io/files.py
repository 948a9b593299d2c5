"""Whole files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from soxspipe.errors import InputError
from soxspipe.io.kept import Kept
from soxspipe.regular_files import open_regular

CHECKSUMS = Kept(1 << 18)
"""Of the 4096 files of a large night. Masters serve many sets, and a night asks before the recipe does."""


def md5_of(path: Path) -> str:
    """MD5 of a file's bytes, in hexadecimal; a file in the same state as before is not read again.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        return CHECKSUMS.get([path], "md5", lambda: _md5(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error


def _md5(path: Path) -> str:
    with open_regular(path) as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
