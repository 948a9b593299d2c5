"""What a recipe says while it works: one line per step, with its time and the number that matters."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """A step that ended: its name as on the recipe page, seconds it took, and one number or phrase worth knowing."""

    step: str
    seconds: float
    note: str = ""


Done: TypeAlias = Callable[[str, str], None]
"""Called after each step with its name and the number that matters."""


class Listener(Protocol):
    """Whoever wants to hear of steps."""

    def __call__(self, report: StepReport, /) -> None: ...


def silent(report: StepReport, /) -> None:
    """A listener that does nothing."""


class StepTimer:
    """Reports a step when it has ended; the time runs since the step before.

    Call it after each step: ``done("subtract_sky", "chi on lines 1.02")``.
    """

    def __init__(self, listener: Listener = silent) -> None:
        self._listener = listener
        self._since = time.perf_counter()

    def __call__(self, step: str, note: str = "") -> None:
        """Report that `step` has ended."""
        now = time.perf_counter()
        self._listener(StepReport(step=step, seconds=now - self._since, note=note))
        self._since = now
