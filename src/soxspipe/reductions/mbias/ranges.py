"""Acceptable ranges of a master bias (reference release 0.19), ends included."""

from __future__ import annotations

from soxspipe.datamodel.detector import Arm
from soxspipe.qc.ranges import Ranges

SOXS: Ranges = {
    "MBIAS MEDIAN": (0.0, 2000.0),
    "RAW RON": (0.0, 15.0),
    "MASTER RON": (0.0, 10.0),
    "FPN FRACMAX": (0.0, 3.0),
    "STRUCTX": (-5.0, 5.0),
    "STRUCTY": (-0.8, 0.8),
    "DETECTOR TEMP": (0.0, 165.0),
}
"""By metric: lowest and highest acceptable value."""


def mbias_ranges(_recipe: str, arm: Arm) -> Ranges:
    """Those of SOXS; none for other instruments, of which they are not known."""
    return SOXS if arm.instrument == "SOXS" else {}
