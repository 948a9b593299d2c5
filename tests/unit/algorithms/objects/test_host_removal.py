"""Lines in the light of a host, taken off with it."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.objects.host_removal import departures

N = 600
SMOOTH = np.full(N, 100.0)


def test_noise_alone_leaves_the_smooth_height() -> None:
    rng = np.random.default_rng(4)
    departure, unknown = departures(SMOOTH + 5.0 * rng.normal(size=N), np.full(N, 5.0), SMOOTH)
    assert np.sqrt(np.mean(departure**2)) < 0.15 * 5.0
    assert unknown.max() <= 25.0


def test_lines_are_kept_and_a_share_of_the_object_is_not() -> None:
    """The height comes out at 1.5 times the smooth one, lines and all: the object's light in it; the lines are those of 1."""
    lines = np.where(np.arange(N) % 20 < 5, 0.4, 1.0)
    lines /= lines.mean()
    rng = np.random.default_rng(5)
    departure, unknown = departures(1.5 * SMOOTH * lines + 2.0 * rng.normal(size=N), np.full(N, 2.0), SMOOTH)
    inner = slice(60, -60)
    assert np.std((SMOOTH + departure - SMOOTH * lines)[inner]) < 2.0
    assert np.mean(departure[inner]) == pytest.approx(0.0, abs=1.0)
    assert np.median(unknown) == pytest.approx(4.0, rel=0.2)


def test_what_could_not_be_measured_stays_smooth() -> None:
    error = np.full(N, 2.0)
    error[100:110] = np.inf
    departure, _ = departures(np.where(np.isfinite(error), SMOOTH, 0.0), error, SMOOTH)
    np.testing.assert_allclose(departure[100:110], 0.0)
