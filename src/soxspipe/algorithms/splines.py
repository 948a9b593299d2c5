"""B-splines of any degree on any knots, for all points at once."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.arrays import FloatArray, IntArray

LOOKUP_PER_PIECE = 4
AT_ONCE = 8192


def find_pieces(x: FloatArray, knots: FloatArray, degree: int) -> IntArray:
    """Index of the knot at the left end of the piece that holds each point; points outside are given the nearest end piece.

    A regular lookup table, finer than the pieces, is quicker than a search for every point; where pieces are narrower than its cells the
    index is moved on until it fits.
    """
    n_splines = knots.size - degree - 1
    low, high = float(knots[degree]), float(knots[n_splines])
    n_cells = max(1, LOOKUP_PER_PIECE * (n_splines - degree))
    cell = (high - low) / n_cells
    table = np.clip(np.searchsorted(knots, low + cell * np.arange(n_cells), side="right") - 1, degree, n_splines - 1)
    piece = table[np.clip(((x - low) * (1.0 / cell)).astype(np.int64), 0, n_cells - 1)]
    while True:
        behind = (x >= knots[piece + 1]) & (piece < n_splines - 1)
        if not behind.any():
            return piece
        piece = piece + behind


def bspline_basis(x: FloatArray, knots: FloatArray, degree: int) -> tuple[IntArray, FloatArray]:
    """Evaluate the B-splines that do not vanish at each point.

    Parameters
    ----------
    x : ndarray, shape (n,)
        Points; those outside the knots are treated as lying on the nearest end piece (extrapolation).
    knots : ndarray, shape (n_knots,)
        Non-decreasing, with the end knots repeated (clamped); pieces between equal knots are never used.
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
    first, values, _ = basis_and_slopes(x, knots, degree, with_slopes=False)
    return first, values


def basis_and_slopes(x: FloatArray, knots: FloatArray, degree: int, *, with_slopes: bool = True) -> tuple[IntArray, FloatArray, FloatArray]:
    """As `bspline_basis`, with the derivatives of the splines, shape (degree + 1, n); zeros in their place if not asked for."""
    piece = find_pieces(x, knots, degree)
    values = np.empty((degree + 1, x.size))
    slopes = np.zeros((degree + 1, x.size if with_slopes else 0))
    for start in range(0, x.size, AT_ONCE):
        part = slice(start, start + AT_ONCE)
        _recursion(x[part], piece[part], knots, degree, values[:, part], slopes[:, part] if with_slopes else None)
    return piece - degree, values, slopes


def _recursion(x: FloatArray, piece: IntArray, knots: FloatArray, degree: int, values: FloatArray, slopes: FloatArray | None) -> None:
    """Fill `values` (and `slopes`) for a cache-sized part of the points."""
    around = [knots[piece + offset] for offset in range(1 - degree, degree + 1)]
    values[0] = 1.0
    for k in range(1, degree + 1):
        saved: FloatArray = np.zeros(x.size)
        for r in range(k):
            right, left = around[r + degree], around[r - k + degree]
            share = values[r] / (right - left)
            if k == degree and slopes is not None:
                slopes[r] -= degree * share
                slopes[r + 1] += degree * share
            values[r] = saved + (right - x) * share
            saved = (x - left) * share
        values[k] = saved


def bspline_matrix(x: FloatArray, knots: FloatArray, degree: int) -> FloatArray:
    """Dense design matrix, shape (n, n_splines); meant for few knots."""
    first, values = bspline_basis(x, knots, degree)
    matrix = np.zeros((x.size, knots.size - degree - 1))
    matrix[np.arange(x.size)[:, None], first[:, None] + np.arange(degree + 1)] = values.T
    return matrix


def evaluate(x: FloatArray, knots: FloatArray, coefficients: FloatArray, degree: int) -> FloatArray:
    """Value of a spline at `x`, shape of `x`."""
    flat = np.ravel(x)
    piece = find_pieces(flat, knots, degree)
    total = np.zeros(flat.size)
    values = np.empty((degree + 1, min(AT_ONCE, max(flat.size, 1))))
    for start in range(0, flat.size, AT_ONCE):
        part = slice(start, start + AT_ONCE)
        room = values[:, : flat[part].size]
        _recursion(flat[part], piece[part], knots, degree, room, None)
        for k in range(degree + 1):
            total[part] += room[k] * coefficients[piece[part] - degree + k]
    return total.reshape(np.shape(x))


def clamped_knots(inner: FloatArray, degree: int) -> FloatArray:
    """Repeat the first and last of the break points `degree` times."""
    return np.concatenate([np.repeat(inner[0], degree), inner, np.repeat(inner[-1], degree)])
