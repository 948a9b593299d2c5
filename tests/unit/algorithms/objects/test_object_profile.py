"""The object's profile: normalised, as wide and as shaped as the object's, blind to the noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.objects.fit_moffat import USUAL_WINGS
from soxspipe.algorithms.objects.object_profile import ObjectProfile, fit_profile, starting_profile
from soxspipe.algorithms.objects.point_source import SmearedStar
from soxspipe.algorithms.objects.profile_cells import chunks_of
from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.datamodel.geometry import OrderWindow
from soxspipe.datamodel.trace import OrderTrace
from support.orders import SCALE, TinyOrder, make_geometry, object_trace, observe, position, sky_light


def scene(*, level: float, fwhm: float = 1.0, n_b: int = 400, seed: int | None = 4, companion: float = 0.0) -> list[TinyOrder]:
    rng = None if seed is None else np.random.default_rng(seed)
    orders = []
    for window in cut_orders(make_geometry(numbers=(11, 12), n_b=n_b)):
        offset = 0.4 + 0.3 * np.sin(window.b_px / 90.0)  # crosses pixels, as a trace does
        flux = level * (1.0 + 0.2 * np.cos(window.b_px / 40.0))
        made = observe(window, sky_light(position(window)), flux, offset=offset, fwhm=fwhm, rng=rng)
        if companion:
            other = observe(window, 0.0 * made.sky, companion * flux, offset=offset + 0.5, fwhm=fwhm).data.electrons
            shares = (made.shares + companion * other / np.maximum(companion * flux, 1e-9)[:, None]) / (1.0 + companion)
            made = replace(made, data=replace(made.data, electrons=made.data.electrons + other), shares=shares, flux=flux * (1 + companion))
        orders.append(made)
    return orders


def fitted(
    orders: list[TinyOrder], *, start_fwhm: float = 1.2, poly_order: int = 3, forced: bool = False, **values: object
) -> ObjectProfile:
    choices = {
        "poly_order": poly_order,
        "clip_sigma": 3.0,
        "clip_rounds": 10,
    } | values
    return fit_profile(
        [order.data for order in orders], [order.sky for order in orders], object_trace(*orders, fwhm=start_fwhm, forced=forced), **choices,  # type: ignore[arg-type]
    )  # fmt: skip


def mismatch(profile: ObjectProfile, orders: list[TinyOrder]) -> float:
    """Largest error of the mean share at any distance, as a part of the peak."""
    worst = 0.0
    for order in orders:
        found = profile.shares(order.data, order.trace)
        worst = max(worst, float(np.abs((found - order.shares).mean(axis=0)).max() / order.shares.max()))
    return worst


def test_a_bright_object_gets_its_own_profile() -> None:
    orders = scene(level=2e4)
    profile = fitted(orders)
    assert profile.form == "spline"
    assert profile.fwhm_arcsec == pytest.approx(1.06, abs=0.05)  # 1 arcsec, averaged over a pixel of 1/3
    assert mismatch(profile, orders) < 0.005


def test_shares_sum_to_one_and_vanish_off_the_slit() -> None:
    orders = scene(level=5e3)
    shares = fitted(orders).shares(orders[0].data, orders[0].trace)
    # the slit ends within a pixel, in the far wings of this object
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_array_equal(shares[~orders[0].data.window.inside], 0.0)


def at_place(window: OrderWindow, slit_arcsec: float) -> tuple[OrderData, OrderTrace, ObjectProfile]:
    """An order, the trace of a star at a place on the slit, and its Moffat."""
    made = observe(window, np.zeros(window.index.shape), np.ones(window.b_px.size), offset=slit_arcsec)
    traced = object_trace(made)
    return made.data, traced.orders[window.order], starting_profile([made.data], traced, [chunks_of(window)])


def between(profile: ObjectProfile, order: int, low: float, high: float) -> float:
    """Light between two distances, of the whole profile."""
    here = (profile.distance_arcsec > low) & (profile.distance_arcsec < high)
    return float(profile.tables[order][0][here].sum() / profile.tables[order][0].sum())


def test_an_object_at_the_slits_end_holds_the_light_that_comes_through() -> None:
    """However the end lies in its pixel; a sum over pixels that wholly count or not rippled with it by a tenth."""
    (window,) = cut_orders(make_geometry(bend=6.0))
    data, middle, profile = at_place(window, 0.0)
    _, at_end, _ = at_place(window, 17.0 / SCALE)  # 17 px further on, and a third of an arcsec from the end
    shares, whole = (profile.shares(data, trace) for trace in (at_end, middle))
    passes = between(profile, window.order, -12.0, 6.0 - 17.0 / SCALE)
    near = window.inside[:, 17:] & (whole[:, :-17] > 0.05)
    np.testing.assert_allclose((shares[:, 17:] * passes)[near], whole[:, :-17][near], rtol=0.03)
    assert np.ptp(shares.sum(axis=1)) > 0.1  # the last pixel, flattened, shows as much as if the slit lit it whole


@pytest.mark.parametrize("end", [-1.0, 1.0])
def test_light_beside_the_pixels_of_a_moved_slit_is_missing_in_the_sum(end: float) -> None:
    (window,) = cut_orders(make_geometry())
    shifted = replace(window, slit_arcsec=window.slit_arcsec - end, lit_arcsec=(-6.0, 6.0))
    data, trace, profile = at_place(window, 4.5 * end)
    shares = profile.shares(replace(data, window=shifted), trace)
    assert not shares[np.abs(np.nan_to_num(shifted.slit_arcsec)) > 6.0].any()
    on_slit, on_pixels = (between(profile, window.order, *sorted((-10.5 * end, reach * end))) for reach in (1.5, 0.5))
    assert on_pixels < 0.9 * on_slit
    assert np.mean(shares.sum(axis=1)) == pytest.approx(on_pixels / on_slit, abs=0.01)


def test_a_lopsided_object_is_followed() -> None:
    orders = scene(level=3e4, companion=0.15)
    profile = fitted(orders)
    assert mismatch(profile, orders) < 0.01
    moffat = starting_profile(
        [order.data for order in orders], object_trace(*orders, fwhm=1.2), [chunks_of(order.data.window) for order in orders]
    )
    assert mismatch(moffat, orders) > 0.03


def test_a_faint_objects_profile_is_not_made_of_its_noise() -> None:
    orders = scene(level=60.0)
    assert mismatch(fitted(orders), orders) < 0.08


def test_a_shape_that_changes_along_the_order_needs_the_degree() -> None:
    orders = [
        observe(one.data.window, one.sky, one.flux, offset=0.4, fwhm=0.9 + 0.3 * np.linspace(-1, 1, 400) ** 2, rng=np.random.default_rng(5))
        for one in scene(level=3e4, seed=None)
    ]

    def worst_row(degree: int) -> float:
        profile = fitted(orders, poly_order=degree)
        return max(float(np.abs(profile.shares(o.data, o.trace) - o.shares)[30:-30].max() / o.shares.max()) for o in orders)

    assert worst_row(0) > 0.05
    assert worst_row(7) < 0.6 * worst_row(0)


def test_struck_pixels_do_not_shape_the_profile() -> None:
    orders = scene(level=2e4)
    rng = np.random.default_rng(3)
    spoilt = []
    for order in orders:
        hits = rng.uniform(size=order.sky.shape) < 0.01
        spoilt.append(replace(order, data=replace(order.data, electrons=order.data.electrons + np.where(hits, 3e4, 0.0))))
    assert mismatch(fitted(spoilt), orders) < 0.01
    assert mismatch(fitted(spoilt, clip_rounds=0), orders) > mismatch(fitted(spoilt), orders)


def test_masked_pixels_do_not_shape_the_profile() -> None:
    orders = scene(level=2e4)
    rng = np.random.default_rng(3)
    spoilt = []
    for order in orders:
        masked = rng.uniform(size=order.sky.shape) < 0.3
        data = replace(order.data, electrons=np.where(masked, 1e7, order.data.electrons), good=order.data.good & ~masked)
        spoilt.append(replace(order, data=data))
    assert mismatch(fitted(spoilt), orders) < 0.007


def test_rows_that_have_lost_their_core_do_not_shape_the_profile() -> None:
    """A saturated star leaves wings alone on most rows; a first profile knows neither their flux nor their shape."""
    whole = scene(level=1e6, companion=0.15)
    full = np.arange(whole[0].shares.shape[0]) % 100 < 70
    lost = full[:, None] & (whole[0].shares > 0.1 * whole[0].shares.max())
    cut = [replace(whole[0], data=replace(whole[0].data, good=whole[0].data.good & ~lost)), whole[1]]
    assert mismatch(fitted(cut), cut) < 0.005  # 0.012 with those rows, 0.003 of the whole star


def test_a_forced_trace_gives_a_moffat_of_the_expected_width() -> None:
    orders = scene(level=0.0)
    profile = fitted(orders, start_fwhm=0.9, forced=True)
    assert profile.form == "moffat"
    assert profile.fwhm_arcsec == pytest.approx(0.96, abs=0.06)


def test_an_earlier_measurement_may_start_the_next() -> None:
    orders = scene(level=2e4)
    first = fitted(orders)
    again = fitted(orders, start=first)
    assert again.fwhm_arcsec == pytest.approx(first.fwhm_arcsec, abs=0.02)
    assert mismatch(again, orders) < 0.005


def test_a_hole_in_the_dispersion_map_leaves_the_profile_alone() -> None:
    orders = scene(level=2e4, fwhm=0.9)
    holed = []
    for order in orders:
        window, rows = order.data.window, np.arange(order.data.window.b_px.size)
        solved = window.inside & (rows > 0.6 * rows.size)[:, None]
        wave, slit = (np.where(solved, values, np.nan) for values in (window.wavelength_nm, window.slit_arcsec))
        window = replace(window, wavelength_nm=wave, slit_arcsec=slit, inside=solved)
        holed.append(replace(order, data=replace(order.data, window=window, good=order.data.good & solved)))
    assert fitted(holed).fwhm_arcsec == pytest.approx(fitted(orders).fwhm_arcsec, abs=0.03)


def test_summary_is_the_mean_profile() -> None:
    orders = scene(level=2e4)
    profile = fitted(orders)
    summary = profile.summary()
    step = summary.distance_arcsec[1] - summary.distance_arcsec[0]
    assert summary.fwhm_arcsec == profile.fwhm_arcsec
    assert summary.form == "spline"
    assert summary.density.sum() * step == pytest.approx(1.0, abs=0.01)
    assert abs(summary.distance_arcsec[np.argmax(summary.density)]) < 0.1


def test_a_star_that_moved_keeps_the_wings_that_its_places_left_it() -> None:
    """Of a faint object the prior is all there is: the usual exponent for one that stood still, its own for one that was measured with its places."""
    orders = scene(level=0.1)
    data, parts = [order.data for order in orders], [chunks_of(order.data.window) for order in orders]
    trace = object_trace(*orders, fwhm=1.0, forced=False)
    moved = SmearedStar(fwhm_arcsec=0.8, slope=-0.2, beta=2.3, places=((-0.4, 0.5), (0.4, 0.5)))
    for smeared, beta in ((None, 1.0 / USUAL_WINGS), (moved, 2.3)):
        start = starting_profile(data, trace, parts, smeared)
        found = fitted(orders, start=start, chunks=parts).moffat
        assert found is not None
        assert found.beta == pytest.approx(beta, abs=0.01)


def test_the_error_of_the_flux_that_the_profile_leaves() -> None:
    """Almost none for a bright object; for one hidden in the noise that of stars' usual wings and of the trace's width."""
    bright, faint, hidden = (fitted(scene(level=level)).flux_error for level in (2e4, 60.0, 1.0))
    assert bright < 0.003
    assert bright < faint < hidden
    assert 0.03 < hidden < 0.2
