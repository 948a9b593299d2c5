"""Acceptable ranges of the recipe page, enforced for standard stars only."""

from __future__ import annotations

from collections.abc import Mapping

from soxspipe.datamodel.detector import Arm
from soxspipe.qc.ranges import Ranges

MOST_MISSING = 0.1
"""Share of a spectrum without data: bad columns and ends of orders cost a few per cent."""

BY_ARM: Mapping[str, Ranges] = {
    "VIS": {
        "BADPIX FRAC": (0.0, 0.01),
        "INNER ORDER PIX MEAN": (-40.0, 60.0),
        "N ORDERS": (4, 4),
        "SAMPLES DET FRAC": (0.93, 1.0),
        "SAMPLES CLIP FRAC": (0.0, 0.2),
        "X RES SD": (0.0, 0.2),
        "EFF MEDIAN": (0.04, 0.60),
        "SNR MEDIAN": (50.0, 1000.0),
        "NO DATA FRAC": (0.0, MOST_MISSING),
    },
    "NIR": {
        "BADPIX FRAC": (0.0, 0.01),
        "INNER ORDER PIX MEAN": (-40.0, 60.0),
        "N ORDERS": (15, 15),
        "SAMPLES DET FRAC": (0.7, 1.0),
        "SAMPLES CLIP FRAC": (0.0, 0.3),
        "Y RES SD": (0.0, 0.5),
        "EFF MEDIAN": (0.02, 0.50),
        "SNR MEDIAN": (7.0, 200.0),
        "NO DATA FRAC": (0.0, MOST_MISSING),
    },
}
"""By arm of SOXS and metric: lowest and highest acceptable value, ends included."""


EVERY_FRAME: Ranges = {
    "HOST DOUBT": (0.0, 0.25),  # a quarter of a magnitude: beyond it the light curve of a supernova is that of its host
    "SATURATED NUM": (0, 100),  # more than hot pixels and cosmic rays: light is lost that nothing brings back
    "N EXP LEFT OUT": (0, 0),
    "N ORDERS SLIT EDGE": (0, 0),  # the slit cut off light, and what is left of the image does not tell how much
    "DEAD LINES": (0, 0),  # a part of the detector gave nothing
    "READOUT PATTERN": (0.0, 15.0),  # as large as the largest read noise published for the detector; rows far from gaps keep too much of it
    "PERSISTENCE": (0.0, 0.02),  # more than detectors are known to keep; what the set's first exposure shows of earlier ones is as much
}
"""What holds for every frame of every instrument: faults that cannot be corrected."""


def is_standard(recipe: str) -> bool:
    """Whether a set was reduced as a standard star, whose metrics decide whether the run is good."""
    return recipe.endswith("-std")


def stare_ranges(recipe: str, arm: Arm) -> Ranges:
    """What holds for every frame, and the page's ranges for SOXS standards; the page does not know X-shooter's orders and efficiency."""
    page = BY_ARM.get(arm.name, {}) if is_standard(recipe) and arm.instrument == "SOXS" else {}
    return {**EVERY_FRAME, **page}
