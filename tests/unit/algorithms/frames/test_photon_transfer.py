"""Photon noise against light, on images whose gain is known."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.frames.photon_transfer import measure_photon_transfer

SHAPE = (400, 600)


def exposure(gain: float, integrations: int = 1, read_noise_e: float = 7.3, seed: int = 1, brightest_e: float = 400.0) -> np.ndarray:
    """ADU of bands of light along x whose brightness changes smoothly, on a dark frame."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    light = np.where((y % 80) < 40, brightest_e * np.exp(-3.0 * x / SHAPE[1]), 0.0)
    charge = rng.poisson(light * integrations) / integrations
    return (30.0 + charge + read_noise_e / np.sqrt(integrations) * rng.normal(size=SHAPE)) / gain


@pytest.mark.parametrize(("gain", "integrations"), [(2.3, 1), (1 / 2.3, 1), (1.0, 4)])
def test_gain_times_integrations_and_the_noise_without_light(gain: float, integrations: int) -> None:
    found = measure_photon_transfer(exposure(gain, integrations), "x", every=4)
    assert found is not None
    assert found.electrons_per_adu == pytest.approx(gain * integrations, rel=0.1)
    assert abs(found.electrons_per_adu / (gain * integrations) - 1.0) < 3.0 * found.relative_error
    assert found.dark_sigma_adu == pytest.approx(7.3 / gain / np.sqrt(integrations), rel=0.05)


def test_errors_are_those_of_many_frames() -> None:
    found = [measure_photon_transfer(exposure(2.3, seed=seed), "x", every=4) for seed in range(12)]
    pulls = [(one.electrons_per_adu / 2.3 - 1.0) / one.relative_error for one in found if one is not None]
    assert len(pulls) == 12
    assert 0.4 < np.sqrt(np.mean(np.square(pulls))) < 1.8


def test_hot_pixels_cosmic_rays_hot_columns_and_levels_of_channels_do_not_matter() -> None:
    rng = np.random.default_rng(9)
    adu = exposure(2.3, seed=5)
    adu[rng.random(SHAPE) < 0.01] += 500.0
    adu += 3.0 * rng.normal(size=10)[np.arange(SHAPE[1]) // 60]
    adu[101] += 40.0
    found = measure_photon_transfer(adu, "x", every=4)
    assert found is not None
    assert found.electrons_per_adu == pytest.approx(2.3, rel=0.15)


def test_spectra_may_run_along_y() -> None:
    found = measure_photon_transfer(exposure(0.6, seed=7).T, "y", every=4)
    assert found is not None
    assert found.electrons_per_adu == pytest.approx(0.6, rel=0.1)


def test_a_dark_frame_tells_its_noise_alone_and_a_small_one_nothing() -> None:
    dark = measure_photon_transfer(exposure(2.0, brightest_e=0.0), "x", every=4)
    assert dark is not None
    assert not dark.relative_error < 0.5
    assert dark.dark_sigma_adu == pytest.approx(3.65, rel=0.03)
    assert measure_photon_transfer(np.zeros((10, 12)), "x") is None
