"""The workers of one command: started when there is something new to reduce, kept until the last spectrum is finished."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

    from soxspipe.night.execute import Engine
    from soxspipe.night.run import Request

Work = TypeVar("Work")
Result = TypeVar("Result")


class Workers:
    """Dask workers as a request wants them; may be entered again within itself, and those of this machine stop when it is left at last.

    Parameters
    ----------
    request : Request
        Where and how.
    say : callable
        Hears where Dask's dashboard is, if one was asked for.
    """

    def __init__(self, request: Request, say: Callable[[str], object] = lambda _: None) -> None:
        self._request, self._say = request, say
        self._starting: Future[LocalCluster] | None = None
        self._client: Client | None = None
        self._opened = ExitStack()
        self._entered = 0

    def __enter__(self) -> Workers:
        self._entered += 1
        return self

    def __exit__(self, *raised: object) -> None:
        self._entered -= 1
        if not self._entered:
            if self._client is None:
                with suppress(Exception):  # nobody has asked for them; why they do not start would be said then
                    if (cluster := self.begun()) is not None:
                        cluster.close()
            self._client, self._starting = None, None
            self._opened.close()

    def begin(self, *_: object) -> None:
        """Start those of this machine without waiting, so that they import while the night is planned; does nothing the second time."""
        if self._client is None and self._starting is None and not self._request.scheduler:
            # Not imported in the thread: two that import at once take longer than one after the other.
            from soxspipe.night.execute import local_cluster

            waiting = ThreadPoolExecutor(max_workers=1)
            self._starting = waiting.submit(local_cluster, self._engine())
            waiting.shutdown(wait=False)

    def begun(self) -> LocalCluster | None:
        """What `begin` has started, once it has; None if it was not called.

        Raises
        ------
        SchedulerError
            If they do not start.
        """
        return self._starting.result() if self._starting is not None else None

    def client(self) -> Client:
        """The client of the workers, which are started if they are not there.

        Raises
        ------
        SchedulerError
            If the scheduler cannot be used.
        """
        from soxspipe.night.execute import connected  # Dask takes longer to import than a night that is done takes to look at

        if self._client is None:
            self._client = self._opened.enter_context(connected(self._engine(), self.begun()))
            if self._request.dashboard:
                self._say(f"Dask's dashboard: {self._client.dashboard_link}")
        return self._client

    def _engine(self) -> Engine:
        from soxspipe.night.execute import Engine

        asked = self._request
        return Engine(scheduler=asked.scheduler, workers=asked.workers, processes=asked.processes, dashboard=asked.dashboard)

    def each(self, do: Callable[[Work], Result], work: Sequence[Work]) -> list[Result]:
        """Apply a function to each piece of work, in the workers if some have been started, else here.

        Parameters
        ----------
        do : callable
            Importable by the workers; where one of them is lost, all is done here, so that what is done twice must be the same twice.
        work : sequence
            What travels to them.
        """
        if self._client is None:
            return [do(one) for one in work]
        from soxspipe.night.execute import each

        return each(self._client, do, work)
