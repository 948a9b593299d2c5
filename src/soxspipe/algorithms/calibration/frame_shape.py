"""What bias and dark frames differ in beside their level: a level that moves while a frame is read out, and light in a part of one frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from soxspipe.datamodel.arrays import FloatArray

DRIFT_SIGMA = 6.0
"""Error of a group of rows above which its level has moved; chance reaches it once in 10^7 groups."""

CELLS = 16
"""Stretches of the columns in which light in a part of a frame is looked for; a leak or a glow covers a hundred pixels and more."""

LEAST_LIGHT_SIGMA, LIGHT_RATIO = 8.0, 2.0
"""A part of a frame is odd if it is further from the median frame than this many errors, and than this many times what the other frames show:
channels whose levels wander in all frames alike make none of them odd."""

OUTLIER_SIGMA = 5.0
"""Cosmic rays and hot pixels; of normal noise, one pixel in 1.7 million."""


class Cells(NamedTuple):
    """Means of parts of each frame against the median frame, electrons, and of how many pixels; shape (n, groups of rows, `CELLS`)."""

    mean: FloatArray
    number: FloatArray

    @classmethod
    def of(cls, sample: FloatArray, noise_e: float, rows_together: int) -> Cells:
        """Cells of a sample of rows.

        Parameters
        ----------
        sample : ndarray, shape (n, rows, nx)
            Groups of `rows_together` neighbouring rows of each frame, electrons.
        noise_e : float
            Of a pixel; outliers are left out by it.
        """
        n, rows, columns = sample.shape
        wide = columns // CELLS
        difference = (sample - np.median(sample, axis=0))[..., : wide * CELLS]
        finite = np.isfinite(difference)
        difference = np.where(finite, difference, 0.0)
        difference -= np.median(difference, axis=(1, 2), keepdims=True)
        shape = n, rows // rows_together, rows_together, CELLS, wide
        cut = difference.reshape(shape)
        # every fourth column tells the level of a cell well enough to find outliers
        use = np.abs(cut - np.median(cut[..., ::4], axis=(2, 4), keepdims=True)) < OUTLIER_SIGMA * noise_e
        use &= finite.reshape(shape)
        number = use.sum(axis=(2, 4)).astype(np.float64)
        return cls(np.where(use, cut, 0.0).sum(axis=(2, 4), dtype=np.float64) / np.maximum(number, 1.0), number)


class OddParts(NamedTuple):
    """The part of each frame that is furthest from the median frame: electrons (0 where it is not odd), and its group of rows and its cell."""

    light_e: FloatArray
    place: Sequence[tuple[int, int]]

    @classmethod
    def none(cls, n: int) -> OddParts:
        """Of frames that are not judged."""
        return cls(np.zeros(n), [(0, 0)] * n)


def row_drift(cells: Cells, noise_e: float) -> FloatArray | None:
    """Level of groups of rows against the frame's own, as far as it differs from that of the median frame.

    Returns
    -------
    ndarray, shape (n, groups), or None
        Electrons, 0 on average over the groups of a frame; None where no group moves by more than noise.
    """
    number = np.maximum(cells.number.sum(axis=2), 1.0)
    level = (cells.mean * cells.number).sum(axis=2) / number
    drift: FloatArray = level - level.mean(axis=1, keepdims=True)
    return drift if (np.abs(drift) > DRIFT_SIGMA * noise_e / np.sqrt(number)).any() else None


def odd_part(cells: Cells, noise_e: float) -> OddParts:
    """Largest deviation of a part of each frame from the median frame; two frames are never judged."""
    n = cells.mean.shape[0]
    if n < 3:
        return OddParts.none(n)
    mean = (cells.mean - np.median(cells.mean, axis=(1, 2), keepdims=True)).reshape(n, -1)
    sigma = np.abs(mean) * np.sqrt(cells.number.reshape(n, -1)) / noise_e
    place = sigma.argmax(axis=1)
    worst = sigma[np.arange(n), place]
    others = np.array([np.median(np.delete(worst, i)) for i in range(n)])
    odd = worst > np.maximum(LEAST_LIGHT_SIGMA, LIGHT_RATIO * others)
    return OddParts(np.where(odd, mean[np.arange(n), place], 0.0), [(int(at // CELLS), int(at % CELLS)) for at in place])
