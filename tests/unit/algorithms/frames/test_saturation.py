"""Full wells are recognised; bright frames are not taken for them."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.frames.saturation import find_full_well


def spectrum(peak: float, seed: int = 1, *, width_px: float = 3.0, tilt: float = 0.0) -> np.ndarray:
    """Orders under a blaze function, with photon noise at 2 e-/ADU and pixel response of 1 %; `tilt` moves the core within its pixel."""
    rng = np.random.default_rng(seed)
    x, y = np.linspace(-1.0, 1.0, 2000), np.arange(-20, 21)
    place = y[None, :] - (tilt * np.arange(2000) % 1.0)[:, None]
    light = peak * (1.0 - 0.7 * x**2)[:, None] * np.exp(-0.5 * (place / width_px) ** 2)
    return rng.normal(light * rng.normal(1.0, 0.01, light.shape), np.sqrt(light / 2.0) + 3.0)


@pytest.mark.parametrize("peak", [20_000.0, 45_000.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_bright_blaze_is_no_plateau(peak: float, seed: int) -> None:
    assert find_full_well(spectrum(peak, seed)) is None


@pytest.mark.parametrize("spread", [0.0002, 0.01])
def test_light_piles_up_at_full_wells(spread: float) -> None:
    """Wells of 52000 ADU that are alike, or differ by 1 % from pixel to pixel."""
    rng = np.random.default_rng(5)
    light = spectrum(90_000.0)
    wells = 52_000.0 * rng.normal(1.0, spread, light.shape)
    level = find_full_well(np.minimum(light, wells), 65_535.0)
    assert level is not None
    assert 52_000.0 * (1.0 - 5.0 * max(spread, 0.004)) < level < 52_000.0
    full = light > wells
    assert np.mean(np.minimum(light, wells)[full] >= level) > 0.98


def test_a_narrow_core_that_is_cut_at_one_level_is_full() -> None:
    """Few of its pixels have a full one beside them across the core, but photons leave no light as even."""
    light = spectrum(58_000.0, width_px=1.3, tilt=0.05)
    full = light > 52_000.0
    assert np.mean(full[:, 1:] & full[:, :-1]) < 0.1 * np.mean(full)
    level = find_full_well(np.minimum(light, 52_000.0), 65_535.0)
    assert level is not None
    assert 51_000.0 < level < 52_000.0


@pytest.mark.parametrize("peak", [20_000.0, 45_000.0])
def test_a_narrow_core_that_is_not_full_is_no_plateau(peak: float) -> None:
    assert find_full_well(spectrum(peak, width_px=1.3, tilt=0.05)) is None


def test_a_few_hot_pixels_at_one_level_are_no_plateau() -> None:
    adu = np.full((100, 100), 10.0)
    adu[0, :20] = 52_000.0
    assert find_full_well(adu) is None


def test_a_star_of_even_brightness_is_no_plateau() -> None:
    """Its core stands at one level, but is a pixel wide."""
    rng = np.random.default_rng(7)
    light = 30_000.0 * np.exp(-0.5 * (np.arange(-20, 21) / 1.4) ** 2)[None, :] * np.ones((700, 1))
    assert find_full_well(rng.normal(light * rng.normal(1.0, 0.01, light.shape), np.sqrt(light / 2.0) + 3.0)) is None
