"""Orders that move together: a shift linear in order number, and the few orders that stand apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.sky.wavelengths.order_shift import OrderFit
from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.numerics.robust import mad_sigma

LEAST_ORDERS = 4
"""A line through three orders would follow one that stands apart."""

LEAST_SCATTER_PX = 0.03
"""Usual error of a map from order to order."""

APART_SIGMA = 4.0
"""By chance, one order in 16 000 disagrees this much."""
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
    """

    middle: float
    coefficients: FloatArray
    covariance: FloatArray
    scatter_px: float

    def at(self, order: int) -> tuple[float, float]:
        """Shift of an order, and its error with the scatter of orders (px)."""
        row = np.array([1.0, order - self.middle])
        return float(row @ self.coefficients), float(np.sqrt(row @ self.covariance @ row + self.scatter_px**2))


def fit_common_motion(fits: Mapping[int, OrderFit]) -> CommonMotion | None:
    """Fit a line through the orders' mean shifts, orders that stand apart left out; None with fewer than `LEAST_ORDERS`.

    The start is the line through two orders that most others agree with.
    """
    if len(fits) < LEAST_ORDERS:
        return None
    numbers = np.array(sorted(fits), dtype=np.float64)
    shift = np.array([fits[int(number)].mean_px for number in numbers])
    error = np.array([fits[int(number)].error_px for number in numbers])
    middle = float(numbers.mean())
    rows = np.stack([np.ones(numbers.size), numbers - middle], axis=1)
    use = _largest_agreement(numbers, shift, error)
    scatter = LEAST_SCATTER_PX
    coefficients, covariance = _line(rows[use], shift[use], error[use], scatter)
    for _ in range(ROUNDS):
        residual = shift - rows @ coefficients
        scatter = max(LEAST_SCATTER_PX, np.sqrt(max(mad_sigma(residual[use]) ** 2 - float(np.median(error[use])) ** 2, 0.0)))
        use = np.abs(residual) < APART_SIGMA * np.hypot(error, scatter)
        if use.sum() < LEAST_ORDERS:
            return None
        coefficients, covariance = _line(rows[use], shift[use], error[use], scatter)
    return CommonMotion(middle=middle, coefficients=coefficients, covariance=covariance, scatter_px=float(scatter))


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
