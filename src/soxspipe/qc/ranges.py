"""Acceptable ranges of metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from soxspipe.datamodel.metric import Metric

Range = tuple[float | None, float | None]
Ranges = Mapping[str, Range]


def canonical(name: str) -> str:
    """Metric name from a settings key: ``snr-median`` and ``snr_median`` both mean ``SNR MEDIAN``."""
    return " ".join(name.upper().replace("-", " ").replace("_", " ").split())


def chosen_ranges(own: Ranges, chosen: Ranges) -> dict[str, Range]:
    """A recipe's own ranges, with the user's in their place where given."""
    return {**own, **{canonical(name): limits for name, limits in chosen.items()}}


def with_ranges(metrics: Iterable[Metric], ranges: Ranges) -> tuple[Metric, ...]:
    """The metrics with the range that holds for each; per-order metrics have ranges only under their full name."""
    return tuple(_limited(metric, ranges.get(canonical(metric.name))) for metric in metrics)


def _limited(metric: Metric, limits: Range | None) -> Metric:
    return metric if limits is None else replace(metric, low=limits[0], high=limits[1])
