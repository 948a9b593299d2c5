"""The object's trace as polynomials of order and dispersion pixel, the form in which the trace table stores it."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.geometry import Geometry, OrderPolynomial
from soxspipe.datamodel.trace import ObjectTrace


def trace_polynomials(trace: ObjectTrace, geometry: Geometry) -> tuple[OrderPolynomial, OrderPolynomial]:
    """Centre and Gaussian sigma of the trace over order number and dispersion pixel, in pixels of the binned frame.

    The table's order centres are known as a polynomial already; only the trace's small distance from them is fitted, with
    the degrees of the trace, so that bent orders need no high degree here.
    """
    order, b = (np.concatenate(parts).astype(np.float64) for parts in _coordinates(trace))
    a = np.concatenate([entry.a_px for entry in trace.orders.values()])
    sigma = np.concatenate([entry.sigma_px for entry in trace.orders.values()])
    centre = _binned(geometry.order_table.centre.coefficients, geometry.dispersion_binning, geometry.slit_binning)
    known = np.polynomial.polynomial.polyval2d(order, b, centre)
    degrees = (min(trace.order_deg, len(trace.orders) - 1), trace.axis_deg)
    offset = _fit(order, b, a - known, degrees)
    return OrderPolynomial(coefficients=_sum(centre, offset)), OrderPolynomial(coefficients=_fit(order, b, sigma, degrees))


def _coordinates(trace: ObjectTrace) -> tuple[list[FloatArray], list[FloatArray]]:
    entries = list(trace.orders.values())
    return [np.full(entry.b_px.size, float(entry.order)) for entry in entries], [entry.b_px.astype(np.float64) for entry in entries]


def _fit(order: FloatArray, b: FloatArray, values: FloatArray, degrees: tuple[int, int]) -> FloatArray:
    """Monomial coefficients, shape (degrees[0] + 1, degrees[1] + 1), of a least-squares surface fitted in scaled variables."""
    good = np.isfinite(values)
    (order_line, n), (b_line, x) = _scaled(order), _scaled(b)
    basis = np.polynomial.chebyshev.chebvander2d(n[good], x[good], degrees)
    solution, *_ = np.linalg.lstsq(basis, values[good], rcond=1e-12)
    grid = solution.reshape(degrees[0] + 1, degrees[1] + 1)
    return _monomials(_monomials(grid, order_line).T, b_line).T


def _scaled(values: FloatArray) -> tuple[tuple[float, float], FloatArray]:
    """Offset and factor that bring `values` to -1..1, and the values brought there."""
    low, high = float(values.min()), float(values.max())
    factor = 2.0 / (high - low) if high > low else 1.0
    offset = -1.0 - low * factor if high > low else -low
    return (offset, factor), offset + factor * values


def _monomials(chebyshev: FloatArray, line: tuple[float, float]) -> FloatArray:
    """Chebyshev coefficients along axis 0, in ``offset + factor t``, as powers of t."""
    substitution = np.polynomial.Polynomial(line)
    columns = []
    for column in chebyshev.T:
        powers = np.polynomial.Polynomial(np.polynomial.chebyshev.cheb2poly(column))(substitution).coef
        columns.append(np.pad(powers, (0, chebyshev.shape[0] - powers.size)))
    return np.stack(columns, axis=1)


def _binned(coefficients: FloatArray, b_binning: int, a_binning: int) -> FloatArray:
    """A polynomial of unbinned pixel centres as one of binned pixel centres, in both axes."""
    substitution = np.polynomial.Polynomial([0.5 * (b_binning - 1), b_binning])
    rows = [np.polynomial.Polynomial(row)(substitution).coef for row in np.asarray(coefficients, dtype=np.float64)]
    out: FloatArray = np.stack([np.pad(row, (0, coefficients.shape[1] - row.size)) for row in rows]).astype(np.float64) / a_binning
    out[0, 0] += 0.5 / a_binning - 0.5
    return out


def _sum(a: FloatArray, b: FloatArray) -> FloatArray:
    total = np.zeros((max(a.shape[0], b.shape[0]), max(a.shape[1], b.shape[1])))
    total[: a.shape[0], : a.shape[1]] += a
    total[: b.shape[0], : b.shape[1]] += b
    return total
