"""Orthogonal polynomials are numpy's."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.numerics.polynomials import chebyshev, legendre


@pytest.mark.parametrize("n", [1, 2, 5])
def test_polynomials_are_numpys(n: int) -> None:
    x = np.linspace(-1, 1, 9)
    np.testing.assert_allclose(chebyshev(x, n), np.polynomial.chebyshev.chebvander(x, n - 1).T, atol=1e-14)
    np.testing.assert_allclose(legendre(x, n), np.polynomial.legendre.legvander(x, n).T[1:], atol=1e-14)
