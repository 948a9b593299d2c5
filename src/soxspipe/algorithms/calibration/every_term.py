"""What a dispersion solution of low degree may have missed: the same lines fitted with every term that the tables can hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.calibration.choose_degrees import HIGHEST_BY_SLIT, total_degree
from soxspipe.algorithms.calibration.dispersion_basis import DispersionBasis, degree_terms, highest_degree
from soxspipe.datamodel.arrays import FloatArray, IntArray

FALLS = (1.0, 2.0, 3.0)
"""Powers of the degree with which coefficients may become smaller; the lines choose one of them."""
ROUNDS = 8
"""The sizes of the coefficients settle to a few per cent."""
START_PX = 0.05
"""Size of the coefficients to start from; what an alignment leaves beside a shift."""
SIZE_LIMITS_PX = (1e-4, 10.0)
"""Of the sizes that are estimated: neither nothing, which would hold a term at 0 for good, nor more than a geometry is ever off."""
LEAST_TOLD = 1e-3
"""A line of which the others say less than this, compared with what it says itself, is not judged by them."""
FREE = 1e-12
"""Inverse variance of coefficients that may have any size: the constants."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EveryTerm:
    """One axis fitted with every term.

    Attributes
    ----------
    terms : ndarray of int, shape (p, 2)
        Function of the basis and degree in slit position.
    coefficients, covariance : ndarray, shape (p,), (p, p)
        Of what is added to the moved prediction.
    size_px : tuple of float
        Size of a coefficient of degree 1: independent of the slit position, in proportion to it, and of higher degree in it.
    line : ndarray of int, shape (n,)
        The lines.
    line_sigma : ndarray, shape (n,)
        How far each is, all its images together, from where the others have it, in units of the error of that distance.
    """

    terms: IntArray
    coefficients: FloatArray
    covariance: FloatArray
    size_px: tuple[float, float, float]
    line: IntArray
    line_sigma: FloatArray


def fit_every_term(
    basis: DispersionBasis,
    places: tuple[IntArray, FloatArray, FloatArray],
    line: IntArray,
    values: FloatArray,
    variance: FloatArray,
    *,
    with_slit: bool,
) -> EveryTerm:
    """Fit every term, each held to the size that the lines give to its kind.

    Parameters
    ----------
    basis : DispersionBasis
        Functions.
    places : tuple of ndarray, shape (n,)
        Order, wavelength (nm) and slit position (arcsec) of every pinhole image.
    line : ndarray of int, shape (n,)
        Line each belongs to.
    values, variance : ndarray, shape (n,)
        What is fitted (px), and its variance.
    with_slit : bool
        Whether the points spread along the slit.

    Notes
    -----
    A coefficient of degree d is expected to be of size ``a / d^p``.  The sizes a, one for each kind of dependence on the slit position, are those
    under which the lines are most probable (MacKay's fixed point), and p is the most probable of `FALLS`.  Where lines hold the solution the
    covariance is that of their errors.  Beyond the last line of an order terms of high degree are held by their size alone, so that the error
    grows there as the geometry of this very frame allows.

    References
    ----------
    .. [1] MacKay D.J.C., 1992, Neural Computation, 4, 415, doi:10.1162/neco.1992.4.3.415.
    """
    terms = degree_terms(basis, tuple(min(most, highest_degree(basis)) for most in HIGHEST_BY_SLIT[: None if with_slit else 1]))
    weighted = basis.design(terms, *places) / np.sqrt(variance)[:, None]
    normal, rhs = weighted.T @ weighted, weighted.T @ (values / np.sqrt(variance))
    found = [_most_probable(normal, rhs, total_degree(basis, terms), np.minimum(terms[:, 1], 2), fall) for fall in FALLS]
    best = max(found, key=lambda one: one.evidence)
    sizes = (float(best.sizes[0]), float(best.sizes[1]), float(best.sizes[2]))
    numbers, apart = _line_sigma(weighted, best, values, np.sqrt(variance), line)
    return EveryTerm(terms=terms, coefficients=best.coefficients, covariance=best.covariance, size_px=sizes, line=numbers, line_sigma=apart)


def _line_sigma(weighted: FloatArray, held: _Held, values: FloatArray, error: FloatArray, line: IntArray) -> tuple[IntArray, FloatArray]:
    """The lines, and the shift common to all images of each against the fit without it, over its error.

    With weights g = 1 / error, residuals r of the fit with the line in it and G its rows of the weighted design, that is
    ``g r / sqrt(g g - (G g) C (G g))`` (Rasmussen & Williams 2006, Gaussian Processes, 5.4.2); 0 for a line that the others say nothing of.
    """
    numbers, index = np.unique(line, return_inverse=True)
    weight = 1.0 / error
    rank = np.argsort(index, kind="stable")
    starts = np.flatnonzero(np.diff(index[rank], prepend=-1))
    seen = np.add.reduceat((weighted * weight[:, None])[rank], starts, axis=0)
    shift = np.bincount(index, weight * (values / error - weighted @ held.coefficients))
    own = np.bincount(index, weight**2)
    free = own - ((seen @ held.covariance) * seen).sum(axis=1)
    told = free > LEAST_TOLD * own
    return numbers, np.where(told, shift / np.sqrt(np.where(told, free, 1.0)), 0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Held:
    """A fit with coefficients held to `sizes`, and the logarithm of the probability of the lines under them."""

    coefficients: FloatArray
    covariance: FloatArray
    sizes: FloatArray
    evidence: float


def _most_probable(normal: FloatArray, rhs: FloatArray, degree: IntArray, kind: IntArray, fall: float) -> _Held:
    """The sizes of each kind of term under which the lines are most probable, and the fit with them."""
    weight = np.maximum(degree, 1).astype(np.float64) ** (2 * fall)
    sizes: FloatArray = np.full(3, START_PX)
    held = _solve(normal, rhs, degree > 0, weight, kind, sizes)
    for _ in range(ROUNDS):
        # size^2 = sum of squares over the number of coefficients that the lines, not their expected size, determine
        told = 1.0 - np.diag(held.covariance) * weight / sizes[kind] ** 2
        sizes = np.array([_size(held.coefficients, weight, told, (degree > 0) & (kind == k), sizes[k]) for k in range(3)])
        held = _solve(normal, rhs, degree > 0, weight, kind, sizes)
    return held


def _size(coefficients: FloatArray, weight: FloatArray, told: FloatArray, mine: np.typing.NDArray[np.bool_], before: float) -> float:
    if not mine.any():
        return float(before)
    square = float((coefficients[mine] ** 2 * weight[mine]).sum()) / max(float(told[mine].sum()), 0.1)
    return float(np.clip(np.sqrt(square), *SIZE_LIMITS_PX))


def _solve(
    normal: FloatArray, rhs: FloatArray, held: np.typing.NDArray[np.bool_], weight: FloatArray, kind: IntArray, sizes: FloatArray
) -> _Held:
    """Solve the normal equations with expected sizes; columns scaled to unit diagonal."""
    penalty = np.where(held, weight / sizes[kind] ** 2, FREE)
    scale = 1.0 / np.sqrt(np.diag(normal) + penalty)
    root = np.linalg.cholesky((normal + np.diag(penalty)) * scale[:, None] * scale[None, :])
    inverse = np.linalg.solve(root, np.diag(scale))
    answer = inverse @ rhs
    evidence = 0.5 * np.log(penalty[held]).sum() - np.log(np.diag(root)).sum() + np.log(scale).sum() + 0.5 * answer @ answer
    return _Held(coefficients=inverse.T @ answer, covariance=inverse.T @ inverse, sizes=sizes, evidence=float(evidence))
