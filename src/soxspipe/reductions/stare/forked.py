"""Work left to a second process that inherits everything by forking and sends back only what it made."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Generic, TypeVar

from soxspipe.reductions.stare.messages import Registry, read_message, write_message

PARENT_DEATH_SIGNAL = 1

T = TypeVar("T")


def can_fork() -> bool:
    """Whether a second process can be forked safely: on Linux, with a second core, from a process of one thread."""
    return sys.platform == "linux" and hasattr(os, "memfd_create") and threading.active_count() == 1


def fork(work: Callable[[], None]) -> int:
    """Do the work in a forked process, which ends with it, or with this process; its number.

    Its exit status is 0 if the work came to its end; nothing is cleaned up, which is for this process to do.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads, which `can_fork` excludes
        number = os.fork()
    if number:
        return number
    status = 1
    try:
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
        gc.disable()
        work()
        status = 0
    finally:
        os._exit(status)


def end_process(number: int) -> None:
    """End a forked process if it still runs."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(number, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(number, 0)


class Child(Generic[T]):
    """A function at work in a forked process.

    Parameters
    ----------
    work : callable
        What to do; it sees everything that this process holds now, and what it changes stays its own.

    Raises
    ------
    OSError
        If there are no processes or memory to be had.

    Notes
    -----
    The child ends with this process, and `take` leaves no process behind.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._file = os.memfd_create("result")

        def make() -> None:
            write_message(work(), self._file, 0, Registry())

        try:
            self._number = fork(make)
        except OSError:
            os.close(self._file)
            raise

    def take(self) -> T | None:
        """Wait for the result; None if the child failed, whatever the reason."""
        try:
            _, status = os.waitpid(self._number, 0)
            self._number = 0
            result: T | None = read_message(self._file, 0, Registry()) if status == 0 else None
            return result
        finally:
            self.stop()

    def stop(self) -> None:
        """End the child if it still works, and forget what it made."""
        if self._number:
            end_process(self._number)
            self._number = 0
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
