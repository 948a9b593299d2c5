"""B-splines of any degree on any knots, for all points at once."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.arrays import FloatArray, IntArray


def bspline_basis(x: FloatArray, knots: FloatArray, degree: int) -> tuple[IntArray, FloatArray]:
    """Evaluate the B-splines that do not vanish at each point.

    Parameters
    ----------
    x : ndarray, shape (n,)
        Points; those outside the knots are treated as lying on the nearest end piece (extrapolation).
    knots : ndarray, shape (n_knots,)
        Non-decreasing, with the end knots repeated (clamped) or extended; pieces between equal knots are never used.
    degree : int
        Of the splines.

    Returns
    -------
    first : ndarray of int, shape (n,)
        Index of the first non-zero spline at each point.
    values : ndarray, shape (degree + 1, n)
        Values of splines `first` .. `first + degree`.

    References
    ----------
    .. [1] de Boor C., 1978, A Practical Guide to Splines, chapter X.
    """
    n_splines = knots.size - degree - 1
    piece = np.clip(np.searchsorted(knots, x, side="right") - 1, degree, n_splines - 1)
    values = np.zeros((degree + 1, x.size))
    values[0] = 1.0
    for k in range(1, degree + 1):
        saved = np.zeros(x.size)
        for r in range(k):
            right, left = knots[piece + r + 1], knots[piece + r + 1 - k]
            share = values[r] / (right - left)
            values[r] = saved + (right - x) * share
            saved = (x - left) * share
        values[k] = saved
    return piece - degree, values


def bspline_matrix(x: FloatArray, knots: FloatArray, degree: int) -> FloatArray:
    """Dense design matrix, shape (n, n_splines); meant for few knots."""
    first, values = bspline_basis(x, knots, degree)
    matrix = np.zeros((x.size, knots.size - degree - 1))
    matrix[np.arange(x.size)[:, None], first[:, None] + np.arange(degree + 1)] = values.T
    return matrix


def derivative_coefficients(coefficients: FloatArray, knots: FloatArray, degree: int) -> FloatArray:
    """Coefficients of the derivative, a spline of degree - 1 on ``knots[1:-1]``."""
    width = knots[degree + 1 : -1] - knots[1 : -degree - 1]
    return degree * np.diff(coefficients) / np.where(width > 0, width, np.inf)


def evaluate(x: FloatArray, knots: FloatArray, coefficients: FloatArray, degree: int) -> FloatArray:
    """Value of a spline at `x`, shape of `x`."""
    flat = np.ravel(x)
    first, values = bspline_basis(flat, knots, degree)
    total = np.zeros(flat.size)
    for k in range(degree + 1):
        total += values[k] * coefficients[first + k]
    return total.reshape(np.shape(x))


def clamped_knots(inner: FloatArray, degree: int) -> FloatArray:
    """Repeat the first and last of the break points `degree` times."""
    return np.concatenate([np.repeat(inner[0], degree), inner, np.repeat(inner[-1], degree)])
