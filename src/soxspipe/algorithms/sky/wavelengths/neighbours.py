"""Orders that move together: a shift linear in order number, and the few orders that stand apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.sky.wavelengths.order_shift import OrderFit
from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.numerics.robust import mad_sigma

LEAST_ORDERS = 4
"""A line through three orders would follow one that stands apart."""
LEAST_SHARE = 0.5
"""Orders that are shifted at random have four on a line by chance: what fewer than half of them share is no common motion."""

LEAST_SCATTER_PX = 0.03
"""Usual error of a map from order to order."""

APART_SIGMA = 4.0
"""By chance, one order in 16 000 disagrees this much."""
APART_PX = 3.0
"""How far an order stands apart where it does: SOXS orders 10 and 11 by several px."""
LARGEST_SQUARE = 600.0
"""Sigmas squared; beyond it a Gaussian is 0 in the computer."""
RARE = 0.5
"""Orders that stand apart beside those seen, among as many and one more: none of twelve does not mean that none ever does."""
ROUNDS = 8
"""As many orders as may be wrong one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CommonMotion:
    """Shift linear in order number.

    Attributes
    ----------
    middle : float
        Order number at which `coefficients` begin.
    coefficients, covariance : ndarray, shape (2,), (2, 2)
        Shift there (px), and px per order.
    scatter_px : float
        Of orders about it, those that stand apart left out.
    of_all_px : float
        The same with those that stand apart.
    n_together, n_apart : int
        Orders that move together, and those that stand apart.
    """

    middle: float
    coefficients: FloatArray
    covariance: FloatArray
    scatter_px: float
    of_all_px: float
    n_together: int
    n_apart: int

    def at(self, order: int) -> tuple[float, float]:
        """Shift of an order that moves with the others, and its error (px)."""
        return self._at(order, self.scatter_px)

    def of_any(self, order: int) -> tuple[float, float]:
        """Shift of an order of which nothing is known, and its error (px): it may stand apart as often as those that were measured."""
        return self._at(order, self.of_all_px)

    def _at(self, order: int, scatter: float) -> tuple[float, float]:
        row = np.array([1.0, order - self.middle])
        return float(row @ self.coefficients), float(np.sqrt(row @ self.covariance @ row + scatter**2))

    def chance_together(self, order: int, shift_px: float, error_px: float) -> float:
        """Probability that an order which its own lines put at a shift moves with the others and does not stand apart."""
        expected, error = self.at(order)
        apart = (self.n_apart + RARE) / (self.n_apart + self.n_together + 2.0 * RARE)
        odds = (
            apart
            / (1.0 - apart)
            * _density(shift_px - expected, np.hypot(error_px, APART_PX))
            / _density(shift_px - expected, np.hypot(error_px, error))
        )
        return float(1.0 / (1.0 + odds))


def _density(away: float, sigma: float) -> float:
    """Of a Gaussian; never quite 0."""
    return float(np.exp(-0.5 * min((away / sigma) ** 2, LARGEST_SQUARE)) / sigma)


def fit_common_motion(fits: Mapping[int, OrderFit], stand_apart: Sequence[int] = ()) -> CommonMotion | None:
    """Fit a line through the orders' mean shifts; None with fewer than `LEAST_ORDERS`, or where less than `LEAST_SHARE` of them follow it.

    The start is the line through two orders that most others agree with.  Orders known to stand apart take no part.
    """
    numbers = np.array(sorted(set(fits) - set(stand_apart)), dtype=np.float64)
    if numbers.size < LEAST_ORDERS:
        return None
    shift = np.array([fits[int(number)].mean_px for number in numbers])
    error = np.array([fits[int(number)].error_px for number in numbers])
    middle = float(numbers.mean())
    rows = np.stack([np.ones(numbers.size), numbers - middle], axis=1)
    use = _largest_agreement(numbers, shift, error)
    scatter = LEAST_SCATTER_PX
    coefficients, covariance = _line(rows[use], shift[use], error[use], scatter)
    for _ in range(ROUNDS):
        scatter = _scatter((shift - rows @ coefficients)[use], error[use])
        use = np.abs(shift - rows @ coefficients) < APART_SIGMA * np.hypot(error, scatter)
        if use.sum() < max(LEAST_ORDERS, LEAST_SHARE * numbers.size):
            return None
        coefficients, covariance = _line(rows[use], shift[use], error[use], scatter)
    away = (shift - rows @ coefficients)[~use]
    return CommonMotion(
        middle=middle,
        coefficients=coefficients,
        covariance=covariance,
        scatter_px=scatter,
        of_all_px=float(np.sqrt(scatter**2 + np.sum(away**2) / numbers.size)),
        n_together=int(use.sum()),
        n_apart=int(away.size),
    )


def _scatter(residual: FloatArray, error: FloatArray) -> float:
    """Scatter of orders beyond their errors, as large as so few of them allow."""
    square = mad_sigma(residual) ** 2 - float(np.median(error)) ** 2
    freedom = max(residual.size - 2, 3)
    few = freedom / (freedom - 2)  # the variance of Student's t over that of a Gaussian
    return float(max(LEAST_SCATTER_PX, np.sqrt(few * max(square, 0.0))))


def _line(rows: FloatArray, shift: FloatArray, error: FloatArray, scatter: float) -> tuple[FloatArray, FloatArray]:
    weight = 1.0 / (error**2 + scatter**2)
    covariance = np.linalg.inv(rows.T @ (rows * weight[:, None]))
    return covariance @ (rows.T @ (weight * shift)), covariance


def _largest_agreement(numbers: FloatArray, shift: FloatArray, error: FloatArray) -> BoolArray:
    """Orders near the line through two of them that has the most near it, the closest such line."""
    tolerance = 0.1 + 3.0 * error
    best, best_rank = np.ones(numbers.size, dtype=bool), (-1, -np.inf)
    for i in range(numbers.size):
        for j in range(i + 1, numbers.size):
            slope = (shift[j] - shift[i]) / (numbers[j] - numbers[i])
            distance = np.abs(shift - shift[i] - slope * (numbers - numbers[i])) / tolerance
            near = distance < 1.0
            rank = (int(near.sum()), -float(distance[near].sum()))
            if rank > best_rank:
                best, best_rank = near, rank
    return best
