"""B-splines of any degree on any knots, for all points at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.datamodel.arrays import FloatArray, IntArray

LOOKUP_PER_PIECE = 4
"""Cells of the table that finds a piece; with more, one step of search at most is left."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SplineSpace:
    """The splines of a degree on given knots, as polynomials of the position t within each piece (0 at its left end, 1 at its right).

    Attributes
    ----------
    knots : ndarray, shape (n_splines + degree + 1,)
        Non-decreasing, with the end knots repeated (clamped); pieces between equal knots are never used.
    degree : int
        Of the splines.
    left, right, per_unit : ndarray, shape (n_pieces,)
        Ends of each piece (infinity for the last one's right) and the inverse of its length.
    powers : ndarray, shape (n_pieces, degree + 1, degree + 1)
        Element (p, k, j) is the factor of t^j in spline p + k on piece p.
    near : ndarray of int, shape (n_pieces, degree + 1)
        The splines that do not vanish on each piece.
    lookup : ndarray of int, shape (n_cells,)
        Piece at the left end of each cell of a regular grid, which is quicker than a search for every point.
    cells_per_unit : float
        Inverse of the length of such a cell.
    """

    knots: FloatArray
    degree: int
    left: FloatArray
    right: FloatArray
    per_unit: FloatArray
    powers: FloatArray
    near: IntArray
    lookup: IntArray
    cells_per_unit: float

    @property
    def n_splines(self) -> int:
        """Number of coefficients."""
        return self.knots.size - self.degree - 1

    @property
    def n_pieces(self) -> int:
        """Number of pieces."""
        return self.left.size

    def locate(self, x: FloatArray) -> tuple[IntArray, FloatArray]:
        """Piece that holds each point and the point's t, shape (n,); points outside the knots are given the nearest end piece."""
        cell = ((x - self.left[0]) * self.cells_per_unit).astype(np.int64)
        piece = self.lookup.take(cell, mode="clip")
        behind = np.flatnonzero(x >= self.right.take(piece))
        while behind.size:
            piece[behind] += 1
            behind = behind[x[behind] >= self.right[piece[behind]]]
        return piece, (x - self.left.take(piece)) * self.per_unit.take(piece)

    def polynomials(self, coefficients: FloatArray) -> FloatArray:
        """Factors of t^0, t^1, ... on every piece of the spline with these coefficients, shape (degree + 1, n_pieces)."""
        return np.ascontiguousarray(np.einsum("pkj,pk->jp", self.powers, coefficients.take(self.near)))

    def evaluate(self, x: FloatArray, coefficients: FloatArray) -> FloatArray:
        """Value of a spline at `x`, shape of `x`; beyond the knots the end pieces go on."""
        piece, t = self.locate(np.ravel(x))
        return horner(self.polynomials(coefficients), piece, t).reshape(np.shape(x))


def spline_space(knots: FloatArray, degree: int) -> SplineSpace:
    """The splines of a degree on clamped knots."""
    n_splines = knots.size - degree - 1
    left, right = knots[degree:n_splines], knots[degree + 1 : n_splines + 1]
    low, high = float(left[0]), float(right[-1])
    n_cells = max(1, LOOKUP_PER_PIECE * left.size)
    cell = (high - low) / n_cells
    lookup = np.clip(np.searchsorted(knots, low + cell * np.arange(n_cells), side="right") - 1 - degree, 0, left.size - 1)
    nodes = 0.5 - 0.5 * np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
    points = (left[:, None] + nodes * (right - left)[:, None]).ravel()
    with np.errstate(invalid="ignore", divide="ignore"):
        values = _recursion(points, np.repeat(np.arange(degree, n_splines), degree + 1), knots, degree)
        per_unit = 1.0 / (right - left)
    from_values = np.linalg.inv(np.vander(nodes, increasing=True))
    powers = values.reshape(degree + 1, left.size, degree + 1).transpose(1, 0, 2) @ from_values.T
    powers[right <= left] = 0.0
    return SplineSpace(
        knots=knots,
        degree=degree,
        left=left,
        right=np.append(right[:-1], np.inf),
        per_unit=per_unit,
        powers=powers,
        near=np.arange(left.size)[:, None] + np.arange(degree + 1),
        lookup=lookup,
        cells_per_unit=1.0 / cell,
    )


def horner(polynomials: FloatArray, piece: IntArray, t: FloatArray) -> FloatArray:
    """Value at t of the polynomial of each point's piece: factors of t^0, t^1, ... along axis 0, shape (m, n_pieces); result of shape (n,)."""
    total = polynomials[-1].take(piece)
    for factor in polynomials[-2::-1]:
        total *= t
        total += factor.take(piece)
    return total


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
    last = knots.size - degree - 2
    piece = np.clip(np.searchsorted(knots, x, side="right") - 1, degree, last)
    return piece - degree, _recursion(x, piece, knots, degree)


def _recursion(x: FloatArray, piece: IntArray, knots: FloatArray, degree: int) -> FloatArray:
    """Values of the splines at points that lie right of the knots `piece`, shape (degree + 1, n)."""
    around = [knots[piece + offset] for offset in range(1 - degree, degree + 1)]
    values = np.empty((degree + 1, x.size))
    values[0] = 1.0
    for k in range(1, degree + 1):
        saved: FloatArray = np.zeros(x.size)
        for r in range(k):
            right, left = around[r + degree], around[r - k + degree]
            share = values[r] / (right - left)
            values[r] = saved + (right - x) * share
            saved = (x - left) * share
        values[k] = saved
    return values


def bspline_matrix(x: FloatArray, knots: FloatArray, degree: int) -> FloatArray:
    """Dense design matrix, shape (n, n_splines); meant for few knots."""
    first, values = bspline_basis(x, knots, degree)
    matrix = np.zeros((x.size, knots.size - degree - 1))
    matrix[np.arange(x.size)[:, None], first[:, None] + np.arange(degree + 1)] = values.T
    return matrix


def clamped_knots(inner: FloatArray, degree: int) -> FloatArray:
    """Repeat the first and last of the break points `degree` times."""
    return np.concatenate([np.repeat(inner[0], degree), inner, np.repeat(inner[-1], degree)])
