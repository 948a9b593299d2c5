"""What bias and dark frames differ in beside their level: a level that moves while a frame is read out, and light in a part of one frame."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.arrays import FloatArray, IntArray

DRIFT_SIGMA = 6.0
"""Error of a group of rows above which its level has moved; chance reaches it once in 10^7 groups."""

CELLS = 16
"""Stretches of the columns in which light in a part of a frame is looked for; a leak or a glow covers a hundred pixels and more."""

LEAST_LIGHT_SIGMA, LIGHT_RATIO = 8.0, 2.0
"""A part of a frame is odd if it is further from the median frame than this many errors, and than this many times what the other frames show:
channels whose levels wander in all frames alike make none of them odd."""

OUTLIER_SIGMA = 5.0
"""Cosmic rays and hot pixels; of normal noise, one pixel in 1.7 million."""


def row_drift(sample: FloatArray, noise_e: float, rows_together: int) -> FloatArray | None:
    """Level of groups of neighbouring rows against the frame's own, as far as it differs from that of the median frame.

    Parameters
    ----------
    sample : ndarray, shape (n, rows, nx)
        Groups of rows of each frame, electrons.
    noise_e : float
        Of a pixel.
    rows_together : int
        Rows of a group.

    Returns
    -------
    ndarray, shape (n, groups), or None
        Electrons, 0 on average over the groups of a frame; None where no group moves by more than noise, or rows are too few to tell.
    """
    rows = sample.shape[1]
    if rows % rows_together or rows < 2 * rows_together:
        return None
    middle, found = _cell_means(sample, noise_e, rows_together, 1)
    drift: FloatArray = middle[..., 0] - middle[..., 0].mean(axis=1, keepdims=True)
    error = noise_e / np.sqrt(np.maximum(found[..., 0], 1.0))
    return drift if (np.abs(drift) > DRIFT_SIGMA * error).any() else None


def odd_part(sample: FloatArray, starts: IntArray, noise_e: float, rows_together: int) -> tuple[FloatArray, list[tuple[int, int]]]:
    """Largest deviation of a part of each frame from the median frame, electrons, and where (y, x); 0 where it is not odd.

    Parameters
    ----------
    sample, noise_e, rows_together
        As `row_drift` takes them, the drift of rows taken out.
    starts : ndarray of int, shape (groups,)
        First row of each group on the frame.
    """
    n, rows, columns = sample.shape
    if n < 3 or rows % rows_together or columns < CELLS:
        return np.zeros(n), [(0, 0)] * n
    mean, found = _cell_means(sample, noise_e, rows_together, CELLS)
    mean -= np.median(mean, axis=(1, 2), keepdims=True)
    sigma = np.abs(mean) * np.sqrt(found) / noise_e
    place = sigma.reshape(n, -1).argmax(axis=1)
    worst = sigma.reshape(n, -1)[np.arange(n), place]
    others = np.array([np.median(np.delete(worst, i)) for i in range(n)])
    odd = worst > np.maximum(LEAST_LIGHT_SIGMA, LIGHT_RATIO * others)
    group, cell = np.divmod(place, CELLS)
    middles = [(int(starts[g]), int((c + 0.5) * columns / CELLS)) for g, c in zip(group, cell, strict=True)]
    return np.where(odd, mean.reshape(n, -1)[np.arange(n), place], 0.0), middles


def _cell_means(sample: FloatArray, noise_e: float, rows_together: int, cells: int) -> tuple[FloatArray, FloatArray]:
    """Means over cells of each frame less the median frame, outliers left out, and how many pixels they are of; shape (n, groups, cells)."""
    n, rows, columns = sample.shape
    wide = columns // cells
    difference = (sample - np.median(sample, axis=0))[..., : wide * cells]
    difference = difference - np.nanmedian(difference, axis=(1, 2), keepdims=True)
    cut = difference.reshape(n, rows // rows_together, rows_together, cells, wide)
    typical = np.nan_to_num(np.nanmedian(cut[..., ::4], axis=(2, 4), keepdims=True))
    use = np.abs(cut - typical) < OUTLIER_SIGMA * noise_e
    number = use.sum(axis=(2, 4)).astype(np.float64)
    return np.where(use, cut, 0.0).sum(axis=(2, 4), dtype=np.float64) / np.maximum(number, 1.0), number
