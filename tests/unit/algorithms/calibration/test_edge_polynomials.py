"""Edges as polynomials of an order table."""

import numpy as np

from soxspipe.algorithms.calibration.edge_polynomials import fit_order_polynomial
from support.flats import B


def test_the_polynomial_of_an_order_table_is_exact_where_it_can_be():
    curves = {n: (B.astype(float), 10.0 * n + 0.01 * n * B + 1e-6 * B**2) for n in range(10, 25)}
    polynomial = fit_order_polynomial(curves, 6, 5)
    for n, (b, a) in curves.items():
        np.testing.assert_allclose(polynomial(n, b), a, atol=1e-6)
