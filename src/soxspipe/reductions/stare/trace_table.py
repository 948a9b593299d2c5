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
    offset, width = _fit(order, b, np.column_stack([a - known, sigma]), degrees)
    return OrderPolynomial(coefficients=_sum(centre, offset)), OrderPolynomial(coefficients=width)


def _coordinates(trace: ObjectTrace) -> tuple[list[FloatArray], list[FloatArray]]:
    entries = list(trace.orders.values())
    return [np.full(entry.b_px.size, float(entry.order)) for entry in entries], [entry.b_px.astype(np.float64) for entry in entries]


def _fit(order: FloatArray, b: FloatArray, values: FloatArray, degrees: tuple[int, int]) -> list[FloatArray]:
    """Monomial coefficients, shape (degrees[0] + 1, degrees[1] + 1), of least-squares surfaces fitted in scaled variables, one for each column of values."""
    good = np.isfinite(values).all(axis=1)
    (order_line, n), (b_line, x) = _scaled(order), _scaled(b)
    basis = np.polynomial.chebyshev.chebvander2d(n[good], x[good], degrees)
    solution, *_ = np.linalg.lstsq(basis, values[good], rcond=1e-12)
    grids = solution.T.reshape(-1, degrees[0] + 1, degrees[1] + 1)
    return [_monomials(_monomials(grid, order_line).T, b_line).T for grid in grids]


def _scaled(values: FloatArray) -> tuple[tuple[float, float], FloatArray]:
    """Offset and factor that bring `values` to -1..1, and the values brought there."""
    low, high = float(values.min()), float(values.max())
    factor = 2.0 / (high - low) if high > low else 1.0
    offset = -1.0 - low * factor if high > low else -low
    return (offset, factor), offset + factor * values


def _monomials(chebyshev: FloatArray, line: tuple[float, float]) -> FloatArray:
    """Chebyshev coefficients along axis 0, in ``offset + factor t``, as powers of t."""
    columns = [_substituted(np.polynomial.chebyshev.cheb2poly(column), line) for column in chebyshev.T]
    return np.stack([np.pad(powers, (0, chebyshev.shape[0] - powers.size)) for powers in columns], axis=1)


def _substituted(coefficients: FloatArray, line: tuple[float, float]) -> FloatArray:
    """Coefficients of a polynomial of ``offset + factor t``, as powers of t."""
    powers = coefficients[-1:]
    for coefficient in coefficients[-2::-1]:
        powers = np.convolve(powers, line)
        powers[0] += coefficient
    return powers


def _binned(coefficients: FloatArray, b_binning: int, a_binning: int) -> FloatArray:
    """A polynomial of unbinned pixel centres as one of binned pixel centres, in both axes."""
    rows = [_substituted(row, (0.5 * (b_binning - 1), b_binning)) for row in np.asarray(coefficients, dtype=np.float64)]
    out: FloatArray = np.stack(rows) / a_binning
    out[0, 0] += 0.5 / a_binning - 0.5
    return out


def _sum(a: FloatArray, b: FloatArray) -> FloatArray:
    total = np.zeros((max(a.shape[0], b.shape[0]), max(a.shape[1], b.shape[1])))
    total[: a.shape[0], : a.shape[1]] += a
    total[: b.shape[0], : b.shape[1]] += b
    return total
