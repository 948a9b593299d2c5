"""Light of exposures against each other."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.exposures.throughput import (
    clear_exposures,
    images_with_common_wings,
    measure_ratio,
    round_transmission,
    slit_transmission,
    transmissions_that_differ,
)
from soxspipe.algorithms.objects.moffat import Moffat
from unit.algorithms.exposures.test_align import order

N = 2000
WAVE = 550.0 + 0.05 * np.arange(N)


def noisy(light: np.ndarray, seed: int) -> np.ndarray:
    return light + 2.0 * np.random.default_rng(seed).normal(size=N)


def test_a_constant_ratio_is_found_within_its_error() -> None:
    light = np.linspace(80.0, 120.0, N)
    found = measure_ratio([order(WAVE, noisy(0.3 * light, 1))], [order(WAVE, noisy(light, 2))], 1.0)
    assert found.mean == pytest.approx(0.3, abs=4.0 * found.error)
    assert found.error < 0.001
    np.testing.assert_allclose(found.at(WAVE), 0.3, rtol=0.01)


def test_slow_changes_with_wavelength_are_followed() -> None:
    slope = 1.0 + 0.2 * np.linspace(-1.0, 1.0, N)
    found = measure_ratio([order(WAVE, noisy(100.0 * slope, 3))], [order(WAVE, noisy(np.full(N, 100.0), 4))], 1.0)
    np.testing.assert_allclose(found.at(WAVE), slope, rtol=0.01)


def test_spectra_without_light_have_the_ratio_of_their_times() -> None:
    found = measure_ratio([order(WAVE, noisy(np.zeros(N), 5))], [order(WAVE, noisy(np.zeros(N), 6))], 0.25)
    np.testing.assert_array_equal(found.at(WAVE), 0.25)


def test_slit_transmission_behind_turbulent_air() -> None:
    """A slit as wide as the image's FWHM passes 69 %: its wings lie outside."""
    assert slit_transmission(1.0, 1.0) == pytest.approx(0.6889, abs=1e-3)
    assert slit_transmission(1.0, None) == 1.0


def seeing(fwhm: float, beta: float = 2.5) -> Moffat:
    return Moffat(fwhm_arcsec=fwhm, slope=-0.2, beta=beta, pivot_nm=600.0)


def through_slit(core: float, beta: float, slit: float) -> tuple[float, float]:
    """FWHM of a round Moffat along a slit, and the share of its light that passes, by summing on a grid."""
    x, y = (np.arange(-8.0, 8.0, 0.02) + 0.01 for _ in range(2))
    image = (1.0 + (x[:, None] ** 2 + y**2) / core**2) ** -beta
    inside = np.abs(x) < 0.5 * slit
    along = image[inside].sum(axis=0)
    wide = y[along > 0.5 * along.max()]
    return float(np.ptp(wide)) + 0.02, float(image[inside].sum() / image.sum())


@pytest.mark.parametrize(("core", "slit"), [(0.5, 1.0), (0.9, 1.0), (0.6, 1.5)])
def test_a_slit_passes_what_a_round_image_puts_into_it(core: float, slit: float) -> None:
    seen, passed = through_slit(core, 3.0, slit)
    assert round_transmission(seeing(seen, 3.0), np.array([600.0]), slit)[0] == pytest.approx(passed, rel=0.015)
    blue, red = round_transmission(seeing(seen, 3.0), np.array([400.0, 900.0]), slit)
    assert blue < red
    assert round_transmission(seeing(1.0), WAVE, None).min() == round_transmission(None, WAVE, 1.0).min() == 1.0


def test_clouds_are_told_from_seeing() -> None:
    losses = [float(round_transmission(seeing(fwhm), np.array([600.0]), 1.0)[0]) for fwhm in (0.8, 1.2, 0.9)]
    seeing_alone = [loss / losses[0] for loss in losses]
    assert clear_exposures(seeing_alone, [0.01] * 3, losses).all()
    assert list(clear_exposures([1.0, 1.01, 0.03], [0.01] * 3, [1.0] * 3)) == [True, True, False]


def test_slit_losses_that_are_wrong_make_no_cloud() -> None:
    """A set that was simulated under one sky: seeing read off smeared images corrects its last exposure by a fifth too much."""
    assert clear_exposures([1.0, 1.04, 0.86], [0.01] * 3, [0.90, 0.87, 0.65]).all()
    assert list(clear_exposures([1.0, 0.82], [0.01] * 2, [0.7, 0.7])) == [True, False]
    assert list(clear_exposures([1.0, 0.55], [0.01] * 2, [0.9, 0.65])) == [True, False]


def test_a_transmission_counts_where_it_differs_by_more_than_is_unknown() -> None:
    clear = np.array([True, True, False, False])
    assert list(transmissions_that_differ(np.array([0.81, 0.79, 0.79, 0.6]), clear)) == [False, False, False, True]


def test_a_dim_exposure_has_the_wings_that_the_deepest_shows() -> None:
    """Wings of 2.64 in place of 3.45, as a prior has them, let 5 % less of the light through the slit, which would shift the level of all."""
    deep, dim = (Moffat(fwhm_arcsec=0.87, slope=-0.2, beta=beta, pivot_nm=550.0) for beta in (3.45, 2.64))
    passed = [float(round_transmission(image, np.array([550.0]), 1.0)[0]) for image in (deep, dim)]
    assert passed[1] / passed[0] == pytest.approx(0.95, abs=0.01)
    first, second, unknown = images_with_common_wings([deep, dim, None])
    assert first is not None
    assert second is not None
    assert unknown is None
    assert (first.beta, second.beta) == (3.45, 3.45)
    assert images_with_common_wings([None, dim]) == [None, dim]
