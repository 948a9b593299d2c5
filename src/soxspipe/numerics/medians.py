"""Median and scatter of many values."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.arrays import FloatArray

MAD_TO_SIGMA = 1.4826
"""Of a normal distribution."""


def quick_median(values: FloatArray) -> float:
    """`numpy.median` of finite values, shape (n,), n > 0, in a sixth of its time: one place is sought, the one below is the largest before it."""
    middle = values.size // 2
    parted = np.partition(values, middle)
    if values.size % 2:
        return float(parted[middle])
    return float(np.mean(np.stack([parted[:middle].max(), parted[middle]])))


def quick_percentile(values: FloatArray, percent: float) -> float:
    """`numpy.percentile` of finite values, shape (n,), n > 0, in a tenth of its time for a few hundred of them."""
    place = 0.01 * percent * (values.size - 1)
    low = int(place)
    high = min(low + 1, values.size - 1)
    parted = np.partition(values, (low, high))
    return float(parted[low] + (place - low) * (parted[high] - parted[low]))


def quick_mad_sigma(values: FloatArray) -> float:
    """Standard deviation from the median absolute deviation about the median of finite values, shape (n,), n > 0."""
    deviation = values - quick_median(values)
    return MAD_TO_SIGMA * quick_median(np.abs(deviation, out=deviation))  # in place: a sky has a million values
