"""Which exposures are in the spectrum, and when its photons were collected."""

from __future__ import annotations

from dataclasses import dataclass

from soxspipe.datamodel.observation import Observation, TimeSpan, time_span
from soxspipe.reductions.stare.context import StareContext


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposuresUsed:
    """Exposures that are in the spectrum, and the share of each; no shares where there is one exposure."""

    observations: tuple[Observation, ...]
    weights: tuple[float, ...] = ()

    @property
    def number(self) -> int:
        """How many there are."""
        return len(self.observations)

    @property
    def total_exptime_s(self) -> float:
        """Sum of their exposure times, all integrations of each."""
        return sum(one.exptime_s * one.integrations for one in self.observations)

    @property
    def span(self) -> TimeSpan | None:
        """Begin, end and mean moment of the photons; None where a date is missing."""
        return time_span(self.observations, self.weights)


def exposures_used(context: StareContext) -> ExposuresUsed:
    """The exposures of a run without those that were left out."""
    seen = tuple(raw.observation for raw in context.inputs.raw)
    records = context.result.exposures
    if len(records) != len(seen):
        return ExposuresUsed(observations=seen)
    used = [(one, record.weight) for one, record in zip(seen, records, strict=True) if not record.left_out]
    return ExposuresUsed(observations=tuple(one for one, _ in used), weights=tuple(weight for _, weight in used))
