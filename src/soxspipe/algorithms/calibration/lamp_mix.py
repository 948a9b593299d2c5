"""Flats of two lamps made into one, order by order."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial import Legendre
from scipy.ndimage import binary_dilation

from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.numerics.robust import mad_sigma, running_mean, running_median

LEAST_SHARE = 0.02
"""A lamp that would add less than this to the information on an order's pixels is left out of it."""

LINE_WINDOW_PX = 5
"""About the width of an emission line of the D2 lamp on the detector."""
LINE_SIGMA = 5.0
"""Where the ratio of the lamps runs off its smooth curve by this many sigma over a few pixels, the lamp that is brighter there has a line; only
the other is used."""
LINE_REACH_PX = 4
"""Wings of a line, and its tilt along the slit, on either side of where it stands out."""

ODD_SIGMA = 6.0
"""Two lamps that differ by more than this in a pixel: one of them was struck by a cosmic ray."""

LEAST_SIGNIFICANCE = 50.0
"""Light of a lamp over its noise in each tenth of an order from which its spectrum is known to 2 per cent, and better once smoothed."""

MOST_BELOW = 0.05
"""Share of an order's rows in which the first lamp may be too faint for a ratio above zero: ends without light, half of the tenth in which
its light must be seen."""

MEDIAN_PX = 61
"""More than twice ten line widths, so that lines are in the minority of any window."""
RATIO_DEGREE = 9
"""Two smooth spectra over one order: their ratio bends a few times; more would follow lines."""
TILT_DEGREE = 1
"""The lamps may light the slit differently by a slope."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderMix:
    """One order of two lamps combined, shape (n, m) each.

    Attributes
    ----------
    values, variance : ndarray
        On the scale of the lamp `spectrum`.
    reference : int
        Lamp with the more information: 0 or 1.
    share : float
        Share of the information that comes from the other one; 0 where it was left out.
    spectrum : int
        Lamp whose spectrum the order has: the first, wherever its light is seen all along the order; else the reference.
    """

    values: FloatArray
    variance: FloatArray
    reference: int
    share: float
    spectrum: int


def mix_order(lamps: tuple[FloatArray, FloatArray], variances: tuple[FloatArray, FloatArray], lit: BoolArray) -> OrderMix:
    """Combine one order of two lamps.

    Parameters
    ----------
    lamps, variances : pair of ndarray, shape (n, m)
        Electrons without background, dispersion along axis 0, and their variance.  Pixels that are bad in both lamps are NaN.
    lit : ndarray of bool, shape (n, m)
        Fully lit pixels, from which the ratio of the lamps is measured.

    Notes
    -----
    The response of a pixel is the same under both lamps, so that the flat of one divided by the smooth ratio of the lamps is a second
    measurement of the other.  The mean weighted by the variances that the smooth light gives (not the noisy pixels') has the spectrum
    of the reference lamp, the one with the more information, and at most its variance.  It is then multiplied by the smooth ratio, so that all
    orders have the spectrum of the first lamp and an object divided by the flat neither jumps nor bends where two orders meet.
    """
    use = lit & np.isfinite(lamps[0]) & np.isfinite(lamps[1])
    information = [float(np.sum(lamps[k][use] ** 2 / np.maximum(variances[k][use], 1e-9))) if use.any() else 0.0 for k in (0, 1)]
    reference = int(information[1] > information[0])
    other = 1 - reference
    alone = OrderMix(values=lamps[reference], variance=variances[reference], reference=reference, share=0.0, spectrum=reference)
    helps = information[other] >= LEAST_SHARE * information[reference]
    if not helps and reference == 0:
        return alone
    ratio = _smooth_ratio((lamps[other], lamps[reference]), (variances[other], variances[reference]), use)
    if ratio is None:
        return alone
    mixed = _averaged(lamps, variances, lit, alone, ratio) if helps else alone
    curve = _held_above_zero(ratio.curve)
    if reference == 0 or curve is None or not _seen_all_along(lamps[0], variances[0], use):
        return mixed
    return replace(mixed, values=mixed.values * curve, variance=mixed.variance * curve**2, spectrum=0)


def _averaged(
    lamps: tuple[FloatArray, FloatArray], variances: tuple[FloatArray, FloatArray], lit: BoolArray, alone: OrderMix, ratio: _Ratio
) -> OrderMix:
    """The reference lamp and the other one divided by their ratio, averaged; where one of them has a line the other alone."""
    curve = ratio.curve
    reference, other = alone.reference, 1 - alone.reference
    use = lit & np.isfinite(lamps[0]) & np.isfinite(lamps[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        second = lamps[other] / curve
        second_variance = variances[other] / curve**2
        weight = np.where(ratio.line_in_other, 0.0, variances[reference] / (variances[reference] + second_variance))
    weight = np.where(np.isfinite(second) & np.isfinite(weight), weight, 0.0)
    weight = _smooth_weight(weight, lit)
    weight = np.where(ratio.line_in_reference & np.isfinite(second), 1.0, weight)
    weight = _trust_the_lower(lamps[reference], second, variances[reference] + second_variance, weight)
    values = lamps[reference] + weight * (np.where(weight > 0, second, 0.0) - lamps[reference])
    variance = (1 - weight) ** 2 * variances[reference] + weight**2 * np.where(weight > 0, second_variance, 0.0)
    return replace(alone, values=values, variance=variance, share=float(np.mean(weight[use])))


def _held_above_zero(curve: FloatArray) -> FloatArray | None:
    """A ratio of lamps whose few rows below zero have that of the nearest row above; None if they are many."""
    above = np.flatnonzero((curve > 0).all(axis=1))
    rows = np.arange(curve.shape[0])
    if above.size < (1 - MOST_BELOW) * rows.size:
        return None
    nearest = above[np.clip(np.searchsorted(above, rows), 0, above.size - 1)]
    return np.asarray(curve[nearest])


def _seen_all_along(light: FloatArray, variance: FloatArray, use: BoolArray) -> bool:
    """Whether a lamp's light stands out in every tenth of the order."""
    sums = [np.where(use, values, 0.0).sum(axis=1) for values in (light, variance)]
    tenths = [np.array([part.sum() for part in np.array_split(values, 10)]) for values in sums]
    return bool(np.all(tenths[0] > LEAST_SIGNIFICANCE * np.sqrt(np.maximum(tenths[1], 1e-9))))


def _trust_the_lower(first: FloatArray, second: FloatArray, variance: FloatArray, weight: FloatArray) -> FloatArray:
    """Weights in which a pixel that two lamps show differently has the lower value: a lamp of one frame cannot tell its cosmic rays."""
    with np.errstate(invalid="ignore"):
        pull = (second - first) / np.sqrt(np.maximum(variance, 1e-12))
    odd = (weight > 0) & (np.abs(np.nan_to_num(pull)) > ODD_SIGMA)
    return np.where(odd, np.where(pull > 0, 0.0, 1.0), weight)


def _smooth_weight(weight: FloatArray, lit: BoolArray) -> FloatArray:
    """One weight for each dispersion pixel: that of its lit pixels; a pixel's own noise must not choose how much it counts."""
    number = np.maximum(lit.sum(axis=1), 1)
    along = np.where(lit, weight, 0.0).sum(axis=1) / number
    used = (weight > 0).any(axis=1)
    return np.asarray(np.where(weight > 0, np.where(used, along, 0.0)[:, None], 0.0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ratio:
    """Ratio of the other lamp to the reference as a smooth `curve`, shape (n, m), and where either has a line, shape (n, 1).  Where the ratio is not known the other counts as having one."""

    curve: FloatArray
    line_in_other: BoolArray
    line_in_reference: BoolArray


def _smooth_ratio(lamps: tuple[FloatArray, FloatArray], variances: tuple[FloatArray, FloatArray], use: BoolArray) -> _Ratio | None:
    """Ratio of two lamps, smooth along the dispersion and with a slope along the slit; None if there is none."""
    n, m = use.shape
    other, reference = lamps
    top, bottom = (np.where(use, values, 0.0).sum(axis=1) for values in lamps)
    known = (bottom > 0) & (use.sum(axis=1) > 3)
    if known.sum() < 8 * RATIO_DEGREE:
        return None
    at = np.arange(n, dtype=np.float64)
    along = np.divide(top, bottom, out=np.zeros(n), where=known)
    # the noise of a ratio is that of its sums, read noise included: at dark ends there is nothing else
    noise = [np.sqrt(np.maximum(np.where(use, values, 0.0).sum(axis=1), 1.0)) for values in variances]
    error = (noise[0] + np.abs(along) * noise[1]) / np.maximum(bottom, 1e-9)
    # lines are narrow: a running median is free of them
    start = running_median(np.interp(at, at[known], along[known]), min(MEDIAN_PX, n // 4 * 2 + 1))
    series = Legendre.fit(at[known], start[known], RATIO_DEGREE, domain=[0, n - 1], w=1.0 / error[known])
    for _ in range(4):
        pull = (along - series(at)) / error
        local, found = running_mean(pull, known, LINE_WINDOW_PX)
        significance = local * np.sqrt(np.maximum(found, 1.0))
        # a first curve may miss by more than the small noise of bright lamps
        kept = known & (np.abs(significance) < LINE_SIGMA * max(1.0, mad_sigma(significance[known])))
        if kept.sum() < 0.5 * known.sum():
            return None
        series = Legendre.fit(at[kept], along[kept], RATIO_DEGREE, domain=[0, n - 1], w=1.0 / error[kept])
    curve = series(at)
    off = known & ~kept
    in_reference = binary_dilation(off & (local < 0), iterations=LINE_REACH_PX)[:, None]
    in_other = binary_dilation(off & (local > 0), iterations=LINE_REACH_PX)[:, None] | ~(known & (curve > 0))[:, None]
    columns = np.linspace(-1.0, 1.0, m)
    fine = use & ~in_reference & ~in_other
    across = np.where(fine, other, 0.0).sum(axis=0), np.where(fine, curve[:, None] * reference, 0.0).sum(axis=0)
    seen = across[1] > 0
    if seen.sum() <= TILT_DEGREE + 1:
        return None
    slope = np.polynomial.polynomial.Polynomial.fit(
        columns[seen], across[0][seen] / across[1][seen], TILT_DEGREE, w=np.sqrt(across[1][seen])
    )
    return _Ratio(curve=curve[:, None] * slope(columns)[None, :], line_in_other=in_other, line_in_reference=in_reference & ~in_other)
