"""Damped steps to the least chi squared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from soxspipe.numerics.damped_steps import damped_steps

X = np.linspace(0.0, 2.0, 21)


@dataclass(frozen=True)
class Decay:
    """A height times exp(-rate x), held against 5 exp(-1.5 x) known to 0.01."""

    height: float
    rate: float

    @property
    def residual(self) -> np.ndarray:
        return (5.0 * np.exp(-1.5 * X) - self.height * np.exp(-self.rate * X)) / 0.01

    @property
    def misfit(self) -> float:
        return float(self.residual @ self.residual)


def normal(fit: Decay) -> tuple[np.ndarray, np.ndarray]:
    slope = np.exp(-fit.rate * X) / 0.01 * np.stack([np.ones(X.size), -fit.height * X])
    return slope @ slope.T, slope @ fit.residual


def moved(fit: Decay, step: np.ndarray) -> Decay:
    return Decay(fit.height + float(step[0]), fit.rate + float(step[1]))


def test_the_least_chi_squared_is_found() -> None:
    found = damped_steps(Decay(2.0, 0.5), normal, lambda fit, right: np.zeros(2, dtype=bool), moved, 0.4)
    assert (found.height, found.rate) == pytest.approx((5.0, 1.5), abs=1e-3)


def test_what_is_held_stays_and_the_rest_does_its_best() -> None:
    found = damped_steps(Decay(2.0, 1.0), normal, lambda fit, right: np.array([False, True]), moved, 10.0)
    light = np.exp(-X)
    assert found.rate == 1.0
    assert found.height == pytest.approx(5.0 * (np.exp(-1.5 * X) @ light) / (light @ light), abs=1e-3)


def test_no_step_is_longer_than_the_largest() -> None:
    seen = []

    def watched(fit: Decay, step: np.ndarray) -> Decay:
        seen.append(np.abs(step).max())
        return moved(fit, step)

    damped_steps(Decay(2.0, 0.5), normal, lambda fit, right: np.zeros(2, dtype=bool), watched, 0.25)
    assert max(seen) == 0.25


def test_a_start_that_no_step_betters_is_kept() -> None:
    start = Decay(2.0, 0.5)
    assert damped_steps(start, normal, lambda fit, right: np.zeros(2, dtype=bool), lambda fit, step: Decay(-9.0, 0.0), 0.4) is start
