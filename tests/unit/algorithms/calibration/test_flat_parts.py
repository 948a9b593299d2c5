"""A flat taken apart into its factors."""

import numpy as np
import pytest

from soxspipe.algorithms.calibration.flat_parts import take_apart

N_B, N_A = 600, 160
B = np.arange(N_B)


def test_factors_of_the_light_come_apart():
    rng = np.random.default_rng(6)
    low, high = np.full(N_B, 4.6), np.full(N_B, 44.2)
    a = np.arange(50)[None, :] * np.ones((N_B, 1))
    response = 1.0 + 0.01 * rng.normal(size=(N_B, 50))
    response[200, 20] = 0.3
    blaze = 30000.0 * np.exp(-(((B - 250.0) / 350.0) ** 2))
    slit = 1.0 + 0.05 * (a - 24.4) / 19.8
    light = blaze[:, None] * slit * response
    parts = take_apart(rng.poisson(light).astype(float), light, a, low, high)
    assert np.std((parts.blaze / blaze)[20:-20]) < 1e-3
    tilt = np.polyfit(parts.slit_px, parts.illumination, 1)[0]
    assert tilt == pytest.approx(0.05, abs=2e-3)
    inside = parts.lit
    scatter = (parts.response - response)[inside] * np.sqrt(light[inside])
    assert np.std(scatter) == pytest.approx(1.0, abs=0.15)
    assert parts.response[200, 20] == pytest.approx(0.3, abs=0.02)
