"""`map` over orders with a second process that takes every other one."""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, TypeVar

from soxspipe.reductions.stare.forked import can_fork, end_process, fork
from soxspipe.reductions.stare.messages import Registry, next_page, read_message, write_message

T = TypeVar("T")

NOTE = struct.Struct("<QQ")
"""Where a message begins, and how many values its sender knows; the highest place for work that failed."""
FAILED = 2**64 - 1
CANNOT_BE_SENT = (pickle.PicklingError, AttributeError, TypeError)


class SharedMap:
    """As `map`, with every other item left to a second process, which stays until the end and remembers what it has seen and made.

    It is forked at the first call.  What it fails at is done here, where errors are raised; what cannot be pickled is done here as well.
    Results do not depend on it.
    """

    def __init__(self) -> None:
        self._worker: _Worker | None = None
        self._alone = False

    def __enter__(self) -> SharedMap:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __call__(self, function: Callable[..., T], *columns: Iterable[Any]) -> list[T]:
        items = list(zip(*columns, strict=True))
        worker = self._asked(function, items) if len(items) > 1 else None
        if worker is None:
            return [function(*item) for item in items]
        try:
            own = [function(*item) for item in items[::2]]
            other = worker.answer()
        except BaseException:  # an answer that nobody waits for would be taken for the next one
            self.close()
            raise
        if not worker.sound:
            self.close()
        results: list[Any] = [None] * len(items)
        results[::2] = own
        results[1::2] = [function(*item) for item in items[1::2]] if other is None else other
        return results

    def _asked(self, function: Callable[..., T], items: Sequence[tuple[Any, ...]]) -> _Worker | None:
        """The second process, at work on its share; None if there is none, or if it cannot be asked this."""
        if self._worker is None and not self._alone and can_fork():
            try:
                self._worker = _Worker(items)
            except OSError:  # no more processes or memory are to be had
                self._alone = True
        return self._worker if self._worker is not None and self._worker.ask(function, items[1::2]) else None

    def close(self) -> None:
        """End the second process; later calls do everything here."""
        self._alone = True
        if self._worker is not None:
            self._worker.stop()
            self._worker = None


class _Worker:
    """The second process: what it is asked and what it answers lie in two files in memory, two pipes say where.

    Parameters
    ----------
    known : iterable
        Values that both processes know from the beginning.
    """

    def __init__(self, known: Iterable[object]) -> None:
        self.sound = True
        self._registry = Registry(known)
        self._end = 0
        with ExitStack() as opened, ExitStack() as theirs:
            self._questions, self._answers = (_opened(os.memfd_create(name), opened) for name in ("questions", "answers"))
            reading, self._asking = (_opened(end, stack) for end, stack in zip(os.pipe(), (theirs, opened), strict=True))
            self._hearing, writing = (_opened(end, stack) for end, stack in zip(os.pipe(), (opened, theirs), strict=True))

            def serve() -> None:
                os.close(self._asking)
                os.close(self._hearing)
                self._serve(reading, writing)

            self._number = fork(serve)
            self._ours = opened.pop_all()

    def ask(self, function: Callable[..., Any], items: Sequence[tuple[Any, ...]]) -> bool:
        """Let the other process apply the function to every item; False if it cannot be asked."""
        start = next_page(self._end)
        try:
            self._end = write_message((function, items), self._questions, start, self._registry)
            os.write(self._asking, NOTE.pack(start, len(self._registry)))
        except CANNOT_BE_SENT:
            return False
        except BrokenPipeError:
            return False
        self._registry.add((function, items))
        return True

    def answer(self) -> list[Any] | None:
        """Wait for the results; None if there are none."""
        note = os.read(self._hearing, NOTE.size)
        if len(note) < NOTE.size:
            self.sound = False
            return None
        start, n_known = NOTE.unpack(note)
        if start == FAILED:
            return None
        results: list[Any] = read_message(self._answers, start, self._registry)
        self._registry.add(results)
        self.sound = n_known == len(self._registry)
        return results

    def _serve(self, reading: int, writing: int) -> None:
        end = 0
        while note := os.read(reading, NOTE.size):
            start, _ = NOTE.unpack(note)
            function, items = read_message(self._questions, start, self._registry)
            self._registry.add((function, items))
            try:
                results = [function(*item) for item in items]
                begin = next_page(end)
                end = write_message(results, self._answers, begin, self._registry)
                self._registry.add(results)
            except Exception:  # whatever it is, it happens again where it can be raised
                begin = FAILED
            os.write(writing, NOTE.pack(begin, len(self._registry)))

    def stop(self) -> None:
        """End the process and forget what it knows; arrays that it sent stay."""
        end_process(self._number)
        self._ours.close()


def _opened(file: int, stack: ExitStack) -> int:
    """A file that is closed with the stack."""
    stack.callback(os.close, file)
    return file
