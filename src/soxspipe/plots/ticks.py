"""Where ticks stand on an axis, and what is written beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.plots.words import power_of_ten

ROUND_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
PLAIN_FROM, PLAIN_TO = 1e-4, 1e6
"""Numbers of an axis are written without a power of ten between these."""
EDGE = 1e-6
"""Share of an axis by which rounding may put a tick beyond its end."""
DECADES_APART = 500.0
"""A logarithmic axis over a larger ratio has ticks at powers of ten alone."""
MOST_STEPS = 6
"""Steps from the first to the last of these."""
LOG_STEPS = (
    np.array([1.0, 2.0, 5.0]),
    np.array([1.0, 1.5, 2.0, 3.0, 5.0, 7.0]),
    np.arange(1.0, 10.0, 0.25),
    np.arange(10, 100) / 10.0,
)
"""Ticks of a decade, more of them for axes that cover less than one."""


class Ticks(Protocol):
    """A rule that says where ticks stand between two limits, and what is written there."""

    def between(self, low: float, high: float) -> tuple[FloatArray, tuple[str, ...]]:
        """Values in ascending order, and a text for each."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EvenTicks:
    """Round numbers at equal distances, with `most` steps between them at the most."""

    most: int = 9

    def between(self, low: float, high: float) -> tuple[FloatArray, tuple[str, ...]]:
        """Values and numbers."""
        low, high = min(low, high), max(low, high)
        step = _round_step((high - low) / self.most, low, high)
        first, last = np.ceil(low / step - EDGE), np.floor(high / step + EDGE)
        values = np.arange(first, last + 1.0) * step
        return values, even_numbers(values, step)


def _round_step(least: float, low: float, high: float) -> float:
    """The smallest round number that is not below `least`; one where there is no range."""
    if not least > 0 or not np.isfinite(least) or least < 1e-13 * max(abs(low), abs(high)):
        return max(abs(low), abs(high), 1.0)
    decade = 10.0 ** np.floor(np.log10(least))
    return float(next(decade * step for step in ROUND_STEPS if decade * step >= least * (1.0 - EDGE)))


def even_numbers(values: FloatArray, step: float) -> tuple[str, ...]:
    """All with as many decimals as the step has; with a power of ten where they are very large or small."""
    largest = float(np.max(np.abs(values), initial=0.0))
    exponent = int(np.floor(np.log10(largest) + EDGE)) if largest > 0 else 0
    plain = largest == 0 or PLAIN_FROM <= largest < PLAIN_TO
    unit = 1.0 if plain else 10.0**exponent
    decimals = next((count for count in range(12) if abs(round(step / unit, count) - step / unit) < 1e-4 * step / unit), 12)
    numbers = [f"{value / unit + 0.0:.{decimals}f}".replace("-", "−") for value in values]
    if plain:
        return tuple(numbers)
    return tuple(f"{number}×{power_of_ten(exponent)}" if value else "0" for number, value in zip(numbers, values, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTicks:
    """Round numbers of a logarithmic axis."""

    def between(self, low: float, high: float) -> tuple[FloatArray, tuple[str, ...]]:
        """Values and numbers."""
        first, last = int(np.floor(np.log10(low) + EDGE)), int(np.ceil(np.log10(high) - EDGE))
        if high / low > DECADES_APART:
            values = 10.0 ** np.arange(first, last + 1, -(-(last - first) // MOST_STEPS))
        else:
            decades = 10.0 ** np.arange(first, last + 1)
            candidates = (np.outer(decades, steps).ravel() for steps in LOG_STEPS)
            inside = [ticks[(ticks >= low) & (ticks <= high)] for ticks in candidates]
            values = next((ticks for ticks in inside if ticks.size > 2), inside[-1])
        return values, tuple(map(_decade_number, values.tolist()))


def _decade_number(value: float) -> str:
    """Plain from 0.001 to 100 000, else with a power of ten."""
    if 0.0009 <= value < 100_000:
        return f"{value:g}"
    exponent = int(np.floor(np.log10(value) + EDGE))
    share = value / 10.0**exponent
    return power_of_ten(exponent) if abs(share - 1.0) < EDGE else f"{share:g}×{power_of_ten(exponent)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedTicks:
    """Names at places, in place of numbers; none at all where both are empty."""

    places: Sequence[float] = ()
    names: Sequence[str] = ()

    def between(self, low: float, high: float) -> tuple[FloatArray, tuple[str, ...]]:
        """All places, those beyond the limits too."""
        return np.asarray(self.places, dtype=np.float64), tuple(self.names)
