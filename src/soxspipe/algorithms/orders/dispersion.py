"""Dispersion solution: from (order, wavelength, slit position) to pixels, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.datamodel.geometry import DispersionMap, DispersionPolynomial, OrderTable, SpectralFormat

MAX_STEPS = 12
"""Newton's method needs a few; pixels far outside an order never converge, and are given up."""
TOLERANCE_PX = 1e-3
"""A hundredth of a good wavelength solution's error."""
DIVERGED_PX = 5000.0
"""Larger than the detector: such a pixel has left it for good."""
WIDEST_PX_PER_ARCSEC = 7.0
"""Wider than any arm's plate scale: only tells where to look for an order's pixels."""
ROWS_AT_ONCE = 64
"""Bounds the memory; the result does not depend on it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderSolution:
    """The dispersion polynomials of one order in variables scaled to about -1..1, so that float64 loses nothing.

    Attributes
    ----------
    x, y : ndarray, shape (j, k)
        Coefficients of ``u^j t^k`` with ``u = (wavelength - centre_nm) / half_nm`` and ``t = slit / half_arcsec``.
    centre_nm, half_nm, half_arcsec : float
        The scaling.
    """

    x: FloatArray
    y: FloatArray
    centre_nm: float
    half_nm: float
    half_arcsec: float

    def pixels(self, wavelength_nm: FloatArray, slit_arcsec: FloatArray) -> tuple[FloatArray, FloatArray]:
        """X and y in unbinned pixels."""
        u, t = (
            (np.asarray(wavelength_nm, np.float64) - self.centre_nm) / self.half_nm,
            np.asarray(slit_arcsec, np.float64) / self.half_arcsec,
        )
        return _evaluate(self.x, u, t), _evaluate(self.y, u, t)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inverse:
    """Wavelength (nm) and slit position (arcsec) of pixels, and where the search converged; same shape each."""

    wavelength_nm: FloatArray
    slit_arcsec: FloatArray
    converged: BoolArray


def solve_order(
    x: DispersionPolynomial, y: DispersionPolynomial, order: int, range_nm: tuple[float, float], half_slit_arcsec: float
) -> OrderSolution:
    """Restate the two polynomials for one order in scaled variables.

    Parameters
    ----------
    x, y : DispersionPolynomial
        In powers of order, wavelength (nm) and slit position (arcsec).
    order : int
        Order number.
    range_nm : tuple of float
        Wavelengths in which the restatement is used; they set the scale.
    half_slit_arcsec : float
        Half the length of the slit.
    """
    centre, half = 0.5 * (range_nm[0] + range_nm[1]), 0.5 * (range_nm[1] - range_nm[0])
    return OrderSolution(
        x=_rescaled(x, order, centre, half, half_slit_arcsec),
        y=_rescaled(y, order, centre, half, half_slit_arcsec),
        centre_nm=centre,
        half_nm=half,
        half_arcsec=half_slit_arcsec,
    )


def invert_dispersion(solution: OrderSolution, x_px: FloatArray, y_px: FloatArray, *, tolerance_px: float = TOLERANCE_PX) -> Inverse:
    """Find wavelength and slit position of pixels of one order with Newton's method, all pixels at once.

    Parameters
    ----------
    solution : OrderSolution
        From `solve_order`.
    x_px, y_px : ndarray of float, shape (n,)
        Unbinned pixel coordinates, centres at whole numbers.
    tolerance_px : float
        Largest distance between a pixel and the place that its solution is sent to.

    Returns
    -------
    Inverse
        Shape (n,) each; NaN where the search did not converge.
    """
    x_px, y_px = np.asarray(x_px, np.float64), np.asarray(y_px, np.float64)
    u, t = _first_guess(solution, x_px, y_px)
    slopes = [_derivative(c, axis) for c in (solution.x, solution.y) for axis in (0, 1)]
    miss = np.full(x_px.shape, np.inf)
    with np.errstate(all="ignore"):
        for _ in range(MAX_STEPS):
            dx, dy = _evaluate(solution.x, u, t) - x_px, _evaluate(solution.y, u, t) - y_px
            miss = np.hypot(dx, dy)
            if not np.any((miss > tolerance_px) & (miss < DIVERGED_PX)):
                break
            xu, xt, yu, yt = (_evaluate(slope, u, t) for slope in slopes)
            determinant = xu * yt - xt * yu
            u = np.clip(u - (yt * dx - xt * dy) / determinant, -3.0, 3.0)
            t = np.clip(t - (xu * dy - yu * dx) / determinant, -3.0, 3.0)
    converged = miss <= tolerance_px
    return Inverse(
        wavelength_nm=np.where(converged, solution.centre_nm + u * solution.half_nm, np.nan),
        slit_arcsec=np.where(converged, t * solution.half_arcsec, np.nan),
        converged=converged,
    )


def measure_inconsistency(dispersion_map: DispersionMap, ranges_nm: Mapping[int, tuple[float, float]], binning: tuple[int, int]) -> float:
    """How far (px, unbinned, 95th percentile over samples of all orders) the map's image is from its polynomials; NaN if there is nothing to compare.

    Parameters
    ----------
    dispersion_map : DispersionMap
        Image and polynomials.
    ranges_nm : mapping of int to tuple of float
        Wavelength range by order; other orders are not looked at.
    binning : tuple of int
        (x, y) of the image.
    """
    solved = np.isfinite(dispersion_map.wavelength_nm[::17, ::13]) & np.isfinite(dispersion_map.slit_arcsec[::17, ::13])
    rows, columns = np.nonzero(solved)
    solutions = _solutions(dispersion_map, ranges_nm)
    misses = [miss for _, _, _, miss in _misses(dispersion_map, solutions, binning, rows * 17, columns * 13)]
    return float(np.percentile(np.concatenate(misses), 95)) if misses else float("nan")


def drop_misplaced(
    dispersion_map: DispersionMap, ranges_nm: Mapping[int, tuple[float, float]], binning: tuple[int, int], limit_px: float
) -> tuple[DispersionMap, int]:
    """Leave out what single pixels of the map's image say where it is far from its polynomials, or half a range beyond the order's.

    Parameters
    ----------
    dispersion_map : DispersionMap
        Image and polynomials, which agree as a whole.
    ranges_nm : mapping of int to tuple of float
        Wavelength range by order; other orders stay as they are.
    binning : tuple of int
        (x, y) of the image.
    limit_px : float
        Furthest (unbinned).

    Returns
    -------
    dispersion_map : DispersionMap
        The same, or one with NaN in pixels further off than the limit.
    count : int
        How many those are.
    """
    solutions = _solutions(dispersion_map, ranges_nm)
    lost = []
    for start in range(0, dispersion_map.order.shape[0], ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        solved = np.isfinite(dispersion_map.wavelength_nm[rows]) & np.isfinite(dispersion_map.slit_arcsec[rows])
        place = np.flatnonzero(solved)
        row = place // solved.shape[1]
        column = place - row * solved.shape[1]
        for order, y, x, miss in _misses(dispersion_map, solutions, binning, row + start, column):
            first, last = ranges_nm[order]
            astray = np.abs(dispersion_map.wavelength_nm[y, x] - 0.5 * (first + last)) > last - first  # polynomials say nothing there
            far = astray | ~(miss <= limit_px)
            lost.append((y[far], x[far]))
    count = sum(row.size for row, _ in lost)
    if not count:
        return dispersion_map, 0
    wavelength, slit = dispersion_map.wavelength_nm.copy(), dispersion_map.slit_arcsec.copy()
    for row, column in lost:
        wavelength[row, column] = slit[row, column] = np.nan
    return replace(dispersion_map, wavelength_nm=wavelength, slit_arcsec=slit), count


def _solutions(dispersion_map: DispersionMap, ranges_nm: Mapping[int, tuple[float, float]]) -> dict[int, OrderSolution]:
    """Polynomials of the orders named, none if the map has none."""
    x, y = dispersion_map.x, dispersion_map.y
    if x is None or y is None:
        return {}
    return {order: solve_order(x, y, order, range_nm, 6.0) for order, range_nm in ranges_nm.items()}


def _misses(
    dispersion_map: DispersionMap, solutions: Mapping[int, OrderSolution], binning: tuple[int, int], rows: IntArray, columns: IntArray
) -> Iterator[tuple[int, IntArray, IntArray, FloatArray]]:
    """Order, rows, columns and distance (px, unbinned) between image and polynomials, order by order, of the pixels given."""
    orders = dispersion_map.order[rows, columns]
    for order, solution in solutions.items():
        here = np.flatnonzero(orders == order)
        if not here.size:
            continue
        row, column = rows[here], columns[here]
        with np.errstate(over="ignore", invalid="ignore"):  # a wavelength that is none
            x, y = solution.pixels(dispersion_map.wavelength_nm[row, column], dispersion_map.slit_arcsec[row, column])
            miss = np.hypot(x - unbinned_centre(column, binning[0]), y - unbinned_centre(row, binning[1]))
        yield order, row, column, miss


def make_dispersion_map(
    x: DispersionPolynomial,
    y: DispersionPolynomial,
    order_table: OrderTable,
    spectral_format: SpectralFormat,
    *,
    shape: tuple[int, int],
    binning: tuple[int, int],
    slit_length_arcsec: float,
) -> DispersionMap:
    """Evaluate wavelength and slit position of every pixel from the dispersion polynomials.

    Parameters
    ----------
    x, y : DispersionPolynomial
        Forward solution, unbinned pixels.
    order_table : OrderTable
        Says where each order is looked for; edges are used if it has them.
    spectral_format : SpectralFormat
        Wavelength limits; pixels beyond them stay unsolved.
    shape : tuple of int
        Rows and columns of the binned frame.
    binning : tuple of int
        (x, y).
    slit_length_arcsec : float
        Pixels beyond half of it belong to no order.

    Returns
    -------
    DispersionMap
        float64, NaN where unsolved.

    Raises
    ------
    ValueError
        If the polynomials do not depend on the slit position, or solve no pixel of any order.
    """
    if x.coefficients.shape[2] < 2 and y.coefficients.shape[2] < 2:
        raise ValueError("the dispersion solution does not depend on the slit position")
    wavelength, slit, number = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=np.int16)
    known = {entry.order: entry.full_nm for entry in spectral_format.orders}
    for order in order_table.orders:
        if order not in known:
            continue
        rows, columns = _order_pixels(order_table, order, shape, binning, slit_length_arcsec)
        solution = solve_order(x, y, order, known[order], 0.5 * slit_length_arcsec)
        inverse = invert_dispersion(solution, unbinned_centre(columns, binning[0]), unbinned_centre(rows, binning[1]))
        on_slit = inverse.converged & (np.abs(inverse.slit_arcsec) <= 0.5 * slit_length_arcsec)
        inside = on_slit & (inverse.wavelength_nm >= known[order][0]) & (inverse.wavelength_nm <= known[order][1])
        number[rows[on_slit], columns[on_slit]] = order
        wavelength[rows[inside], columns[inside]] = inverse.wavelength_nm[inside]
        slit[rows[inside], columns[inside]] = inverse.slit_arcsec[inside]
    if not np.any(np.isfinite(wavelength)):
        raise ValueError("the dispersion solution solves no pixel of any order")
    return DispersionMap(wavelength_nm=wavelength, slit_arcsec=slit, order=number, x=x, y=y)


def unbinned_centre(pixel: FloatArray | IntArray, factor: int) -> FloatArray:
    """Unbinned coordinate of the centre of binned pixels."""
    return (np.asarray(pixel, np.float64) + 0.5) * factor - 0.5


def _rescaled(polynomial: DispersionPolynomial, order: int, centre: float, half: float, half_slit: float) -> FloatArray:
    """Coefficients in scaled wavelength and slit; the shift to the centre is done in extended precision by repeated synthetic division."""
    powers = np.power(np.longdouble(order), np.arange(polynomial.coefficients.shape[0]))
    c = np.tensordot(powers, polynomial.coefficients.astype(np.longdouble), axes=(0, 0))
    degree = c.shape[0] - 1
    for lowest in range(degree):
        for j in range(degree - 1, lowest - 1, -1):
            c[j] += np.longdouble(centre) * c[j + 1]
    c *= np.power(np.longdouble(half), np.arange(c.shape[0]))[:, None]
    c *= np.power(np.longdouble(half_slit), np.arange(c.shape[1]))[None, :]
    return c.astype(np.float64)


def _evaluate(coefficients: FloatArray, u: FloatArray, t: FloatArray) -> FloatArray:
    """``sum_jk c_jk u^j t^k`` by Horner in both variables."""
    total = np.zeros(np.shape(u))
    for k in range(coefficients.shape[1] - 1, -1, -1):
        inner = np.full(np.shape(u), coefficients[-1, k])
        for j in range(coefficients.shape[0] - 2, -1, -1):
            inner *= u
            inner += coefficients[j, k]
        total = total * t + inner
    return total


def _derivative(coefficients: FloatArray, axis: int) -> FloatArray:
    """Coefficients of the derivative along one variable."""
    degree = coefficients.shape[axis] - 1
    if degree < 1:
        return np.zeros((1, 1))
    shape = (-1, 1) if axis == 0 else (1, -1)
    return np.take(coefficients, np.arange(1, degree + 1), axis=axis) * np.arange(1, degree + 1).reshape(shape)


def _first_guess(solution: OrderSolution, x_px: FloatArray, y_px: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Scaled wavelength at the slit's centre by looking the longer axis up, and slit centre."""
    u = np.linspace(-1.3, 1.3, 400)
    x, y = _evaluate(solution.x, u, np.zeros_like(u)), _evaluate(solution.y, u, np.zeros_like(u))
    along, wanted = (x, x_px) if np.ptp(x) > np.ptp(y) else (y, y_px)
    order = np.argsort(along)
    return np.interp(wanted, along[order], u[order]), np.zeros(x_px.shape)


def _order_pixels(
    table: OrderTable, order: int, shape: tuple[int, int], binning: tuple[int, int], slit_length_arcsec: float
) -> tuple[IntArray, IntArray]:
    """Rows and columns (binned) of the pixels in which an order may lie, two pixels to spare."""
    along_x = table.dispersion_axis == "x"
    bin_b, bin_a = binning if along_x else binning[::-1]
    n_b, n_a = (shape[1], shape[0]) if along_x else shape
    b = np.arange(n_b)
    unbinned = unbinned_centre(b, bin_b)
    b = b[(unbinned >= table.b_min[order] - 2) & (unbinned <= table.b_max[order] + 2)]
    centre = table.centre(order, unbinned_centre(b, bin_b))
    if table.low is not None and table.high is not None:
        low, high = table.low(order, unbinned_centre(b, bin_b)) - 2.0, table.high(order, unbinned_centre(b, bin_b)) + 2.0
    else:
        half = WIDEST_PX_PER_ARCSEC * 0.5 * slit_length_arcsec
        low, high = centre - half, centre + half
    low, high = (low + 0.5) / bin_a - 0.5, (high + 0.5) / bin_a - 0.5
    a = np.arange(n_a)
    inside = (a[None, :] >= low[:, None] - 1.0) & (a[None, :] <= high[:, None] + 1.0)
    along, across = np.nonzero(inside)
    return (a[across], b[along]) if along_x else (b[along], a[across])
