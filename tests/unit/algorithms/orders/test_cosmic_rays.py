"""L.A.Cosmic on one order: sharp things are hit, images of the spectrograph are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.orders.cosmic_rays import CosmicRaySettings, flag_cosmic_rays
from support.orders import TinyOrder, tiny_order

SETTINGS = CosmicRaySettings(lacosmic_sigma=10.0)


def flagged(order: TinyOrder, settings: CosmicRaySettings = SETTINGS) -> np.ndarray:
    return flag_cosmic_rays(order.data, order.sky, settings)


def struck(order: TinyOrder, pixels: list[tuple[int, int]], electrons: float) -> tuple[TinyOrder, np.ndarray]:
    hit = np.zeros(order.sky.shape, dtype=bool)
    hit[tuple(np.array(pixels).T)] = True
    return replace(order, data=replace(order.data, electrons=order.data.electrons + np.where(hit, electrons, 0.0))), hit


def test_single_pixels_are_found() -> None:
    order, hit = struck(tiny_order(lines=()), [(40, 5), (80, 30), (200, 10), (260, 28)], 800.0)
    np.testing.assert_array_equal(flagged(order), hit)


def test_tracks_are_followed() -> None:
    order, hit = struck(tiny_order(lines=()), [(100 + k, 4 + k // 2) for k in range(8)], 1500.0)
    found = flagged(order)
    assert found[hit].mean() >= 0.75
    assert not found[~hit].any()


def test_sky_lines_stars_and_noise_are_no_cosmic_rays() -> None:
    order = tiny_order(level=2e4, lines=((60.3, 3e4), (150.7, 3e5), (153.0, 1e5), (210.1, 3e3)))
    assert flagged(order, CosmicRaySettings()).sum() == 0


def test_an_emission_line_of_the_object_is_none_either() -> None:
    order = tiny_order(level=20.0, lines=())
    flux = np.zeros(300)
    flux[[99, 100, 101, 102]] = 2e4 * np.array([0.15, 0.35, 0.35, 0.15])
    lit = replace(order, data=replace(order.data, electrons=order.data.electrons + flux[:, None] * order.shares))
    assert flagged(lit).sum() == 0


def test_a_higher_threshold_finds_less_and_zero_nothing() -> None:
    order, hit = struck(tiny_order(lines=()), [(40, 5), (80, 30), (200, 10)], 250.0)
    counts = [int(flagged(order, CosmicRaySettings(lacosmic_sigma=sigma))[hit].sum()) for sigma in (6.0, 60.0, 0.0)]
    assert counts[0] == 3
    assert counts[1:] == [0, 0]


def test_masked_pixels_are_left_alone() -> None:
    masked = np.zeros(tiny_order().sky.shape, dtype=bool)
    masked[80, 10] = True
    order, _ = struck(tiny_order(lines=(), masked=masked), [(80, 10)], 1e6)
    assert flagged(order).sum() == 0


def test_data_are_not_touched() -> None:
    order, _ = struck(tiny_order(lines=()), [(40, 5)], 800.0)
    before, good = order.data.electrons.copy(), order.data.good.copy()
    flagged(order)
    np.testing.assert_array_equal(order.data.electrons, before)
    np.testing.assert_array_equal(order.data.good, good)


@pytest.mark.parametrize("sigma", [-1.0, float("nan")])
def test_impossible_thresholds_are_refused(sigma: float) -> None:
    with pytest.raises(ValueError, match="lacosmic_sigma"):
        CosmicRaySettings(lacosmic_sigma=sigma)
