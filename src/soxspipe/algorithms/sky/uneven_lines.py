"""Sky lines whose brightness changes along the slit on its own: ionised gas around the target, a host's lines.

The sky model is one spectrum times one illumination.  Where its residuals along the slit are significant, the lines there get a
polynomial in slit position of their own, fitted beside the object and carried under it.  Light that a point source explains better is
an object's, and stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.algorithms.orders.windows import slit_reach_arcsec
from soxspipe.algorithms.sky.sky_knots import LSF_SIGMA_PX, binned_median
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.numerics.polynomials import legendre
from soxspipe.numerics.robust import largest_near
from soxspipe.numerics.splines import bspline_matrix, clamped_knots

BIN_PX = 1.5
"""A line's width: bins that hold one line each."""
NEEDED_GAIN = 100.0
"""Chi square that a polynomial along the slit must explain in three bins: what a cosmic ray of five pixels leaves is less."""

WINSOR_SIGMA = 4.0
"""No pixel says more than this in the search, so that single hits do not decide."""

MOST_OF_ORDER = 0.3
"""Where more of an order is uneven, lines cannot be fitted one by one: between them is no even sky that says what belongs to them."""
LONGEST_PX = 100.0
"""Nor where they follow so closely on each other over ten lines' widths; time and memory of a fit grow as the cube and the square of its length."""
BRIGHT = 3.0
"""Variance of a bright line's pixels over that of the order's middle bin: wings and hosts are uneven between lines as well."""
COHERENT_PX = 6.0
"""Pixels along the slit that a star's image fills at a seeing of 1 arcsec: what a line leaves has one sign over all of them."""
MEDIAN_SQUARE = 0.4549
"""Median of the square of normal noise of unit variance."""

GROW_PX = 5.0
"""In line widths: both flanks of a line belong to it."""
KNOTS_PX = 1.0
"""Of the light's spectrum, in widths of `LSF_SIGMA_PX`; misses a line by 0.3 %."""

LARGEST_DEGREE = 3
"""Slit images are uneven by a slope, a bend and one turn more."""
DEGREE_GAIN = 3.0
"""Chi square per unknown that a higher degree must be worth."""

BESIDE_PX = 40.0
"""Even sky on both sides, many times wider than the line."""
LEAST_BESIDE = 200
"""Pixels and px on either side of a line that say what is no part of it."""

CLIP_SIGMA = 6.0
"""Only what is surely no sky: uneven light must not be clipped away."""
ROUNDS = 3
"""Clipping and fitting in turn; few outliers are left for the last."""
COMPACT_SIGMA_ARCSEC = 0.55
"""Of a star at a seeing of 1.3 arcsec: what is as narrow is an object, not the sky."""
COMPACT_STEP_ARCSEC = 0.5
"""About its sigma, so that none falls between two places."""
COMPACT_ADVANTAGE = 1.1
"""A polynomial must explain this much more than a point source anywhere on the slit."""

POOR_CHI = 1.3
"""The residuals are then a third larger than noise, and are reported."""
LEAST_PIXELS_PER_UNKNOWN = 3.0
"""A fit with fewer would follow its noise."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnevenLight:
    """Light of lines that change along the slit.

    Attributes
    ----------
    electrons, variance : ndarray, shape of the window
        Flattened electrons beyond the sky model, and their variance.
    intervals : tuple of tuple of float
        Dispersion pixels (first, last) of each.
    poor : ndarray of bool, shape of the window
        Where the polynomial does not explain what is seen.
    """

    electrons: FloatArray
    variance: FloatArray
    intervals: tuple[tuple[float, float], ...]
    poor: BoolArray

    def gathered(self, gather: Callable[[Any], Any]) -> UnevenLight:
        """The light on other pixels, which `gather` takes out of an array."""
        return replace(self, electrons=gather(self.electrons), variance=gather(self.variance), poor=gather(self.poor))


Intervals: TypeAlias = tuple[tuple[float, float], ...]
"""Dispersion pixels at slit centre, first and last of each stretch."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnevenLines:
    """Where lines change along the slit; where too many of them do for fits of their own, what is then not known of the light."""

    intervals: Intervals = ()
    unknown: UnevenLight | None = None


def find_uneven_lines(data: OrderData, sky: FloatArray, light: FloatArray | None, keep: BoolArray) -> UnevenLines:
    """Find where lines change along the slit.

    Parameters
    ----------
    data : OrderData
        The order.
    sky : ndarray, shape of the window
        Sky model, one spectrum times one illumination.
    light : ndarray or None
        Light of the objects.
    keep : ndarray of bool, shape of the window
        False where objects are, and at the slit's ends.
    """
    left = _what_is_left(data, sky, light, keep)
    if left.u.size == 0:
        return UnevenLines()
    bins = _Bins(low=float(left.u.min()), high=float(left.u.max()), width=BIN_PX / data.binning[0])
    most = WINSOR_SIGMA * np.sqrt(left.variance)
    residual = np.clip(left.residual, -most, most)
    gain = np.convolve(_gain_of_polynomial(bins.of(left.u), bins.number, left.slit, residual, left.variance), np.ones(3), mode="same")
    uneven = gain > NEEDED_GAIN
    intervals = _merged(np.flatnonzero(uneven), bins, GROW_PX * LSF_SIGMA_PX / data.binning[0])
    longest = max((high - low for low, high in intervals), default=0.0)
    if np.count_nonzero(uneven) > MOST_OF_ORDER * bins.number or longest > LONGEST_PX / data.binning[0]:
        return UnevenLines(unknown=_unknown_light(data, sky, left, bins, uneven))
    return UnevenLines(intervals=intervals)


def _unknown_light(data: OrderData, sky: FloatArray, left: _Left, bins: _Bins, uneven: BoolArray) -> UnevenLight | None:
    """No light, but a variance as large as what bright uneven lines leave beside the objects; None without such lines."""
    noise = binned_median(left.variance, bins.of(left.u), bins.number)
    excess = np.where(uneven & (noise > BRIGHT * np.median(noise)), _excess(left, bins), 0.0)
    if not excess.any():
        return None
    extra = excess[np.clip(bins.of(np.nan_to_num(data.u_px, nan=bins.low)), 0, bins.number - 1)]
    return UnevenLight(
        electrons=np.zeros(sky.shape),
        variance=extra * data.variance(np.maximum(sky, 0.0)),
        intervals=_merged(np.flatnonzero(excess), bins, 0.0),
        poor=data.window.inside & (extra > 0.0),
    )


def _excess(left: _Left, bins: _Bins) -> FloatArray:
    """Variance that residuals ask for in every bin, over that of a pixel; what they leave has one sign over the object's image."""
    square = binned_median(left.residual**2 / left.variance, bins.of(left.u), bins.number) / MEDIAN_SQUARE
    square = largest_near(square, 1)  # one flank of a line says what the other hides
    return np.where(square > POOR_CHI**2, COHERENT_PX * (square - 1.0), 0.0)


def fit_uneven_light(
    data: OrderData, sky: FloatArray, light: FloatArray | None, keep: BoolArray, intervals: Intervals
) -> UnevenLight | None:
    """Fit the light of lines that change along the slit; None where a point source explains all of it; arguments as above."""
    left = _what_is_left(data, sky, light, keep)
    total, error, poor = np.zeros(sky.shape), np.zeros(sky.shape), np.zeros(sky.shape, dtype=bool)
    found: list[tuple[float, float]] = []
    even = ~within(left.u, intervals)
    reach_arcsec = slit_reach_arcsec(data.window)
    for low, high in intervals:
        near = left.some((left.u >= low) & (left.u <= high))
        beside = left.some(even & (left.u >= low - BESIDE_PX) & (left.u <= high + BESIDE_PX))
        alone = replace(near, residual=near.residual - _level(beside, near.slit))
        fit = _fit_interval(alone, (low, high), reach_arcsec, data.binning[0])
        if fit is None:
            continue
        here = np.flatnonzero(data.window.inside & (data.u_px >= low) & (data.u_px <= high))
        u, slit = data.u_px.take(here), data.slit.take(here)
        total.reshape(-1)[here], error.reshape(-1)[here] = fit.at(u, slit)
        if fit.chi > POOR_CHI:
            bins = _Bins(low=low, high=high, width=BIN_PX / data.binning[0])
            rest = replace(alone, residual=alone.residual - fit.whole(alone.u, alone.slit))
            error.reshape(-1)[here] += _excess(rest, bins)[bins.of(u)] * data.noise.at(here).variance(sky.take(here))
            poor.reshape(-1)[here] = True
        found.append((low, high))
    return UnevenLight(electrons=total, variance=error, intervals=tuple(found), poor=poor) if found else None


def within(u: FloatArray, intervals: Intervals) -> BoolArray:
    """Whether dispersion pixels lie in one of the intervals, shape of `u`."""
    inside = np.zeros(u.shape, dtype=bool)
    for low, high in intervals:
        inside |= (u >= low) & (u <= high)
    return inside


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Left:
    """Pixels beside the objects: u (px), slit position scaled to -1..1, electrons above sky and objects, variance; shape (n,) each."""

    u: FloatArray
    slit: FloatArray
    residual: FloatArray
    variance: FloatArray

    def some(self, which: BoolArray) -> _Left:
        """Some of the pixels."""
        return _Left(u=self.u[which], slit=self.slit[which], residual=self.residual[which], variance=self.variance[which])


def _what_is_left(data: OrderData, sky: FloatArray, light: FloatArray | None, keep: BoolArray) -> _Left:
    index = np.flatnonzero(data.good & keep)
    model = sky.take(index) if light is None else sky.take(index) + light.take(index)
    residual = data.electrons.take(index) - model
    variance = data.noise.at(index).variance(model + np.maximum(residual, 0.0))
    return _Left(u=data.u_px.take(index), slit=data.slit.take(index), residual=residual, variance=variance)


def _level(beside: _Left, at: FloatArray) -> FloatArray:
    """What is left beside a line, a polynomial along the slit: wings of the object go on under the line and are no part of it."""
    if beside.u.size < LEAST_BESIDE:
        return np.zeros(at.size)

    def terms(where: FloatArray) -> FloatArray:
        return np.vstack([np.ones(where.size), legendre(where, LARGEST_DEGREE)]).T

    _, coefficients, _, _ = _least_squares(terms(beside.slit), beside.residual, beside.variance)
    return np.asarray(terms(at) @ coefficients)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bins:
    """Bins of equal width between the first and the last dispersion pixel."""

    low: float
    high: float
    width: float

    @property
    def number(self) -> int:
        """Of the bins."""
        return int((self.high - self.low) / self.width) + 1

    def of(self, u: FloatArray) -> IntArray:
        """Bin of each pixel."""
        return np.asarray(((u - self.low) / self.width).astype(np.int64))


def _merged(places: IntArray, bins: _Bins, grow: float) -> Intervals:
    """Stretches of some bins, grown and merged."""
    merged: list[tuple[float, float]] = []
    for k in places.tolist():
        first, last = max(bins.low + k * bins.width - grow, bins.low), min(bins.low + (k + 1) * bins.width + grow, bins.high)
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return tuple(merged)


def _gain_of_polynomial(bins: IntArray, n_bins: int, slit: FloatArray, residual: FloatArray, variance: FloatArray) -> FloatArray:
    """Chi square that degrees 1 to `LARGEST_DEGREE` explain beyond a constant in every bin, shape (n_bins,)."""
    terms = [np.ones(slit.size), *legendre(slit, LARGEST_DEGREE)]
    n = len(terms)
    normal, right = np.zeros((n_bins, n, n)), np.zeros((n_bins, n))
    for j in range(n):
        weighted = terms[j] / variance
        right[:, j] = np.bincount(bins, weighted * residual, n_bins)
        for k in range(j, n):
            normal[:, j, k] = normal[:, k, j] = np.bincount(bins, weighted * terms[k], n_bins)
    normal += np.eye(n) * (1e-3 * normal[:, 0, 0] + 1e-30)[:, None, None]
    whole = np.einsum("ij,ij->i", right, np.linalg.solve(normal, right[..., None])[..., 0])
    return whole - right[:, 0] ** 2 / normal[:, 0, 0]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fit:
    """Light of one interval: coefficients of splines in u times polynomials along the slit, the constant first."""

    knots: FloatArray
    degree: int
    coefficients: FloatArray
    covariance: FloatArray
    chi: float

    def whole(self, u: FloatArray, slit: FloatArray) -> FloatArray:
        """Electrons with the constant along the slit."""
        return np.asarray(_design(u, slit, self.knots, self.degree) @ self.coefficients)

    def at(self, u: FloatArray, slit: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Electrons beyond the constant along the slit, and their variance."""
        design = _design(u, slit, self.knots, self.degree)
        design[:, : self.knots.size - 4] = 0.0  # the constant is the sky model's own affair
        return design @ self.coefficients, np.einsum("ij,jk,ik->i", design, self.covariance, design)


def _design(u: FloatArray, slit: FloatArray, knots: FloatArray, degree: int) -> FloatArray:
    """Splines in u times 1, P_1, ... along the slit, shape (n, n_splines x (degree + 1))."""
    splines = bspline_matrix(u, knots, 3)
    across: Sequence[FloatArray] = [np.ones(slit.size), *legendre(slit, degree)] if degree else [np.ones(slit.size)]
    return np.hstack([splines * term[:, None] for term in across])


def _fit_interval(left: _Left, limits: tuple[float, float], reach_arcsec: float, binning: int) -> _Fit | None:
    """Fit one interval, the degree as far as it is worth it; None where a point source does better or pixels are too few."""
    n_pieces = max(2, round((limits[1] - limits[0]) / (KNOTS_PX * LSF_SIGMA_PX / binning)))
    knots = clamped_knots(np.linspace(limits[0], limits[1] + 1e-6, n_pieces + 1), 3)
    n_splines = knots.size - 4
    flat, _, _, _ = _least_squares(_design(left.u, left.slit, knots, 0), left.residual, left.variance)
    best: _Fit | None = None
    best_gain = 0.0
    for degree in range(1, LARGEST_DEGREE + 1):
        if left.u.size < LEAST_PIXELS_PER_UNKNOWN * n_splines * (degree + 1):
            break
        square, coefficients, covariance, n_used = _least_squares(_design(left.u, left.slit, knots, degree), left.residual, left.variance)
        gain = flat - square
        if gain - best_gain < DEGREE_GAIN * n_splines:
            continue
        chi = float(np.sqrt(square / max(n_used - n_splines * (degree + 1), 1)))
        scaled = covariance * max(chi, 1.0) ** 2
        best, best_gain = _Fit(knots=knots, degree=degree, coefficients=coefficients, covariance=scaled, chi=chi), gain
    if best is None or best_gain < COMPACT_ADVANTAGE * (flat - _best_compact(left, knots, reach_arcsec)):
        return None
    return best


def _least_squares(design: FloatArray, data: FloatArray, variance: FloatArray) -> tuple[float, FloatArray, FloatArray, int]:
    """Chi square (of pixels within the clip, the others at the clip), solution, covariance, and pixels used."""
    use = np.ones(data.size, dtype=bool)
    coefficients: FloatArray = np.zeros(design.shape[1])
    covariance: FloatArray = np.eye(design.shape[1])
    square = 0.0
    for _ in range(ROUNDS):
        weighted = design[use] / variance[use, None]
        normal = design[use].T @ weighted
        normal += np.eye(normal.shape[0]) * 1e-6 * np.trace(normal) / normal.shape[0]
        covariance = np.linalg.inv(normal)
        coefficients = covariance @ (weighted.T @ data[use])
        pull2 = (data - design @ coefficients) ** 2 / variance
        use = pull2 < CLIP_SIGMA**2
        square = float(np.minimum(pull2, CLIP_SIGMA**2).sum())
    return square, coefficients, covariance, int(use.sum())


def _best_compact(left: _Left, knots: FloatArray, reach_arcsec: float) -> float:
    """Smallest chi square with a point source at some place of the slit instead of a polynomial."""
    splines = bspline_matrix(left.u, knots, 3)
    best = np.inf
    for place in np.arange(-reach_arcsec, reach_arcsec, COMPACT_STEP_ARCSEC):
        source = np.exp(-0.5 * ((left.slit * reach_arcsec - place) / COMPACT_SIGMA_ARCSEC) ** 2)
        square, _, _, _ = _least_squares(np.hstack([splines, splines * source[:, None]]), left.residual, left.variance)
        best = min(best, square)
    return float(best)
