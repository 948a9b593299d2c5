"""Normal equations of a sky model, of sums over the pieces of its spline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soxspipe.datamodel.arrays import FloatArray


def spline_normal(sums: FloatArray, width: int, n: int) -> tuple[FloatArray, FloatArray]:
    """Lower band (width, n) of a spline's normal matrix and right-hand side (n,).

    Parameters
    ----------
    sums : ndarray, shape (n - width + 1, m, m + 1)
        Of `spline_products`, whose last column are the data.
    width : int
        Basis values per pixel.
    n : int
        Number of splines.
    """
    pieces = n - width + 1
    band, right = np.zeros((width, n)), np.zeros(n)
    for a in range(width):
        right[a : a + pieces] += sums[:, a, -1]
        for c in range(a, width):
            band[c - a, a : a + pieces] += sums[:, a, c]
    return band, right


def shape_normal(sums: FloatArray, width: int, n: int, rows: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Border (n, p), dense block (p, p) and right-hand side (p,) of the shape terms.

    `rows` has for each term what it is multiplied with in every piece, shape (unknowns of the term, n_pieces): 1, or polynomials along
    the order.
    """
    pieces, n_terms = sums.shape[0], len(rows)
    start = np.concatenate([[0], np.cumsum([row.shape[0] for row in rows])]).astype(np.int64)
    p = int(start[-1])
    border, dense, right = np.zeros((p, n)), np.zeros((p, p)), np.zeros(p)
    of_shape = np.ascontiguousarray(sums[:, :, width:].transpose(1, 2, 0))  # what is summed along the order then lies side by side
    for m in range(n_terms):
        here = slice(start[m], start[m + 1])
        right[here] = rows[m] @ sums[:, width + m, -1]
        for a in range(width):
            border[here, a : a + pieces] += of_shape[a, m] * rows[m]
        for other in range(m, n_terms):
            there = slice(start[other], start[other + 1])
            block = (rows[m] * of_shape[width + m, other]) @ rows[other].T
            dense[here, there] = block
            dense[there, here] = block.T
    # the increments of the shape are counted from the current solution, which the spline's own unknowns already reproduce
    return border.T, dense, right


def regularised(band: FloatArray) -> FloatArray:
    """Add a ridge relative to the local diagonal, and one that carries pieces without data by their neighbours."""
    diagonal = band[0]
    around = diagonal.copy()
    for shift in (1, 2, 4, 8, 16):
        reach = min(shift, diagonal.size)  # what little light a frame may have left makes short splines
        ring = 1e-2 * np.concatenate([around[-reach:], around, around[:reach]])
        around = np.maximum(around, np.maximum(ring[: diagonal.size], ring[2 * reach :]))
    around = np.maximum(around, 1e-12 * max(float(diagonal.max(initial=0.0)), 1e-30))
    tie = 1e-7 * around
    result = band.copy()
    result[0] += tie
    result[0, 1:] += tie[:-1]
    result[1, :-1] -= tie[:-1]
    result[0] += 1e-10 * around
    return result
