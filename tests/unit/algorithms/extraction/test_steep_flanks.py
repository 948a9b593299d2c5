"""Light beside the trace on steep flanks, against integrals of Gaussian profiles worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.extraction.steep_flanks import light_beside_trace

SIGMA_PX, TILT = 2.0, 0.15
ALONG = np.arange(-12.0, 13.0)
ROWS = np.arange(40.0)
PROFILE = np.exp(-0.5 * (ALONG / SIGMA_PX) ** 2) / (SIGMA_PX * np.sqrt(2 * np.pi)) * np.ones((ROWS.size, 1))
U_PX = ROWS[:, None] + TILT * ALONG


@pytest.mark.parametrize("slope", [1.1, -0.8])
def test_light_of_a_tilted_flank_is_the_difference_of_two_gaussian_integrals(slope: float) -> None:
    flux = 1e4 * np.exp(slope * (ROWS - 20.0))
    found = light_beside_trace(flux, 1e-6 * flux, PROFILE, np.ones(PROFILE.shape), U_PX)
    spread = (slope * TILT * SIGMA_PX) ** 2
    # the mean of exp(s t a) is exp((s t sigma)^2 / 2) over the profile, and over its square, half as wide in variance, exp((s t sigma)^2 / 4)
    np.testing.assert_allclose(found[5:-5] / flux[5:-5], np.exp(spread / 2) - np.exp(spread / 4), rtol=0.02)


def test_smooth_spectra_straight_lines_and_noise_have_none() -> None:
    weight, steep = np.ones(PROFILE.shape), 1e4 * np.exp(0.9 * (ROWS - 20.0))
    gentle = 1e4 * np.exp(0.1 * (ROWS - 20.0))
    assert not light_beside_trace(gentle, 1e-6 * gentle, PROFILE, weight, U_PX).any()
    straight = np.broadcast_to(ROWS[:, None], PROFILE.shape)
    np.testing.assert_allclose(light_beside_trace(steep, 0.0 * steep, PROFILE, weight, straight), 0.0, atol=1e-9 * steep.max())
    assert not light_beside_trace(steep, 0.2 * steep, PROFILE, weight, U_PX).any()


def test_rows_without_data_have_none() -> None:
    flux = np.where(ROWS > 18, np.nan, 1e4 * np.exp(0.9 * (ROWS - 20.0)))
    error = np.where(np.isfinite(flux), 1e-6 * flux, np.inf)
    found = light_beside_trace(flux, error, PROFILE, np.ones(PROFILE.shape), U_PX)
    assert np.isfinite(found).all()
    assert (found[5:14] > 0).all()
    assert not found[19:].any()
    assert not light_beside_trace(np.full(40, np.nan), np.full(40, np.inf), PROFILE, np.ones(PROFILE.shape), U_PX).any()
