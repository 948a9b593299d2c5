"""Which lamps are on by the light of their lines, whatever the header says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.calibration.judge_lines import ImageState
from soxspipe.algorithms.calibration.solve_arc import ArcSolution

LEAST_LINES = 5
"""Fewer may be missing by chance."""
SEEN = 0.3
"""Of the lines of a lamp that is on nine of ten are used, of one that is out those few that lie on others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LampSeen:
    """Lines of a lamp that are usually seen, and how many of them hold the solution."""

    element: str
    expected: int
    used: int

    @property
    def out(self) -> bool:
        """Whether the lamp shows nothing."""
        return self.expected >= LEAST_LINES and self.used < SEEN * self.expected


def lamps_seen(solution: ArcSolution) -> tuple[LampSeen, ...]:
    """Lines expected and used of every element; those in doubt, and those that no lamp is known for, do not count.

    Expected are lines that have been seen on the instrument; where none is known to have been, all of the list.
    """
    lines = solution.lines
    usual = lines.expected if lines.expected.any() else np.ones(len(lines), dtype=bool)
    counted = usual & ~lines.doubtful & (solution.judged.state != ImageState.OUTSIDE).any(axis=1)
    used = counted & solution.used.any(axis=1)
    elements = [str(element) for element in np.unique(lines.element) if element != "UNK"]
    return tuple(
        LampSeen(element=one, expected=int((counted & (lines.element == one)).sum()), used=int((used & (lines.element == one)).sum()))
        for one in elements
    )
