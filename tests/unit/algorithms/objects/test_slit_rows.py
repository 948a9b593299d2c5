"""Light along the slit in parts of an order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from soxspipe.algorithms.objects.find_object import find_object
from soxspipe.algorithms.objects.slit_rows import SlitRows, measure_rows
from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.algorithms.sky.fit_skies import fit_sky
from soxspipe.algorithms.sky.subtract_sky import SkySettings, first_sky
from support.orders import make_geometry, object_trace, observe, position, sky_light


def rows_of(flux: np.ndarray, flat: np.ndarray | float = 1.0, seed: int = 3) -> SlitRows:
    """Two parts of an order, bent so that the trace crosses pixels slowly."""
    window = cut_orders(make_geometry(n_b=600, bend=3.0, spacing=60))[0]
    order = observe(window, sky_light(position(window)), flux, offset=0.4, fwhm=0.9, rng=np.random.default_rng(seed), flat=flat)
    found = find_object([order.data], (first_sky(order.data),), named_arcsec=None)
    fits = fit_sky([order.data], found, SkySettings()).fits
    trace = replace(object_trace(order), fwhm_arcsec=0.9)
    return measure_rows(fits, [np.zeros(fits[0].data.good.shape, dtype=bool)], trace, 2)


def test_the_slope_of_a_spectrum_does_not_show_along_the_slit() -> None:
    """Bins see other parts of the order; brought to one brightness they show an even star to 2 % of its peak, 20 % as they are."""
    even, steep = rows_of(np.full(600, 3e5)), rows_of(np.linspace(1e5, 5e5, 600))
    for flat, sloped in zip(even.light, steep.light, strict=True):
        np.testing.assert_allclose(sloped / sloped.max(), flat / flat.max(), atol=0.02)


def test_dark_ends_of_an_order_leave_its_brightness_alone() -> None:
    """The last sixth of the order has a thousandth of the flat: what is left there is noise of either sign, a hundred times the star."""
    flux, flat = np.full(600, 3e3), np.where(np.arange(600) < 500, 1.0, 1e-3)[:, None] * np.ones((600, 1))
    whole = rows_of(flux).light.sum(axis=1)
    for seed in (3, 4, 5):
        np.testing.assert_allclose(rows_of(flux, flat, seed).light.sum(axis=1), whole, rtol=0.03)


def test_narrow_lines_leave_the_light_along_the_slit_alone() -> None:
    flux = np.full(600, 3e5)
    lined = np.where(np.isin(np.arange(600), (101, 102, 251, 252, 420, 421)), 20.0 * flux, flux)
    for plain, bright in zip(rows_of(flux).light, rows_of(lined).light, strict=True):
        np.testing.assert_allclose(bright / bright.max(), plain / plain.max(), atol=0.02)


def test_what_is_too_faint_to_tell_is_left_as_it_is() -> None:
    rows = rows_of(np.full(600, 1.0))
    assert np.all(np.isfinite(rows.light))
    assert np.abs(rows.light).max() < 20.0


def test_a_formula_that_is_wrong_in_all_rows_weighs_no_more_with_their_number() -> None:
    """Weights of 4 (variance 0.25), and a formula good to a variance of 1 in the mean of two lit rows: 1 / (0.25 + 2)."""
    weight = np.array([[4.0, 0.0], [4.0, 4.0], [0.0, 0.0]])
    light = np.array([[3.0, 9.0], [1.0, 2.0], [5.0, 5.0]])
    rows = SlitRows(
        light=light, weight=weight, distance_arcsec=np.array([[-5.0, 2.5]] * 3), sky=np.zeros(3), colour=np.ones(3), pixel_arcsec=0.3
    )
    assert rows.n_lit == 2
    np.testing.assert_array_equal(rows.peak, [3.0, 2.0, 1e-9])
    np.testing.assert_allclose(rows.weight_beside(np.ones((3, 2))), np.where(weight > 0, 1.0 / 2.25, 0.0))
    np.testing.assert_array_equal(rows.parabola[0], [[1.0, -1.0, 1.0], [1.0, 0.5, 0.25]])
