"""A smooth curve through the bins of a standard star, with the air's absorption fitted along."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from soxspipe.algorithms.spectra.response_air import BinnedAir
from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.numerics.polynomials import chebyshev
from soxspipe.numerics.robust import mad_sigma
from soxspipe.numerics.splines import bspline_matrix, clamped_knots

CLIP_SIGMA, CLIP_ABOVE_SIGMA = 4.0, 2.5
"""Absorption that no band accounts for only lifts the ratio: outside the bands what lies above the curve is clipped sooner."""
N_KNOTS = 20
"""Responses bend with coatings and dichroics, over tens of nm."""
DEVIATION_PRIOR, BENDING_PRIOR = 0.05, 0.01
"""Size and bending (second difference from knot to knot) of the deviations from the polynomial, in the logarithm: they follow 4 % over 300 nm
and do not swing in the gaps of deep bands."""
DEEPEST = 0.25
"""Mean optical depth around a bin beyond which it is left out: deeper, the template's error outweighs what the bin says."""
CLEAR_DEPTH, END_ERROR = 0.05, 0.1
"""Beyond the last bins with less absorption nothing but the model tells curve from air: a tenth of the depth is added to the error (measured
where water closes the near infrared, 1785 to 2034 nm: up to 8 % at a depth of 0.5 to 1)."""
NEWTON_ROUNDS = 6
"""Bounds the time; it ends earlier where the air moves by less than `SMALL_STEP`."""
NEIGHBOURS = 9
"""Bins over which the depth is averaged for its error."""
LARGEST_STEP, SMALL_STEP = 1.0, 0.01
"""Of the logarithm of an amount in one round, and below which the amounts stand."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StandardBins:
    """Logarithm of library over count rate, its error, the air's absorption, and whether the bin can be used; shape (n,)."""

    wavelength_nm: FloatArray
    log_ratio: FloatArray
    error: FloatArray
    air: BinnedAir
    usable: BoolArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedCurve:
    """The curve and its error where they were asked for, the air's depth in each bin, and the bins that were used."""

    value: FloatArray
    error: FloatArray
    depth: FloatArray
    used: BoolArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Basis:
    """Chebyshev polynomials and B-splines over the bins in use."""

    low_nm: float
    high_nm: float
    degree: int

    def at(self, wavelength_nm: FloatArray) -> FloatArray:
        """Values of every term, shape (n, n_terms); held at the ends."""
        inside = np.clip(wavelength_nm, self.low_nm, self.high_nm)
        scaled = (2.0 * inside - self.low_nm - self.high_nm) / (self.high_nm - self.low_nm)
        knots = clamped_knots(np.linspace(self.low_nm, self.high_nm, N_KNOTS), 3)
        return np.column_stack([chebyshev(scaled, self.degree + 1).T, bspline_matrix(inside, knots, 3)])

    def prior(self, n_terms: int) -> FloatArray:
        """Inverse covariance of the coefficients: the polynomial is free, deviations are small and smooth."""
        n_free = self.degree + 1
        prior = np.diag(np.concatenate([np.full(n_free, 1e-6), np.full(n_terms - n_free, DEVIATION_PRIOR**-2)]))
        bending = np.diff(np.eye(n_terms - n_free), 2, axis=0)
        prior[n_free:, n_free:] += BENDING_PRIOR**-2 * bending.T @ bending
        return prior


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fit:
    """Coefficients of the smooth curve, their covariance, and the parameters of the air."""

    curve: FloatArray
    covariance: FloatArray
    air: FloatArray


def fit_log_curve(bins: StandardBins, wavelength_nm: FloatArray, rounds: int, degree: int) -> FittedCurve:
    """Fit the curve to the bins and clip what does not follow it.

    Parameters
    ----------
    bins : StandardBins
        At least ten of them usable.
    wavelength_nm : ndarray, shape (n,)
        Where the curve is wanted.
    rounds : int
        Of fitting and clipping, at most.
    degree : int
        Of the polynomial that carries the curve across gaps.
    """
    used = bins.usable & (_around(bins.air.depth(bins.air.expected)) < DEEPEST)
    if int(used.sum()) < degree + 6:
        used = bins.usable
    basis = _Basis(low_nm=float(bins.wavelength_nm[used].min()), high_nm=float(bins.wavelength_nm[used].max()), degree=degree)
    terms = basis.at(bins.wavelength_nm)
    prior = basis.prior(terms.shape[1])
    fit, residual = _fit_with_air(bins, terms, prior, used, bins.air.expected), np.zeros(used.size)
    for _ in range(rounds - 1):
        depth = bins.air.depth(fit.air)
        residual = (bins.log_ratio - terms @ fit.curve - depth) / _total_error(bins, depth)
        kept = bins.usable & (_around(depth) < DEEPEST) & _not_outlying(residual, used, bins.air.band < 0)
        if np.array_equal(kept, used) or kept.sum() < degree + 6:
            break
        used = kept
        fit = _fit_with_air(bins, terms, prior, used, fit.air)
    rows = basis.at(wavelength_nm)
    excess = max(mad_sigma(residual[used]), 1.0)
    error = excess * np.sqrt(np.maximum(np.einsum("ni,ij,nj->n", rows, fit.covariance, rows), 0.0))
    error = np.hypot(error, _end_error(bins, used, bins.air.depth(fit.air), wavelength_nm))
    value, error = _straight_ends(bins.wavelength_nm[used], (terms @ fit.curve)[used], wavelength_nm, rows @ fit.curve, error)
    return FittedCurve(value=value, error=error, depth=bins.air.depth(fit.air), used=used)


def _end_error(bins: StandardBins, used: BoolArray, depth: FloatArray, wavelength_nm: FloatArray) -> FloatArray:
    """What the air adds to the curve's error beyond the outermost clear bins; 0 between them."""
    mean = _around(depth)
    clear = bins.wavelength_nm[used & (mean < CLEAR_DEPTH)]
    if clear.size == 0:
        return np.full(wavelength_nm.shape, END_ERROR)
    beyond = (wavelength_nm < clear[0]) | (wavelength_nm > clear[-1])
    return np.where(beyond, END_ERROR * np.interp(wavelength_nm, bins.wavelength_nm, mean), 0.0)


def _not_outlying(residual: FloatArray, used: BoolArray, clear: BoolArray) -> BoolArray:
    scatter = max(mad_sigma(residual[used]), 1.0)
    return (residual >= -CLIP_SIGMA * scatter) & (residual <= np.where(clear, CLIP_ABOVE_SIGMA, CLIP_SIGMA) * scatter)


def _total_error(bins: StandardBins, depth: FloatArray) -> FloatArray:
    """Error of each bin; that of the air by the depth around it, since a bin that the template takes for too clear would weigh too much."""
    return np.hypot(bins.error, bins.air.error * _around(depth))


def _around(depth: FloatArray) -> FloatArray:
    """Mean depth about each bin: whether a bin counts must not depend on the template's error in this very bin."""
    return np.asarray(uniform_filter1d(depth, NEIGHBOURS, mode="nearest"))


def _fit_with_air(bins: StandardBins, terms: FloatArray, prior: FloatArray, used: BoolArray, air: FloatArray) -> _Fit:
    """Gauss-Newton for the curve and the amounts of air together, from the bins in use."""
    n, precision = terms.shape[1], bins.air.precision
    curve, covariance = np.zeros(n), np.eye(n)
    for _ in range(NEWTON_ROUNDS):
        depth = bins.air.depth(air)
        weight = np.where(used, _total_error(bins, depth) ** -2, 0.0)
        both = np.column_stack([terms, bins.air.slopes(air)])
        normal = both.T @ (both * weight[:, None])
        normal[:n, :n] += prior
        normal[n:, n:] += precision
        right = both.T @ (weight * (bins.log_ratio - depth + both[:, n:] @ air))
        right[n:] += precision @ bins.air.expected
        inverse = np.linalg.inv(normal)
        found = inverse @ right
        curve, covariance = found[:n], inverse[:n, :n]
        step = np.clip(found[n:] - air, -LARGEST_STEP, LARGEST_STEP)
        air = air + step
        if np.all(np.abs(step) < SMALL_STEP):
            break
    return _Fit(curve=curve, covariance=covariance, air=air)


def _straight_ends(x: FloatArray, y: FloatArray, wave: FloatArray, value: FloatArray, error: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Carry the curve beyond the bins in use, (x, y), by the straight line through the outermost tenth of the fit."""
    reach = max(0.05 * (x[-1] - x[0]), 4 * float(np.median(np.diff(x))))
    for end, outside in ((x[0], wave < x[0]), (x[-1], wave > x[-1])):
        if not outside.any():
            continue
        near = np.abs(x - end) <= reach
        slope = float(np.polyfit(x[near] - end, y[near], 1)[0]) if near.sum() >= 3 else 0.0
        at_end = float(np.interp(end, x, y))
        value = np.where(outside, at_end + slope * (wave - end), value)
        error = np.where(outside, np.hypot(error, 0.5 * np.abs(slope * (wave - end)) + 0.02 * np.abs(wave - end) / reach), error)
    return value, error
