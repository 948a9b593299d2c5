"""The trace: what was put in comes back, in every order and both orientations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import median_filter

from soxspipe.algorithms.objects.detect_continuum import ContinuumSettings, detect_continuum
from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.datamodel.trace import ObjectTrace, SlitSource
from soxspipe.numerics.robust import running_median
from support.orders import SCALE, TinyOrder, make_geometry, observe, position, sky_light

NUMBERS = (11, 12, 13)
SETTINGS = ContinuumSettings(order_sample_count=40)
SOURCE = SlitSource(slit_arcsec=0.6, fwhm_arcsec=1.1, significance=200.0, relative_flux=1.0)


def bent(b: np.ndarray) -> np.ndarray:
    """Offset of the object in arcsec: 0.3 arcsec of slope and a little curvature."""
    t = b / 150.0 - 1.0
    return np.asarray(0.5 + 0.15 * t + 0.05 * t**2)


def scene(*, level: float = 3000.0, axis: str = "x", sign: int = 1, seed: int = 2) -> tuple[list[TinyOrder], object]:
    geometry = make_geometry(axis=axis, numbers=NUMBERS, sign=sign)  # type: ignore[arg-type]
    rng = np.random.default_rng(seed)
    orders = []
    for window in cut_orders(geometry):
        flux = np.full(window.b_px.size, level)
        sky = sky_light(position(window), lines=((100.2, 5000.0),))
        orders.append(observe(window, sky, flux, offset=bent(window.b_px), fwhm=1.0, rng=rng))
    return orders, geometry


def traced(
    orders: list[TinyOrder], geometry: object, settings: ContinuumSettings = SETTINGS, source: SlitSource | None = SOURCE, **values: float
) -> ObjectTrace:
    return detect_continuum(
        [order.data for order in orders], [order.sky for order in orders], source, (SOURCE,), geometry, settings, **values,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(("axis", "sign"), [("x", 1), ("y", 1), ("y", -1)])
def test_trace_comes_back_in_every_order(axis: str, sign: int) -> None:
    orders, geometry = scene(axis=axis, sign=sign)
    trace = traced(orders, geometry)
    assert not trace.forced
    assert sorted(trace.orders) == list(NUMBERS)
    for order in orders:
        one = trace.orders[order.data.window.order]
        np.testing.assert_allclose(one.slit_arcsec, order.trace.slit_arcsec, atol=0.02)
        nearest = np.argmin(np.abs(np.where(order.data.window.inside, order.data.window.slit_arcsec - bent(one.b_px)[:, None], 99)), axis=1)
        centre = order.data.window.a_start + nearest
        assert np.abs(one.a_px - centre).max() < 0.6
    assert trace.residual_sd_px < 0.1


def test_a_faint_object_is_followed_too() -> None:
    orders, geometry = scene(level=150.0)
    trace = traced(orders, geometry)
    error = np.concatenate([trace.orders[o.data.window.order].slit_arcsec - o.trace.slit_arcsec for o in orders])
    assert np.sqrt(np.mean(error**2)) * SCALE < 0.1


def test_samples_say_where_the_object_was_seen() -> None:
    orders, geometry = scene()
    samples = traced(orders, geometry).samples
    assert samples.order.size == 3 * 40
    assert samples.detected.all()
    assert samples.used.mean() > 0.85
    np.testing.assert_allclose(samples.offset_arcsec, bent(samples.b_px), atol=0.04)
    assert np.median(samples.sigma_px) == pytest.approx(SCALE * 0.45, rel=0.15)
    assert np.abs(samples.residual_px).max() < 0.2
    assert np.isfinite(samples.a_px).all()


def test_nothing_is_detected_in_empty_slices() -> None:
    orders, geometry = scene(level=0.0)
    samples = traced(orders, geometry, SETTINGS.model_copy(update={"peak_sigma_limit": 6.0})).samples
    assert samples.detected.mean() < 0.1
    assert np.isnan(samples.a_px[~samples.detected]).all()
    assert not samples.used[~samples.detected].any()


def test_cosmic_rays_and_masked_pixels_do_not_move_the_trace() -> None:
    orders, geometry = scene()
    rng = np.random.default_rng(6)
    spoilt = []
    for order in orders:
        struck, masked = (rng.uniform(size=order.sky.shape) < share for share in (0.01, 0.2))
        electrons = order.data.electrons + np.where(struck, 2e4, 0.0) + np.where(masked, 1e6, 0.0)
        spoilt.append(replace(order, data=replace(order.data, electrons=electrons, good=order.data.good & ~masked)))
    trace = traced(spoilt, geometry)
    for order in orders:
        np.testing.assert_allclose(trace.orders[order.data.window.order].slit_arcsec, order.trace.slit_arcsec, atol=0.04)


def test_rows_that_have_lost_their_core_do_not_move_the_trace() -> None:
    """Of a saturated star with a companion at one side wings alone are left on most rows, and they pull the trace to that side."""
    orders, geometry = scene(level=1e5)
    shares = orders[1].shares
    lost = (np.arange(shares.shape[0]) % 100 < 70)[:, None] & (shares > 0.2 * shares.max())
    companion = observe(orders[1].data.window, 0.0 * shares, np.full(len(shares), 3e3), offset=bent(orders[1].data.window.b_px) + 1.2)
    data = replace(orders[1].data, electrons=orders[1].data.electrons + companion.data.electrons, good=orders[1].data.good & ~lost)
    trace = traced([orders[0], replace(orders[1], data=data), orders[2]], geometry)
    # 0.007 with all pixels, 0.012 with the wings of the rows that have lost theirs
    np.testing.assert_allclose(trace.orders[12].slit_arcsec, orders[1].trace.slit_arcsec, atol=0.01)


def test_without_an_object_the_trace_is_laid_where_told() -> None:
    orders, geometry = scene(level=0.0)
    trace = traced(orders, geometry, source=None, forced_arcsec=-1.5, fwhm_arcsec=0.8)
    assert trace.forced
    assert trace.significance == 0.0
    assert trace.fwhm_arcsec == 0.8
    assert not trace.samples.used.any()
    for one in trace.orders.values():
        np.testing.assert_array_equal(one.slit_arcsec, -1.5)
        np.testing.assert_allclose(one.sigma_px, SCALE * 0.8 / 2.3548, rtol=1e-3)


def test_a_dark_order_inherits_the_trace() -> None:
    orders, geometry = scene()
    window = orders[1].data.window
    dark = observe(window, sky_light(position(window)), np.zeros(300), rng=np.random.default_rng(3))
    trace = traced([orders[0], dark, orders[2]], geometry)
    np.testing.assert_allclose(trace.orders[12].slit_arcsec, bent(window.b_px), atol=0.1)


@pytest.mark.parametrize("width", [1, 5, 15])
def test_running_median_is_scipys(width: int) -> None:
    values = np.random.default_rng(4).normal(size=200)
    np.testing.assert_array_equal(running_median(values, width), median_filter(values, width, mode="nearest"))


def test_data_are_not_touched() -> None:
    orders, geometry = scene()
    before = [order.data.electrons.copy() for order in orders]
    traced(orders, geometry)
    for order, electrons in zip(orders, before, strict=True):
        np.testing.assert_array_equal(order.data.electrons, electrons)
