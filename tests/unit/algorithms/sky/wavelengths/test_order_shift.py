"""The shift along one order from its lines."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.sky.wavelengths.line_shifts import LineShifts
from soxspipe.algorithms.sky.wavelengths.order_shift import OrderFit, fit_order_shift


def lines(x: np.ndarray, shift: np.ndarray, error: float = 0.02) -> LineShifts:
    return LineShifts(
        x=x, shift_px=shift, error_px=np.full(x.size, error), snr=np.full(x.size, 30.0), rank=np.arange(x.size), n_expected=x.size
    )


def fitted(given: LineShifts) -> OrderFit:
    found = fit_order_shift(12, given)
    assert found is not None
    return found


def test_two_lines_by_hand() -> None:
    """Errors of 0.3 and 0.4 px are equal here: the mean of 1.0 and 1.2."""
    found = fitted(lines(np.array([-0.1, 0.1]), np.array([1.0, 1.02])))
    assert found.mean_px == pytest.approx(1.01, abs=1e-3)
    assert found.n_lines == 2
    assert found.snr == pytest.approx(30.0 * np.sqrt(2.0))
    assert found.strongest_agreeing == 1.0


def test_a_bent_order_is_followed_and_a_straight_one_is_not_bent() -> None:
    rng = np.random.default_rng(4)
    x = np.linspace(-0.9, 0.9, 25)
    noise = 0.02 * rng.normal(size=x.size)
    bent = fitted(lines(x, 3.0 + 1.5 * (2 * x**2 - 1) + noise))
    assert bent.coefficients[2] == pytest.approx(1.5, abs=0.03)
    assert bent.mean_px == pytest.approx(3.0 - 0.5, abs=0.02)
    straight = fitted(lines(x, 3.0 + noise))
    assert abs(straight.coefficients[2]) < 0.01


def test_few_lines_do_not_slope() -> None:
    x = np.array([-0.5, 0.0, 0.5])
    found = fitted(lines(x, np.array([0.9, 1.0, 1.1])))
    assert abs(found.coefficients[1]) < 0.2
    assert found.mean_px == pytest.approx(1.0, abs=0.02)


def test_outliers_do_not_count() -> None:
    x = np.linspace(-0.9, 0.9, 20)
    shift = np.full(20, 0.4)
    shift[[3, 11]] = 1.3
    found = fitted(lines(x, shift))
    assert found.n_lines == 18
    assert found.mean_px == pytest.approx(0.4, abs=0.01)


def test_errors_are_honest() -> None:
    rng = np.random.default_rng(6)
    pulls = []
    for _ in range(200):
        x = np.sort(rng.uniform(-0.95, 0.95, 15))
        slope, bend = 0.1 * rng.normal(), 0.05 * rng.normal()
        shift = 1.0 + slope * x + bend * (2 * x**2 - 1) + np.hypot(0.02, 0.04) * rng.normal(size=15)
        found = fitted(lines(x, shift))
        pulls.append((found.mean_px - (1.0 - bend / 3)) / found.error_px)
    assert np.std(pulls) == pytest.approx(1.0, abs=0.2)


def test_a_shared_error_is_not_averaged_away() -> None:
    x = np.linspace(-0.9, 0.9, 20)
    with_floor = fit_order_shift(12, lines(x, np.full(20, 0.4), error=1e-4), 0.01)
    assert with_floor is not None
    assert with_floor.error_px >= 0.01


def test_no_lines_no_fit() -> None:
    assert fit_order_shift(12, lines(np.empty(0), np.empty(0))) is None
