"""The workers of one command: started when the first reduction needs them, kept until the last spectrum is finished."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from distributed import Client

    from soxspipe.night.run import Request

Work = TypeVar("Work")
Result = TypeVar("Result")


class Workers:
    """Dask workers as a request wants them; may be entered again within itself, and those of this machine stop when it is left at last.

    Parameters
    ----------
    request : Request
        Where and how.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._client: Client | None = None
        self._opened = ExitStack()
        self._entered = 0

    def __enter__(self) -> Workers:
        self._entered += 1
        return self

    def __exit__(self, *raised: object) -> None:
        self._entered -= 1
        if not self._entered:
            self._client = None
            self._opened.close()

    def client(self) -> Client:
        """The client of the workers, which are started if they are not there.

        Raises
        ------
        SchedulerError
            If the scheduler cannot be used.
        """
        from soxspipe.night.execute import Engine, connected  # Dask takes longer to import than a night that is done takes to look at

        if self._client is None:
            asked = self._request
            engine = Engine(scheduler=asked.scheduler, workers=asked.workers, processes=asked.processes, dashboard=asked.dashboard)
            self._client = self._opened.enter_context(connected(engine))
        return self._client

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
