"""Wavelength, slit position and order of every pixel, by inverting the dispersion solution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates

from soxspipe.algorithms.calibration.predict_lines import pixels_of
from soxspipe.algorithms.orders.dispersion import invert_dispersion, solve_order
from soxspipe.datamodel.arrays import BoolArray, FloatArray, Image, IntArray, freeze
from soxspipe.datamodel.geometry import DispersionPolynomial, OrderTable

BEYOND_RANGE = 0.7
"""Share of its range by which an order is followed beyond its limits: order 24 of SOXS NIR fills a detector of which its range is 60 per cent."""
SAMPLES = 400
"""Every tenth pixel of an order: wavelengths are smooth between them."""
GRID_B, GRID_S = 33, 7
"""Points of an order at which the error of the wavelength is worked out; it is smooth."""
NEAR_LINE_PX = 150.0
"""A pixel this far beyond the last line of its order, along the dispersion, is still held by it."""

Errors = Callable[[IntArray, FloatArray, FloatArray], tuple[FloatArray, FloatArray]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SolvedMap:
    """The map, shape (ny, nx) each.

    Attributes
    ----------
    wavelength_nm, slit_arcsec : ndarray of float32
        NaN outside orders; 0 where the solution has no answer.
    order : ndarray of float32
        Order number, NaN outside orders.
    wavelength_error_nm : ndarray of float32
        Of the solution, NaN outside orders.
    constrained : ndarray of uint8
        1 where lines of the order hold the solution, 0 where it goes beyond them or outside orders.
    distance_px : float
        Largest distance between a pixel and the place to which the polynomials send its wavelength and slit position, before rounding.
    """

    wavelength_nm: Image
    slit_arcsec: Image
    order: Image
    wavelength_error_nm: Image
    constrained: np.typing.NDArray[np.uint8]
    distance_px: float

    def __post_init__(self) -> None:
        shape = self.order.shape
        freeze(self, **dict.fromkeys(("wavelength_nm", "slit_arcsec", "order", "wavelength_error_nm", "constrained"), shape))

    @property
    def solved(self) -> float:
        """Share of the pixels inside orders that have a wavelength."""
        inside = np.isfinite(self.order)
        return float(np.count_nonzero(self.wavelength_nm[inside] > 0)) / max(float(np.count_nonzero(inside)), 1.0)


def solve_map(
    x: DispersionPolynomial,
    y: DispersionPolynomial,
    table: OrderTable,
    ranges_nm: Mapping[int, tuple[float, float]],
    *,
    shape: tuple[int, int],
    slit_length_arcsec: float,
    errors: Errors,
    lines_px: Mapping[int, tuple[float, float]],
    threshold_px: float,
) -> SolvedMap:
    """Invert the solution at every pixel between the edges of every order.

    Parameters
    ----------
    x, y : DispersionPolynomial
        The solution as the table has it, unbinned pixels.
    table : OrderTable
        Where the orders are; with edges.
    ranges_nm : mapping of int to tuple of float
        Wavelength limits of the orders.
    shape : tuple of int
        Rows and columns of the unbinned frame.
    slit_length_arcsec : float
        Where the table has no edges, half of this to each side.
    errors : callable
        Errors of x and y (px) at orders, wavelengths and slit positions.
    lines_px : mapping of int to tuple of float
        First and last dispersion pixel with a line of each order.
    threshold_px : float
        Largest distance between a pixel and the place its solution is sent to.
    """
    planes = {name: np.full(shape, np.nan, np.float32) for name in ("wavelength", "slit", "order", "error")}
    constrained, nearest = np.zeros(shape, np.uint8), np.full(shape, np.inf, np.float32)
    worst = 0.0
    for order in (order for order in table.orders if order in ranges_nm):
        rows, columns = _inside(table, order, shape)
        span = on_detector(x, y, order, ranges_nm[order], table.dispersion_axis, shape)
        solution = solve_order(x, y, order, span, 0.5 * slit_length_arcsec)
        inverse = invert_dispersion(solution, columns.astype(np.float64), rows.astype(np.float64), tolerance_px=min(threshold_px, 1e-4))
        good = inverse.converged
        slit = np.where(good, inverse.slit_arcsec, 0.0)
        mine = np.abs(slit) < nearest[rows, columns]  # where orders overlap the pixel goes to the one whose centre is nearer
        rows, columns, good, slit = rows[mine], columns[mine], good[mine], slit[mine]
        wavelength = np.where(good, inverse.wavelength_nm[mine], 0.0)
        nearest[rows, columns] = np.abs(slit)
        planes["order"][rows, columns] = order
        planes["wavelength"][rows, columns] = wavelength
        planes["slit"][rows, columns] = slit
        b = (columns if table.dispersion_axis == "x" else rows).astype(np.float64)
        planes["error"][rows, columns] = _errors(x, y, order, span, (b, slit), table.dispersion_axis, slit_length_arcsec, errors)
        if order in lines_px:
            first, last = lines_px[order]
            constrained[rows, columns] = good & (b >= first - NEAR_LINE_PX) & (b <= last + NEAR_LINE_PX)
        worst = max(worst, _distance(solution.pixels(wavelength[good], slit[good]), columns[good], rows[good]))
    return SolvedMap(
        wavelength_nm=planes["wavelength"], slit_arcsec=planes["slit"], order=planes["order"], wavelength_error_nm=planes["error"],
        constrained=constrained, distance_px=worst,
    )  # fmt: skip


def on_detector(
    x: DispersionPolynomial, y: DispersionPolynomial, order: int, range_nm: tuple[float, float], axis: str, shape: tuple[int, int]
) -> tuple[float, float]:
    """Wavelengths of an order that fall on the detector, some pixels to spare, as far as they run on without turning back."""
    more = BEYOND_RANGE * (range_nm[1] - range_nm[0])
    wave = np.linspace(range_nm[0] - more, range_nm[1] + more, SAMPLES)
    pixel = pixels_of(x, y, np.full(SAMPLES, order), wave, np.zeros(SAMPLES))[0 if axis == "x" else 1]
    middle = int(np.argmin(np.abs(wave - 0.5 * sum(range_nm))))
    step = np.diff(pixel)
    wrong = np.flatnonzero(np.sign(step) != np.sign(step[middle]))
    length = shape[1] if axis == "x" else shape[0]
    outside = np.flatnonzero((pixel < -40.0) | (pixel > length + 40.0))
    stops = np.concatenate([wrong, outside])
    low, high = stops[stops < middle], stops[stops > middle]
    return float(wave[low.max() + 1 if low.size else 0]), float(wave[high.min() if high.size else SAMPLES - 1])


def _inside(table: OrderTable, order: int, shape: tuple[int, int]) -> tuple[IntArray, IntArray]:
    """Rows and columns of the pixels between the edges of an order, from the pixel that holds one edge to the one that holds the other."""
    along_x = table.dispersion_axis == "x"
    n_b, n_a = (shape[1], shape[0]) if along_x else shape
    b = np.arange(max(0, int(np.floor(table.b_min[order]))), min(n_b, int(np.ceil(table.b_max[order])) + 1))
    pixels = b.astype(np.float64)
    if table.low is None or table.high is None:
        raise ValueError("the order table has no edges")
    low, high = np.floor(table.low(order, pixels)), np.ceil(table.high(order, pixels))
    a = np.arange(n_a)
    along, across = np.nonzero((a[None, :] >= low[:, None]) & (a[None, :] <= high[:, None]))
    return (a[across], b[along]) if along_x else (b[along], a[across])


def _errors(
    x: DispersionPolynomial,
    y: DispersionPolynomial,
    order: int,
    span: tuple[float, float],
    places: tuple[FloatArray, FloatArray],
    axis: str,
    slit_length: float,
    errors: Errors,
) -> FloatArray:
    """Error of the wavelength (nm) at dispersion pixels and slit positions, from a coarse grid."""
    wave, slit = np.linspace(*span, GRID_B), np.linspace(-0.6 * slit_length, 0.6 * slit_length, GRID_S)
    grid_wave, grid_slit = (part.ravel() for part in np.meshgrid(wave, slit, indexing="ij"))
    number = np.full(grid_wave.size, order)
    error = errors(number, grid_wave, grid_slit)[0 if axis == "x" else 1].reshape(GRID_B, GRID_S)
    at_centre = pixels_of(x, y, number[:GRID_B], wave, np.zeros(GRID_B))[0 if axis == "x" else 1]
    scale = np.abs(np.gradient(wave, at_centre))
    rank = np.argsort(at_centre)
    along = np.interp(places[0], at_centre[rank], np.arange(GRID_B)[rank].astype(np.float64))
    across = (places[1] - slit[0]) / (slit[1] - slit[0])
    return np.asarray(map_coordinates(error * scale[:, None], np.stack([along, across]), order=1, mode="nearest"))


def _distance(pixels: tuple[FloatArray, FloatArray], columns: BoolArray | IntArray, rows: IntArray) -> float:
    return float(np.hypot(pixels[0] - columns, pixels[1] - rows).max()) if len(rows) else 0.0
