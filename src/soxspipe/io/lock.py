"""One run at a time on the same products."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from soxspipe.errors import ProductError

PAUSE_S = 0.2


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
        descriptor = _acquire(path, time.monotonic() + timeout_s)
    except OSError as err:
        raise ProductError(f"cannot write to {path.parent}: {err.strerror or err}") from err
    if descriptor is None:
        raise ProductError(f"another run has been writing these products for {timeout_s:.0f} s: {path.parent} ({path.name})")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _acquire(path: Path, deadline: float) -> int | None:
    import fcntl

    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
        else:
            if _is_still(path, descriptor):
                return descriptor
            os.close(descriptor)
            continue
        if time.monotonic() > deadline:
            return None
        time.sleep(PAUSE_S)


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether the open file is the one that `path` names; the run before may have removed it meanwhile."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
