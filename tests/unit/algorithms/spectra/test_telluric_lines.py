"""Lines behind the spectra of standards: slopes of the posterior by differences, growth against lines that are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from soxspipe.algorithms.spectra.telluric_lines import Sight, _make_search, find_lines
from soxspipe.datamodel.arrays import FloatArray

WAVE = np.arange(1300.0, 1325.0, 0.06)
FINE = np.arange(1290.0, 1335.0, 0.003)
LOG_AMOUNT = np.log(4.0)
ERROR = 0.003


def seen(log_amount: float) -> FloatArray:
    """Lines of 0.02 nm whose strengths scatter by a factor of 30, at a resolving power of 4600."""
    rng = np.random.default_rng(3)
    depth = np.zeros(FINE.size)
    depth[rng.integers(0, FINE.size, 150)] = 10.0 ** rng.normal(0.5, 0.65, 150)
    through = np.exp(-np.exp(log_amount) * 0.3 * gaussian_filter1d(depth, 6.0) / gaussian_filter1d(np.eye(1, 81, 40)[0], 6.0).max())
    return np.interp(WAVE, FINE, gaussian_filter1d(through, 1312.0 / 4600.0 / 2.3548 / 0.003))


def sight(log_amount: float, seed: int) -> Sight:
    """A standard of S/N 300."""
    noise = np.random.default_rng(seed).normal(0.0, ERROR, WAVE.size)
    return Sight(transmission=seen(log_amount) + noise, error=np.full(WAVE.size, ERROR), log_amount=np.full(WAVE.size, log_amount))


def test_the_gradient_is_that_of_differences() -> None:
    search = _make_search(WAVE, [sight(0.0, 5), sight(LOG_AMOUNT, 8)])
    at = 0.3 * np.random.default_rng(1).normal(size=search.grid.size + 4)
    _, gradient = search.misfit(at)
    for place in (7, 200, search.grid.size, search.grid.size + 1, search.grid.size + 2, search.grid.size + 3):
        step = np.zeros(at.size)
        step[place] = 1e-5
        slope = (search.misfit(at + step)[0] - search.misfit(at - step)[0]) / 2e-5
        assert gradient[place] == pytest.approx(slope, rel=1e-5, abs=1e-3)


def test_depths_grow_as_those_of_the_lines() -> None:
    """Below, between and beyond two standards, where more than a fifth of the light passes: better than a power of the amount through both."""
    standards = [sight(0.0, 5), sight(LOG_AMOUNT, 8)]
    first, other = (-np.log(np.clip(one.transmission, 0.04, 0.999)) for one in standards)
    targets = np.array([-0.5, 0.7, 1.9])
    growth = find_lines(WAVE, standards).growth(targets)
    power = targets[:, None] / LOG_AMOUNT * np.log(other / first)
    true = np.array([seen(amount) for amount in targets])
    told = (true > 0.2) & (true < 0.97)
    by_lines, by_power = (float(np.sqrt(np.mean((np.exp(-first * np.exp(one)) / true - 1.0)[told] ** 2))) for one in (growth, power))
    assert by_lines < 0.02
    assert by_lines < by_power


def test_standards_without_light_grow_by_nothing_at_their_own_amount() -> None:
    """Nothing is known of any line."""
    dark = Sight(transmission=np.ones(WAVE.size), error=np.full(WAVE.size, np.inf), log_amount=np.zeros(WAVE.size))
    assert find_lines(WAVE, [dark, dark]).growth(np.array([0.0]))[0] == pytest.approx(np.zeros(WAVE.size))
