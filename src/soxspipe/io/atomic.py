"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from soxspipe.errors import ProductError

TEMPORARY_PREFIX = ".unfinished-"


def write_whole(path: Path, chunks: Iterable[bytes | memoryview]) -> Path:
    """Write a file so that either all of it or nothing of it is there.

    A temporary file in the same folder is filled, flushed to the disk and renamed; what stood at `path` before stays
    untouched until then.

    Parameters
    ----------
    path : Path
        Target; its folder is made if need be.
    chunks : iterable of bytes-like
        The file's contents, in order.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    ProductError
        If the file could not be written; the temporary file is gone then.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, suffix=path.suffix, dir=path.parent)
    except OSError as err:
        raise ProductError(f"cannot write {path}: {err.strerror or err}") from err
    try:
        with os.fdopen(handle, "wb", buffering=0) as stream:
            for chunk in chunks:
                _write_all(stream.fileno(), chunk)
            os.fchmod(stream.fileno(), 0o666 & ~_umask())
            os.fsync(stream.fileno())
        os.replace(name, path)
    except BaseException as err:
        with contextlib.suppress(OSError):
            os.unlink(name)
        if isinstance(err, OSError):
            raise ProductError(f"cannot write {path}: {err.strerror or err}") from err
        raise
    return path


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text whole or not at all; see `write_whole`."""
    return write_whole(path, [text.encode("utf-8")])


def remove_unfinished(folder: Path) -> None:
    """Delete what an interrupted run left behind in `folder`."""
    for leftover in folder.glob(f"{TEMPORARY_PREFIX}*"):
        with contextlib.suppress(OSError):
            leftover.unlink()


def _write_all(descriptor: int, chunk: bytes | memoryview) -> None:
    view = memoryview(chunk).cast("B") if chunk else memoryview(b"")
    while view.nbytes:
        view = view[os.write(descriptor, view) :]


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
