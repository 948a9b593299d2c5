"""Pixels of an order that are rejected: cosmic rays and dark pixels go, steep lines of object and sky stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.extraction.reject_outliers import PROFILE_TOLERANCE, dilate, reject_outliers
from support.orders import TinyOrder, moffat_shares, object_pixel, plus_light, tiny_order

LIMIT = 25.0


def rejected(order: TinyOrder, limit: float = LIMIT) -> np.ndarray:
    return reject_outliers(order.data, order.sky, order.shares, np.zeros(order.sky.shape), limit).rejected


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
        hit[object_pixel(order, int(row), offset)] = True
    found = reject_outliers(plus_light(order, np.where(hit, sigma * noise, 0.0)).data, order.sky, order.shares, np.zeros(hit.shape), LIMIT)
    # in the wings the error allowed to the profile hides part of the faint ones
    assert found.rejected[hit].mean() > (0.4 if (offset, sigma) == (-3, 9.0) else 0.9)
    np.testing.assert_array_equal(found.bright[hit], found.rejected[hit])
    assert (found.rejected & ~dilate(hit)).sum() <= 2
    error = 1.0 / np.sqrt(np.sum(np.where(order.data.good & ~hit, order.shares**2 / noise**2, 0.0), axis=1))
    assert np.abs((found.flux - order.flux) / error)[rows].max() < 6.0


def test_dark_pixels_are_rejected_but_not_called_cosmic_rays() -> None:
    order = tiny_order(level=5000.0)
    where = object_pixel(order, 100)
    dead = np.zeros(order.sky.shape)
    dead[where] = -order.data.electrons[where]
    found = reject_outliers(plus_light(order, dead).data, order.sky, order.shares, np.zeros(order.sky.shape), LIMIT)
    assert found.rejected[where]
    assert not found.bright[where]


def test_steep_bands_along_tilted_lines_are_no_outliers() -> None:
    order = tiny_order(level=30000.0)
    bands = 1.0 - 0.97 * np.exp(-0.5 * (((order.u_px - 150.0) % 30.0 - 15.0) / 1.2) ** 2)
    light = np.where(order.data.window.inside, (bands - 1.0) * order.flux[:, None] * order.shares, 0.0)
    struck = plus_light(order, light)
    assert rejected(struck)[order.data.good].mean() < 2e-4
    where = object_pixel(order, 150, 1)
    hit = np.zeros(order.sky.shape)
    hit[where] = 8000.0
    assert rejected(plus_light(struck, hit))[where]


def test_a_track_over_the_core_is_found() -> None:
    order = tiny_order(level=1000.0)
    hit = np.zeros(order.sky.shape, dtype=bool)
    for step in range(4):
        hit[object_pixel(order, 180 + step // 2, step - 2)] = True
    struck = plus_light(order, np.where(hit, 3000.0, 0.0))
    found = reject_outliers(struck.data, order.sky, order.shares, np.zeros(hit.shape), LIMIT)
    assert found.rejected[hit].all()
    np.testing.assert_allclose(found.flux[180:182], order.flux[180:182], atol=5 * 80.0)


def test_a_track_that_leaves_no_sound_core_does_not_lift_the_flux() -> None:
    order = tiny_order(level=1000.0)
    middle, track = object_pixel(order, 150)[1], np.zeros(order.sky.shape)
    track[150, middle - 3 : middle + 5] = [300.0, 700.0, 2500.0, 3500.0, 5000.0, 8000.0, 12000.0, 15000.0]
    track[149, middle - 3 : middle + 3] = [9000.0, 6000.0, 4000.0, 3000.0, 1500.0, 800.0]
    found = reject_outliers(plus_light(order, track).data, order.sky, order.shares, np.zeros(order.sky.shape), LIMIT)
    assert found.rejected[150, middle - 1 : middle + 5].all()
    assert found.rejected[149, middle - 3 : middle + 2].all()
    assert np.abs(found.flux[148:152] - order.flux[148:152]).max() < 400.0


def test_a_track_shaped_like_the_profile_is_a_spike_even_beside_a_lost_pixel() -> None:
    order = tiny_order(level=1000.0)
    middle, track = object_pixel(order, 150)[1], np.zeros(order.sky.shape)
    track[150] = 20000.0 * order.shares[150]
    track[151, middle - 6 : middle + 7] = np.linspace(2000.0, 20000.0, 13)
    found = reject_outliers(plus_light(order, track).data, order.sky, order.shares, np.zeros(order.sky.shape), LIMIT)
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
    observed[object_pixel(order, 200, 1)] += 5000.0
    observed[object_pixel(order, 200, 2)] += 3000.0
    data = replace(order.data, electrons=observed)
    found = reject_outliers(data, order.sky, order.shares, np.zeros(light.shape), LIMIT)
    assert found.rejected[object_pixel(order, 200, 1)]
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
    spread = plus_light(order, noise * np.random.default_rng(3).standard_t(2.5, noise.shape))
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
    spoilt = plus_light(order, np.where(masked, 1e8, 0.0))
    found = reject_outliers(spoilt.data, order.sky, order.shares, np.zeros(masked.shape), LIMIT)
    assert not found.rejected[masked].any()
    assert found.flux[100] == 0.0
    assert found.flux[120] == pytest.approx(order.flux[120], abs=300.0)


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


def test_a_row_alone_between_lost_ones_has_the_noise_of_its_own_light() -> None:
    """Of a saturated star single rows are left; the lost ones beside them are no sign of darkness."""
    order = tiny_order(level=1e5)
    lost = np.arange(order.sky.shape[0]) % 8 != 0
    cut = replace(order, data=replace(order.data, good=order.data.good & ~lost[:, None]))
    whole, alone = (reject_outliers(one.data, one.sky, one.shares, 0.0 * one.sky, LIMIT) for one in (order, cut))
    np.testing.assert_allclose(alone.variance[~lost], whole.variance[~lost], rtol=0.02)
    assert not alone.rejected.any()
