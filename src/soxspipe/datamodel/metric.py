"""A number that tells how good a reduction is."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One quality-control value.

    Attributes
    ----------
    name : str
        As in the recipe page's table, for example ``SNR MEDIAN``; per-order ones end in `` O<label>``.
    value : float, int, str or None
        None when it could not be measured; text for what is named, not measured.
    unit : str
        Empty if it has none.
    comment : str
        One line.
    order : str
        Order label, or ``-1`` for the whole arm.
    low, high : float or None
        Acceptable range, ends included; None when not limited.
    """

    name: str
    value: float | int | str | None
    unit: str = ""
    comment: str = ""
    order: str = "-1"
    low: float | None = None
    high: float | None = None

    @property
    def number(self) -> float | int | None:
        """The value, None if it is text or was not measured."""
        return None if isinstance(self.value, str) else self.value

    @property
    def flag(self) -> str:
        """``pass`` or ``fail``; a value that was not measured fails where a range is set."""
        if self.low is None and self.high is None:
            return "pass"
        if self.value is None or isinstance(self.value, str) or not math.isfinite(self.value):
            return "fail"
        below = self.low is not None and self.value < self.low
        above = self.high is not None and self.value > self.high
        return "fail" if below or above else "pass"
