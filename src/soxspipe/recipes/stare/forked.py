"""Work shared with a second process that inherits everything by forking and sends back only what it made."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import gc
import io
import mmap
import os
import pickle
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

import numpy as np

PARENT_DEATH_SIGNAL = 1
LENGTH_BYTES = 8

T = TypeVar("T")


class Child(Generic[T]):
    """A function at work in a forked process.

    Parameters
    ----------
    work : callable
        What to do; it sees everything that this process holds now, and what it changes stays its own.
    shared : iterable
        Values whose arrays the result may hold; these are not copied back, the result refers to this process's own.

    Notes
    -----
    The child ends with this process, and `take` leaves no process behind.
    """

    def __init__(self, work: Callable[[], T], shared: Iterable[object] = ()) -> None:
        self._known = _inventory(shared)
        self._file = os.memfd_create("result")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads, which `can_fork` excludes
            self._pid = os.fork()
        if self._pid == 0:
            _work_and_exit(work, self._file, self._known)

    def take(self) -> T | None:
        """Wait for the result; None if the child failed, whatever the reason."""
        try:
            _, status = os.waitpid(self._pid, 0)
            self._pid = 0
            return _received(self._file, self._known) if status == 0 else None
        finally:
            self.stop()

    def stop(self) -> None:
        """End the child if it still works, and forget what it made."""
        if self._pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._pid, 0)
            self._pid = 0
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def can_fork() -> bool:
    """Whether a second process can be forked safely: on Linux, with a second core, from a process of one thread."""
    return sys.platform == "linux" and hasattr(os, "memfd_create") and threading.active_count() == 1


def forked_map(function: Callable[..., T], *columns: Iterable[Any]) -> Iterator[T]:
    """As `map`, with every other item left to a second process; what that process fails at is done here, where errors are raised."""
    items = list(zip(*columns, strict=True))
    if len(items) < 2 or not can_fork():
        yield from (function(*item) for item in items)
        return
    child = Child(lambda: [function(*item) for item in items[1::2]], items)
    try:
        own = [function(*item) for item in items[::2]]
        other = child.take()
    finally:
        child.stop()
    if other is None:
        other = [function(*item) for item in items[1::2]]
    results: list[Any] = [None] * len(items)
    results[::2], results[1::2] = own, other
    yield from results


def _inventory(shared: Iterable[object]) -> list[object]:
    """Arrays and records within the values given."""
    found: dict[int, object] = {}
    waiting = list(shared)
    while waiting:
        value = waiting.pop()
        if id(value) in found:
            continue
        if isinstance(value, np.ndarray):
            found[id(value)] = value
        elif isinstance(value, tuple | list):
            waiting.extend(value)
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            found[id(value)] = value
            waiting.extend(getattr(value, field.name) for field in dataclasses.fields(value))
    return list(found.values())


def _work_and_exit(work: Callable[[], object], file: int, known: list[object]) -> None:
    """Do the work, write its result and leave without any of the clean-up that is the parent's."""
    status = 1
    try:
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
        gc.disable()
        _send(work(), file, known)
        status = 0
    finally:
        os._exit(status)


def _send(result: object, file: int, known: list[object]) -> None:
    """Write buffers, then the pickled rest, then the sizes of both."""
    numbers = {id(value): number for number, value in enumerate(known)}
    buffers: list[pickle.PickleBuffer] = []

    class Pickler(pickle.Pickler):
        def persistent_id(self, value: object) -> int | None:
            return numbers.get(id(value))

    text = io.BytesIO()
    Pickler(text, protocol=5, buffer_callback=lambda buffer: buffers.append(buffer)).dump(result)
    sizes = []
    for part in (*(buffer.raw() for buffer in buffers), memoryview(text.getbuffer())):
        sizes.append(part.nbytes)
        while part.nbytes:
            part = part[os.write(file, part) :]
        os.lseek(file, -sizes[-1] % LENGTH_BYTES, os.SEEK_CUR)
    os.write(file, np.array([*sizes, len(sizes)], dtype="<u8").tobytes())


def _received(file: int, known: list[object]) -> Any:
    """Result that `_send` wrote; arrays lie in the memory that it was written to."""
    content = memoryview(mmap.mmap(file, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE))
    n_parts = int(np.frombuffer(content[-LENGTH_BYTES:], dtype="<u8")[0])
    sizes = np.frombuffer(content[-LENGTH_BYTES * (n_parts + 1) : -LENGTH_BYTES], dtype="<u8").astype(int)
    ends = np.cumsum(-(-sizes // LENGTH_BYTES) * LENGTH_BYTES)
    starts = ends - -(-sizes // LENGTH_BYTES) * LENGTH_BYTES
    parts = [content[start : start + size] for start, size in zip(starts, sizes, strict=True)]

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, number: int) -> object:
            return known[number]

    return Unpickler(io.BytesIO(parts[-1]), buffers=parts[:-1]).load()
