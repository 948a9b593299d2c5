"""Rows that are read with more noise than others, by their unlit pixels."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from soxspipe.algorithms.frames.unlit_light import ROWS_AT_ONCE, UnlitLight
from soxspipe.datamodel.arrays import FloatArray, IntArray
from soxspipe.numerics.medians import quick_median
from soxspipe.numerics.robust import clipped_sigma, running_median

LEAST_PAIRS = 100
"""Of neighbours in a row: its noise is then known to 10 %."""
SURE_SIGMA = 6.0
"""Thousands of rows are looked at."""
AROUND_PX = 101
"""Rows whose noise is the usual one: scattered light, whose photons make noise as well, changes more slowly."""
SHARED = 0.6
"""Independent numbers in a difference of neighbours, which shares each pixel with the next one."""
SAMPLE_EVERY = 37
"""Differences that tell the usual one."""


def excess_variance(seen: UnlitLight, columns: FloatArray) -> FloatArray:
    """Variance that the pixels of a row have over those of the rows around it, where it is beyond doubt.

    Parameters
    ----------
    seen : UnlitLight
        Of one exposure.
    columns : ndarray, shape (nx,)
        Level that the read-out adds to each column, which is no noise.

    Returns
    -------
    ndarray, shape (ny,)
        Electrons squared; 0 for rows that are like others, or have fewer than `LEAST_PAIRS` pairs of unlit neighbours.
    """
    step = np.diff(columns).astype(np.float32)
    usual = _usual_step(seen, step)
    excess = np.zeros(seen.light.shape[0])
    within, pairs = _count_within(seen, step, usual)
    known = np.flatnonzero(pairs >= LEAST_PAIRS)
    if known.size == 0:
        return excess
    share, n = within[known] / pairs[known], SHARED * pairs[known]
    around = np.clip(running_median(share, AROUND_PX), 1.0 / n, 1.0 - 1.0 / n)
    noisy = share < around - SURE_SIGMA * np.sqrt(around * (1.0 - around) / n)
    ordinary = usual / ndtri(0.5 + 0.5 * around[noisy])
    own = np.array([clipped_sigma(_steps(seen, step, slice(row, row + 1)))[0] for row in known[noisy]])
    excess[known[noisy]] = 0.5 * np.maximum(np.square(own) - np.square(ordinary), 0.0)
    return excess


def _steps(seen: UnlitLight, step: FloatArray, rows: slice) -> FloatArray:
    """Differences of sound neighbours in some rows, without the steps of the columns, shape (n,)."""
    pair = seen.sound[rows, 1:] & seen.sound[rows, :-1]
    light = seen.light[rows].astype(np.float64)
    return np.asarray((light[:, 1:] - light[:, :-1] - step)[pair])


def _usual_step(seen: UnlitLight, step: FloatArray) -> float:
    """Median size of a difference, in one row of `SAMPLE_EVERY`; 0 where there is none."""
    sizes = np.abs(_steps(seen, step, slice(None, None, SAMPLE_EVERY)))
    return quick_median(sizes) if sizes.size else 0.0


def _count_within(seen: UnlitLight, step: FloatArray, usual: float) -> tuple[IntArray, IntArray]:
    """Differences of each row that are no larger than the usual one, which struck pixels hardly change, and all of them."""
    within, pairs = (np.zeros(seen.light.shape[0], dtype=np.int64) for _ in range(2))
    for start in range(0, within.size, ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        pair = seen.sound[rows, 1:] & seen.sound[rows, :-1]
        size = np.abs(seen.light[rows, 1:] - seen.light[rows, :-1] - step)
        within[rows] = np.count_nonzero(pair & (size <= np.float32(usual)), axis=1)
        pairs[rows] = np.count_nonzero(pair, axis=1)
    return within, pairs
