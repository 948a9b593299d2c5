"""Robust location and scatter."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.numerics.medians import quick_mad_sigma

FEW = 5
"""Width of the running median that is asked for most."""
WIDE_PX = 21
"""Wider medians change little from pixel to pixel."""
CLIP_SIGMA = 3.5
"""Leaves 0.05 % of normal noise out, which `INSIDE_CLIP` makes good."""
INSIDE_CLIP = 0.99389
"""Variance of a normal distribution cut at `CLIP_SIGMA`, over that of the whole one."""
Scalar = TypeVar("Scalar", bound=np.generic)


def mad_sigma(values: FloatArray) -> float:
    """Standard deviation from the median absolute deviation about the median; NaN for fewer than 3 finite values."""
    finite = np.isfinite(values)
    if np.count_nonzero(finite) < 3:
        return float("nan")
    return quick_mad_sigma(values if finite.all() else values[finite])


def clipped_sigma(values: FloatArray) -> tuple[float, BoolArray]:
    """Standard deviation about 0 of the finite values within `CLIP_SIGMA`, made good for those cut off, and which these are; shape (n,), n > 0.

    Where values are multiples of one step, as those of a converter are, their median is one too; the variance within the clip is not.
    """
    sigma = quick_mad_sigma(values)
    for _ in range(3):
        kept = np.abs(values) <= CLIP_SIGMA * max(sigma, 1e-6)
        sigma = float(np.sqrt(np.mean(np.square(values[kept])) / INSIDE_CLIP))
    return sigma, kept


def weighted_median(values: FloatArray, weights: FloatArray) -> float:
    """Value at which half of the weight lies on either side; NaN if no weight is positive."""
    use = np.isfinite(values) & (weights > 0)
    if not use.any():
        return float("nan")
    rank = np.argsort(values[use])
    cumulative = np.cumsum(weights[use][rank])
    return float(values[use][rank][np.searchsorted(cumulative, 0.5 * cumulative[-1])])


def grouped_median(values: FloatArray, group: IntArray, n_groups: int) -> FloatArray:
    """Median of the values of each group.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Finite values.
    group : ndarray of int, shape (n,)
        Group of each value, 0 <= group < n_groups.
    n_groups : int
        Number of groups.

    Returns
    -------
    ndarray, shape (n_groups,)
        To the precision of float32; NaN for empty groups.
    """
    # one sort of integers: the group in the high half, the value's float32 bits in the low half, in a form that sorts as the values do
    bits = np.asarray(values, dtype=np.float32).view(np.int32)
    ranked = np.sort((group.astype(np.int64) << 32) + _sortable(bits))
    counts = np.bincount(group, minlength=n_groups)
    start = np.concatenate([[0], np.cumsum(counts)[:-1]])
    low, high = start + np.maximum(counts - 1, 0) // 2, start + counts // 2

    def value(index: IntArray) -> FloatArray:
        return _sortable(ranked[index].astype(np.int32)).view(np.float32).astype(np.float64)

    result = np.full(n_groups, np.nan)
    filled = counts > 0
    result[filled] = 0.5 * (value(low[filled]) + value(high[filled]))
    return result


def _sortable(bits: NDArray[np.int32]) -> NDArray[np.int32]:
    """Bits of float32 values as integers that sort as the values do, and back: those of negative values are turned over, but for the sign."""
    return bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))


def running_mean(values: FloatArray, use: BoolArray, half_width: int) -> tuple[FloatArray, FloatArray]:
    """Mean along axis 0 over 2 `half_width` + 1 neighbours of the values to be used, and how many they are; 0 where there are none."""
    number = running_sum(use.astype(np.float64), half_width)
    return running_sum(np.where(use, values, 0.0), half_width) / np.maximum(number, 1.0), number


def running_sum(values: FloatArray, half_width: int) -> FloatArray:
    """Sum along axis 0 over 2 `half_width` + 1 neighbours, fewer at the ends; shape of `values`."""
    width, rows = 2 * half_width + 1, values.shape[0]
    total = np.zeros(values.shape)
    stretch = np.zeros((rows + width - 1, *values.shape[1:]))
    stretch[half_width : half_width + rows] = values
    begin, length = 0, 1
    while begin < width:  # the width is a sum of powers of two; sums over each are made from those over half as many
        if width & length:
            total += stretch[begin : begin + rows]
            begin += length
        stretch = stretch[:-length] + stretch[length:] if begin < width else stretch
        length *= 2
    return total


def largest_near(values: NDArray[Scalar], reach: int) -> NDArray[Scalar]:
    """Largest value within `reach` samples along the last axis, shape of `values`; of truth values, whether one of them is true."""
    largest = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(reach, reach)], mode="edge")
    covered = 1
    while covered < 2 * reach + 1:  # each step joins two stretches, as far apart as they are long at most
        step = min(covered, 2 * reach + 1 - covered)
        largest = np.maximum(largest[..., :-step], largest[..., step:])
        covered += step
    return largest


def row_median(values: FloatArray, use: BoolArray) -> FloatArray:
    """Median along the last axis of the values that may be used, shape (...,) for arrays of shape (..., m); 0 where there are none."""
    ordered = np.sort(np.where(use, values, np.inf), axis=-1)
    count = use.sum(axis=-1)
    start = np.arange(count.size).reshape(count.shape) * values.shape[-1]
    low = ordered.take(start + np.maximum(count - 1, 0) // 2)
    high = ordered.take(start + np.minimum(count // 2, np.maximum(count - 1, 0)))
    return np.where(count > 0, 0.5 * (low + np.where(np.isfinite(high), high, low)), 0.0)


def edge_padded(values: FloatArray, n: int) -> FloatArray:
    """Values of shape (m,), with the first and the last repeated `n` times before and after them."""
    return np.concatenate([np.full(n, values[0]), values, np.full(n, values[-1])])


def running_median(values: FloatArray, width: int, known: BoolArray | None = None) -> FloatArray:
    """Median over `width` neighbours (odd), ends padded with the end values; finite values, shape (n,).

    Values that are not known take part as the nearest that is: as zeros they would hide one that stands between them.
    Medians over more than `WIDE_PX` are taken at every eighth of their width and joined by straight lines; at the ends they are of
    the values mirrored there, since half a window of one value would be that value.
    """
    if known is not None:
        values = _nearest_known(values, known)
    if width == FEW:
        return _median_of_five(values)
    if width <= WIDE_PX:
        return np.asarray(median_filter(values, width, mode="nearest"))
    half, step = width // 2, width // 8
    position = np.arange(0, values.size, step)
    if position[-1] != values.size - 1:
        position = np.append(position, values.size - 1)
    beside = np.abs(position[:, None] + np.arange(-half, half + 1))
    around = values.take(np.minimum(beside, np.abs(2 * (values.size - 1) - beside)), mode="clip")
    around.partition(half, axis=1)
    return np.interp(np.arange(values.size), position, around[:, half])


def _median_of_five(values: FloatArray) -> FloatArray:
    """Running median over `FEW` neighbours, by ten comparisons of whole arrays, in half the time of a filter of any width."""
    padded, n = edge_padded(values, FEW // 2), values.size
    a, b, c, d, e = (padded[k : k + n] for k in range(FEW))
    low = np.maximum(np.minimum(a, b), np.minimum(c, d))
    high = np.minimum(np.maximum(a, b), np.maximum(c, d))
    # the largest and the smallest of four are out; the median is that of the two between them and the fifth
    return np.asarray(np.maximum(np.minimum(low, high), np.minimum(np.maximum(low, high), e)))


def _nearest_known(values: FloatArray, known: BoolArray) -> FloatArray:
    """Every value, or the nearest known one in its place; unchanged where none is known."""
    places = np.flatnonzero(known)
    if places.size in (0, values.size):
        return values
    between = 0.5 * (places[1:] + places[:-1])
    return values[places[np.searchsorted(between, np.arange(values.size))]]
