"""One run at a time on the same products."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from soxspipe.errors import ProductError
from soxspipe.io.atomic import why_not

PAUSE_S = 0.2
"""Short against any reduction, long against opening a file."""


@contextlib.contextmanager
def only_run(path: Path, *, timeout_s: float) -> Iterator[None]:
    """Hold a lock file while the body runs; the system frees it if the process dies.

    Parameters
    ----------
    path : Path
        The lock file; its folder is made if need be and the file is gone afterwards.
    timeout_s : float
        How long to wait for another run.

    Raises
    ------
    ProductError
        If the lock was not free in time, or the folder cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _acquire(path, time.monotonic() + timeout_s)
    except OSError as err:
        raise ProductError(f"cannot write to {path.parent}: {why_not(path.parent, err)}") from err
    if lock is None:
        raise ProductError(f"another run has been writing these products for {timeout_s:.0f} s: {path.parent} ({path.name})")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        lock.release()


def _acquire(path: Path, deadline: float) -> FileLock | None:
    """The lock, held; None if it was not free in time."""
    while True:
        try:
            path.touch()
            before = os.stat(path)
            lock = FileLock(path, mode=stat.S_IMODE(before.st_mode))
            lock.acquire(timeout=0)
            if _is_still(path, before):
                return lock
            lock.release()
        except Timeout:
            if time.monotonic() > deadline:
                return None
            time.sleep(PAUSE_S)
        except FileNotFoundError:  # the run before removed it between two of these lines
            if not path.parent.is_dir():
                raise


def _is_still(path: Path, before: os.stat_result) -> bool:
    """Whether `path` names the file that was there before it was locked; the run before, which removes it at its end, leaves the name to others."""
    try:
        return os.path.samestat(before, os.stat(path))
    except FileNotFoundError:
        return False
