"""Delivered geometry: the order table and the dispersion map that come with a scene."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.datamodel.geometry import DispersionPolynomial, OrderPolynomial
from soxspipe.io.simulated_facts import make_scene, read_facts
from soxspipe.simulate.delivered import make_delivered_map
from soxspipe.simulate.lightpath import calibration_optics, make_paths
from support.scenes import cached_scene, small_scene

NIR = cached_scene("NIR", (("ab_mag", 16.0), ("seed", 11)))
VIS = cached_scene("VIS", (("ab_mag", 17.0), ("seed", 12), ("exposures", 2)))


@pytest.mark.parametrize("window", ["NIR", "VIS"])
def test_dispersion_table_and_image_describe_the_same_map(window):
    delivered = (NIR if window == "NIR" else VIS).simulation.delivered
    x, y = (DispersionPolynomial(coefficients=c) for c in (delivered.x_coefficients, delivered.y_coefficients))
    for order in delivered.limits:
        rows, columns = np.nonzero((delivered.order == order) & (delivered.wavelength_nm > 0))
        wave, slit = (image[rows, columns].astype(np.float64) for image in (delivered.wavelength_nm, delivered.slit_arcsec))
        np.testing.assert_allclose(x(order, wave, slit), columns, atol=0.005)
        np.testing.assert_allclose(y(order, wave, slit), rows, atol=0.005)


def test_order_table_follows_the_orders_of_the_whole_arm():
    scene = make_scene({"arm": "NIR", "dispersion_range": [0, 2040]})
    facts = read_facts(scene)
    model = calibration_optics(scene, facts)
    paths = make_paths(scene, facts, model)
    delivered = make_delivered_map(model, paths, facts.spectral_format, 6.0)
    for order, path in paths.items():
        b = np.arange(delivered.limits[order][0], delivered.limits[order][1] + 1)
        rows = np.searchsorted(path.b_px, b)
        for surface, slit in ((delivered.centre, 0.0), (delivered.low, -6.0), (delivered.high, 6.0)):
            expected = path.columns.a_px(np.array([[slit]]))[rows, 0]
            np.testing.assert_allclose(OrderPolynomial(coefficients=surface)(order, b), expected, atol=0.35)


def test_flexure_is_in_the_exposures_and_not_in_the_map():
    moved = small_scene("NIR", ab_mag=16.0, seed=11, flexure_dispersion_px=1.0, flexure_slit_px=0.5)
    np.testing.assert_array_equal(moved.simulation.delivered.wavelength_nm, NIR.simulation.delivered.wavelength_nm)
    np.testing.assert_array_equal(moved.simulation.masters["flat"].value, NIR.simulation.masters["flat"].value)
    still, after = NIR.truth.orders, moved.truth.orders
    np.testing.assert_allclose(after["TRACE"] - still["TRACE"], 0.5, atol=0.15)
    np.testing.assert_allclose((still["WAVE"] - after["WAVE"]) / still["PIXSCALE_NM"], 1.0, atol=0.05)
