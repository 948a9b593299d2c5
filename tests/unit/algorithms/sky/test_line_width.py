"""Lines whose width changes along the slit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erf

from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.algorithms.sky.sky_spline import powers_of
from soxspipe.algorithms.sky.subtract_sky import SkyFit, SkySettings, fit_order_sky
from support.orders import make_geometry, observe, position

N_B = 300
SIGMA_PX = 1.4
WINDOW = cut_orders(make_geometry(n_b=N_B))[0]
SLIT = np.nan_to_num(WINDOW.slit_arcsec) / 6.0
LINES = ((40.0, 2e4), (85.0, 6e3), (130.0, 3e4), (190.0, 1e4), (250.0, 2e4))


def sky(gradient: float) -> np.ndarray:
    """Lines that are `gradient` wider at the end of the slit than in its middle, integrated over pixels."""
    sigma = SIGMA_PX * (1.0 + gradient * SLIT)
    total = np.full(SLIT.shape, 30.0)
    for centre, electrons in LINES:
        low, high = ((position(WINDOW) + side - centre) / (np.sqrt(2.0) * sigma) for side in (-0.5, 0.5))
        total = total + 0.5 * electrons * (erf(high) - erf(low))
    return total


def fitted(gradient: float) -> tuple[SkyFit, float]:
    """The fit, and the scatter on lines of model minus truth in units of a pixel's noise."""
    true = sky(gradient)
    data = observe(WINDOW, true, np.zeros(N_B), rng=np.random.default_rng(2)).data
    fit = fit_order_sky(data, SkySettings(slit_illumination_order=0), keep=np.ones(true.shape, dtype=bool))
    bright = WINDOW.inside & (true > 300.0)
    return fit, float(np.sqrt(np.mean(((fit.electrons - true)[bright]) ** 2 / true[bright])))


@pytest.mark.parametrize("gradient", [0.15, -0.1])
def test_the_width_is_measured_and_little_is_left_on_lines(gradient: float) -> None:
    fit, left = fitted(gradient)
    assert fit.spline.width[0] == pytest.approx(gradient * SIGMA_PX**2, rel=0.2)
    assert left < 0.8
    assert fit.used[WINDOW.inside].mean() > 0.99


def test_lines_of_one_width_cost_nothing() -> None:
    fit, left = fitted(0.0)
    assert fit.spline.width.size == 0
    assert left < 0.5


def test_powers_with_a_second_derivative_by_hand() -> None:
    """t = 0.5, twice as bright, curved 0.1: t^2 -> 0.25 + 0.1 x 2, t^3 -> 0.125 + 0.1 x 6 x 0.5."""
    powers = powers_of(np.array([0.5]), 3, np.array([2.0]), np.array([0.1]))
    np.testing.assert_allclose(powers[:, 0], [2.0, 1.0, 2 * 0.45, 2 * 0.425])
