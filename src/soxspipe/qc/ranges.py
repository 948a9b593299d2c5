"""Acceptable ranges of the recipe page, enforced for standard stars only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from soxspipe.datamodel.detector import Arm
from soxspipe.datamodel.metric import Metric

Range = tuple[float | None, float | None]
Ranges = Mapping[str, Range]

STARE: Mapping[str, Ranges] = {
    "VIS": {
        "BADPIX FRAC": (0.0, 0.01),
        "INNER ORDER PIX MEAN": (-40.0, 60.0),
        "N ORDERS": (4, 4),
        "SAMPLES DET FRAC": (0.93, 1.0),
        "SAMPLES CLIP FRAC": (0.0, 0.2),
        "X RES SD": (0.0, 0.2),
        "EFF MEDIAN": (0.04, 0.30),
        "SNR MEDIAN": (50.0, 1000.0),
    },
    "NIR": {
        "BADPIX FRAC": (0.0, 0.01),
        "INNER ORDER PIX MEAN": (-40.0, 60.0),
        "N ORDERS": (15, 15),
        "SAMPLES DET FRAC": (0.7, 1.0),
        "SAMPLES CLIP FRAC": (0.0, 0.3),
        "Y RES SD": (0.0, 0.5),
        "EFF MEDIAN": (0.02, 0.2),
        "SNR MEDIAN": (7.0, 200.0),
    },
}
"""By arm of SOXS and metric: lowest and highest acceptable value, ends included."""


def enforced_arm(arm: Arm, *, is_standard: bool) -> str:
    """Key of the page's ranges that hold; empty for science targets, and for X-shooter, whose orders and efficiency the page does not know."""
    return arm.name if is_standard and arm.instrument == "SOXS" else ""


def canonical(name: str) -> str:
    """Metric name from a settings key: ``snr-median`` and ``snr_median`` both mean ``SNR MEDIAN``."""
    return " ".join(name.upper().replace("-", " ").replace("_", " ").split())


def stare_ranges(arm: str, chosen: Mapping[str, Range]) -> dict[str, Range]:
    """The page's ranges for an arm, with the user's in their place where given."""
    return {**STARE.get(arm, {}), **{canonical(name): limits for name, limits in chosen.items()}}


def with_ranges(metrics: Iterable[Metric], ranges: Ranges) -> tuple[Metric, ...]:
    """The metrics with the range that holds for each; per-order metrics have ranges only under their full name."""
    return tuple(_limited(metric, ranges.get(canonical(metric.name))) for metric in metrics)


def _limited(metric: Metric, limits: Range | None) -> Metric:
    return metric if limits is None else replace(metric, low=limits[0], high=limits[1])
