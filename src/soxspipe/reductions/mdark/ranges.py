"""Acceptable ranges of a master dark, ends included."""

from __future__ import annotations

from soxspipe.datamodel.detector import Arm
from soxspipe.qc.ranges import Ranges

NIR: Ranges = {"MDARK MEDIAN": (-15.0, 50.0), "RAW RON": (0.0, 30.0), "DETECTOR TEMP": (0.0, 50.0)}
"""By metric: lowest and highest acceptable value."""


def mdark_ranges(_recipe: str, arm: Arm) -> Ranges:
    """Those of the SOXS NIR arm: a dark of the VIS arm holds its bias, and its detector is warmer."""
    return NIR if (arm.instrument, arm.name) == ("SOXS", "NIR") else {}
