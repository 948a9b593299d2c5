"""Outliers, the optimal sum, and the columns that go with it."""

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
from soxspipe.algorithms.extraction.reject_outliers import PROFILE_TOLERANCE, dilate, reject_outliers
from soxspipe.algorithms.sky.subtract_sky import SkyFit, SkySettings, fit_order_sky
from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.datamodel.spectrum import OrderSpectrum
from soxspipe.datamodel.trace import OrderTrace
from support.orders import NM_PER_PX, SCALE, TinyOrder, moffat_shares, tiny_order

SETTINGS = ExtractionSettings()
LIMIT = 25.0


def away(order: TinyOrder) -> np.ndarray:
    return np.asarray(np.abs(np.nan_to_num(order.data.window.slit_arcsec, nan=9.0) - 0.5) > 1.8)


def sky_fit(order: TinyOrder) -> SkyFit:
    return fit_order_sky(order.data, SkySettings(), keep=away(order))


def add(order: TinyOrder, electrons: np.ndarray) -> TinyOrder:
    return replace(order, data=replace(order.data, electrons=order.data.electrons + electrons))


def rejected(order: TinyOrder, limit: float = LIMIT) -> np.ndarray:
    return reject_outliers(order.data, order.sky, order.shares, np.zeros(order.sky.shape), limit).rejected


def at_object(order: TinyOrder, row: int, offset: int = 0) -> tuple[int, int]:
    return row, int(np.argmax(order.shares[row])) + offset


def test_dilation_is_by_one_pixel_in_all_directions() -> None:
    mask = np.zeros((5, 6), dtype=bool)
    mask[2, 2] = mask[0, 5] = True
    expected = np.zeros((5, 6), dtype=bool)
    expected[1:4, 1:4] = expected[0:2, 4:6] = True
    np.testing.assert_array_equal(dilate(mask), expected)
    assert mask.sum() == 2


def test_noise_alone_is_not_rejected() -> None:
    order = tiny_order(n_b=600)
    hits = rejected(order)
    assert hits[order.data.good].mean() < 2e-5
    assert not hits[~order.data.window.inside].any()


@pytest.mark.parametrize("offset", [0, 1, -3, 9])
@pytest.mark.parametrize("sigma", [9.0, 100.0])
def test_single_hits_are_found_on_the_object_and_off_it(offset: int, sigma: float) -> None:
    order = tiny_order(level=2000.0)
    rows = np.arange(10, 290, 20)
    noise = np.sqrt(order.data.variance(order.sky + order.flux[:, None] * order.shares))
    hit = np.zeros(noise.shape, dtype=bool)
    for row in rows:
        hit[at_object(order, int(row), offset)] = True
    found = reject_outliers(add(order, np.where(hit, sigma * noise, 0.0)).data, order.sky, order.shares, np.zeros(hit.shape), LIMIT)
    # in the wings the error allowed to the profile hides part of the faint ones
    assert found.rejected[hit].mean() > (0.4 if (offset, sigma) == (-3, 9.0) else 0.9)
    np.testing.assert_array_equal(found.bright[hit], found.rejected[hit])
    assert (found.rejected & ~dilate(hit)).sum() <= 2
    error = 1.0 / np.sqrt(np.sum(np.where(order.data.good & ~hit, order.shares**2 / noise**2, 0.0), axis=1))
    assert np.abs((found.flux - order.flux) / error)[rows].max() < 6.0


def test_dark_pixels_are_rejected_but_not_called_cosmic_rays() -> None:
    order = tiny_order(level=5000.0)
    where = at_object(order, 100)
    dead = np.zeros(order.sky.shape)
    dead[where] = -order.data.electrons[where]
    found = reject_outliers(add(order, dead).data, order.sky, order.shares, np.zeros(order.sky.shape), LIMIT)
    assert found.rejected[where]
    assert not found.bright[where]


def test_steep_bands_along_tilted_lines_are_no_outliers() -> None:
    order = tiny_order(level=30000.0)
    bands = 1.0 - 0.97 * np.exp(-0.5 * (((order.u_px - 150.0) % 30.0 - 15.0) / 1.2) ** 2)
    light = np.where(order.data.window.inside, (bands - 1.0) * order.flux[:, None] * order.shares, 0.0)
    struck = add(order, light)
    assert rejected(struck)[order.data.good].mean() < 2e-4
    where = at_object(order, 150, 1)
    hit = np.zeros(order.sky.shape)
    hit[where] = 8000.0
    assert rejected(add(struck, hit))[where]


def test_a_track_over_the_core_is_found() -> None:
    order = tiny_order(level=1000.0)
    hit = np.zeros(order.sky.shape, dtype=bool)
    for step in range(4):
        hit[at_object(order, 180 + step // 2, step - 2)] = True
    struck = add(order, np.where(hit, 3000.0, 0.0))
    found = reject_outliers(struck.data, order.sky, order.shares, np.zeros(hit.shape), LIMIT)
    assert found.rejected[hit].all()
    np.testing.assert_allclose(found.flux[180:182], order.flux[180:182], atol=5 * 80.0)


def test_a_track_that_leaves_no_sound_core_does_not_lift_the_flux() -> None:
    order = tiny_order(level=1000.0)
    middle, track = at_object(order, 150)[1], np.zeros(order.sky.shape)
    track[150, middle - 3 : middle + 5] = [300.0, 700.0, 2500.0, 3500.0, 5000.0, 8000.0, 12000.0, 15000.0]
    track[149, middle - 3 : middle + 3] = [9000.0, 6000.0, 4000.0, 3000.0, 1500.0, 800.0]
    found = reject_outliers(add(order, track).data, order.sky, order.shares, np.zeros(order.sky.shape), LIMIT)
    assert found.rejected[150, middle - 1 : middle + 5].all()
    assert found.rejected[149, middle - 3 : middle + 2].all()
    assert np.abs(found.flux[148:152] - order.flux[148:152]).max() < 400.0


def test_a_track_shaped_like_the_profile_is_a_spike_even_beside_a_lost_pixel() -> None:
    order = tiny_order(level=1000.0)
    middle, track = at_object(order, 150)[1], np.zeros(order.sky.shape)
    track[150] = 20000.0 * order.shares[150]
    track[151, middle - 6 : middle + 7] = np.linspace(2000.0, 20000.0, 13)
    found = reject_outliers(add(order, track).data, order.sky, order.shares, np.zeros(order.sky.shape), LIMIT)
    assert found.rejected[150, middle - 1 : middle + 2].all()
    assert found.flux[150] < order.flux[150] + 500.0


@pytest.mark.parametrize("electrons", [3e3, 3e4])
def test_an_emission_line_with_a_hit_in_its_core_stays(electrons: float) -> None:
    order = tiny_order(level=20.0, seed=None)
    flux = np.array(order.flux)
    flux[198:203] += electrons * np.array([0.06, 0.24, 0.4, 0.24, 0.06])
    rng = np.random.default_rng(4)
    light = np.where(order.data.window.inside, order.sky + flux[:, None] * order.shares, 0.0)
    observed = rng.poisson(light) + rng.normal(0, 5.0, light.shape)
    observed[at_object(order, 200, 1)] += 5000.0
    observed[at_object(order, 200, 2)] += 3000.0
    data = replace(order.data, electrons=observed)
    found = reject_outliers(data, order.sky, order.shares, np.zeros(light.shape), LIMIT)
    assert found.rejected[at_object(order, 200, 1)]
    left = np.sum(np.where(found.rejected, 0.0, order.shares**2), axis=1) / np.sum(order.shares**2, axis=1)
    assert left[199:202].min() > 0.4
    assert np.abs((found.flux - flux) / np.sqrt(flux + 500.0))[198:203].max() < 5.0


@pytest.mark.parametrize("electrons", [300.0, 3e3, 3e4, 3e5])
def test_emission_lines_of_the_object_are_no_cosmic_rays(electrons: float) -> None:
    order = tiny_order(level=20.0, seed=None)
    flux = np.array(order.flux)
    for row in (80, 200):
        flux[row - 1 : row + 2] += electrons * np.array([0.25, 0.5, 0.25])
    rng = np.random.default_rng(9)
    light = np.where(order.data.window.inside, order.sky + flux[:, None] * order.shares, 0.0)
    data = replace(order.data, electrons=rng.poisson(light) + rng.normal(0, 5.0, light.shape))
    found = reject_outliers(data, order.sky, order.shares, np.zeros(light.shape), LIMIT)
    assert found.rejected[[79, 80, 81, 199, 200, 201]].sum() == 0
    assert np.abs((found.flux - flux) / np.sqrt(flux + 500.0))[[80, 200]].max() < 5.0


def test_a_larger_limit_rejects_less() -> None:
    order = tiny_order()
    noise = np.sqrt(order.data.variance(order.sky + order.flux[:, None] * order.shares))
    spread = add(order, noise * np.random.default_rng(3).standard_t(2.5, noise.shape))
    counts = [rejected(spread, limit).sum() for limit in (9.0, 25.0, 400.0)]
    assert counts[0] > counts[1] > counts[2] > 0


def test_errors_of_the_skys_position_are_tolerated_on_lines() -> None:
    order = tiny_order(level=0.0, lines=((150.0, 1e5),))
    off = replace(order, data=replace(order.data, electrons=order.data.electrons * 1.004))
    plain = reject_outliers(off.data, order.sky, order.shares, np.zeros(order.sky.shape), 9.0)
    tolerant = reject_outliers(off.data, order.sky, order.shares, order.sky, 9.0)
    assert tolerant.rejected.sum() < plain.rejected.sum()


def test_masked_pixels_are_never_hits_and_rows_without_core_have_no_flux() -> None:
    masked = np.zeros(tiny_order().sky.shape, dtype=bool)
    masked[100] = True
    masked[120, ::3] = True
    order = tiny_order(masked=masked)
    spoilt = add(order, np.where(masked, 1e8, 0.0))
    found = reject_outliers(spoilt.data, order.sky, order.shares, np.zeros(masked.shape), LIMIT)
    assert not found.rejected[masked].any()
    assert found.flux[100] == 0.0
    assert found.flux[120] == pytest.approx(order.flux[120], abs=300.0)


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
    masked[at_object(probe, 70)] = True
    order = tiny_order(masked=masked)
    spoilt = add(order, np.where(masked, -400.0, 0.0))
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
    struck[at_object(order, 200)] = 4e4
    order = add(order, struck)
    saturated = np.zeros(masked.shape, dtype=bool)
    saturated[at_object(order, 90)] = True
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


def test_an_object_off_its_trace_is_not_rejected_as_cosmic_rays() -> None:
    """Rejection that would take more of the object's core than cosmic rays can strike allows for an error of the profile instead."""
    order = tiny_order(level=2e5, lines=())
    wrong = moffat_shares(order.data.window, 0.5 + 0.12)
    nothing = np.zeros(order.sky.shape)
    found = reject_outliers(order.data, order.sky, wrong, nothing, 25.0)
    core = order.data.good & (order.shares > 0.3 * order.shares.max(axis=1, keepdims=True))
    assert found.tolerance > PROFILE_TOLERANCE
    assert np.mean(found.rejected[core]) < 0.03
    assert reject_outliers(order.data, order.sky, order.shares, nothing, 25.0).tolerance == PROFILE_TOLERANCE


def test_a_shower_of_cosmic_rays_is_still_rejected() -> None:
    order = tiny_order(level=3000.0, lines=())
    core = order.data.good & (order.shares > 0.3 * order.shares.max(axis=1, keepdims=True))
    struck = core & (np.random.default_rng(3).uniform(size=core.shape) < 0.05)
    data = replace(order.data, electrons=order.data.electrons + np.where(struck, 1e5, 0.0))
    found = reject_outliers(data, order.sky, order.shares, np.zeros(order.sky.shape), 25.0)
    assert np.mean(found.rejected[struck]) > 0.9
