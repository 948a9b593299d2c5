"""Parts of a raw calibration frame that were filled in and not read out: they hold one number and no noise."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.raw_calibration import RawCalibration

BLOCK_PX = 4
"""Noise never makes the sixteen pixels of a block one number, not even where it is half a converter step."""
STEP_PX = 32
"""One block in so many pixels along both axes: a channel of 64 columns holds two in every row of blocks."""


def constant_share(raw: RawCalibration) -> float:
    """Share of the science area that holds one number over blocks of `BLOCK_PX`; blocks at the saturation level are spoken of elsewhere."""
    science, full = raw.detector, raw.detector.saturation_adu or np.inf
    rows, columns = science.row_slice, science.column_slice
    equal = []
    for first in range(rows.start, rows.stop - BLOCK_PX + 1, STEP_PX):
        strip = raw.read_rows(first, first + BLOCK_PX)[:, columns]
        places = np.arange(0, strip.shape[1] - BLOCK_PX + 1, STEP_PX)
        blocks = np.stack([strip[:, places + step] for step in range(BLOCK_PX)])
        equal.append((blocks == blocks[0, 0]).all(axis=(0, 1)) & (blocks[0, 0] < full))
    return float(np.mean(equal)) if equal else 0.0
