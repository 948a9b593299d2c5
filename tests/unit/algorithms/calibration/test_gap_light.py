"""Scattered light between the edges of orders: of flats, and of arc frames by an order table."""

import numpy as np
import pytest

from soxspipe.algorithms.calibration.arc_image import ArcImage
from soxspipe.algorithms.calibration.gap_light import between_orders, fit_gap_light, strips_of, without_gap_light
from soxspipe.algorithms.calibration.slit_edges import measure_edges
from soxspipe.datamodel.geometry import OrderPolynomial, OrderTable
from soxspipe.errors import AlgorithmError
from support.flats import N_A, N_B, B, two_orders


def small_table(edges=True):
    """Two orders along x: at 20 to 40 and, tilted, at 70 to 90."""
    centre, low, high = (OrderPolynomial(coefficients=np.array([[place - 50.0, -0.02], [50.0, 0.02]])) for place in (30.0, 20.0, 40.0))
    spans = {1: 0.0, 2: 0.0}, {1: 299.0, 2: 299.0}
    return OrderTable(
        dispersion_axis="x", orders=(1, 2), centre=centre, low=low if edges else None, high=high if edges else None, b_min=spans[0],
        b_max=spans[1],
    )  # fmt: skip


def test_the_light_between_the_orders_is_taken_off():
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:120, :300]
    glow = 40.0 + 0.1 * x - 0.05 * y
    image = glow + 3.0 * rng.normal(size=glow.shape)
    image[25:35] += 500.0
    frame = ArcImage(
        electrons=image,
        variance=np.full(image.shape, 9.0),
        good=np.ones(image.shape, dtype=bool),
        saturated=np.zeros(image.shape, dtype=bool),
    )
    clean = without_gap_light(frame, small_table(), (1, 1))
    assert np.abs(np.mean(clean.electrons[50:60])) < 0.5
    assert np.mean(clean.electrons[25:35]) == pytest.approx(500.0, abs=2.0)
    assert np.all(clean.variance > 9.0)


def test_edges_are_in_the_pixels_of_the_frame():
    (first, _) = strips_of(small_table(), (60, 150), (2, 2))
    assert (first.low[0], first.high[0]) == ((20.0 + 0.5) / 2 - 0.5, (40.0 + 0.5) / 2 - 0.5)


def test_a_table_without_edges_is_refused():
    with pytest.raises(ValueError, match="no edges"):
        strips_of(small_table(edges=False), (60, 150), (2, 2))


def test_scattered_light_comes_from_the_gaps():
    y, x = np.mgrid[:N_B, :N_A]
    glow = 200.0 + 0.2 * y + 100.0 * np.sin(x / 80.0)
    edges, image, variance = two_orders(glow=0.0)
    image = image + glow + np.sqrt(glow) * np.random.default_rng(5).normal(size=glow.shape)
    found = measure_edges(
        image, variance + glow, np.zeros(image.shape, dtype=bool), {n: (B, 0.5 * (lo + hi)) for n, (lo, hi) in edges.items()}, "y",
        half_slit_px=16.0, degree=5, clip_sigma=4.0,
    )  # fmt: skip
    gaps = between_orders(found.values(), image.shape, "y")
    model, sigma2 = fit_gap_light(image, variance + glow, np.zeros(image.shape, dtype=bool), gaps, "y")
    assert np.abs(model - glow).max() < 8.0
    assert np.std((model - glow)[20:-20, 20:-20]) < 2.0
    assert 0 < sigma2 < 10.0
    with pytest.raises(AlgorithmError, match="only 0 good pixels"):
        fit_gap_light(image, variance, np.ones(image.shape, dtype=bool), gaps, "y")
