"""Values of orthogonal polynomials, one row a term."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.arrays import FloatArray


def chebyshev(x: FloatArray, n: int) -> FloatArray:
    """T_0 .. T_{n-1} at `x`, shape (n, ...)."""
    terms = np.empty((max(n, 2), *np.shape(x)))
    terms[0], terms[1] = 1.0, x
    for k in range(2, n):
        np.multiply(x, terms[k - 1], out=terms[k])
        terms[k] *= 2.0
        terms[k] -= terms[k - 2]
    return terms[:n]


def legendre(x: FloatArray, n: int) -> FloatArray:
    """P_1 .. P_n at `x`, shape (n, ...): the constant is left out."""
    terms = np.empty((n + 1, *np.shape(x)))
    terms[0] = 1.0
    terms[1:2] = x
    for k in range(1, n):
        np.multiply(x, terms[k], out=terms[k + 1])
        terms[k + 1] *= (2 * k + 1) / (k + 1)
        terms[k + 1] -= (k / (k + 1)) * terms[k - 1]
    return terms[1:]
