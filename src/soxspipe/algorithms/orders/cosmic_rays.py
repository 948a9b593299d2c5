"""Cosmic rays by their sharp edges, before sky or object are known (L.A.Cosmic)."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.algorithms.settings import AlgorithmSettings
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray

OBJECT_LIMIT = 5.0
"""How much sharper than fine structure of the sky and object a hit must be (van Dokkum 2001, section 3.4; 5 for undersampled images)."""
GROW_SHARE = 0.3
"""Of the threshold, for neighbours of a hit, which are more likely hits themselves (van Dokkum 2001)."""
SKY_SHARE = 0.5
"""A hit must raise its pixel by half of the sky there: lines, which vary with the slit, do not."""
ROUNDS = 3
"""Each round finds the pixels that brighter ones had hidden; tracks are a few pixels wide."""


class CosmicRaySettings(AlgorithmSettings):
    """Settings of `flag_cosmic_rays`."""

    lacosmic_sigma: float = Field(
        25.0,
        ge=0,
        description=(
            "Laplacian signal-to-noise above which a pixel is taken for a cosmic ray before the sky is known; 0 switches the search off."
        ),
    )


def flag_cosmic_rays(data: OrderData, sky: FloatArray, settings: CosmicRaySettings) -> BoolArray:
    """Find pixels with edges sharper than any image through the spectrograph has.

    Parameters
    ----------
    data : OrderData
        One order, sky included.
    sky : ndarray, shape of the window
        Median of the slit at each wavelength; a hit must stand out of it as well, which a crowd of sky lines does not.
    settings : CosmicRaySettings
        Threshold in sigma; neighbours of a hit are judged at `GROW_SHARE` of it.

    Returns
    -------
    ndarray of bool, shape of the window
        True for cosmic rays.

    Notes
    -----
    A pixel seen as four sub-pixels, each next to one horizontal and one vertical neighbour h and v, has the Laplacian
    ``L = mean(max(0, D - (h + v) / 2))``.  It counts when L exceeds the threshold in units of the noise and `OBJECT_LIMIT` times the
    fine structure ``F = M3 - M7(M3)``, M being medians over squares, which is large on lines and stars.  Unlike the paper's, medians
    are taken for the candidates alone, and pixels are flagged rather than replaced.

    References
    ----------
    .. [1] van Dokkum P. G., 2001, PASP, 113, 1420, doi:10.1086/323894.
    """
    struck_pixels = np.zeros(data.good.shape, dtype=bool)
    if settings.lacosmic_sigma <= 0:
        return struck_pixels
    electrons = np.where(data.good, data.electrons, np.nan)
    floor = settings.lacosmic_sigma * GROW_SHARE
    sigma = np.sqrt(data.variance(sky))
    # L is at most the height above the neighbours, so few pixels need it
    possible = np.flatnonzero(data.good & (data.electrons - sky > floor * sigma + SKY_SHARE * np.maximum(sky, 0.0)))
    height = (data.electrons - sky - SKY_SHARE * np.maximum(sky, 0.0)).reshape(-1)[possible]
    for _ in range(ROUNDS):
        laplacian, beside, touching = _laplacian(electrons, struck_pixels, possible)
        noise = np.sqrt(data.noise.at(possible).variance(beside))
        limit = settings.lacosmic_sigma * np.where(touching, GROW_SHARE, 1.0) * noise
        passed = ~struck_pixels.reshape(-1)[possible] & (laplacian > limit) & (height > limit)
        candidates = possible[passed]
        structure = np.maximum(_fine_structure(electrons, candidates), 0.01 * noise[passed])
        sharp = laplacian[passed] > OBJECT_LIMIT * structure
        if not sharp.any():
            break
        struck_pixels.reshape(-1)[candidates[sharp]] = True
    return struck_pixels


def _laplacian(electrons: FloatArray, struck_pixels: BoolArray, pixels: IntArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Laplacian at the pixels given (flat indices) against neighbours that are not hit, mean of these, and whether a neighbour is hit.

    Neighbours that are no use count as equal.
    """
    n_rows, n_columns = electrons.shape
    y, x = np.divmod(pixels, n_columns)
    here = electrons[y, x]
    steps, total, count, touching = [], np.zeros(pixels.size), np.zeros(pixels.size), np.zeros(pixels.size, dtype=bool)
    for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        rows, columns = np.clip(y + dy, 0, n_rows - 1), np.clip(x + dx, 0, n_columns - 1)
        struck = struck_pixels[rows, columns]
        side = np.where(struck, np.nan, electrons[rows, columns])
        known = np.isfinite(side)
        steps.append(np.where(known, here - side, 0.0))
        total += np.where(known, side, 0.0)
        count += known
        touching |= struck
    quarters = [np.maximum(0.0, 0.5 * (along + across)) for along in steps[:2] for across in steps[2:]]
    return 0.25 * np.sum(quarters, axis=0), total / np.maximum(count, 1.0), touching


def _fine_structure(electrons: FloatArray, pixels: IntArray) -> FloatArray:
    """Largest size, at each pixel (flat indices) and its four neighbours, of the 3 x 3 median minus the 7 x 7 median of such medians.

    On the flank of a bright star the difference passes through zero, but not at the neighbours too.
    """
    if not pixels.size:
        return np.empty(0)
    padded = np.pad(np.nan_to_num(electrons), 5, mode="edge")
    y, x = np.divmod(pixels, electrons.shape[1])
    squares = np.lib.stride_tricks.sliding_window_view(padded, (11, 11))[y, x]
    small = np.median(np.lib.stride_tricks.sliding_window_view(squares, (3, 3), axis=(1, 2)).reshape(pixels.size, 9, 9, 9), axis=3)
    largest = np.zeros(pixels.size)
    for dy, dx in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)):
        around = small[:, 1 + dy : 8 + dy, 1 + dx : 8 + dx].reshape(pixels.size, 49)
        largest = np.maximum(largest, np.abs(small[:, 4 + dy, 4 + dx] - np.median(around, axis=1)))
    return largest
