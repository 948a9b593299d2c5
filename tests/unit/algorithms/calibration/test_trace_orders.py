"""Order centres and map of the small echelle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.calibration.predict_lines import pixels_of
from soxspipe.algorithms.calibration.solve_map import solve_map
from soxspipe.algorithms.calibration.trace_orders import OrderCentres, trace_orders
from soxspipe.algorithms.calibration.trace_settings import TraceSettings, with_degrees
from soxspipe.datamodel.geometry import OrderPolynomial, OrderTable
from soxspipe.errors import AlgorithmError
from support.arcs import ORDERS, SHAPE, arc_image, small_prediction

PREDICTION = small_prediction()


def _flat(shift: float, seed: int = 1) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """A pinhole flat whose traces lie `shift` px above the slit's centre, and the traces."""
    image, rows, curves = np.zeros(SHAPE), np.arange(SHAPE[0]), {}
    for order in ORDERS:
        low, high = PREDICTION.ranges_nm[order]
        wave = np.linspace(low - 5, high + 5, 900)
        x, y = pixels_of(PREDICTION.x, PREDICTION.y, np.full(900, order), wave, np.zeros(900))
        curves[order] = np.interp(np.arange(SHAPE[1]), x, y) + shift
        image += 3000 * np.exp(-0.5 * ((rows[:, None] - curves[order][None, :]) / 0.9) ** 2)
    rng = np.random.default_rng(seed)
    return rng.poisson(image) + rng.normal(0, 5, SHAPE), curves


@pytest.fixture(scope="module")
def centres() -> OrderCentres:
    return trace_orders(arc_image(_flat(0.3)[0]), PREDICTION.x, PREDICTION.y, PREDICTION.ranges_nm, "x", TraceSettings())


def test_centres_are_those_of_the_flat(centres: OrderCentres) -> None:
    _, curves = _flat(0.3)
    b = np.arange(10.0, 410)
    for order, curve in curves.items():
        np.testing.assert_allclose(centres.centre(order, b), curve[10:410], atol=0.02)
        np.testing.assert_allclose(centres.measured(order, b), curve[10:410], atol=0.02)
    assert centres.zero_point_px == pytest.approx(0.3, abs=5 * centres.zero_point_error_px + 2e-3)
    np.testing.assert_allclose(centres.sigma(12, b), 0.9, atol=0.02)


@pytest.mark.parametrize("binning", [(1, 2), (2, 2)])
def test_a_trace_that_binning_has_made_narrower_than_a_pixel_is_found(binning: tuple[int, int]) -> None:
    image, curves = _flat(0.3)
    x, y = binning
    binned = image.reshape(SHAPE[0] // y, y, SHAPE[1] // x, x).sum(axis=(1, 3))
    found = trace_orders(arc_image(binned), PREDICTION.x, PREDICTION.y, PREDICTION.ranges_nm, "x", TraceSettings(), binning=binning)
    for order, curve in curves.items():
        np.testing.assert_allclose(found.centre(order, np.arange(10.0, 410)), curve[10:410], atol=0.03)
    np.testing.assert_allclose(found.sigma(12, np.arange(10.0, 410)), 0.9, atol=0.05)


def test_an_offset_that_is_constant_has_degree_zero(centres: OrderCentres) -> None:
    assert centres.degree <= 1


def test_a_stretch_that_is_struck_is_left_out() -> None:
    image, curves = _flat(0.0)
    image[round(float(curves[12][200])) + 2, 190:215] += 40_000.0
    found = trace_orders(arc_image(image), PREDICTION.x, PREDICTION.y, PREDICTION.ranges_nm, "x", TraceSettings())
    np.testing.assert_allclose(found.centre(12, np.arange(50.0, 350)), curves[12][50:350], atol=0.03)


def test_degrees_asked_for_are_used() -> None:
    found = trace_orders(
        arc_image(_flat(0.0)[0]), PREDICTION.x, PREDICTION.y, PREDICTION.ranges_nm, "x", with_degrees(TraceSettings(), "34")
    )
    assert found.centre.coefficients.shape == (4, 5)


def test_a_dark_frame_is_refused() -> None:
    dark = arc_image(np.random.default_rng(1).normal(0, 5, SHAPE))
    with pytest.raises(AlgorithmError, match="is the lamp on"):
        trace_orders(dark, PREDICTION.x, PREDICTION.y, PREDICTION.ranges_nm, "x", TraceSettings())


def test_a_solution_beside_the_frame_is_refused() -> None:
    image = arc_image(_flat(0.0)[0])
    beside = replace(
        PREDICTION.y, coefficients=PREDICTION.y.coefficients + 5000.0 * (np.indices(PREDICTION.y.coefficients.shape).sum(axis=0) == 0)
    )
    with pytest.raises(AlgorithmError, match="no order on the frame"):
        trace_orders(image, PREDICTION.x, beside, PREDICTION.ranges_nm, "x", TraceSettings())


def test_map_solves_every_pixel_and_gives_the_polynomial_back(centres: OrderCentres) -> None:
    shift = [OrderPolynomial(coefficients=centres.centre.coefficients + np.eye(*centres.centre.coefficients.shape) * 0) for _ in range(2)]
    low, high = (np.array(polynomial.coefficients) for polynomial in shift)
    low[0, 0] -= 16.0
    high[0, 0] += 16.0
    table = OrderTable(
        dispersion_axis="x", orders=ORDERS, b_min=dict.fromkeys(ORDERS, 0.0), b_max=dict.fromkeys(ORDERS, float(SHAPE[1])), centre=centres.centre,
        low=OrderPolynomial(coefficients=low), high=OrderPolynomial(coefficients=high),
    )  # fmt: skip
    made = solve_map(
        PREDICTION.x, PREDICTION.y, table, PREDICTION.ranges_nm, shape=SHAPE, slit_length_arcsec=12.0,
        errors=lambda order, wave, slit: (np.full(wave.size, 0.01), np.full(wave.size, 0.02)), lines_px=dict.fromkeys(ORDERS, (50.0, 100.0)),
        threshold_px=1e-4,
    )  # fmt: skip
    assert made.solved == 1.0
    assert made.distance_px < 1e-4
    inside = np.isfinite(made.order)
    rows, columns = np.nonzero(inside)
    x, y = pixels_of(
        PREDICTION.x,
        PREDICTION.y,
        made.order[inside].astype(int),
        made.wavelength_nm[inside].astype(float),
        made.slit_arcsec[inside].astype(float),
    )
    assert np.hypot(x - columns, y - rows).max() < 2e-3  # as rounded to single precision
    scale = np.abs(np.gradient(made.wavelength_nm[:, 100:300], axis=1))
    ratio = (made.wavelength_error_nm[:, 100:300] / scale)[inside[:, 100:300]]
    assert np.nanmedian(ratio) == pytest.approx(0.01, rel=0.05)
    held = made.constrained[inside]
    assert 0.4 < held.mean() < 0.75
    assert np.isnan(made.wavelength_nm[~inside]).all()
