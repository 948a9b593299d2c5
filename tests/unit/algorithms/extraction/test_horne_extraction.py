"""The optimal sum, and the columns that go with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.extraction.horne_extraction import (
    ExtractedOrder,
    ExtractionSettings,
    extract_order,
    extract_order_without_sky,
    order_spectrum,
)
from soxspipe.algorithms.sky.subtract_sky import SkyFit, SkySettings, fit_order_sky
from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.datamodel.spectrum import OrderSpectrum
from soxspipe.datamodel.trace import OrderTrace
from support.orders import NM_PER_PX, SCALE, TinyOrder, object_pixel, plus_light, tiny_order

SETTINGS = ExtractionSettings()


def away(order: TinyOrder) -> np.ndarray:
    return np.asarray(np.abs(np.nan_to_num(order.data.window.slit_arcsec, nan=9.0) - 0.5) > 1.8)


def sky_fit(order: TinyOrder) -> SkyFit:
    return fit_order_sky(order.data, SkySettings(), keep=away(order))


def test_without_sky_it_is_hornes_sum() -> None:
    order = tiny_order(lines=())
    bare = replace(order.data, electrons=order.data.electrons - order.sky)
    found = extract_order_without_sky(bare, order.shares, SETTINGS)
    good = order.data.good & ~found.rejection.rejected
    weight = np.where(good, 1.0 / found.variance, 0.0)
    power = (weight * order.shares**2).sum(axis=1)
    np.testing.assert_allclose(found.flux, (weight * order.shares * bare.electrons).sum(axis=1) / power)
    np.testing.assert_allclose(found.flux_variance, 1.0 / power)
    np.testing.assert_array_equal(found.covariance, 0.0)
    assert found.sky_fit is None


def test_without_sky_a_masked_row_is_unknown() -> None:
    masked = np.zeros(tiny_order().sky.shape, dtype=bool)
    masked[40] = True
    order = tiny_order(masked=masked)
    found = extract_order_without_sky(order.data, order.shares, SETTINGS)
    assert np.isnan(found.flux[40])
    assert np.isposinf(found.flux_variance[40])


def extracted(order: TinyOrder) -> ExtractedOrder:
    return extract_order(order.data, sky_fit(order), order.shares, SETTINGS)


def test_sky_and_object_come_back() -> None:
    order = tiny_order()
    found = extracted(order)
    pull = (found.flux - order.flux) / np.sqrt(found.flux_variance)
    assert np.std(pull) == pytest.approx(1.0, abs=0.15)
    assert abs(np.mean(pull)) < 0.2
    inside = order.data.window.inside
    z = ((found.sky - order.sky) / np.sqrt(np.where(inside, found.sky_variance, 1.0)))[inside]
    assert 0.7 < np.std(z) < 1.3
    np.testing.assert_array_equal(found.sky[~inside], 0.0)
    assert found.sky_fit is not None
    np.testing.assert_array_equal(found.sky_fit.electrons, found.sky)


def spectrum(found: ExtractedOrder, order: TinyOrder, **values: object) -> tuple[OrderSpectrum, np.ndarray]:
    window = order.data.window
    nearest = np.argmin(np.where(window.inside, np.abs(window.slit_arcsec - 0.5), 99.0), axis=1)
    slit = window.slit_arcsec[np.arange(300), nearest]
    trace = OrderTrace(
        order=12, b_px=window.b_px, a_px=window.a_start + nearest + SCALE * (0.5 - slit), slit_arcsec=np.full(300, 0.5),
        sigma_px=np.full(300, 1.3),
    )  # fmt: skip
    choices = {
        "label": "12", "aperture_px": 14.0, "wavelength_nm": 1000.0 + NM_PER_PX * np.arange(300.0),
        "saturated": np.zeros(order.sky.shape, dtype=bool), "forced": False,
    } | values  # fmt: skip
    return order_spectrum(found, trace, **choices)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def clean() -> tuple[TinyOrder, ExtractedOrder]:
    order = tiny_order()
    return order, extracted(order)


def test_aperture_sums_by_hand(clean: tuple[TinyOrder, ExtractedOrder]) -> None:
    order, found = clean
    made, _ = spectrum(found, order)
    window = order.data.window
    # the aperture ends within pixels: 14 px centred on the trace
    distance = window.slit_arcsec - 0.5
    inside = np.nan_to_num(np.clip(7.5 - np.abs(distance * SCALE), 0.0, 1.0))
    light = order.data.electrons - found.sky
    np.testing.assert_allclose(made.boxcar, (inside * light).sum(axis=1), rtol=1e-6)
    np.testing.assert_allclose(made.sky_aperture, (inside * found.sky).sum(axis=1), rtol=1e-6)
    np.testing.assert_allclose(made.sky, made.sky_aperture / 14.0, rtol=1e-6)
    np.testing.assert_allclose(made.aperture_fraction, (inside * order.shares).sum(axis=1), rtol=1e-6)
    np.testing.assert_allclose(made.profile_fraction, 1.0, atol=0.02)
    np.testing.assert_allclose(made.mean_flat, 1.0)
    np.testing.assert_allclose(made.pixel_scale_nm, NM_PER_PX)
    np.testing.assert_array_equal(made.quality & ~int(SpectrumFlag.COSMIC_RAY), 0)


def test_boxcars_around_bad_pixels() -> None:
    masked = np.zeros(tiny_order().sky.shape, dtype=bool)
    probe = tiny_order()
    masked[object_pixel(probe, 70)] = True
    order = tiny_order(masked=masked)
    spoilt = plus_light(order, np.where(masked, -400.0, 0.0))
    found = extracted(spoilt)
    made, _ = spectrum(found, spoilt)
    share = float(order.shares[masked][0])
    assert made.profile_fraction[70] == pytest.approx(1.0 - share, abs=1e-6)
    assert made.boxcar_restored[70] == pytest.approx(order.flux[70] * made.aperture_fraction[70], abs=200.0)
    assert made.boxcar_restored[70] - made.boxcar_robust[70] == pytest.approx(found.flux[70] * share)
    assert made.boxcar[70] < made.boxcar_restored[70]
    assert made.flux[70] == pytest.approx(order.flux[70], abs=5 * np.sqrt(made.variance[70]))


def test_wavelengths_ascend_and_covariances_go_with_them(clean: tuple[TinyOrder, ExtractedOrder]) -> None:
    order, found = clean
    up, covariance_up = spectrum(found, order)
    down, covariance_down = spectrum(found, order, wavelength_nm=1020.0 - NM_PER_PX * np.arange(300.0))
    assert (np.diff(down.wavelength_nm) > 0).all()
    np.testing.assert_array_equal(down.flux, up.flux[::-1])
    np.testing.assert_array_equal(down.b_px, up.b_px[::-1])
    for lag in (1, 2, 3):
        # samples i and i + lag of the reversed spectrum are samples j + lag and j of the other
        np.testing.assert_allclose(covariance_down[lag - 1, :-lag], covariance_up[lag - 1, :-lag][::-1])


def test_pixels_without_a_wavelength_are_dropped(clean: tuple[TinyOrder, ExtractedOrder]) -> None:
    order, found = clean
    wave = 1000.0 + NM_PER_PX * np.arange(300.0)
    wave[:5] = wave[295:] = np.nan
    made, covariance = spectrum(found, order, wavelength_nm=wave)
    np.testing.assert_array_equal(made.b_px, np.arange(5, 295))
    assert covariance.shape == (3, 290)
    np.testing.assert_allclose(made.pixel_scale_nm, NM_PER_PX)


def test_pixel_scale_about_a_hole(clean: tuple[TinyOrder, ExtractedOrder]) -> None:
    order, found = clean
    wave = 1000.0 + NM_PER_PX * np.arange(300.0)
    wave[100:140] = np.nan
    made, _ = spectrum(found, order, wavelength_nm=wave)
    np.testing.assert_allclose(made.pixel_scale_nm, NM_PER_PX)


def test_reasons_are_flagged() -> None:
    masked = np.zeros(tiny_order().sky.shape, dtype=bool)
    probe = tiny_order(level=3000.0)
    masked[50] = probe.shares[50] > 0.02
    masked[60] = True
    order = tiny_order(level=3000.0, masked=masked)
    struck = np.zeros(masked.shape)
    struck[object_pixel(order, 200)] = 4e4
    order = plus_light(order, struck)
    saturated = np.zeros(masked.shape, dtype=bool)
    saturated[object_pixel(order, 90)] = True
    found = extracted(order)
    quality = spectrum(found, order, saturated=saturated)[0].quality
    assert quality[50] & SpectrumFlag.PARTIAL_PROFILE
    assert quality[60] & SpectrumFlag.NO_DATA
    assert quality[90] == SpectrumFlag.SATURATED
    assert quality[200] & SpectrumFlag.COSMIC_RAY
    assert quality[150] == 0
    forced = spectrum(found, order, forced=True)[0].quality
    assert (forced & SpectrumFlag.FORCED).all()


def test_a_weak_sky_model_is_flagged(clean: tuple[TinyOrder, ExtractedOrder]) -> None:
    order, found = clean
    variance = np.array(found.sky_variance)
    variance[30] = 100.0 * found.variance[30]
    quality = spectrum(replace(found, sky_variance=variance), order)[0].quality
    assert quality[30] & SpectrumFlag.WEAK_SKY_MODEL
    assert not quality[31] & SpectrumFlag.WEAK_SKY_MODEL


def test_where_the_flat_is_dark_nothing_is_measured() -> None:
    flat = np.ones(tiny_order().sky.shape)
    flat[:20] = 0.001
    order = tiny_order(flat=flat)
    made, covariance = spectrum(extracted(order), order)
    assert np.isnan(made.flux[:20]).all()
    assert np.isposinf(made.variance[:20]).all()
    assert (made.quality[:20] & SpectrumFlag.LOW_RESPONSE).all()
    assert (made.quality[:20] & SpectrumFlag.NO_DATA).all()
    np.testing.assert_array_equal(covariance[:, :20], 0.0)
    assert np.isfinite(made.flux[20:]).all()


def test_what_the_profile_fills_in_is_as_uncertain_as_the_profile() -> None:
    """0.5 % of the light that is lost; rows that are whole gain nothing."""
    order = tiny_order()
    found = extracted(order)
    good = np.array(found.data.good)
    good[30] &= found.shares[30] < np.sort(found.shares[30])[-3]
    partly = replace(found, data=replace(found.data, good=good))
    seen = float(np.sum(np.where(good[30], found.shares[30], 0.0)))
    whole, _ = spectrum(found, order)
    lost, _ = spectrum(partly, order)
    added = (lost.variance - whole.variance)[whole.b_px == 30]
    np.testing.assert_allclose(added, (0.005 * found.flux[30] * (1.0 - seen)) ** 2, rtol=1e-6)
    others = whole.b_px != 30
    np.testing.assert_array_equal(lost.variance[others], whole.variance[others])


def test_mean_flat_is_that_under_the_object() -> None:
    window = tiny_order().data.window
    flat = np.where(np.nan_to_num(window.slit_arcsec) > 0.5, 0.8, 0.4)
    order = tiny_order(flat=flat)
    made, _ = spectrum(extracted(order), order)
    np.testing.assert_allclose(made.mean_flat, (order.shares * flat).sum(axis=1), rtol=1e-6)


def test_data_are_not_touched() -> None:
    order = tiny_order()
    before, shares = order.data.electrons.copy(), order.shares.copy()
    extracted(order)
    np.testing.assert_array_equal(order.data.electrons, before)
    np.testing.assert_array_equal(order.shares, shares)
