"""The last step of targets under watch; what makes it follow is in `test_watch.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from soxspipe.night.finishing import Finishing
from soxspipe.night.last_steps import LastSteps
from soxspipe.night.run import Request
from soxspipe.night.state import Outcome
from soxspipe.reductions.finish_night import FinishedNight
from support.night_headers import EVENING, calibrations, stare
from support.nights import planned

PLAN = planned(calibrations("VIS") + stare("VIS", EVENING))
TARGET = PLAN.tasks[-1].name
DONE = {TARGET: Outcome(name=TARGET, verb="stare", status="done", fingerprint="1")}


@dataclass
class Step:
    """Takes the place of a future."""

    status: str = "pending"

    def done(self) -> bool:
        return self.status != "pending"

    def result(self) -> FinishedNight:
        return FinishedNight(made=(Path("spectrum.fits"),))


@dataclass
class Jobs:
    """Takes the place of `Running`: some names are running, and steps end when the test says so."""

    running: set[str] = field(default_factory=set)
    step: Step = field(default_factory=Step)
    followed: int = 0

    def __contains__(self, name: str) -> bool:
        return name in self.running

    def follow(self, sequels: Sequence[Finishing], outcomes: dict[str, Outcome]) -> dict[str, Step]:
        self.followed += len(sequels)
        return {sequel.name: self.step for sequel in sequels}


def steps(jobs: Jobs, folder: Path) -> LastSteps:
    return LastSteps(Request(folder=folder, output=folder), jobs, redo=False)  # type: ignore[arg-type]


def test_a_target_waits_until_nothing_of_it_is_running(tmp_path: Path) -> None:
    jobs = Jobs(running={TARGET})
    last = steps(jobs, tmp_path)
    last.hand_in(PLAN, DONE)
    assert jobs.followed == 0
    jobs.running.clear()
    last.hand_in(PLAN, {})
    assert jobs.followed == 0, "nothing of it is there"
    for _ in range(2):
        last.hand_in(PLAN, DONE)
        assert jobs.followed == 1, "and only once of the same spectra"


def test_what_has_been_made_is_told_once_and_what_was_lost_not_at_all(tmp_path: Path) -> None:
    for status, told in (("finished", 1), ("error", 0)):
        jobs = Jobs()
        last = steps(jobs, tmp_path)
        last.hand_in(PLAN, DONE)
        assert last.ended() == []
        jobs.step.status = status
        assert len(last.ended()) == told
        assert last.ended() == []
