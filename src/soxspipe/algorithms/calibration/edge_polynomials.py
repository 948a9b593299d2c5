"""Measured edges as the polynomials of an order table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.polynomial import Legendre

from soxspipe.algorithms.calibration.flat_layout import Layout
from soxspipe.algorithms.calibration.flat_settings import FlatSettings
from soxspipe.algorithms.calibration.slit_edges import OrderEdges
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.geometry import OrderPolynomial

LARGEST_MISFIT_PX = 0.02
"""Degrees of the order table are raised until its edges follow the measured ones to this."""

LARGEST_DEGREES = (9, 7)
"""In order and along the dispersion: readers of order tables take one digit."""

THINNING = 8
"""The curves are smooth polynomials already: a place in eight pixels has all of their shape."""


def edge_polynomials(
    edges: Mapping[int, OrderEdges], layout: Layout, settings: FlatSettings
) -> tuple[tuple[OrderPolynomial, OrderPolynomial], float]:
    """Edges of all orders as polynomials of the order table (unbinned), of the lowest degrees that follow them; and their misfit."""
    curves = [_unbinned(edges, name, layout) for name in ("low", "high")]
    degrees = [(settings.order_deg, settings.disp_axis_deg), (LARGEST_DEGREES[0], settings.disp_axis_deg), LARGEST_DEGREES]
    tried = []
    for order_degree, axis_degree in degrees:
        low, high = (fit_order_polynomial(curve, order_degree, axis_degree) for curve in curves)
        left = [polynomial(n, b) - a for polynomial, curve in zip((low, high), curves, strict=True) for n, (b, a) in curve.items()]
        tried.append(((low, high), float(np.sqrt(np.mean(np.concatenate(left) ** 2)))))
        if tried[-1][1] <= LARGEST_MISFIT_PX * layout.binning_a:
            break
    return min(tried, key=lambda found: found[1])


def _unbinned(edges: Mapping[int, OrderEdges], name: str, layout: Layout) -> dict[int, tuple[FloatArray, FloatArray]]:
    """Dispersion and slit pixel of one edge of each order, thinned, first and last pixel among them."""
    curves = {}
    for number, order in edges.items():
        some = np.union1d(np.arange(0, order.b_px.size, THINNING), [order.b_px.size - 1])
        along, across = order.b_px[some], getattr(order, name)[some]
        curves[number] = ((along + 0.5) * layout.binning_b - 0.5, (across + 0.5) * layout.binning_a - 0.5)
    return curves


def fit_order_polynomial(curves: Mapping[int, tuple[FloatArray, FloatArray]], order_degree: int, axis_degree: int) -> OrderPolynomial:
    """Fit one polynomial in order and dispersion pixel through curves of all orders (dispersion pixel, slit-axis pixel; unbinned).

    Notes
    -----
    Fitted in scaled Legendre polynomials, which are well conditioned, and turned into powers of order and pixel as the order table holds them.
    """
    numbers = np.concatenate([np.full(b.size, float(order)) for order, (b, _) in curves.items()])
    b = np.concatenate([values for values, _ in curves.values()])
    a = np.concatenate([values for _, values in curves.values()])
    order_degree = min(order_degree, len(curves) - 1)
    n_domain, b_domain = _domain(numbers), _domain(b)
    design = np.polynomial.legendre.legvander2d(_scaled(numbers, n_domain), _scaled(b, b_domain), [order_degree, axis_degree])
    fit = np.linalg.lstsq(design, a, rcond=None)[0].reshape(order_degree + 1, axis_degree + 1)
    return OrderPolynomial(coefficients=_powers(order_degree, n_domain).T @ fit @ _powers(axis_degree, b_domain))


def _domain(values: FloatArray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 1.0, low + 1.0)


def _scaled(values: FloatArray, domain: tuple[float, float]) -> FloatArray:
    return np.asarray((2.0 * values - domain[0] - domain[1]) / (domain[1] - domain[0]))


def _powers(degree: int, domain: tuple[float, float]) -> FloatArray:
    """Row i: the Legendre polynomial of degree i on `domain` in powers of the unscaled variable."""
    rows = np.zeros((degree + 1, degree + 1))
    for i in range(degree + 1):
        series = Legendre.basis(i, domain=list(domain)).convert(kind=np.polynomial.Polynomial, domain=[-1, 1], window=[-1, 1])
        rows[i, : series.coef.size] = series.coef
    return rows
