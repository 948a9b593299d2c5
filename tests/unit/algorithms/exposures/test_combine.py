"""Spectra of several exposures into one."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.exposures.combine import combine_order
from soxspipe.datamodel.flags import SpectrumFlag
from unit.algorithms.exposures.test_align import N, order

WAVE = 600.0 + 0.05 * np.arange(N)
NONE = np.zeros((3, N))
ONES = np.ones(N)


def test_weights_are_inverse_variances() -> None:
    """Variances 4 and 16: weights 0.8 and 0.2, variance 3.2."""
    pair = [order(WAVE, np.full(N, 100.0), 4.0), order(WAVE, np.full(N, 105.0), 16.0)]
    combined = combine_order(pair, [NONE, NONE], [ONES, ONES])
    np.testing.assert_allclose(combined.spectrum.flux, 101.0)
    np.testing.assert_allclose(combined.spectrum.variance, 3.2)
    np.testing.assert_allclose(combined.share[0], 0.8)


def test_a_dim_exposure_is_scaled_up_and_weighs_little() -> None:
    """One tenth of the light at the same variance: weight 0.1 of 1.01 in light."""
    pair = [order(WAVE, np.full(N, 100.0), 4.0), order(WAVE, np.full(N, 10.0), 4.0)]
    combined = combine_order(pair, [NONE, NONE], [ONES, 0.1 * ONES])
    np.testing.assert_allclose(combined.spectrum.flux, 100.0)
    np.testing.assert_allclose(combined.spectrum.variance, 4.0 / 1.01)
    np.testing.assert_allclose(combined.share[1], 0.01 / 1.01)


def test_pulls_are_normal_and_faint_light_is_not_biased() -> None:
    """Variances hold the photons of the noisy flux itself; 40 e- over a sky of 60 must come out at 40."""
    rng = np.random.default_rng(2)
    means, pulls = [], []
    for _ in range(60):
        fluxes = [rng.poisson(100.0, N) - 60.0 for _ in range(3)]
        spectra = [order(WAVE, flux, np.maximum(flux + 60.0, 1.0)) for flux in fluxes]
        combined = combine_order(spectra, [NONE] * 3, [ONES] * 3).spectrum
        means.append(combined.flux.mean())
        pulls.append((combined.flux - 40.0) / np.sqrt(combined.variance))
    assert np.mean(means) == pytest.approx(40.0, abs=0.25)
    assert np.std(pulls) == pytest.approx(1.0, abs=0.03)


def test_what_one_exposure_alone_shows_bright_is_a_cosmic_ray() -> None:
    rng = np.random.default_rng(3)
    fluxes = [100.0 + 2.0 * rng.normal(size=N) for _ in range(2)]
    fluxes[1][200] += 80.0
    combined = combine_order([order(WAVE, flux) for flux in fluxes], [NONE] * 2, [ONES] * 2)
    assert combined.rejected[1, 200]
    assert combined.rejected.sum() == 1
    assert combined.spectrum.flux[200] == fluxes[0][200]
    assert combined.spectrum.quality[200] & SpectrumFlag.COSMIC_RAY


def test_a_sample_that_one_exposure_lacks_comes_from_the_others() -> None:
    flux, variance = np.full(N, 100.0), np.full(N, 4.0)
    flux[50], variance[50] = np.nan, np.inf
    combined = combine_order([order(WAVE, flux, variance), order(WAVE, np.full(N, 100.0))], [NONE] * 2, [ONES] * 2)
    assert combined.spectrum.flux[50] == 100.0
    assert combined.spectrum.variance[50] == 4.0
    assert combined.spectrum.variance[51] == 2.0
