"""Rows that are read with more noise."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.frames.row_noise import excess_variance
from soxspipe.algorithms.frames.unlit_light import UnlitLight

SHAPE = (600, 400)
FLAT = np.zeros(SHAPE[1])


def unlit(sigma: np.ndarray, seed: int, sound: np.ndarray | None = None) -> UnlitLight:
    """Noise whose sigma changes from row to row, one pixel in 500 struck."""
    draw = np.random.default_rng(seed)
    light = 20.0 + sigma[:, None] * draw.normal(size=SHAPE)
    light[draw.random(SHAPE) < 0.002] += 700.0
    return UnlitLight(light=light.astype(np.float32), sound=np.ones(SHAPE, dtype=bool) if sound is None else sound)


def test_noisy_rows_have_their_variance_over_that_of_others() -> None:
    sigma = np.full(SHAPE[0], 4.0)
    noisy = np.arange(5, 600, 12)
    sigma[noisy] = 20.0
    excess = excess_variance(unlit(sigma, 1), FLAT)
    assert np.flatnonzero(excess).tolist() == noisy.tolist()
    assert np.mean(excess[noisy]) == pytest.approx(20.0**2 - 4.0**2, rel=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_ordinary_rows_have_none_though_scattered_light_makes_noise(seed: int) -> None:
    sigma = 4.0 + 3.0 * np.sin(np.arange(SHAPE[0]) / 150.0) ** 2
    assert not excess_variance(unlit(sigma, seed), FLAT).any()


def test_rows_with_few_unlit_pixels_and_levels_of_columns_say_nothing() -> None:
    sigma = np.full(SHAPE[0], 4.0)
    sigma[300] = 20.0
    sound = np.ones(SHAPE, dtype=bool)
    sound[300, 50:] = False
    assert not excess_variance(unlit(sigma, 2, sound), FLAT).any()
    odd = 30.0 * (np.arange(SHAPE[1]) % 2)
    striped = unlit(np.full(SHAPE[0], 4.0), 3)
    assert not excess_variance(UnlitLight(light=striped.light + odd.astype(np.float32), sound=striped.sound), odd).any()


def test_a_frame_without_unlit_pixels_has_no_noisy_row() -> None:
    assert not excess_variance(unlit(np.full(SHAPE[0], 4.0), 4, np.zeros(SHAPE, dtype=bool)), FLAT).any()
