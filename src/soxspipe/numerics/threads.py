"""One thread for linear algebra while a reduction runs; threads that read files, where the system gives any."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from typing import Any, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class _Limit:
    """The limit on the threads of linear algebra, which holds for the whole process: set by the first who enters, lifted by the last who leaves."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._limits: Any = None

    def enter(self) -> None:
        """Set the limit, unless somebody has set it already."""
        with self._lock:
            if self._inside == 0:
                import_module("scipy.linalg")  # brings its own copy of BLAS, which can be limited only once it is loaded
                control = import_module("threadpoolctl")
                _let_any_thread_set(control)
                self._limits = control.threadpool_limits(limits=1, user_api="blas")
            self._inside += 1

    def leave(self) -> None:
        """Put the number of threads back to what it was, unless somebody is still inside."""
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                control = import_module("threadpoolctl")
                _let_any_thread_set(control)
                self._limits.restore_original_limits()
                _let_any_thread_set(control)
                self._limits = None


def _let_any_thread_set(control: Any) -> None:
    """Let the thread that runs change the limit: from threadpoolctl 3.8 on, only the first thread that did may do so again."""
    clear = getattr(control.OpenBLASController, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)


_LIMIT = _Limit()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let linear algebra use one thread while the body runs.

    With more threads BLAS adds numbers in another order, and results differ in the last digits; many small matrices are slower as
    well.  The limit holds for the whole process, so bodies that run side by side are counted: the first sets it, the last puts back
    what the caller had.
    """
    _LIMIT.enter()
    try:
        yield
    finally:
        _LIMIT.leave()


class Workers(ThreadPoolExecutor):
    """Threads for work that waits for files; where the system gives no more threads, the work is done by the caller."""

    def submit(self, work: Callable[Parameters, Result], /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Future[Result]:
        """Begin a piece of work, or do it at once if no thread can be started."""
        try:
            return super().submit(work, *args, **kwargs)
        except RuntimeError:  # "can't start new thread"
            done: Future[Result] = Future()
            try:
                done.set_result(work(*args, **kwargs))
            except Exception as error:
                done.set_exception(error)
            return done
