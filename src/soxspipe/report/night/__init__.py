"""A night as one HTML page that works offline."""

from __future__ import annotations

from soxspipe.report.night.content import (
    CalibrationEntry,
    ConditionEntry,
    Missing,
    NightContent,
    StandardEntry,
    TargetEntry,
    TrendEntry,
)
from soxspipe.report.night.page import build_night_page

__all__ = [
    "CalibrationEntry",
    "ConditionEntry",
    "Missing",
    "NightContent",
    "StandardEntry",
    "TargetEntry",
    "TrendEntry",
    "build_night_page",
]
