"""Cosmic rays by their sharp edges, before sky or object are known (L.A.Cosmic)."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from soxspipe.algorithms.order_data import OrderData
from soxspipe.algorithms.settings import AlgorithmSettings
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray

OBJECT_LIMIT = 5.0
GROW_SHARE = 0.3
SKY_SHARE = 0.5
ROUNDS = 3


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
    hits = np.zeros(data.good.shape, dtype=bool)
    if settings.lacosmic_sigma <= 0:
        return hits
    electrons = np.where(data.good, data.electrons, np.nan)
    for round_ in range(ROUNDS):
        laplacian, beside = _laplacian(np.where(hits, np.nan, electrons), electrons)
        noise = np.sqrt(data.variance(beside))
        limit = settings.lacosmic_sigma if round_ == 0 else np.where(_touching(hits), GROW_SHARE, 1.0) * settings.lacosmic_sigma
        above = data.electrons - sky > limit * noise + SKY_SHARE * np.maximum(sky, 0.0)
        candidates = np.flatnonzero(data.good & ~hits & above & (laplacian > limit * noise))
        structure = _fine_structure(electrons, candidates)
        sharp = laplacian.reshape(-1)[candidates] > OBJECT_LIMIT * np.maximum(structure, 0.01 * noise.reshape(-1)[candidates])
        if not sharp.any():
            break
        hits.reshape(-1)[candidates[sharp]] = True
    return hits


def _neighbours(values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Values before and after along both axes; the edge repeats itself."""
    padded = np.pad(values, 1, mode="edge")
    return padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]


def _laplacian(clean: FloatArray, electrons: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Laplacian of every pixel against neighbours that are not hit, and the mean of these; neighbours that are no use count as equal."""
    sides = _neighbours(clean)
    steps = [np.where(np.isfinite(side), electrons - side, 0.0) for side in sides]
    total = np.zeros(electrons.shape)
    for along in steps[:2]:
        for across in steps[2:]:
            total += np.maximum(0.0, 0.5 * (along + across))
    count = sum(np.isfinite(side).astype(np.float64) for side in sides)
    beside = np.where(count > 0, sum(np.nan_to_num(side) for side in sides) / np.maximum(count, 1.0), 0.0)
    return np.nan_to_num(0.25 * total), beside


def _fine_structure(electrons: FloatArray, pixels: IntArray) -> FloatArray:
    """Median over 3 x 3 minus the median over 7 x 7 of such medians, at the pixels given (flat indices)."""
    if not pixels.size:
        return np.empty(0)
    padded = np.pad(np.nan_to_num(electrons), 4, mode="edge")
    y, x = np.divmod(pixels, electrons.shape[1])
    squares = np.lib.stride_tricks.sliding_window_view(padded, (9, 9))[y, x]
    medians = np.median(np.lib.stride_tricks.sliding_window_view(squares, (3, 3), axis=(1, 2)).reshape(pixels.size, 7, 7, 9), axis=3)
    return np.asarray(medians[:, 3, 3] - np.median(medians.reshape(pixels.size, 49), axis=1))


def _touching(hits: BoolArray) -> BoolArray:
    """Pixels next to a hit along either axis."""
    before, after, left, right = _neighbours(hits.astype(np.float64))
    return (before + after + left + right) > 0
