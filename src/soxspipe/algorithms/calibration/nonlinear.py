"""Pixels whose response depends on the light, from flats of unequal level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soxspipe.algorithms.calibration.combine import NoiseModel, combine
from soxspipe.datamodel.arrays import BoolImage, FloatArray, Image
from soxspipe.datamodel.raw_calibration import RawCalibration

LEAST_RATIO = 1.5
"""Brightest over faintest level: less is no lever, lamps drift by a few per cent."""
ALIKE = 1.1
"""Flats within this factor of the brightest, or of the faintest, are one group."""
FEWEST = 2
"""Flats in each group: a cosmic ray in a single one would look like a response that changes."""
LEAST_CHANGE, LEAST_SIGMA = 0.05, 6.0
"""Change of the response between the levels: what a detector as a whole does near its full well is less, noise is less by this many sigma."""


def find_nonlinear(
    frames: Sequence[RawCalibration],
    levels: FloatArray,
    noise: NoiseModel,
    *,
    clip_sigma: float,
    offsets_e: FloatArray,
    pedestal: Image | None,
) -> BoolImage | None:
    """Pixels whose light does not go with the level of the flats; None if the levels are too much alike to tell.

    Parameters
    ----------
    frames : sequence of RawCalibration
        Flats of one lamp and exposure time.
    levels : ndarray, shape (n,)
        Light of each.
    noise, clip_sigma, offsets_e, pedestal
        As `combine` takes them.
    """
    faint, bright = np.flatnonzero(levels <= levels.min() * ALIKE), np.flatnonzero(levels >= levels.max() / ALIKE)
    if levels.max() < LEAST_RATIO * levels.min() or min(faint.size, bright.size) < FEWEST:
        return None
    response, share = [], []
    for group in (faint, bright):
        mean = float(levels[group].mean())
        made = combine(
            [frames[int(i)] for i in group], noise, clip_sigma=clip_sigma, offsets_e=offsets_e[group].tolist(),
            levels=(levels[group] / mean).tolist(), pedestal=pedestal,
        )  # fmt: skip
        light = np.maximum(made.electrons, np.float32(1.0))
        response.append(light / np.float32(mean))
        share.append(made.variance / light**2)
    change = response[1] / response[0] - 1.0
    return np.asarray((np.abs(change) > LEAST_CHANGE) & (change**2 > LEAST_SIGMA**2 * (share[0] + share[1])))
