"""Names and places of products."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

_UNSAFE = re.compile(r"[^A-Za-z0-9._+\-]+")
LONGEST = 160
"""File systems take 255 bytes; endings of products and of temporary names need the rest."""


def safe_name(text: str) -> str:
    """A file name without separators, blanks, control characters or a leading dot, at most 160 characters."""
    cleaned = _UNSAFE.sub("_", text).strip("._")[:LONGEST]
    return cleaned or "unnamed"


def distinct_name(text: str) -> str:
    """A file name as `safe_name` makes it; where that changes the text, six digits of its checksum follow, so that no two texts share a name."""
    name = safe_name(text)
    if name == text:
        return name
    digest = hashlib.blake2s(text.encode("utf-8", "surrogateescape"), digest_size=3).hexdigest()
    return f"{name[: LONGEST - 7]}_{digest}"


def reduced_folder(output: Path, night: str, recipe: str) -> Path:
    """Folder of the FITS and ASCII products of one night and recipe."""
    return output / "reduced" / safe_name(night) / safe_name(recipe)


def qc_folder(output: Path, night: str, recipe: str) -> Path:
    """Folder of the plots, the report and the QC numbers."""
    return output / "qc" / safe_name(night) / safe_name(recipe)


def file_name(sof_name: str, suffix: str, *, upper: bool = False, longest: int | None = None) -> str:
    """``<sof><suffix>``; `upper` writes the SOF's name in upper case, as the trace table's readers expect; `longest` shortens it to fit."""
    base = safe_name(sof_name)
    if longest is not None and len(base) + len(suffix) > longest:
        digest = hashlib.blake2s(base.encode("ascii", "replace"), digest_size=3).hexdigest()
        base = f"{base[: longest - len(suffix) - 7]}_{digest}"
    return f"{base.upper() if upper else base}{suffix}"
