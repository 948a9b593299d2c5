"""The last step of targets under watch, which follows on every change of their spectra."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from soxspipe.night.finishing import finishings
from soxspipe.night.plan import Plan
from soxspipe.night.run import Request
from soxspipe.night.state import Outcome
from soxspipe.reductions.finish_night import FinishedNight

if TYPE_CHECKING:
    from distributed import Future

    from soxspipe.night.execute import Running


class LastSteps:
    """Telluric corrections and joined arms of the targets whose reductions have ended.

    Parameters
    ----------
    request : Request
        Folder, products, settings.
    running : Running
        Jobs that are running; a target waits for its own and for those of the standards.
    redo : bool
        Another standard is reason enough to do it again.
    """

    def __init__(self, request: Request, running: Running, *, redo: bool) -> None:
        self._request, self._running, self._redo = request, running, redo
        self._made_of: dict[str, tuple[str, ...]] = {}
        self._futures: dict[str, Future] = {}

    def hand_in(self, plan: Plan, outcomes: Mapping[str, Outcome]) -> None:
        """Hand in the step of each target whose spectra are others than at the last time."""
        for step in finishings(plan, self._request):
            if any(name in self._running for name in step.after):
                continue
            ready = step.of_those_in({name for name, outcome in outcomes.items() if outcome.succeeded})
            made_of = tuple(outcomes[name].fingerprint for name in (ready.after if self._redo else ready.targets))
            if ready.targets and self._made_of.get(step.name) != made_of:
                self._made_of[step.name] = made_of
                self._futures |= self._running.follow([ready], outcomes)

    def ended(self) -> list[FinishedNight]:
        """What has been made since the last call; one whose worker was lost is left to the next night."""
        done = {name: future for name, future in self._futures.items() if future.done()}
        for name in done:
            del self._futures[name]
        return [future.result() for future in done.values() if future.status == "finished"]
