"""Acceptable ranges of a master flat, ends included."""

from __future__ import annotations

from collections.abc import Mapping

from soxspipe.datamodel.detector import Arm
from soxspipe.qc.ranges import Ranges

SOXS: Mapping[str, Ranges] = {
    "VIS": {
        "ORDEXP90": (1.0e4, 1.5e5),
        "X RES SD": (0.0, 0.37),
        "COLDPIX FRAC": (0.0, 0.01),
        "INNER ORDER PIX MEAN": (0.9, 1.1),
        "INNER ORDER PIX SUM": (1.0e5, 7.0e5),
        "DETECTOR TEMP": (0.0, 165.0),
    },
    "NIR": {
        "ORDEXP90": (3.0e4, 6.0e4),
        "X RES SD": (0.0, 0.2),
        "COLDPIX FRAC": (0.0, 0.01),
        "INNER ORDER PIX MEAN": (0.9, 1.1),
        "INNER ORDER PIX SUM": (1.0e6, 1.2e6),
        "DETECTOR TEMP": (0.0, 50.0),
    },
}
"""By arm and metric: lowest and highest acceptable value."""


def mflat_ranges(_recipe: str, arm: Arm) -> Ranges:
    """Those of SOXS; none for other instruments, of which they are not known."""
    return SOXS.get(arm.name, {}) if arm.instrument == "SOXS" else {}
