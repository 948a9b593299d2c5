"""Order centres: the trace of a pinhole lit by a continuum lamp, as an offset from the dispersion solution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from soxspipe.algorithms.calibration.arc_image import ArcImage
from soxspipe.algorithms.calibration.predict_lines import pixels_of
from soxspipe.algorithms.calibration.solve_map import on_detector
from soxspipe.algorithms.calibration.trace_samples import Bins, TraceSamples, along_rows, measure_samples
from soxspipe.algorithms.calibration.trace_settings import TraceSettings
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.datamodel.detector import Axis
from soxspipe.datamodel.geometry import DispersionPolynomial, OrderPolynomial
from soxspipe.errors import AlgorithmError
from soxspipe.numerics.chebyshev import chebyshev_powers, chebyshev_values
from soxspipe.numerics.robust import mad_sigma

HIGHEST_DEGREE = 8
"""The lowest good degree is taken; beyond this ends of orders would follow noise."""
FOLDS = 8
"""An eighth of the stretches is left out at a time."""
FEW_ORDERS = 5
"""With fewer orders (VIS has four) each has its own polynomial: they pass different optics."""
LARGEST_MISS_PX = 0.003
"""Largest rms distance between the centres as measured and the polynomial of the table."""
MOST_POWERS = 9
"""The published tables hold powers up to this."""
FAR_EDGE_PX = 10
"""Too near to the border for a slice."""
LEAST_FOUND = 0.1
"""With a lamp most samples show the trace, without it chance gives a few per cent."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderCentres:
    """Where the orders' centres are.

    Attributes
    ----------
    samples : TraceSamples
        As measured.
    used : ndarray of bool, shape (n_samples,)
        In the final fit.
    fitted : ndarray, shape (n_samples,)
        Centre of the fit, px.
    centre, sigma : OrderPolynomial
        Centre and Gaussian width of the trace.
    centre_error_px : mapping of int to float
        Median error of the fit in each order.
    b_min, b_max : mapping of int to int
        Dispersion pixels between which the centre is on the detector.
    zero_point_px, zero_point_error_px : float
        Mean offset along the slit of the flat's pinhole from the arc's, and its error.
    degree : int
        Of the offset, in order and dispersion pixel together.
    table_miss_px : float
        Rms distance between the fit and its polynomial.
    curves : mapping of int to ndarray
        Centre at every dispersion pixel, by order; NaN where the dispersion solution has none.
    """

    samples: TraceSamples
    used: BoolArray
    fitted: FloatArray
    centre: OrderPolynomial
    sigma: OrderPolynomial
    centre_error_px: Mapping[int, float]
    b_min: Mapping[int, int]
    b_max: Mapping[int, int]
    zero_point_px: float
    zero_point_error_px: float
    degree: int
    table_miss_px: float
    curves: Mapping[int, FloatArray]

    def measured(self, order: int, b_px: FloatArray) -> FloatArray:
        """Centre as measured, before it is cast into the polynomial of the table; that polynomial where there is no dispersion solution."""
        pixel = np.interp(b_px, np.arange(self.curves[order].size), self.curves[order])
        return np.asarray(np.where(np.isfinite(pixel), pixel, self.centre(order, b_px)))


def trace_orders(
    image: ArcImage,
    x: DispersionPolynomial,
    y: DispersionPolynomial,
    ranges_nm: Mapping[int, tuple[float, float]],
    dispersion_axis: Axis,
    settings: TraceSettings,
    *,
    binning: tuple[int, int] = (1, 1),
) -> OrderCentres:
    """Measure and fit the centres of all orders.

    Parameters
    ----------
    image : ArcImage
        Pinhole flat without bias, dark or lamp-off light.
    x, y : DispersionPolynomial
        Dispersion solution at the slit's centre.
    ranges_nm : mapping of int to tuple of float
        Wavelength limits of the orders.
    dispersion_axis : {'x', 'y'}
        Axis B.
    settings : TraceSettings
        How.
    binning : tuple of int
        (x, y) of the frame; everything else, the answer included, is in unbinned pixels.

    Raises
    ------
    AlgorithmError
        If hardly a sample shows the trace.
    """
    turned = along_rows(image, dispersion_axis)
    bins = Bins(b=binning[0] if dispersion_axis == "x" else binning[1], a=binning[1] if dispersion_axis == "x" else binning[0])
    orders = sorted(ranges_nm)
    shape = (image.shape[0] * binning[1], image.shape[1] * binning[0])
    curves = {order: _centre_curve(x, y, order, ranges_nm[order], dispersion_axis, shape) for order in orders}
    samples = measure_samples(turned, curves, bins, settings)
    found = float(np.mean(samples.detected))
    if found < LEAST_FOUND:
        raise AlgorithmError(
            f"{found:.0%} of the samples along the orders show the trace of the pinhole, {LEAST_FOUND:.0%} are needed: is the lamp on?"
        )
    whole = (turned.shape[0] * bins.a, turned.shape[1] * bins.b)
    surface = _Surface(orders=(orders[0], orders[-1]), n_b=whole[1])
    used, degree, coefficients, covariance = _fit_offset(samples, surface, settings)
    fitted = samples.predicted + surface.design(degree, samples.order, samples.b_px) @ coefficients
    return _as_table(samples, used, fitted, surface, degree, (coefficients, covariance), curves, whole, settings)


def _centre_curve(
    x: DispersionPolynomial, y: DispersionPolynomial, order: int, range_nm: tuple[float, float], axis: Axis, shape: tuple[int, int]
) -> FloatArray:
    """Slit-axis pixel of the slit's centre at every dispersion pixel; NaN where the solution has none."""
    span = on_detector(x, y, order, range_nm, axis, shape)
    wave = np.linspace(*span, 600)
    pixels = pixels_of(x, y, np.full(wave.size, order), wave, np.zeros(wave.size))
    along, across = pixels if axis == "x" else pixels[::-1]
    rank = np.argsort(along)
    if not np.all(np.diff(along[rank]) > 0):
        raise AlgorithmError(
            f"the dispersion table sends different wavelengths of order {order} to one pixel: its coefficients are not those of a solution"
        )
    n_b = shape[1] if axis == "x" else shape[0]
    b = np.arange(n_b, dtype=np.float64)
    curve = CubicSpline(along[rank], across[rank])(b)
    return np.where((b >= along.min()) & (b <= along.max()), curve, np.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Surface:
    """Chebyshev polynomials in order and dispersion pixel: first and last order, and pixels along the dispersion."""

    orders: tuple[int, int]
    n_b: int

    @property
    def order_scale(self) -> tuple[float, float]:
        return 0.5 * sum(self.orders), max(0.5 * (self.orders[1] - self.orders[0]), 1.0)

    @property
    def b_scale(self) -> tuple[float, float]:
        return 0.5 * (self.n_b - 1), 0.5 * self.n_b

    def factors(self, order: IntArray, b: FloatArray, degree_n: int, degree_b: int) -> tuple[FloatArray, FloatArray]:
        """Chebyshev values of both variables."""
        (n0, n1), (b0, b1) = self.order_scale, self.b_scale
        return chebyshev_values((order - n0) / n1, degree_n), chebyshev_values((b - b0) / b1, degree_b)

    def design(self, degree: int, order: IntArray, b: FloatArray) -> FloatArray:
        """All products up to a total degree; where there are few orders, each has its own polynomial in the dispersion pixel."""
        last = self.orders[1] - self.orders[0]
        if last < FEW_ORDERS:
            return self.box(last, degree, order, b)
        most = min(degree, last)
        in_n, in_b = self.factors(order, b, most, degree)
        return np.stack([in_n[:, i] * in_b[:, j] for i in range(most + 1) for j in range(degree - i + 1)], axis=1)

    def box(self, degree_n: int, degree_b: int, order: IntArray, b: FloatArray) -> FloatArray:
        """All products up to a degree in each variable."""
        in_n, in_b = self.factors(order, b, degree_n, degree_b)
        return np.asarray((in_n[:, :, None] * in_b[:, None, :]).reshape(len(b), -1))

    def powers(self, coefficients: FloatArray, degree_n: int, degree_b: int) -> FloatArray:
        """Box coefficients as those of ``n^i B^j``."""
        cube = coefficients.reshape(degree_n + 1, degree_b + 1).astype(np.longdouble)
        in_n, in_b = chebyshev_powers(degree_n, *self.order_scale), chebyshev_powers(degree_b, *self.b_scale)
        return np.asarray(np.einsum("ij,in,jb->nb", cube, in_n, in_b), dtype=np.float64)


def _fit_offset(samples: TraceSamples, surface: _Surface, settings: TraceSettings) -> tuple[BoolArray, int, FloatArray, FloatArray]:
    """Robust fit of the offset; its degree is the lowest that predicts stretches left out about as well as the best."""
    used = samples.detected.copy()
    clip = settings.poly_fitting_residual_clipping_sigma
    degree = 0
    coefficients: FloatArray = np.zeros(1)
    covariance: FloatArray = np.zeros((1, 1))
    for turn in range(settings.poly_clipping_iteration_limit):
        degree = _chosen_degree(samples, used, surface)
        design = surface.design(degree, samples.order, samples.b_px)
        coefficients, covariance = _weighted(design[used], samples.offset[used], samples.error[used])
        residual = samples.offset - design @ coefficients
        scatter = max(1.0, mad_sigma((residual / samples.error)[used]))
        limit = (clip if turn else 3 * clip) * scatter
        keep = samples.detected & (np.abs(residual) < np.maximum(limit * samples.error, 0.02))
        covariance = covariance * scatter**2
        if turn and np.array_equal(keep, used):
            break
        used = keep
    return used, degree, coefficients, covariance


def _chosen_degree(samples: TraceSamples, used: BoolArray, surface: _Surface) -> int:
    """Degree by leaving stretches of orders out."""
    fold = (np.arange(samples.order.size) // 6) % FOLDS
    scores: list[list[float]] = []
    for degree in range(HIGHEST_DEGREE + 1):
        design = surface.design(degree, samples.order, samples.b_px)
        square = []
        for k in range(FOLDS):
            train, test = used & (fold != k), used & (fold == k)
            if train.sum() < 2 * design.shape[1] or not test.any():
                return _simplest(scores)
            coefficients, _ = _weighted(design[train], samples.offset[train], samples.error[train])
            error = (samples.offset[test] - design[test] @ coefficients) / samples.error[test]
            square.append(float(np.mean(np.minimum(error**2, 100.0))))
        scores.append(square)
    return _simplest(scores)


def _simplest(scores: list[list[float]]) -> int:
    """Lowest degree that is worse than the best by no more than the scatter of that difference over the stretches left out."""
    if not scores:
        return 0
    by_degree = np.array(scores)
    best = by_degree[int(np.argmin(by_degree.mean(axis=1)))]
    worse = by_degree - best
    return int(np.flatnonzero(worse.mean(axis=1) <= worse.std(axis=1) / np.sqrt(FOLDS - 1))[0])


def _weighted(design: FloatArray, values: FloatArray, error: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weighted least squares and its covariance."""
    weighted = design / error[:, None]
    u, singular, vt = np.linalg.svd(weighted, full_matrices=False)
    keep = singular > 1e-10 * singular[0]
    root = vt[keep].T / singular[keep]
    return root @ (u[:, keep].T @ (values / error)), root @ root.T


def _as_table(
    samples: TraceSamples,
    used: BoolArray,
    fitted: FloatArray,
    surface: _Surface,
    degree: int,
    solution: tuple[FloatArray, FloatArray],
    curves: Mapping[int, FloatArray],
    shape: tuple[int, int],
    settings: TraceSettings,
) -> OrderCentres:
    """Centre and width as polynomials in order and dispersion pixel, fitted to what was measured at all pixels."""
    coefficients, covariance = solution
    number = np.concatenate([np.full(np.isfinite(curve).sum(), order)[::8] for order, curve in curves.items()])
    b = np.concatenate([np.flatnonzero(np.isfinite(curve))[::8] for curve in curves.values()]).astype(np.float64)
    wanted = np.concatenate([curve[np.isfinite(curve)][::8] for curve in curves.values()])
    design = surface.design(degree, number, b)
    wanted = wanted + design @ coefficients
    degrees = (settings.order_deg, settings.disp_axis_deg)
    polynomial, miss = _box_fit(surface, number, b, wanted, degrees)
    highest = (min(MOST_POWERS, len(curves) - 1), MOST_POWERS)
    while settings.choose_degrees and miss > LARGEST_MISS_PX and degrees != highest:
        degrees = (min(degrees[0] + 1, highest[0]), min(degrees[1] + 1, highest[1]))
        polynomial, miss = _box_fit(surface, number, b, wanted, degrees)
    width_design = surface.design(2, samples.order[used], samples.b_px[used])
    width, _ = _weighted(width_design, samples.sigma[used], np.ones(int(used.sum())))
    widths, _ = _box_fit(surface, number, b, surface.design(2, number, b) @ width, (min(2, len(curves) - 1), 2))
    error = np.sqrt(((design @ covariance) * design).sum(axis=1))
    limits = {order: _limits(polynomial, order, shape) for order in curves}
    weight = 1.0 / samples.error[used] ** 2
    return OrderCentres(
        samples=samples, used=used, fitted=fitted, centre=polynomial, sigma=widths,
        centre_error_px={order: float(np.median(error[number == order])) for order in curves if np.any(number == order)},
        b_min={order: limit[0] for order, limit in limits.items()}, b_max={order: limit[1] for order, limit in limits.items()},
        zero_point_px=float(np.sum(weight * samples.offset[used]) / weight.sum()), zero_point_error_px=float(1.0 / np.sqrt(weight.sum())),
        degree=degree, table_miss_px=miss, curves=_moved(curves, surface, degree, coefficients),
    )  # fmt: skip


def _moved(curves: Mapping[int, FloatArray], surface: _Surface, degree: int, coefficients: FloatArray) -> dict[int, FloatArray]:
    """Predicted centres with the fitted offset."""
    b = np.arange(surface.n_b, dtype=np.float64)
    return {order: curve + surface.design(degree, np.full(b.size, order), b) @ coefficients for order, curve in curves.items()}


def _box_fit(
    surface: _Surface, order: IntArray, b: FloatArray, values: FloatArray, degrees: tuple[int, int]
) -> tuple[OrderPolynomial, float]:
    design = surface.box(*degrees, order, b)
    coefficients = np.linalg.lstsq(design, values, rcond=1e-12)[0]
    miss = float(np.sqrt(np.mean((design @ coefficients - values) ** 2)))
    return OrderPolynomial(coefficients=surface.powers(coefficients, *degrees)), miss


def _limits(centre: OrderPolynomial, order: int, shape: tuple[int, int]) -> tuple[int, int]:
    """First and last dispersion pixel whose centre lies on the detector."""
    b = np.arange(shape[1])
    a = centre(order, b.astype(np.float64))
    inside = np.flatnonzero((a > 0) & (a < shape[0] - FAR_EDGE_PX))
    return (int(b[inside[0]]), int(b[inside[-1]]) + 1) if inside.size else (0, 0)
