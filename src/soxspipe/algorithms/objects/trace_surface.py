"""The surface that the object's slit offset follows over all orders.

Refraction moves the object smoothly in 1/lambda; flexure moves it smoothly in detector pixels, with the sign of the slit's direction
on the detector; the error of the map differs from order to order.  One group of terms for each, all linear, the last two held near
zero by priors so that faint orders inherit from bright ones.  How wide the priors are the offsets say themselves: the scale of the
largest evidence is taken, which is 1 where noise hides more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.numerics.polynomials import chebyshev

REFRACTION_PRIOR_ARCSEC = 3.0
"""About the refraction over one arm at air mass 2 without a corrector."""
FLEXURE_PRIOR_PX = 0.5
"""Flexure between arc and target, of which the geometry knows nothing."""
ORDER_PRIOR_ARCSEC = 0.02
"""Errors of the map from order to order."""
PRIOR_SCALES = (1.0, 2.5, 6.0, 15.0, 50.0)
"""Times the priors of flexure and of single orders; the data choose.  Maps of the reference are wrong by 0.07 to 0.2 arcsec."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TracePoints:
    """Where an offset is measured or wanted, shape (n,) each.

    Attributes
    ----------
    order : ndarray of int
        Detector order number.
    b : ndarray
        Dispersion pixel scaled to -1..1 over the frame.
    wavelength_nm : ndarray
        At the point.
    px_per_arcsec : ndarray
        Signed: positive where slit position grows with the pixel.
    """

    order: IntArray
    b: FloatArray
    wavelength_nm: FloatArray
    px_per_arcsec: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TraceSurface:
    """Coefficients of the surface, and what is needed to evaluate it."""

    coefficients: FloatArray
    orders: tuple[int, ...]
    inverse_range: tuple[float, float]
    order_deg: int
    axis_deg: int

    def __call__(self, points: TracePoints) -> FloatArray:
        """Offset from slit centre in arcsec."""
        basis, _ = design(points, self.orders, self.inverse_range, self.order_deg, self.axis_deg)
        return basis @ self.coefficients


def design(
    points: TracePoints, orders: tuple[int, ...], inverse_range: tuple[float, float], order_deg: int, axis_deg: int
) -> tuple[FloatArray, FloatArray]:
    """Design matrix (n, p) and prior standard deviation (p,) of every term."""
    middle, half = 0.5 * (inverse_range[0] + inverse_range[1]), max(0.5 * (inverse_range[1] - inverse_range[0]), 1e-12)
    inverse = np.clip((1.0 / points.wavelength_nm - middle) / half, -1.2, 1.2)
    refraction_degree = min(3, max(order_deg, axis_deg))
    columns = list(chebyshev(inverse, refraction_degree + 1))
    prior = [REFRACTION_PRIOR_ARCSEC * 0.3**k for k in range(refraction_degree + 1)]
    number = np.array(sorted(orders), dtype=np.float64)
    span = max(number[-1] - number[0], 1.0)
    n = (2.0 * points.order - number[0] - number[-1]) / span
    along, by_order = chebyshev(points.b, max(axis_deg, 2) + 1), chebyshev(n, order_deg + 1)
    for i in range(min(order_deg, 1) + 1):
        for j in range(min(axis_deg, 2) + 1):
            columns.append(n**i * along[j] / points.px_per_arcsec)
            prior.append(FLEXURE_PRIOR_PX * 0.5 ** (i + j))
    for i in range(order_deg + 1):
        for j in range(axis_deg + 1):
            if i + j > 0:
                columns.append(by_order[i] * along[j])
                prior.append(ORDER_PRIOR_ARCSEC / (i + j) ** 2)
    if order_deg > 0:
        for order in orders:
            here = points.order == order
            for j in range(min(axis_deg, 2) + 1):
                columns.append(np.where(here, along[j], 0.0))
                prior.append(ORDER_PRIOR_ARCSEC / (1 + j))
    return np.stack(columns, axis=1), np.array(prior)


def fit_surface(
    points: TracePoints,
    offset_arcsec: FloatArray,
    error_arcsec: FloatArray,
    *,
    centre_arcsec: float,
    orders: tuple[int, ...],
    order_deg: int,
    axis_deg: int,
    clip_sigma: float,
    clip_rounds: int,
) -> tuple[TraceSurface, BoolArray]:
    """Weighted, clipped fit of the surface.

    Parameters
    ----------
    points : TracePoints
        Where offsets were measured.
    offset_arcsec, error_arcsec : ndarray, shape (n,)
        Measured offsets; points whose error is not finite and positive are left out.
    centre_arcsec : float
        Position of the object; priors hold about it.
    orders : tuple of int
        All orders that the surface is wanted for.
    order_deg, axis_deg : int
        Degrees of the polynomial in order number and dispersion axis.
    clip_sigma, clip_rounds : float, int
        Points further from the fit than this many robust standard deviations are left out.

    Returns
    -------
    TraceSurface
        The surface.
    ndarray of bool, shape (n,)
        Points that were used.
    """
    inverse = 1.0 / points.wavelength_nm
    inverse_range = (float(inverse.min()), float(inverse.max()))
    basis, prior = design(points, orders, inverse_range, order_deg, axis_deg)
    measured = np.isfinite(offset_arcsec) & np.isfinite(error_arcsec) & (error_arcsec > 0)
    target = np.where(measured, offset_arcsec - centre_arcsec, 0.0)
    error = np.where(measured, error_arcsec, 1.0)
    used = measured.copy()
    coefficients: FloatArray = np.zeros(basis.shape[1])
    inflation = 1.0
    for round_ in range(clip_rounds + 1):
        weight = np.where(used, 1.0 / (inflation * error) ** 2, 0.0)
        coefficients = _most_likely(basis, weight, target, prior, min(3, max(order_deg, axis_deg)) + 1)
        pull = (target - basis @ coefficients) / error
        spread = 1.4826 * float(np.median(np.abs(pull[used]))) if used.any() else 1.0
        inflation = max(1.0, spread)
        if round_ == clip_rounds:
            break
        kept = measured & (np.abs(pull) <= clip_sigma * max(spread, 1e-9))
        if np.array_equal(kept, used):
            break
        used = kept
    coefficients[0] += centre_arcsec
    return TraceSurface(coefficients=coefficients, orders=orders, inverse_range=inverse_range, order_deg=order_deg, axis_deg=axis_deg), used


def _most_likely(basis: FloatArray, weight: FloatArray, target: FloatArray, prior: FloatArray, n_refraction: int) -> FloatArray:
    """Coefficients under the scale of the priors, refraction's aside, that has the largest evidence.

    For a linear model with Gaussian errors and priors the log of the evidence is, up to a constant, half of
    ``r^T N^-1 r - log det N + log det P``, N the normal matrix with the prior's inverse variances P on its diagonal, r the right-hand side.
    """
    plain, right = basis.T @ (basis * weight[:, None]), basis.T @ (weight * target)
    best = -np.inf
    chosen: FloatArray = np.zeros(prior.size)
    for scale in PRIOR_SCALES:
        inverse = np.concatenate([prior[:n_refraction], scale * prior[n_refraction:]]) ** -2
        normal = plain + np.diag(inverse)
        coefficients = np.linalg.solve(normal, right)
        evidence = 0.5 * float(right @ coefficients - np.linalg.slogdet(normal)[1] + np.log(inverse).sum())
        if evidence > best:
            best, chosen = evidence, coefficients
    return chosen
