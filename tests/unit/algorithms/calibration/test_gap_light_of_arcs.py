"""Scattered light of an arc frame, between the edges that an order table has."""

import numpy as np
import pytest

from soxspipe.algorithms.calibration.arc_image import ArcImage
from soxspipe.algorithms.calibration.gap_light import strips_of, without_gap_light
from soxspipe.datamodel.geometry import OrderPolynomial, OrderTable


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
