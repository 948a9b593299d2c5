"""Acceptable ranges of the geometry recipes (reference release 0.19), ends included."""

from __future__ import annotations

from collections.abc import Mapping

from soxspipe.datamodel.detector import Arm
from soxspipe.qc.ranges import Ranges

LEAST_DETECTED = 0.9
"""As for the single pinhole; the reference has 0.95 here.  Of 134 lines an old lamp may lack one in twenty, which costs the solution nothing: with
0.95 every second such set would be called bad."""

DISP_SOLUTION: Mapping[str, Ranges] = {
    "VIS": {
        "DETLINES FRAC": (0.9, 1.01), "X RES MEDIAN": (0.0, 0.15), "Y RES MEDIAN": (0.0, 0.9), "X RES SD": (0.0, 0.4), "Y RES SD": (0.0, 1.2),
        "XY RES SD": (0.0, 1.5), "X DIFF SD": (0.0, 3.0), "Y DIFF SD": (0.0, 10.0), "FWHM PIN MEDIAN": (1.60, 1.75), "FWHM PIN SD": (0.1, 0.2),
        "DETECTOR TEMP": (0.0, 165.0),
    },
    "NIR": {
        "DETLINES FRAC": (0.9, 1.01), "X RES MEDIAN": (0.0, 0.35), "Y RES MEDIAN": (0.0, 0.13), "X RES SD": (0.0, 1.0), "Y RES SD": (0.0, 0.25),
        "XY RES MEDIAN": (0.0, 0.4), "XY RES SD": (0.0, 1.0), "X DIFF SD": (0.0, 1.3), "Y DIFF SD": (0.0, 1.5), "XY DIFF SD": (0.0, 1.9),
        "XY DIFF MEDIAN": (0.0, 6.0), "FWHM PIN MEDIAN": (1.75, 1.89), "FWHM PIN SD": (0.0, 0.211), "DETECTOR TEMP": (0.0, 50.0),
    },
}  # fmt: skip
SPATIAL_SOLUTION: Mapping[str, Ranges] = {
    "VIS": {
        "DETLINES FRAC": (LEAST_DETECTED, 1.01), "GOODLINES FRAC": (0.55, 1.01), "PINHOLE COUNT MIN": (7.5, 9.5), "FWHM PIN MEDIAN": (1.60, 1.72),
        "FWHM PIN SD": (0.0, 0.16), "XY RES MEDIAN": (0.0, 0.7), "XY RES SD": (0.0, 0.5), "X RES SD": (0.0, 0.25), "Y RES SD": (0.0, 0.48),
        "DETECTOR TEMP": (0.0, 165.0),
    },
    "NIR": {
        "GOODLINES FRAC": (0.4, 1.01), "PINHOLE COUNT MIN": (8.5, 9.5), "FWHM PIN MEDIAN": (1.55, 1.85), "FWHM PIN SD": (0.0, 0.145),
        "XY RES MEDIAN": (0.0, 0.3), "XY RES SD": (0.0, 0.5), "X RES SD": (0.0, 0.42), "Y RES SD": (0.0, 0.2), "DETECTOR TEMP": (0.0, 50.0),
    },
}  # fmt: skip
ORDER_CENTRES: Mapping[str, Ranges] = {
    "VIS": {"SAMPLES DET FRAC": (0.85, 1.01), "X RES SD": (0.0, 0.1), "DETECTOR TEMP": (0.0, 165.0)},
    "NIR": {"SAMPLES DET FRAC": (0.80, 1.01), "Y RES SD": (0.0, 0.1), "DETECTOR TEMP": (0.0, 50.0)},
}
_NOT_ENFORCED = ("FWHM", "DIFF")
"""The width of the pinhole images and the distance from the prediction are properties of the instrument, not of a solution; they are reported."""
_TABLES = {"soxs-disp-solution": DISP_SOLUTION, "soxs-spat-solution": SPATIAL_SOLUTION, "soxs-order-centres": ORDER_CENTRES}


def geometry_ranges(recipe: str, arm: Arm) -> Ranges:
    """Ranges of a recipe in an arm of SOXS; none for other instruments."""
    if arm.instrument != "SOXS":
        return {}
    return {name: limits for name, limits in _TABLES[recipe].get(arm.name, {}).items() if not any(word in name for word in _NOT_ENFORCED)}
