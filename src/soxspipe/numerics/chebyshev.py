"""Chebyshev polynomials: values, and their coefficients as powers in extended precision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.arrays import FloatArray

Extended = NDArray[np.longdouble]


def chebyshev_values(x: FloatArray, degree: int) -> FloatArray:
    """Values of T_0 to T_degree at `x`, shape (n, degree + 1)."""
    values = np.empty((np.size(x), degree + 1))
    values[:, 0] = 1.0
    if degree:
        values[:, 1] = x
    for k in range(2, degree + 1):
        values[:, k] = 2.0 * x * values[:, k - 1] - values[:, k - 2]
    return values


def chebyshev_powers(degree: int, centre: float, half: float) -> Extended:
    """Coefficients of ``v^j`` in ``T_k((v - centre) / half)``, shape (degree + 1, degree + 1), row k, column j."""
    return in_powers_of(np.eye(degree + 1, dtype=np.longdouble), centre, half, chebyshev=True)


def scaled_powers(degree: int, centre: float, half: float) -> Extended:
    """Coefficients of ``v^j`` in ``((v - centre) / half)^k``, shape (degree + 1, degree + 1), row k, column j."""
    return in_powers_of(np.eye(degree + 1, dtype=np.longdouble), centre, half, chebyshev=False)


def in_powers_of(rows: Extended, centre: float, half: float, *, chebyshev: bool) -> Extended:
    """Rows of coefficients in T_k (or powers) of ``(v - centre) / half`` as coefficients of powers of ``v``."""
    degree = rows.shape[1] - 1
    shift, scale = -np.longdouble(centre) / np.longdouble(half), 1 / np.longdouble(half)
    basis = np.zeros((degree + 1, degree + 1), dtype=np.longdouble)
    basis[0, 0] = 1
    for k in range(1, degree + 1):
        times_x = shift * basis[k - 1]
        times_x[1:] += scale * basis[k - 1, :-1]
        basis[k] = 2 * times_x - basis[k - 2] if chebyshev and k > 1 else times_x
    return rows @ basis


def lagrange_powers(nodes: FloatArray) -> Extended:
    """Coefficients of ``v^i`` in the polynomials that are 1 at one node and 0 at the others, shape (n, n), row per node."""
    n = len(nodes)
    powers = np.zeros((n, n), dtype=np.longdouble)
    for k, here in enumerate(nodes):
        row = np.zeros(n, dtype=np.longdouble)
        row[0] = 1
        for other in nodes:
            if other == here:
                continue
            times = -np.longdouble(other) * row
            times[1:] += row[:-1]
            row = times / (np.longdouble(here) - np.longdouble(other))
        powers[k] = row
    return powers
