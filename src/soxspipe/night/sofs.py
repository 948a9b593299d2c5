"""Sets-of-files: written once, and kept as they are when a person has edited them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from soxspipe.io.atomic import write_whole

MARK = "# written by soxspipe night, "
"""Begins the last line, which holds the MD5 of the lines above: it tells an edited file from one that may be overwritten."""

Entries = Sequence[tuple[str, str]]


def sof_text(entries: Entries) -> str:
    """Two aligned columns, path and tag, and the mark."""
    width = max((len(path) for path, _ in entries), default=0)
    lines = "".join(f"{path.ljust(width)} {tag}\n" for path, tag in entries)
    return f"{lines}{MARK}{_md5(lines)}\n"


def is_edited(text: str) -> bool:
    """Whether a person has changed a set-of-files since it was written, or written it."""
    lines, mark, md5 = text.rpartition(MARK)
    return not mark or md5.strip() != _md5(lines)


def is_hand_made(path: Path) -> bool:
    """Whether there is a set-of-files that a person has written or edited."""
    found = _found(path)
    return found is not None and is_edited(found)


def first_entry(path: Path) -> str:
    """Path of the first file that a set-of-files names, if this program wrote it and nobody has edited it; else empty."""
    found = _found(path)
    line = "" if found is None or is_edited(found) else found.partition("\n")[0]
    return line.rpartition(" ")[0].rstrip()


def write_sof(path: Path, entries: Entries) -> bool:
    """Write a set-of-files unless a person has edited it.

    Parameters
    ----------
    path : Path
        Of the file.
    entries : sequence of (str, str)
        Path and tag of each line.

    Returns
    -------
    bool
        False if an edited file was left as it is.

    Raises
    ------
    ProductError
        If it cannot be written.
    """
    text = sof_text(entries)
    found = _found(path)
    if found is not None and is_edited(found):
        return False
    if found != text:
        write_whole(path, [text.encode("utf-8")])
    return True


def _found(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8"), usedforsecurity=False).hexdigest()
