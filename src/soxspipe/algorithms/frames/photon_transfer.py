"""How the scatter of an exposure's pixels grows with their light, before any master or header is believed.

Photon noise ties the two: of a mean of N integrations with a gain of g electrons per ADU, the variance grows by 1 / (g N) ADU for each
ADU of light (the photon transfer of Janesick [1]_).  One exposure is enough where its light is even over some pixels: second differences
along both axes leave noise alone (Immerkaer [2]_).

References
----------
.. [1] Janesick J., 2007, Photon Transfer, SPIE Press, doi:10.1117/3.725073.
.. [2] Immerkaer J., 1996, Computer Vision and Image Understanding, 64, 300, doi:10.1006/cviu.1996.0060.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from soxspipe.datamodel.arrays import FloatArray, Image
from soxspipe.datamodel.detector import Axis
from soxspipe.numerics.medians import quick_mad_sigma
from soxspipe.numerics.robust import clipped_sigma

FEW_LINES, MANY_LINES = 16, 4
"""One line in so many is looked at: first quickly, and again where that is in doubt."""
DETAIL_SUM = 36.0
"""Sum of the squares of the second differences of second differences (1, -2, 1), by which they raise the variance."""
BESIDE_PX = 3
"""Blocks of three pixels on either side tell how bright a place is without the noise of the place itself."""
EVEN_SHARE, EVEN_SIGMA = 0.3, 3.0
"""Light on either side may differ by this share, or by so many times its noise: elsewhere there is an edge."""
BEND_SHARE = 1.5
"""Across the lines light may bend by so many times itself, as a star three pixels wide does; a hot line bends by three to six times."""
DARKEST = 0.25
"""The dimmest quarter of the places that lie above each other is read-out and scattered light."""
FIRST_LEVEL, NEXT_LEVEL = 2.0, 1.5
"""The first level of light ends at so many times its noise, every other one at so many times the one before."""
LEAST_PLACES = 100
"""Fewer know a scatter to no better than 9 %."""
LEAST_LEVELS = 4
"""As many as the line has parameters, and one more."""
FAR_BELOW = 8.0
"""In sigma of the mean of nine pixels: no light of a single exposure lies so far below its dark parts."""
LEAST_SIGMA = 1e-6
"""Of places that are all alike, which would weigh without bound."""
ALIKE = 0.02
"""Dark charge and read noise are not the same everywhere, which the many places without light would make believe."""
SHARED = 3.0
"""Neighbouring differences share pixels, which raises the variance of a variance from 2 / n to about so much over n."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotonTransfer:
    """Noise of one exposure against its light.

    Attributes
    ----------
    electrons_per_adu : float
        Gain times the number of integrations that the exposure is the mean of; NaN where too little of the frame is lit.
    relative_error : float
        Of it; infinite where it is not known.
    dark_sigma_adu : float
        Scatter of a pixel where there is hardly any light.
    below_dark : float
        Share of the places that lie far below the level without light, as only a difference of two exposures makes them.
    """

    electrons_per_adu: float
    relative_error: float
    dark_sigma_adu: float
    below_dark: float = 0.0


def measure_photon_transfer(adu: Image, dispersion_axis: Axis, every: int = FEW_LINES) -> PhotonTransfer | None:
    """Measure by how much the scatter of pixels grows with their light.

    Parameters
    ----------
    adu : ndarray, shape (ny, nx)
        One exposure, turned and trimmed, as it was read out.
    dispersion_axis : {'x', 'y'}
        Along which spectra run and light is evenest.
    every : int
        One line in so many is looked at.

    Returns
    -------
    PhotonTransfer or None
        None of a frame with too few places, or whose dark pixels do not scatter.

    Notes
    -----
    The variance of places of a level L is fitted by ``a + b L + c L^2``: read-out, photons, and what grows as the light itself, which are
    response of the pixels and structure of the scene.
    """
    detail, light, beside = _places(adu if dispersion_axis == "x" else adu.T, every)
    dark = detail[beside <= 0.0]
    if dark.size < LEAST_PLACES or not quick_mad_sigma(dark) > 0.0:
        return None
    below = float(np.mean(light < -FAR_BELOW * quick_mad_sigma(dark) / 3.0))
    levels = _levels(detail, light, beside)
    slope, error, start = _fit(levels) if len(levels) >= LEAST_LEVELS else (math.nan, math.nan, levels[0, 1])
    known = slope > 0.0
    return PhotonTransfer(
        electrons_per_adu=1.0 / slope if known else math.nan,
        relative_error=error / slope if known else math.inf,
        dark_sigma_adu=math.sqrt(max(start if known else levels[0, 1], 0.0)),
        below_dark=below,
    )


def _places(lines: Image, every: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Of every second place along some lines: detail (scatter of a pixel), light, and light beside it; where light is even."""
    rows = np.arange(1, lines.shape[0] - 1, every)
    above, own, below = (lines[rows + step].astype(np.float32) for step in (-1, 0, 1))
    across, summed = above - 2.0 * own + below, above + own + below
    first, middle, last = slice(None, -2 * BESIDE_PX, 2), slice(BESIDE_PX, -BESIDE_PX, 2), slice(2 * BESIDE_PX, None, 2)
    detail = (across[:, :-2] - 2.0 * across[:, 1:-1] + across[:, 2:])[:, middle] / np.float32(np.sqrt(DETAIL_SUM))
    bend = np.abs(across[:, :-2] + across[:, 1:-1] + across[:, 2:])[:, middle] / np.float32(3.0)
    light = (summed[:, :-2] + summed[:, 1:-1] + summed[:, 2:]) / np.float32(9.0)
    zero = np.quantile(light[:, middle], DARKEST, axis=0).astype(np.float32)
    left, light, right = (light[:, place] - zero for place in (first, middle, last))
    beside = np.float32(0.5) * (left + right)
    finite = np.isfinite(detail) & np.isfinite(beside)
    dark = finite & (beside <= 0.0)
    if not dark.any():
        return detail[dark], light[dark], beside[dark]
    noise = EVEN_SIGMA * quick_mad_sigma(detail[dark])
    share = np.maximum(beside, 0.0)
    alike = noise * np.float32(np.sqrt(2.0 / 9.0)) + np.float32(EVEN_SHARE) * share
    even = finite & (np.abs(left - right) < alike) & (np.abs(light - beside) < alike)
    even &= bend < noise * np.float32(np.sqrt(2.0)) + np.float32(BEND_SHARE) * share
    return detail[even], light[even], beside[even]


def _levels(detail: FloatArray, light: FloatArray, beside: FloatArray) -> FloatArray:
    """Mean light, variance and number of the places of every level of light beside them, shape (k, 3)."""
    noise = quick_mad_sigma(detail[beside <= 0.0]) / 3.0  # of the mean of nine pixels
    limits = FIRST_LEVEL * noise * NEXT_LEVEL ** np.arange(40)
    level = np.searchsorted(limits, beside)
    found = []
    for number in range(int(level.max()) + 1):
        own = level == number
        if np.count_nonzero(own) < LEAST_PLACES:
            continue
        sigma, kept = clipped_sigma(detail[own].astype(np.float64))
        found.append((float(np.mean(light[own][kept])), max(sigma, LEAST_SIGMA) ** 2, np.count_nonzero(own)))
    return np.array(found).reshape(-1, 3)


def _fit(levels: FloatArray) -> tuple[float, float, float]:
    """Slope of the variance, its error, and the variance without light; what grows as the light squared is not below 0."""
    light, variance, number = levels.T
    weight = 1.0 / (variance * np.sqrt(SHARED / number + ALIKE**2))
    powers = np.stack([np.ones_like(light), light, light**2], axis=1) * weight[:, None]
    for terms in (3, 2):
        design = powers[:, :terms]
        covariance = np.linalg.pinv(design.T @ design)
        found = covariance @ (design.T @ (variance * weight))
        if terms == 3 and found[2] >= 0.0:
            break
    chi2 = float(np.sum(np.square(variance * weight - design @ found))) / max(light.size - terms, 1)
    return float(found[1]), float(np.sqrt(covariance[1, 1] * max(chi2, 1.0))), float(found[0])
