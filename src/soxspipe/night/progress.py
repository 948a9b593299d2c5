"""How far a night is, and how long it will still take."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from soxspipe.night.graph import Node
from soxspipe.night.state import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a night is.

    Attributes
    ----------
    done, total : int
        Of all jobs.
    by_verb : dict of str to (int, int)
        The same for each recipe, in the order in which they run.
    left_s : float or None
        Estimate of the time left; None before anything is known.
    """

    done: int
    total: int
    by_verb: dict[str, tuple[int, int]]
    left_s: float | None


class Listener(Protocol):
    """Whoever wants to hear how a night goes on."""

    def begin(self, standing: Standing) -> None:
        """Work begins."""

    def done(self, outcome: Outcome, standing: Standing) -> None:
        """A job ended."""

    def end(self) -> None:
        """Work has ended, well or not."""


class Quiet:
    """A listener that says nothing."""

    def begin(self, standing: Standing) -> None:
        """Say nothing."""

    def done(self, outcome: Outcome, standing: Standing) -> None:
        """Say nothing."""

    def end(self) -> None:
        """Say nothing."""


@dataclass(slots=True)
class Course:
    """Counts jobs and their times.

    Attributes
    ----------
    workers : int
        That share the work.
    """

    workers: int
    _planned: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _ended: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _began: float = field(default_factory=time.perf_counter)

    def plan(self, nodes: Sequence[Node]) -> None:
        """Add jobs."""
        for node in nodes:
            self._planned[node.job.verb] += 1

    def count(self, outcome: Outcome) -> None:
        """A job ended."""
        self._ended[outcome.verb] += 1
        if outcome.status == "done":
            self._seconds[outcome.verb].append(outcome.seconds)

    def standing(self) -> Standing:
        """How far it is."""
        by_verb = {verb: (self._ended[verb], planned) for verb, planned in self._planned.items()}
        return Standing(
            done=sum(self._ended.values()), total=sum(self._planned.values()), by_verb=by_verb, left_s=self._left_s()
        )  # fmt: skip

    def _left_s(self) -> float | None:
        """Remaining jobs times the mean time of their recipe (of all recipes, where none of it has ended yet), over the workers."""
        known = [seconds for times in self._seconds.values() for seconds in times]
        if not known:
            return None
        mean = sum(known) / len(known)
        work = 0.0
        for verb, planned in self._planned.items():
            times = self._seconds.get(verb, [])
            work += (planned - self._ended[verb]) * (sum(times) / len(times) if times else mean)
        return work / max(1, self.workers)
