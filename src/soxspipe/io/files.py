"""Whole files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from soxspipe.errors import InputError
from soxspipe.regular_files import open_regular


def md5_of(path: Path) -> str:
    """MD5 of a file's bytes, in hexadecimal.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        with open_regular(path) as stream:
            return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
