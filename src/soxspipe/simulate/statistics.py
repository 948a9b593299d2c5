"""Robust numbers that tolerate gaps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter, uniform_filter1d
from scipy.special import ndtri

from soxspipe.datamodel.arrays import FloatArray

_DEVIATES = 100
"""Of each width, evenly spread over a normal distribution."""
MAD_TO_SIGMA = 1.4826
"""Of a normal distribution."""


def median(values: NDArray[Any]) -> float:
    """Median of the finite values; NaN without any."""
    finite = _finite(values)
    return float(np.median(finite)) if finite.size else float("nan")


def median_error(signal_to_noise: NDArray[Any]) -> float:
    """Error of the median of ratios (measured over true) whose relative errors are 1 / `signal_to_noise`; NaN for none."""
    finite = _finite(signal_to_noise)
    return float(np.sqrt(np.pi / 2.0) / (np.sqrt(finite.size) * np.mean(finite))) if finite.size else float("nan")


def pure_noise(sigma: NDArray[Any], share: float) -> float:
    """Percentile of the size of normal deviates of different widths `sigma`, all equally likely; NaN for none."""
    finite = _finite(sigma)
    sizes = ndtri(0.5 + 0.5 * (np.arange(_DEVIATES) + 0.5) / _DEVIATES)
    return percentile(finite[:, None] * sizes, share)


def robust_std(values: NDArray[Any]) -> float:
    """Scaled median absolute deviation of the finite values; NaN for fewer than five."""
    finite = _finite(values)
    return float(MAD_TO_SIGMA * np.median(np.abs(finite - np.median(finite)))) if finite.size >= 5 else float("nan")


def clipped_rms(values: NDArray[Any], limit: float) -> float:
    """Standard deviation with values held within +-`limit`: outliers count, one alone cannot rule."""
    finite = _finite(values)
    return float(np.std(np.clip(finite, -limit, limit))) if finite.size >= 5 else float("nan")


def inverse(number: float) -> float:
    """``1 / number``; infinite for zero."""
    return 1.0 / number if number != 0 else float("inf")


def percentile(values: NDArray[Any], share: float) -> float:
    """Percentile of the finite values; NaN without any."""
    finite = _finite(values)
    return float(np.percentile(finite, share)) if finite.size else float("nan")


def share_per_1000(where: NDArray[Any]) -> float:
    """Share of True in parts per thousand; NaN for none at all."""
    return 1000.0 * float(np.mean(where)) if where.size else float("nan")


def running_median(values: FloatArray, width: int) -> FloatArray:
    """Running median; gaps are bridged by the median of all."""
    filled = np.where(np.isfinite(values), values, median(values))
    return np.asarray(median_filter(filled, size=min(width, max(values.size, 1)), mode="nearest"))


def running_mean(values: FloatArray, width: int) -> FloatArray:
    """Running mean."""
    return np.asarray(uniform_filter1d(np.asarray(values, dtype=np.float64), max(width, 1), mode="nearest"))


def _finite(values: NDArray[Any]) -> FloatArray:
    array = np.asarray(values, dtype=np.float64).reshape(-1)
    return array[np.isfinite(array)]
