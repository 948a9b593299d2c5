"""What the Moffat of an object's image does not describe: a spline over distance from the trace, as far as the light shows it.

Deviations are fitted together with what the sky may have left in every row of cells: light that a first, narrower shape does not hold in
its wings would else be taken for sky, and not come back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.objects.fit_moffat import GRID_ARCSEC, scale_and_pedestal, sky_left
from soxspipe.algorithms.objects.moffat import Moffat
from soxspipe.algorithms.objects.profile_cells import CHUNKS, Cells
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.numerics.polynomials import chebyshev
from soxspipe.numerics.rows import fit_rows
from soxspipe.numerics.splines import bspline_matrix, clamped_knots

REACH_FWHM = 4.5
"""Beyond it there is hardly any light, and neighbours begin."""
INNER_FWHM, INNER_KNOTS, OUTER_FWHM = 1.4, 15, (1.9, 2.6, 3.4, REACH_FWHM)
"""Knots every fifth of a FWHM in the core, fewer where the light falls slowly."""
COMMON_PRIOR = 0.3
"""Of the Moffat profile itself: what all orders share may differ from it by a third."""
VARYING_PRIOR = 0.25
"""Falls with the square of the degree: profiles change slowly along the wavelength."""
ORDER_PRIOR = 0.04
"""Single orders may differ from the common profile by some per cent."""
PEAK_SHARE = 0.0005
"""Of the peak; wings of a Moffat profile may be wrong by more than themselves."""
LARGEST_DEGREE = 7
"""A profile bends no more often over all orders; the setting may ask for less."""
UNTOLD = COMMON_PRIOR
"""Part of the flux in the deviations that is called uncertain: what a prior of a third lets in, it holds back a third of (a tenth to a third
of it was still missing in four skewed, drawn-out and doubled stars)."""
PRIOR_SCALES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 3.0)
"""From none of the freedom to three times what is expected; the evidence chooses."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Deviations:
    """Spline of what the Moffat does not describe: knots (arcsec) and coefficients per row of cells, shape (orders * chunks, splines)."""

    knots: FloatArray
    coefficients: FloatArray

    def __call__(self, distance_arcsec: FloatArray) -> FloatArray:
        """Light per arcsec in every row of cells, shape (orders * chunks, n); 0 beyond the knots."""
        covered = (distance_arcsec > self.knots[0]) & (distance_arcsec < self.knots[-1])
        basis = np.where(covered[:, None], bspline_matrix(np.where(covered, distance_arcsec, 0.0), self.knots, 3), 0.0)
        return np.asarray(self.coefficients @ basis.T)


def fit_deviations(cells: Cells, moffat: Moffat, poly_order: int) -> Deviations:
    """Deviations in steps: common to all orders, changing with wavelength, and particular to an order.

    Parameters
    ----------
    cells : Cells
        Light of the object, `CHUNKS` rows per order.
    moffat : Moffat
        Fitted to it.
    poly_order : int
        Highest degree with which the deviations may change with wavelength.

    Returns
    -------
    Deviations
    """
    outer = np.array(OUTER_FWHM)
    knots = clamped_knots(moffat.width_arcsec * np.concatenate([-outer[::-1], np.linspace(-INNER_FWHM, INNER_FWHM, INNER_KNOTS), outer]), 3)
    normal, right, peak = _normal_equations(cells, moffat, knots)
    n = right.shape[1]
    abscissa = np.array([knots[i + 1 : i + 4].mean() for i in range(n)])
    level = moffat(abscissa, moffat.pivot_nm, float(np.median(cells.pixel_arcsec))) + PEAK_SHARE * peak
    coefficients = np.tile(_shrunken(normal.sum(axis=0)[None], right.sum(axis=0)[None], COMMON_PRIOR * level)[0], (right.shape[0], 1))
    # common to all orders, changing with wavelength by Chebyshev degree m
    wave = cells.wavelength_nm
    degree = min(poly_order, LARGEST_DEGREE)
    terms = chebyshev((2 * wave - wave.min() - wave.max()) / max(wave.max() - wave.min(), 1e-9), degree + 1)[1:]
    if degree:
        prior = np.concatenate([VARYING_PRIOR * level / m**2 for m in range(1, degree + 1)])
        coefficients = coefficients + _fit_terms(terms[None], normal[None], (right - _apply(normal, coefficients))[None], prior)[0]
    # particular to an order: constant and slope along it
    slope = (np.arange(CHUNKS) - 0.5 * (CHUNKS - 1)) / (0.5 * CHUNKS)
    n_orders = right.shape[0] // CHUNKS
    both = np.broadcast_to(np.stack([np.ones(CHUNKS), slope]), (n_orders, 2, CHUNKS))
    left = (right - _apply(normal, coefficients)).reshape(n_orders, CHUNKS, n)
    prior = np.concatenate([ORDER_PRIOR * level, 0.5 * ORDER_PRIOR * level])
    own = _fit_terms(both, normal.reshape(n_orders, CHUNKS, n, n), left, prior)
    return Deviations(knots=knots, coefficients=coefficients + own.reshape(-1, n))


def flux_untold(cells: Cells, moffat: Moffat, deviations: Deviations, half_slit_arcsec: float) -> float:
    """Relative error of all fluxes that an image leaves which no Moffat describes: a part of what the Moffat alone would have missed.

    No image has negative light.  Where this one has, the sky was bent by something else, and as much light at least is missing.
    """
    power = np.maximum(cells.weight.sum(axis=1), 1e-30)
    distance = np.arange(-half_slit_arcsec, half_slit_arcsec, GRID_ARCSEC) - float(np.average(cells.trace_arcsec, weights=power))
    formula = moffat(distance, moffat.pivot_nm, GRID_ARCSEC)
    image = formula + np.average(deviations(distance), axis=0, weights=power)
    own, light = (one / one.mean() - 1.0 for one in (formula, image))
    missing = GRID_ARCSEC * float(np.maximum(-image, 0.0).sum())
    return float(np.hypot(UNTOLD * (own @ light / (own @ own) - 1.0), missing))


def _normal_equations(cells: Cells, moffat: Moffat, knots: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Normal matrix and right-hand side of the spline in every row, what the sky may have left projected out, and the Moffat's peak."""
    base = moffat(cells.distance, cells.wavelength_nm[:, None], cells.pixel_arcsec[:, None])
    scale, pedestal = scale_and_pedestal(cells, base, cells.value, cells.weight, moffat.width_arcsec)
    scale = np.where(np.abs(scale - 1.0) < 0.5, scale, 1.0)
    peak = float(base.max())
    weight = cells.weight * scale**2
    limit = 5.0 / np.sqrt(np.where(weight > 0, weight, 1.0)) + 0.1 * peak
    weight = np.where(np.abs((cells.value - pedestal) / scale - base) <= limit, weight, 0.0)
    basis = bspline_matrix(cells.distance.ravel(), knots, 3).reshape(*base.shape, -1)
    columns = np.concatenate([(cells.value / scale - base)[..., None], basis], axis=-1)
    parabola, prior = sky_left(cells, peak, moffat.width_arcsec)
    left = columns - parabola @ fit_rows(parabola, weight, columns, prior)
    weighted = (basis * weight[..., None]).transpose(0, 2, 1)
    return weighted @ left[..., 1:], (weighted @ left[..., :1])[..., 0], peak


def _apply(normal: FloatArray, coefficients: FloatArray) -> FloatArray:
    return np.einsum("rij,rj->ri", normal, coefficients)


def _fit_terms(terms: FloatArray, normal: FloatArray, right: FloatArray, prior: FloatArray) -> FloatArray:
    """Coefficients per row that are sums of `terms` (groups, m, rows), for normal matrices (groups, rows, n, n); shape (groups, rows, n)."""
    groups, m, rows = terms.shape
    n = normal.shape[-1]
    pairs = (terms[:, :, None] * terms[:, None]).reshape(groups, m * m, rows)
    big = (pairs @ normal.reshape(groups, rows, n * n)).reshape(groups, m, m, n, n).transpose(0, 1, 3, 2, 4).reshape(groups, m * n, m * n)
    big_right = np.einsum("gmr,gri->gmi", terms, right).reshape(groups, m * n)
    return np.einsum("gmr,gmi->gri", terms, _shrunken(big, big_right, prior).reshape(groups, m, n))


def _shrunken(normal: FloatArray, right: FloatArray, prior: FloatArray) -> FloatArray:
    """Solve normal equations under a Gaussian prior whose width, relative to `prior`, is the one that the data make most likely.

    The marginal likelihood of a linear model with prior k D is, with the eigenvalues l and projections r of D N D,
    ``sum(k^2 r^2 / (1 + k^2 l) - log(1 + k^2 l)) / 2``; it is summed over the groups (axis 0), which share k.  Noise alone gives
    k = 0, so that a faint object's profile is not made of its noise.
    """
    scaled = prior[:, None] * normal * prior
    eigenvalues, vectors = np.linalg.eigh(scaled)
    projected = np.einsum("gij,gi->gj", vectors, right * prior)
    eigenvalues = np.maximum(eigenvalues, 0.0)
    squared = np.square(np.array(PRIOR_SCALES))[:, None, None]
    evidence = 0.5 * np.sum(squared * projected**2 / (1 + squared * eigenvalues) - np.log1p(squared * eigenvalues), axis=(1, 2))
    best = squared[int(np.argmax(evidence)), 0, 0]
    return prior * np.einsum("gij,gj->gi", vectors, best * projected / (1 + best * eigenvalues))
