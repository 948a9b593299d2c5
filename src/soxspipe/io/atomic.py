"""Files written whole or not at all, singly or as a set."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from soxspipe.errors import ProductError

TEMPORARY_PREFIX = ".unfinished-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A complete file under a temporary name in its target's folder."""

    temporary: Path
    path: Path


def stage(path: Path, chunks: Iterable[bytes | memoryview], *, owner: str = "") -> Staged:
    """Write a file under a temporary name, flushed to the disk.

    Parameters
    ----------
    path : Path
        Where it is to stand in the end; the folder is made if need be.
    chunks : iterable of bytes-like
        The file's contents, in order.
    owner : str
        Marks the temporary name, so that `remove_unfinished` finds what a dead run of the same owner left.

    Raises
    ------
    ProductError
        If the file could not be written; the temporary file is gone then.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{TEMPORARY_PREFIX}{owner}~{secrets.token_hex(6)}{path.suffix}")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)  # less the umask, which the system applies
    except OSError as err:
        raise ProductError(f"cannot write {path}: {err.strerror or err}") from err
    staged = Staged(temporary=temporary, path=path)
    try:
        with os.fdopen(handle, "wb", buffering=0) as stream:
            for chunk in chunks:
                _write_all(stream.fileno(), chunk)
            os.fsync(stream.fileno())
    except BaseException as err:
        discard([staged])
        if isinstance(err, OSError):
            raise ProductError(f"cannot write {path}: {err.strerror or err}") from err
        raise
    return staged


def require_writable(folder: Path, *, owner: str) -> None:
    """Make a folder if need be and try whether files can be written there.

    Raises
    ------
    ProductError
        If not; the message names what is in the way.
    """
    try:
        discard([stage(folder / "a product", [], owner=owner)])
    except ProductError as err:
        raise ProductError(f"cannot write to {folder}: {why_not(folder, err.__cause__)}") from err.__cause__


def why_not(folder: Path, error: BaseException | None) -> str:
    """What keeps files from being written to a folder: the part of its path that is not a folder, or what the system says."""
    blocked = next((place for place in (folder, *folder.parents) if os.path.lexists(place) and not place.is_dir()), None)
    return f"{blocked} is not a folder" if blocked is not None else getattr(error, "strerror", None) or str(error)


def commit(files: Iterable[Staged]) -> None:
    """Give staged files their names, in the order given.

    Raises
    ------
    ProductError
        If a name could not be given; the rest keep their temporary names.
    """
    for file in files:
        try:
            os.replace(file.temporary, file.path)
        except OSError as err:
            raise ProductError(f"cannot write {file.path}: {err.strerror or err}") from err


def discard(files: Iterable[Staged]) -> None:
    """Delete staged files that were not committed."""
    for file in files:
        with contextlib.suppress(OSError):
            file.temporary.unlink()


def write_whole(path: Path, chunks: Iterable[bytes | memoryview]) -> Path:
    """Write one file so that either all of it or nothing of it is there; what stood at `path` stays untouched until then.

    Raises
    ------
    ProductError
        If the file could not be written.
    """
    staged = stage(path, chunks)
    try:
        commit([staged])
    except ProductError:
        discard([staged])
        raise
    return path


def remove_unfinished(folder: Path, owner: str, *, older_than_s: float = 0.0) -> None:
    """Delete what an interrupted run of `owner` left behind in `folder`; where others may be writing, only what is older than a while."""
    newest = time.time() - older_than_s
    for leftover in folder.glob(f"{TEMPORARY_PREFIX}{glob.escape(owner)}~*"):
        with contextlib.suppress(OSError):
            if leftover.stat().st_mtime <= newest:
                leftover.unlink()


def _write_all(descriptor: int, chunk: bytes | memoryview) -> None:
    view = memoryview(chunk).cast("B") if chunk else memoryview(b"")
    while view.nbytes:
        view = view[os.write(descriptor, view) :]
