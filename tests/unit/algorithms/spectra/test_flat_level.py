"""Level of flats: measured on orders, and taken out between two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.spectra.flat_level import LARGEST_RATIO, PARTS, flat_ratio, measure_flat_level, smooth_flat
from soxspipe.datamodel.spectrum import FlatLevel
from support.orders import tiny_order


def level_of(ratio: object = 1.0, *, orders: tuple[int, ...] = (10, 11), scatter: float = 0.0, seed: int = 1) -> FlatLevel:
    order = np.repeat(orders, PARTS)
    wave = np.concatenate([np.linspace(1000.0, 1100.0, PARTS) + 80.0 * k for k in range(len(orders))])
    blaze = 0.2 + np.tile(np.sin(np.linspace(0.1, 3.0, PARTS)), len(orders))
    factor = ratio(wave) if callable(ratio) else ratio
    noise = 1.0 + scatter * np.random.default_rng(seed).normal(size=wave.size)
    return FlatLevel(order=order, wavelength_nm=wave, level=blaze * factor * noise)


def test_level_is_the_mean_over_the_slit_and_leaves_bad_pixels_out() -> None:
    data = tiny_order(n_b=240).data
    flat = 1.0 + 0.01 * np.arange(240)[:, None] + np.zeros(data.flat.shape)
    bad = np.zeros(data.good.shape, dtype=bool)
    bad[:, 5] = True
    spoilt = replace(data, flat=np.where(bad, 1e6, flat), good=data.good & ~bad)
    level = measure_flat_level([spoilt])
    assert level.order.tolist() == [data.window.order] * PARTS
    assert (np.diff(level.wavelength_nm) > 0).all()
    np.testing.assert_allclose(np.sort(level.level), 1.0 + 0.01 * (4.5 + 10.0 * np.arange(PARTS)), rtol=1e-3)


def test_a_factor_and_a_lamps_temperature_come_back_in_spite_of_the_pixels() -> None:
    wave = np.linspace(1000.0, 1180.0, 50)

    def hotter(nm: np.ndarray) -> np.ndarray:
        return np.asarray(0.8 * np.exp(300.0 * (1.0 / nm - 1.0 / 1090.0)))

    ratio = flat_ratio(level_of(hotter, scatter=0.01), level_of(scatter=0.01, seed=2), wave)
    np.testing.assert_allclose(ratio, hotter(wave), rtol=0.008)


def test_one_part_that_is_off_does_not_count() -> None:
    here = level_of(0.9, scatter=0.001)
    broken = replace(here, level=np.where(np.arange(here.level.size) == 20, 5.0, here.level))
    np.testing.assert_allclose(flat_ratio(broken, level_of(), np.array([1050.0])), 0.9, rtol=0.002)


def test_without_common_orders_nothing_is_changed() -> None:
    np.testing.assert_array_equal(flat_ratio(level_of(2.0), level_of(orders=(20, 21)), np.array([1000.0, 1100.0])), 1.0)


def test_the_ratio_is_bounded() -> None:
    np.testing.assert_allclose(flat_ratio(level_of(1e6), level_of(), np.array([1000.0])), LARGEST_RATIO)


def test_smooth_flat_keeps_the_blaze_and_drops_the_pixels() -> None:
    x = np.arange(2000.0)
    blaze = 0.05 + np.sin(np.pi * (x + 50.0) / 2100.0) ** 2
    noisy = blaze * (1.0 + 0.02 * np.random.default_rng(5).normal(size=x.size))
    noisy[:40] = 0.0
    smooth = smooth_flat(noisy)
    np.testing.assert_array_equal(smooth[:40], 0.0)
    assert np.std(smooth[60:-20] / blaze[60:-20]) < 0.004
    assert abs(np.mean(smooth[60:-20] / blaze[60:-20]) - 1.0) < 0.001


@pytest.mark.parametrize("first", [0, 43, 84])
def test_the_edge_of_a_dichroic_does_not_ring(first: int) -> None:
    # knots 100 px apart swing by 25 per cent on both sides of such an edge, in another way for each first pixel
    x = np.arange(2000.0)
    flat = np.sin(np.pi * (x + 300.0) / 2600.0) ** 2 / (1.0 + np.exp(-(x - 220.0) / 15.0))
    flat[:first] = 0.0
    bright = flat > 0.02
    np.testing.assert_allclose(smooth_flat(flat)[bright] / flat[bright], 1.0, atol=0.01)


def test_a_short_or_dark_flat_stays_as_it_is() -> None:
    flat = np.array([0.0, 1.0, 2.0])
    np.testing.assert_array_equal(smooth_flat(flat), flat)
    np.testing.assert_array_equal(smooth_flat(np.zeros(500)), 0.0)
