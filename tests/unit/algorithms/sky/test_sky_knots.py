"""Knots of the sky spline: medians of the sky, its lines, and where they call for detail."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.sky.sky_knots import (
    CLOSEST_KNOTS,
    EMPTY_KNOTS,
    WIDEST_KNOTS,
    binned_median,
    bins_over,
    find_lines,
    place_knots,
)
from support.orders import sky_light

RNG = np.random.default_rng(12)


def test_medians_by_bins_bridge_empty_ones() -> None:
    bins = bins_over((0.0, 2.0))
    np.testing.assert_allclose(bins.middle, [0.25, 0.75, 1.25, 1.75])
    of = bins.of(np.array([-0.1, 0.1, 0.2, 1.3, 1.7, 2.5]))
    np.testing.assert_array_equal(of, [0, 0, 0, 2, 3, 3])
    value = binned_median(np.array([1.0, 5.0, 3.0, 7.0, 9.0, 11.0]), of, bins.number)
    np.testing.assert_allclose(value, [3.0, 5.0, 7.0, 10.0])


def test_medians_of_nothing_are_what_is_said() -> None:
    np.testing.assert_array_equal(binned_median(np.array([]), np.array([], dtype=np.int64), 4, empty=1.0), 1.0)


def knots_of(height: float, *, significance: float = 20.0, min_points: int = 2, noise: float = 10.0, lsf_px: float = 1.0) -> np.ndarray:
    grid = np.arange(0.25, 200.0, 0.5)
    value = sky_light(grid, continuum=100.0, lines=((100.0, height),))
    return place_knots(grid, value, np.full(grid.size, noise), np.full(grid.size, 30.0), significance, min_points, lsf_px)


def test_knots_are_never_doubled_and_reach_from_end_to_end() -> None:
    for height in (0.0, 1e3, 1e5, 1e7):
        knots = knots_of(height)
        assert (np.diff(knots) > 0.3).all()
        assert knots[0] == pytest.approx(0.0)
        assert knots[-1] == pytest.approx(200.0)


def test_knots_are_wide_on_continuum_and_close_on_lines() -> None:
    widths = {height: np.interp(100.0, knots_of(height)[:-1], np.diff(knots_of(height))) for height in (0.0, 5e3, 1e6)}
    assert widths[0.0] == pytest.approx(EMPTY_KNOTS, rel=0.05)
    assert widths[1e6] == pytest.approx(CLOSEST_KNOTS, rel=0.05)
    assert widths[1e6] < widths[5e3] < WIDEST_KNOTS
    far = np.diff(knots_of(1e6))[:10]
    np.testing.assert_allclose(far, EMPTY_KNOTS, rtol=0.05)


def test_a_line_fainter_than_a_pixels_noise_has_its_knots() -> None:
    # 10 electrons of noise in a pixel, 30 pixels per px: a peak of 8 electrons stands out of the median spectrum by 3 sigma
    knots = knots_of(20.0)
    assert np.interp(100.0, knots[:-1], np.diff(knots)) == pytest.approx(WIDEST_KNOTS, rel=0.15)  # smoothed towards the wide ones


def test_lines_are_found_with_their_height_and_error() -> None:
    rng = np.random.default_rng(3)
    x, sigma, level = np.arange(4000.0), 3.0, 2.0
    noise = np.full(x.size, level)
    line = 40.0 * np.exp(-0.5 * ((x - 2000.0) / sigma) ** 2)
    height, error = find_lines(100.0 + 0.05 * x + line, noise, sigma)
    assert height[2000] == pytest.approx(40.0, rel=1e-6)
    assert height[500] == pytest.approx(0.0, abs=1e-9)
    scatter, _ = find_lines(rng.normal(0.0, level, x.size), noise, sigma)
    assert np.sqrt(np.mean(scatter[100:-100] ** 2)) == pytest.approx(error[1000], rel=0.1)


def test_noise_alone_does_not_draw_knots_together() -> None:
    grid = np.arange(0.25, 200.0, 0.5)
    noise = np.full(grid.size, 10.0)
    value = 100.0 + 10.0 * 1.25 / np.sqrt(15.0) * RNG.normal(size=grid.size)
    knots = place_knots(grid, value, noise, np.full(grid.size, 30.0), 20.0, 2, 1.0)
    assert knots.size < 1.15 * 200.0 / WIDEST_KNOTS


def test_significance_and_fewest_points_set_the_spacing() -> None:
    assert knots_of(5e3, significance=2.0).size > knots_of(5e3, significance=20.0).size > knots_of(5e3, significance=200.0).size
    assert np.diff(knots_of(1e6, min_points=120)).min() >= 0.95 * 120 / 30.0


def test_spacing_goes_with_the_line_width() -> None:
    narrow, wide = (np.diff(knots_of(1e6, lsf_px=width)).min() for width in (0.8, 1.0))
    assert narrow == pytest.approx(0.8 * wide, rel=0.05)
