"""How many terms the lines can carry: whole lines are left out and predicted from the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.calibration.dispersion_basis import DispersionBasis, degree_terms, highest_degree
from soxspipe.datamodel.arrays import FloatArray, IntArray

FOLDS = 10
"""A tenth of the lines is left out at a time: enough folds for a standard error, few enough to cost little."""
LEAST_GAIN = 0.01
"""The lowest degree is taken whose lines left out are predicted worse than by the best degree by no more than 1 per cent in mean square, or than the
scatter of that difference over the tenths: less is chance, and beyond the last line of an order each degree more costs dearly."""
CLIP_SIGMA = 5.0
"""A single wrong line must not decide on a degree; a normal error of 5 sigma is met once in 1.7 million."""
HIGHEST_BY_SLIT = (99, 11, 9, 3)
"""Highest degree in order and wavelength for each degree in slit position."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoldSums:
    """Normal matrices of all terms that may be needed, by tenth of the lines: what every trial is solved from."""

    normal: FloatArray
    rhs: FloatArray
    design: FloatArray
    values: FloatArray
    weight: FloatArray
    fold: IntArray
    penalty: FloatArray


def choose_degrees(
    basis: DispersionBasis,
    points: tuple[IntArray, FloatArray, FloatArray],
    line: IntArray,
    values: FloatArray,
    variance: FloatArray,
    *,
    with_slit: bool,
    penalty_px: float,
) -> tuple[int, ...]:
    """Degrees in order and wavelength for each degree in slit position, such that lines left out are predicted best.

    Parameters
    ----------
    basis : DispersionBasis
        The variables.
    points : tuple of ndarray
        Order, wavelength (nm) and slit position (arcsec) of every pinhole image.
    line : ndarray of int, shape (n,)
        Line each belongs to; lines are left out as a whole.
    values, variance : ndarray, shape (n,)
        What is fitted (px), and its variance.
    with_slit : bool
        Whether the points spread along the slit.
    penalty_px : float
        Expected size of a coefficient of degree 1.
    """
    highest = tuple(min(most, highest_degree(basis)) for most in HIGHEST_BY_SLIT[: None if with_slit else 1])
    every = degree_terms(basis, highest)
    sums = _fold_sums(basis, every, points, line, values, variance, penalty_px)
    degrees: tuple[int, ...] = ()
    for c, most in enumerate(highest):
        first = 1 if c == 0 else 0
        trials = [(*degrees, degree) for degree in range(first, most + 1) if c or _held(basis, points[0], line, degree)] or [
            (*degrees, first)
        ]
        scores = np.array([_score(sums, every, basis, trial) for trial in trials])
        mean = scores.mean(axis=1)
        worse = scores - scores[int(np.argmin(mean))]
        enough = int(np.flatnonzero(worse.mean(axis=1) <= np.maximum(worse.std(axis=1) / np.sqrt(FOLDS - 1), LEAST_GAIN * mean.min()))[0])
        if c > 1 and mean[enough] > _score(sums, every, basis, degrees).mean() * (1.0 - LEAST_GAIN):
            break
        degrees = trials[enough]
    return degrees


def penalties(basis: DispersionBasis, terms: IntArray, size_px: float) -> FloatArray:
    """Inverse variance of each coefficient before any line is seen: its size falls with the square of its degree; constants are free."""
    degree = total_degree(basis, terms)
    return np.asarray(np.where(degree > 0, np.maximum(degree, 1) ** 4 / size_px**2, 1e-12))


def total_degree(basis: DispersionBasis, terms: IntArray) -> IntArray:
    """Degree of each term, that in slit position included."""
    return np.asarray(basis.degree[terms[:, 0]] + terms[:, 1])


def _held(basis: DispersionBasis, order: IntArray, line: IntArray, degree: int) -> bool:
    """Whether there are two lines for each term at the slit's centre; where orders are separate, in most of the orders that have lines."""
    if basis.kind == "separate":
        lines = [np.unique(line[order == number]).size for number in np.unique(order)]
        return bool(np.median(lines) >= 2 * (degree + 1))
    return bool(np.unique(line).size >= 2 * len(degree_terms(basis, (degree,))))


def _fold_sums(
    basis: DispersionBasis,
    every: IntArray,
    points: tuple[IntArray, FloatArray, FloatArray],
    line: IntArray,
    values: FloatArray,
    variance: FloatArray,
    penalty_px: float,
) -> FoldSums:
    design = basis.design(every, *points)
    weight = 1.0 / variance
    fold = np.unique(line, return_inverse=True)[1] % FOLDS
    n = every.shape[0]
    normal, rhs = np.zeros((FOLDS, n, n)), np.zeros((FOLDS, n))
    for k in range(FOLDS):
        here = fold == k
        weighted = design[here] * weight[here, None]
        normal[k], rhs[k] = weighted.T @ design[here], weighted.T @ values[here]
    penalty = penalties(basis, every, penalty_px)
    return FoldSums(normal=normal, rhs=rhs, design=design, values=values, weight=weight, fold=fold, penalty=penalty)


def _score(sums: FoldSums, every: IntArray, basis: DispersionBasis, degrees: tuple[int, ...]) -> FloatArray:
    """Mean squared error, in units of the variance and clipped, of each tenth of the lines predicted from the others, shape (FOLDS,)."""
    wanted = {tuple(row) for row in degree_terms(basis, degrees).tolist()}
    use = np.flatnonzero([tuple(row) in wanted for row in every.tolist()])
    normal, rhs = sums.normal[:, use[:, None], use[None, :]], sums.rhs[:, use]
    rest = normal.sum(axis=0) - normal + np.diag(sums.penalty[use])
    scale = 1.0 / np.sqrt(np.einsum("kpp->kp", rest))
    scaled = rest * scale[:, :, None] * scale[:, None, :]
    coefficients = np.linalg.solve(scaled, ((rhs.sum(axis=0) - rhs) * scale)[..., None])[..., 0] * scale
    predicted = np.einsum("np,np->n", sums.design[:, use], coefficients[sums.fold])
    squares = (sums.values - predicted) ** 2 * sums.weight
    clipped = np.minimum(squares, CLIP_SIGMA**2)
    return np.bincount(sums.fold, clipped, FOLDS) / np.maximum(np.bincount(sums.fold, minlength=FOLDS), 1)
