"""The shift along one order from its lines: constant, sloped or bent, as far as the lines ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.sky.wavelengths.line_shifts import LineShifts
from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.numerics.polynomials import chebyshev
from soxspipe.numerics.robust import mad_sigma

N_TERMS = 3
"""Offset, slope and bend: what flexure does to an order."""
OFFSET_PRIOR_PX = 10.0
"""Wider than any flexure, so that it does not pull."""
STIFFNESS_PX = ((0.03, 0.02), (0.1, 0.05), (0.5, 0.3), (2.0, 1.5))
"""Expected slope and bend of an order, px at its ends: a good map, a usual one, a poor one, SOXS order 10."""

USUAL = 2
"""So many of them may be tried where lines are few."""

LEAST_LINES_FOR_SLOPE = 8
"""Fewer lines cannot tell a slope from two bad ones."""
LEAST_SPAN = 1.0
"""Half of the order, whose scaled positions run from -1 to 1."""

LEAST_SCATTER_PX, MOST_SCATTER_PX = 0.004, 0.3
"""Wavelengths of the list and blends limit the lines to this at best; more than the largest is not scatter but confusion."""
START_SCATTER_PX = 0.03
"""Typical of lines that are single."""
LEAST_CLIP_PX = 0.02
"""Lines that agree too well by chance must not cut off their neighbours."""
FARTHEST_PX = 4.0
"""From the median: what flexure can tilt an order."""
CLIP_SIGMA = 4.0
"""By chance, one line in 16 000."""
SHARED_SCATTER = 0.3
"""Of the lines' scatter: blends and a line shape that is not quite theirs make lines scatter, and move all of an order a little.  Mean
shifts of near-infrared orders, known to 0.001 px by the number of their lines, are wrong by 0.002 px in the same way in all exposures."""
ROUNDS = 4
"""Clipping and fitting in turn; few outliers are left for the last."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderFit:
    """Shift along one order as its own lines tell it.

    Attributes
    ----------
    order : int
        Detector order number.
    coefficients : ndarray, shape (N_TERMS,)
        Chebyshev coefficients of the shift, px, on positions scaled to -1..1.
    covariance : ndarray, shape (N_TERMS, N_TERMS)
        Of the coefficients.
    n_lines : int
        Lines that agree with it.
    n_expected : int
        Lines that were looked for.
    snr, second_snr : float
        Signal-to-noise of all its lines together, and of the second brightest.
    scatter_px : float
        Of lines about it, beyond their errors.
    n_strong : int
        Those of its lines that are among the strongest listed, twice as many as agree.
    sure : bool
        Whether neither noise nor a chance match can be what was fitted; what is not sure can contradict other evidence, no more.
    """

    order: int
    coefficients: FloatArray
    covariance: FloatArray
    n_lines: int
    n_expected: int
    snr: float
    second_snr: float
    scatter_px: float
    n_strong: int
    sure: bool = True

    @property
    def strongest_agreeing(self) -> float:
        """Share of the strongest listed lines, twice as many as agree, that are among those."""
        return self.n_strong / max(min(2 * self.n_lines, self.n_expected), 1)

    @property
    def mean_px(self) -> float:
        """Mean of the shift over the order."""
        return float(MEAN_OF_TERMS @ self.coefficients)

    @property
    def error_px(self) -> float:
        """Its error."""
        return float(np.sqrt(MEAN_OF_TERMS @ self.covariance @ MEAN_OF_TERMS))


MEAN_OF_TERMS = np.array([1.0, 0.0, -1.0 / 3.0])
"""Mean over -1..1 of the first Chebyshev polynomials."""


def fit_order_shift(order: int, lines: LineShifts, floor_px: float = 0.0) -> OrderFit | None:
    """Fit the shift along an order to the shifts of its lines; None without lines.

    The fit is the average over `STIFFNESS_PX`, each with the likelihood that the lines give it; soft ones need `LEAST_LINES_FOR_SLOPE`
    over half the order.  Scatter beyond the lines' own errors is estimated with it, lines beyond `CLIP_SIGMA` are left out.  `floor_px` is an
    error that all lines share, to which comes `SHARED_SCATTER`.
    """
    if lines.x.size == 0:
        return None
    basis = chebyshev(lines.x, N_TERMS).T
    use = np.abs(lines.shift_px - np.median(lines.shift_px)) < FARTHEST_PX
    scatter = START_SCATTER_PX
    for _ in range(ROUNDS):
        coefficients, _ = _average(basis, lines, use, scatter)
        residual = lines.shift_px - basis @ coefficients
        scatter = _extra_scatter(residual[use], lines.error_px[use])
        use = np.abs(residual) < CLIP_SIGMA * np.hypot(lines.error_px, max(scatter, LEAST_CLIP_PX))
        if not use.any():
            return None
    coefficients, covariance = _average(basis, lines, use, scatter)
    covariance = covariance * _few(int(use.sum()))
    shared = floor_px**2 + (SHARED_SCATTER * scatter) ** 2
    snr = np.sort(lines.snr[use])[::-1]
    return OrderFit(
        order=order,
        coefficients=coefficients,
        covariance=covariance + np.diag([shared, 0.0, 0.0]),
        n_lines=int(use.sum()),
        n_expected=lines.n_expected,
        snr=float(np.sqrt(np.sum(snr**2))),
        second_snr=float(snr[1]) if snr.size > 1 else 0.0,
        scatter_px=scatter,
        n_strong=int(np.sum(lines.rank[use] < 2 * use.sum())),
    )


def _spans(lines: LineShifts, use: BoolArray) -> bool:
    x = lines.x[use]
    return x.size >= LEAST_LINES_FOR_SLOPE and float(np.ptp(x)) >= LEAST_SPAN


def _average(basis: FloatArray, lines: LineShifts, use: BoolArray, scatter: float) -> tuple[FloatArray, FloatArray]:
    """Coefficients and covariance, averaged over stiffnesses by their evidence."""
    choices = STIFFNESS_PX if _spans(lines, use) else STIFFNESS_PX[:USUAL]
    solved, covariance, evidence = _solve(basis[use], lines.shift_px[use], lines.error_px[use] ** 2 + scatter**2, choices)
    weight = np.exp(evidence - evidence.max())
    weight /= weight.sum()
    mean = weight @ solved
    away = solved - mean
    return mean, np.einsum("s,sij->ij", weight, covariance + away[:, :, None] * away[:, None, :])


def _solve(
    rows: FloatArray, data: FloatArray, variance: FloatArray, stiffness: Sequence[tuple[float, float]]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Coefficients, covariance and log evidence with priors of 0 and each of several stiffnesses, along axis 0."""
    prior = np.square([(OFFSET_PRIOR_PX, *own) for own in stiffness])
    weighted = rows.T / variance
    normal = weighted @ rows + (1.0 / prior)[:, :, None] * np.eye(N_TERMS)
    inverse, right = np.linalg.inv(normal), weighted @ data
    coefficients = inverse @ right
    # determinant and inverse of the data's covariance, diag(variance) + rows diag(prior) rows^T, from those of the few terms
    log_determinant = np.sum(np.log(variance)) + np.log(prior).sum(axis=1) + np.linalg.slogdet(normal)[1]
    misfit = np.sum(data**2 / variance) - coefficients @ right
    return coefficients, inverse, -0.5 * (misfit + log_determinant)


def _few(n_lines: int) -> float:
    """By how much a scatter taken from a few lines themselves understates the variance: that of Student's t over a Gaussian's."""
    freedom = max(n_lines - 2, 3)
    return freedom / (freedom - 2)


def _extra_scatter(residual: FloatArray, error: FloatArray) -> float:
    """Scatter that, added to the errors, makes the residuals as large as they are.

    The start is from the median, so that outliers do not count; then the mean square of what is within `CLIP_SIGMA` of it.
    """
    if residual.size <= N_TERMS:
        return START_SCATTER_PX
    scatter = np.sqrt(max(mad_sigma(residual) ** 2 - float(np.median(error)) ** 2, LEAST_SCATTER_PX**2))
    kept = np.abs(residual) < CLIP_SIGMA * np.hypot(error, scatter)
    if kept.sum() > N_TERMS:
        weight = (error[kept] ** 2 + scatter**2) ** -2
        freedom = kept.sum() / (kept.sum() - 0.5 * N_TERMS)  # stiffness leaves about half of the terms to the lines
        square = float(np.sum(weight * (freedom * residual[kept] ** 2 - error[kept] ** 2)) / np.sum(weight))
        scatter = np.sqrt(max(square, 0.0))
    return float(np.clip(scatter, LEAST_SCATTER_PX, MOST_SCATTER_PX))
