"""A master flat that was not scaled to about 1."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.arrays import IntArray
from soxspipe.datamodel.frame import Frame
from soxspipe.datamodel.stored_frame import AnyFrame

STEP_PX = 8
"""Every eighth pixel along both axes, 65 000 of a frame, knows the level to a per mille."""
USUAL_LEVEL = (0.01, 100.0)
"""Flats are scaled to about 1; a factor of 100 either way is one that was not."""
CREDIBLE_LEVEL = (1e-6, 1e9)
"""From shares of a full well to sums of a thousand flats; other numbers are not a flat."""
LEVEL_PERCENT = 60.0
"""Of the pixels inside orders: masters that are scaled to 1 at a typical order centre have 0.9 to 1.1 there, in both arms."""


def level_of_flat(flat: AnyFrame, order: IntArray) -> float | None:
    """Level of the flat that is about 1 in one that was scaled; None where nothing is lit.

    Parameters
    ----------
    flat : AnyFrame
        Master flat.
    order : ndarray of int
        Order of every pixel, 0 or less outside.
    """
    some = (slice(None, None, STEP_PX), slice(None, None, STEP_PX))
    level = np.asarray(flat.electrons[some], dtype=np.float64)
    level = level[(flat.flags[some] == 0) & (level > 0) & (order[some] > 0)]
    return float(np.percentile(level, LEVEL_PERCENT)) if level.size else None


def scale_flat(flat: AnyFrame | None, order: IntArray) -> tuple[AnyFrame | None, tuple[str, ...]]:
    """The flat near 1, divided by its own level where that is far from it, and what to tell the user.

    Thresholds of later steps are shares of a flat near 1, and the response is brought from flat to flat within a factor of 3.
    """
    level = None if flat is None else level_of_flat(flat, order)
    if flat is None or level is None or USUAL_LEVEL[0] < level < USUAL_LEVEL[1]:
        return flat, ()
    said = f"the master flat's level is {level:.3g}, about 1 is usual"
    if not CREDIBLE_LEVEL[0] < level < CREDIBLE_LEVEL[1]:
        return flat, (f"{said}; the flux scale is off by as much",)
    scaled = Frame(
        electrons=flat.electrons / np.float32(level),
        variance=flat.variance / np.float32(level) ** 2,
        flags=flat.flags,
        exptime_s=flat.exptime_s,
    )
    return scaled, (f"{said}; it is divided by that",)
