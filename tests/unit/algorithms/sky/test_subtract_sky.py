"""Positions from the map, and the sky fit of one order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import erf

from soxspipe.algorithms.orders.windows import centre_wavelength, cut_orders, dispersion_position
from soxspipe.algorithms.sky.subtract_sky import SkyFit, SkySettings, first_sky, fit_order_sky
from soxspipe.errors import AlgorithmError
from support.orders import NM_PER_PX, TinyOrder, make_geometry, observe, position, sky_light, tiny_order

SETTINGS = SkySettings()
BRIGHT = ((40.3, 3e4), (90.8, 8e3), (150.7, 1.2e5), (155.1, 2e4), (210.1, 4e2), (250.0, 5e3))


def away(order: TinyOrder, arcsec: float = 1.8) -> np.ndarray:
    """Pixels away from the object."""
    return np.asarray(np.abs(np.nan_to_num(order.data.window.slit_arcsec) - order.trace.slit_arcsec[:, None]) > arcsec)


def pulls(order: TinyOrder, sky: np.ndarray, where: np.ndarray) -> np.ndarray:
    noise = np.sqrt(order.data.variance(order.sky + order.flux[:, None] * order.shares))
    light = order.data.electrons - sky - order.flux[:, None] * order.shares
    return np.asarray((light / noise)[where & order.data.good])


@pytest.mark.parametrize("axis", ["x", "y"])
def test_position_is_the_dispersion_pixel_at_slit_centre(axis: str) -> None:
    window = cut_orders(make_geometry(axis=axis, tilt=0.4))[0]  # type: ignore[arg-type]
    u, rms = dispersion_position(window)
    np.testing.assert_allclose(u, position(window, 0.4), atol=1e-6)
    assert rms < 1e-6


def test_wavelength_on_the_trace_is_interpolated_between_pixels() -> None:
    window = cut_orders(make_geometry(tilt=0.4))[0]
    offset = 0.01 * (window.b_px - 150)
    np.testing.assert_allclose(centre_wavelength(window, offset), 1000.0 + NM_PER_PX * (window.b_px + 0.4 * offset), atol=1e-9)
    np.testing.assert_allclose(centre_wavelength(window), 1000.0 + NM_PER_PX * window.b_px, atol=1e-9)


def test_wavelength_beyond_the_end_of_the_map_is_unknown() -> None:
    window = cut_orders(make_geometry())[0]
    assert np.isnan(centre_wavelength(window, 6.5)).all()
    assert np.isfinite(centre_wavelength(window, 5.95)).all()


def test_sky_is_recovered_within_its_noise() -> None:
    order = tiny_order(lines=BRIGHT)
    fit = fit_order_sky(order.data, SETTINGS, keep=away(order))
    z = pulls(order, fit.electrons, away(order))
    assert np.std(z) == pytest.approx(1.0, abs=0.03)
    assert abs(np.mean(z)) < 0.03
    on_lines = pulls(order, fit.electrons, away(order) & (order.sky > 1000.0))
    assert on_lines.size > 400
    assert np.std(on_lines) == pytest.approx(1.0, abs=0.08)
    under = pulls(order, fit.electrons, ~away(order, 1.0))
    assert np.std(under) == pytest.approx(1.0, abs=0.05)


def test_pixels_used_are_good_kept_and_not_outliers() -> None:
    order = tiny_order(lines=BRIGHT)
    electrons = np.array(order.data.electrons)
    electrons[120, 3] += 5000.0
    fit = fit_order_sky(replace(order.data, electrons=electrons), SETTINGS, keep=away(order))
    assert not fit.used[120, 3]
    assert not fit.used[~away(order)].any()
    assert not fit.used[~order.data.good].any()
    assert fit.used[away(order) & order.data.good].mean() > 0.995
    np.testing.assert_array_equal(fit.electrons[~order.data.window.inside], 0.0)


def test_a_thinned_sky_is_as_good_but_for_its_noise() -> None:
    """Half of the pixels take part, of all wavelengths; knots stay, and no pixel moves by more than what half as many know worse."""
    order = tiny_order(lines=BRIGHT)
    whole, thinned = (fit_order_sky(order.data, SETTINGS, keep=away(order), thin=thin) for thin in (1, 2))
    assert np.count_nonzero(thinned.used) == pytest.approx(0.5 * np.count_nonzero(whole.used), rel=0.02)
    np.testing.assert_array_equal(thinned.spline.knots, whole.spline.knots)
    assert np.std(pulls(order, thinned.electrons, away(order))) == pytest.approx(1.0, abs=0.05)
    sigma = np.sqrt(order.data.variance(order.sky))
    assert np.std(((thinned.electrons - whole.electrons) / sigma)[order.data.window.inside]) < 0.3


def test_pixels_are_not_thinned_where_they_are_few() -> None:
    order = tiny_order(lines=BRIGHT)
    few = np.broadcast_to(np.arange(order.sky.shape[1]) < 12, order.sky.shape)
    whole, thinned = (fit_order_sky(order.data, SETTINGS, keep=few, thin=thin) for thin in (1, 2))
    np.testing.assert_array_equal(thinned.electrons, whole.electrons)


def test_a_known_object_is_taken_off_first_and_its_pixels_join_in() -> None:
    order = tiny_order(lines=BRIGHT)
    masked = fit_order_sky(order.data, SETTINGS, keep=away(order))
    light = order.flux[:, None] * order.shares
    everywhere = np.ones(light.shape, dtype=bool)
    together = fit_order_sky(order.data, SETTINGS, keep=everywhere, object_light=light, start=masked.spline)
    assert together.used[~away(order) & order.data.good].mean() > 0.99
    np.testing.assert_array_equal(together.spline.knots, masked.spline.knots)
    assert np.std(pulls(order, together.electrons, everywhere)) == pytest.approx(1.0, abs=0.03)


def test_map_errors_along_the_slit_are_taken_up() -> None:
    window = cut_orders(make_geometry())[0]
    slit = np.nan_to_num(window.slit_arcsec) / 6.0
    u = position(window) + 0.1 * slit + 0.05 * slit**2 * window.b_px[:, None] / 300.0
    sky = sky_light(u, continuum=50.0, lines=BRIGHT) * (1.0 + 0.03 * slit)
    order = observe(window, sky, np.zeros(300), rng=np.random.default_rng(4))
    keep = np.ones(sky.shape, dtype=bool)
    fit = fit_order_sky(order.data, SETTINGS, keep=keep)
    lines = order.data.good & (sky > 1000.0)
    assert np.std(pulls(order, fit.electrons, lines)) < 1.1
    assert fit.spline.illumination[0] == pytest.approx(0.03, abs=0.005)


def test_one_pixel_in_twenty_struck_changes_little() -> None:
    clean = tiny_order(lines=BRIGHT)
    struck = np.random.default_rng(9).uniform(size=clean.sky.shape) < 0.05
    spoilt = replace(clean.data, electrons=clean.data.electrons + np.where(struck, 3000.0, 0.0))
    fit = fit_order_sky(spoilt, SETTINGS, keep=away(clean))
    z = pulls(clean, fit.electrons, away(clean) & ~struck)
    assert np.std(z) < 1.06
    assert abs(np.mean(z)) < 0.08


def test_degree_and_slit_order_shape_the_model() -> None:
    order = tiny_order(lines=BRIGHT)
    fit = fit_order_sky(order.data, SkySettings(bspline_order=2, slit_illumination_order=2), keep=away(order))
    assert fit.spline.space.degree == 2
    assert fit.spline.illumination.shape == (2,)
    none = fit_order_sky(order.data, SkySettings(slit_illumination_order=0), keep=away(order))
    assert none.spline.illumination.size == 0


@pytest.mark.parametrize("tilt_error", [0.0, 0.3])
def test_a_first_sky_has_all_the_rounds_it_needs(tilt_error: float) -> None:
    """More rounds from it change it by little of the noise, whether the map is right or wrong by 0.3 px along the slit."""
    order = tiny_order(lines=BRIGHT)
    moved = replace(order.data, u_px=order.data.u_px + np.where(order.data.window.inside, tilt_error * order.data.slit, 0.0))
    first = fit_order_sky(moved, SETTINGS, keep=away(order))
    again = fit_order_sky(moved, SETTINGS, keep=away(order), start=first.spline)
    error = np.sqrt(moved.variance(first.electrons))
    assert np.abs((again.electrons - first.electrons) / error)[away(order)].max() < 0.3
    assert np.std(pulls(order, first.electrons, away(order))) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("shift_px", [0.0, 0.02, 0.3])
def test_a_second_sky_stops_where_more_rounds_change_nothing(shift_px: float) -> None:
    """From a start whose shift along the slit is right, nearly right, or wrong by much."""
    order = tiny_order(lines=BRIGHT)
    good = fit_order_sky(order.data, SETTINGS, keep=away(order)).spline
    wrong = np.zeros(good.shift.shape)
    wrong[0, 0] = shift_px
    second = fit_order_sky(order.data, SETTINGS, keep=away(order), start=replace(good, shift=good.shift + wrong), start_is_good=True)
    settled = second
    for _ in range(3):
        settled = fit_order_sky(order.data, SETTINGS, keep=away(order), start=settled.spline)
    error = np.sqrt(order.data.variance(settled.electrons))
    assert np.abs((second.electrons - settled.electrons) / error)[away(order)].max() < 0.1


def test_one_round_is_enough_to_return() -> None:
    order = tiny_order(lines=BRIGHT)
    fit = fit_order_sky(order.data, SkySettings(bspline_iteration_limit=1), keep=away(order))
    assert np.std(pulls(order, fit.electrons, away(order))) < 1.3


def test_too_few_pixels_are_refused_with_their_number() -> None:
    order = tiny_order()
    keep = np.zeros(order.sky.shape, dtype=bool)
    keep[:290, 10] = True
    with pytest.raises(AlgorithmError, match=r"only 2\d\d sky pixels are left in order 12"):
        fit_order_sky(order.data, SETTINGS, keep=keep)


def test_first_sky_is_the_median_of_the_slit() -> None:
    order = tiny_order(level=5000.0, lines=BRIGHT)
    first = first_sky(order.data)
    inside = order.data.window.inside
    between = inside & (order.sky < 100.0)
    assert np.median((first - order.sky)[between]) == pytest.approx(0.0, abs=8.0)
    assert np.std((first / order.sky)[inside & (order.sky > 1000.0)]) < 0.2
    np.testing.assert_array_equal(first[~inside], 0.0)


def test_first_sky_of_an_order_without_good_pixels_is_nothing() -> None:
    order = tiny_order(masked=np.ones(tiny_order().sky.shape, dtype=bool))
    np.testing.assert_array_equal(first_sky(order.data), 0.0)


def test_data_are_not_touched() -> None:
    order = tiny_order(lines=BRIGHT)
    before = order.data.electrons.copy()
    fit_order_sky(order.data, SETTINGS, keep=away(order))
    np.testing.assert_array_equal(order.data.electrons, before)


N_B = 300
SIGMA_PX = 1.4
WINDOW = cut_orders(make_geometry(n_b=N_B))[0]
SLIT = np.nan_to_num(WINDOW.slit_arcsec) / 6.0
LINES = ((40.0, 2e4), (85.0, 6e3), (130.0, 3e4), (190.0, 1e4), (250.0, 2e4))


def sky(gradient: float) -> np.ndarray:
    """Lines that are `gradient` wider at the end of the slit than in its middle, integrated over pixels."""
    sigma = SIGMA_PX * (1.0 + gradient * SLIT)
    total = np.full(SLIT.shape, 30.0)
    for centre, electrons in LINES:
        low, high = ((position(WINDOW) + side - centre) / (np.sqrt(2.0) * sigma) for side in (-0.5, 0.5))
        total = total + 0.5 * electrons * (erf(high) - erf(low))
    return total


def fitted(gradient: float) -> tuple[SkyFit, float]:
    """The fit, and the scatter on lines of model minus truth in units of a pixel's noise."""
    true = sky(gradient)
    data = observe(WINDOW, true, np.zeros(N_B), rng=np.random.default_rng(2)).data
    fit = fit_order_sky(data, SkySettings(slit_illumination_order=0), keep=np.ones(true.shape, dtype=bool))
    bright = WINDOW.inside & (true > 300.0)
    return fit, float(np.sqrt(np.mean(((fit.electrons - true)[bright]) ** 2 / true[bright])))


@pytest.mark.parametrize("gradient", [0.15, -0.1])
def test_the_width_is_measured_and_little_is_left_on_lines(gradient: float) -> None:
    fit, left = fitted(gradient)
    assert fit.spline.width[0] == pytest.approx(gradient * SIGMA_PX**2, rel=0.2)
    assert left < 0.8
    assert fit.used[WINDOW.inside].mean() > 0.99


def test_lines_of_one_width_cost_nothing() -> None:
    fit, left = fitted(0.0)
    assert fit.spline.width.size == 0
    assert left < 0.5
