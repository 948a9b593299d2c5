"""A set of files takes the place of an older set: all of it, or nothing.

The old files are moved aside, the last product before all others; then the new ones get their names, the last product after all others.
A journal says what was to be moved.  What fails on the way is undone at once; what a killed run left half done is undone by the next run
(`recover`).
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from soxspipe.errors import ProductError
from soxspipe.io.atomic import TEMPORARY_PREFIX, Staged, commit, discard, stage
from soxspipe.regular_files import open_regular

MAX_JOURNAL_BYTES = 1 << 20
"""A set has some tens of files with names of at most 255 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Move:
    """A place, and the name under which its old file is kept meanwhile; None if there was no file."""

    path: Path
    kept: Path | None


def commit_set(files: Sequence[Staged], outdated: Iterable[Path], *, last: Path, owner: str) -> None:
    """Give staged files their names and remove outdated ones, all or nothing.

    Parameters
    ----------
    files : sequence of Staged
        The new set.
    outdated : iterable of Path
        Files of the old set that have no successor.
    last : Path
        The file whose presence says that the set is complete: the first to go and the last to come.
    owner : str
        Of the temporary names; no other run with this owner may be at work.

    Raises
    ------
    ProductError
        If something could not be moved; the old set is complete then, and staged files that still have their temporary names are left to
        the caller.
    """
    ordered = sorted(files, key=lambda file: file.path == last)
    paths = [file.path for file in ordered]
    places = [*reversed(paths), *(path for path in dict.fromkeys(outdated) if path not in paths)]
    moves = [_Move(path=path, kept=_set_aside(path, owner, number)) for number, path in enumerate(places)]
    journal = _journal(last.parent, owner)
    _write_journal(journal, moves, owner)
    try:
        commit(Staged(temporary=move.path, path=move.kept) for move in moves if move.kept is not None)
        commit(ordered)
    except BaseException:
        _undo(moves)
        with contextlib.suppress(OSError):
            journal.unlink()
        raise
    try:
        journal.unlink()
    except OSError:
        return  # the old files stay where `recover` would look for them
    for move in moves:
        if move.kept is not None:
            with contextlib.suppress(OSError):
                move.kept.unlink()


def recover(folder: Path, owner: str) -> None:
    """Restore the set that a killed run of `owner` was about to replace in `folder`, if it left a journal there."""
    journal = _journal(folder, owner)
    try:
        with open_regular(journal) as stream:
            entries = json.loads(stream.read(MAX_JOURNAL_BYTES))
        moves = [_Move(path=_below(folder, path), kept=None if kept is None else _below(folder, kept)) for path, kept in entries]
    except (OSError, ValueError, TypeError):
        return
    _undo(moves)
    with contextlib.suppress(OSError):
        journal.unlink()


def _below(folder: Path, relative: str) -> Path:
    """A place that a journal names, by its letters: the system would take the steps up from where a link leads."""
    return Path(os.path.normpath(folder / relative))


def _journal(folder: Path, owner: str) -> Path:
    return folder / f"{TEMPORARY_PREFIX}{owner}~journal"


def require_replaceable(path: Path) -> bool:
    """Raise `ProductError` if what stands at a place is not a file, which a product cannot replace; whether anything stands there."""
    try:
        kind = os.lstat(path).st_mode
    except FileNotFoundError:
        return False
    except OSError as err:
        raise ProductError(f"cannot write {path}: {err.strerror or err}") from err
    if not (stat.S_ISREG(kind) or stat.S_ISLNK(kind)):
        raise ProductError(f"cannot write {path}: {'a folder' if stat.S_ISDIR(kind) else 'something that is not a file'} is in its place")
    return True


def _set_aside(path: Path, owner: str, number: int) -> Path | None:
    """Name for the file that stands at a place; None if none does."""
    return path.with_name(f"{TEMPORARY_PREFIX}{owner}~{number}.old") if require_replaceable(path) else None


def _write_journal(journal: Path, moves: Sequence[_Move], owner: str) -> None:
    def named(path: Path | None) -> str | None:
        return None if path is None else os.path.relpath(path, journal.parent)

    staged = stage(journal, [json.dumps([(named(move.path), named(move.kept)) for move in moves]).encode()], owner=owner)
    try:
        commit([staged])
    except BaseException:
        discard([staged])
        raise


def _undo(moves: Sequence[_Move]) -> None:
    """Put every old file back to its place, and remove the new ones that had come where there was none."""
    for move in reversed(moves):
        with contextlib.suppress(OSError):
            if move.kept is None:
                move.path.unlink()
            elif os.path.lexists(move.kept):
                os.replace(move.kept, move.path)
