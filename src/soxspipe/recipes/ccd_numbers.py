"""Small measurements on CCDData objects, for the methods of the public classes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import Frame

FRAME_CLIPPING_SIGMA, FRAME_CLIPPING_ITERATIONS = 10.0, 2
"""As the published method does."""


def given_frame(value: Any, name: str) -> Frame | None:
    """A CCDData object as a frame; None for None and False."""
    from soxspipe.io.ccddata import from_ccddata

    return None if value is None or value is False else from_ccddata(value, name=name)


def good_pixels(ccd: Any) -> BoolArray:
    """True where a CCDData object is finite and not masked."""
    finite = np.isfinite(np.asarray(ccd.data))
    return finite if ccd.mask is None else finite & ~np.asarray(ccd.mask, dtype=bool)


def without_masks(frame: Frame) -> Frame:
    """A frame of which only the pixels that are not finite stay flagged."""
    return replace(frame, flags=frame.flags & np.uint8(PixelFlag.NOT_FINITE))


def clip_frame(frame: Frame, sigma: float, iterations: int) -> Frame:
    """Flag pixels that lie more than `sigma` standard deviations from the frame's mean."""
    return frame.flagged(frame.good & ~near_mean(frame.electrons, frame.good, sigma, iterations), PixelFlag.OUTLIER)


def near_mean(values: FloatArray, good: BoolArray, sigma: float, iterations: int) -> BoolArray:
    """True for good values within `sigma` standard deviations of the mean of those that are."""
    kept: NDArray[np.bool_] = np.array(good)
    for _ in range(iterations):
        mean, std = values[kept].mean(), values[kept].std()
        fewer = good & (np.abs(values - mean) <= sigma * std)
        if np.array_equal(fewer, kept):
            break
        kept = fewer
    return kept


def clipped_scatter(values: FloatArray) -> float:
    """Standard deviation after two rounds of clipping at 10 sigma."""
    return float(values[near_mean(values, np.isfinite(values), FRAME_CLIPPING_SIGMA, FRAME_CLIPPING_ITERATIONS)].std())
