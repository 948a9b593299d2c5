"""Robust location and scatter, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.numerics.medians import MAD_TO_SIGMA
from soxspipe.numerics.robust import clipped_sigma, grouped_median, largest_near, mad_sigma, running_mean, running_median, weighted_median


def test_mad_is_about_the_median_and_blind_to_nan() -> None:
    assert mad_sigma(np.array([1.0, 2.0, 3.0, 4.0, 100.0, np.nan])) == pytest.approx(MAD_TO_SIGMA * 1.0)


def test_mad_of_fewer_than_three_values_is_nan() -> None:
    assert np.isnan(mad_sigma(np.array([1.0, 2.0, np.nan])))


def test_mad_of_a_normal_sample_is_its_standard_deviation() -> None:
    sample = np.random.default_rng(1).normal(5.0, 3.0, 40_000)
    assert mad_sigma(sample) == pytest.approx(3.0, rel=0.02)


def test_weighted_median_halves_the_weight() -> None:
    assert weighted_median(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 1.0])) == 2.0
    assert weighted_median(np.array([1.0, 2.0, 10.0]), np.array([1.0, 1.0, 5.0])) == 10.0
    assert weighted_median(np.array([1.0, np.nan, 10.0]), np.array([1.0, 9.0, 0.0])) == 1.0


@pytest.mark.parametrize(("values", "weights"), [([1.0, 2.0], [0.0, 0.0]), ([np.nan], [1.0])])
def test_weighted_median_without_weight_is_nan(values: list[float], weights: list[float]) -> None:
    assert np.isnan(weighted_median(np.array(values), np.array(weights)))


def test_grouped_median_agrees_with_numpy_group_by_group() -> None:
    rng = np.random.default_rng(2)
    group = rng.integers(0, 40, 3000)
    group[group == 7] = 8
    values = rng.normal(0.0, 1.0, 3000) * 10.0 ** rng.integers(-3, 5, 3000)
    found = grouped_median(values, group, 41)
    for number in range(41):
        here = values[group == number]
        if here.size:
            assert found[number] == pytest.approx(np.median(here), rel=2e-7, abs=1e-9)
        else:
            assert np.isnan(found[number])


def test_grouped_median_of_an_even_group_is_the_mean_of_its_middle() -> None:
    np.testing.assert_array_equal(grouped_median(np.array([-4.0, 1.0, 3.0, 9.0]), np.zeros(4, dtype=int), 2), [2.0, np.nan])


def test_running_median_puts_the_nearest_known_value_where_none_is_known() -> None:
    values = np.array([0.0, 0.0, 8.0, 0.0, 0.0, 0.0, 2.0, 4.0])
    known = values > 0
    np.testing.assert_array_equal(running_median(values, 3), [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 4.0])
    np.testing.assert_array_equal(running_median(values, 3, known), [8.0, 8.0, 8.0, 8.0, 8.0, 2.0, 2.0, 4.0])
    np.testing.assert_array_equal(running_median(values, 3, np.zeros(8, dtype=bool)), running_median(values, 3))


@pytest.mark.parametrize("width", [3, 5, 7, 31])
def test_running_median_is_that_of_each_stretch(width: int) -> None:
    values, half = np.random.default_rng(8).normal(size=200), width // 2
    padded = np.pad(values, half, mode="reflect" if width > 21 else "edge")
    places = np.arange(0, 200, width // 8 if width > 21 else 1)
    expected = [np.median(padded[k : k + width]) for k in places]
    np.testing.assert_array_equal(running_median(values, width)[places], expected)


def test_a_wide_running_median_is_not_its_last_value_at_the_end() -> None:
    values = np.zeros(300)
    values[[0, -1]] = 50.0
    np.testing.assert_array_equal(running_median(values, 201), 0.0)


def test_running_mean_leaves_unused_values_out() -> None:
    values = np.array([[1.0], [2.0], [np.inf], [4.0], [5.0]])
    mean, number = running_mean(values, np.isfinite(values), 1)
    np.testing.assert_allclose(mean[:, 0], [1.5, 1.5, 3.0, 4.5, 4.5])
    np.testing.assert_array_equal(number[:, 0], [2, 2, 2, 2, 2])


def test_running_mean_where_nothing_is_to_be_used_is_zero() -> None:
    mean, number = running_mean(np.ones((4, 2)), np.zeros((4, 2), dtype=bool), 2)
    np.testing.assert_array_equal(mean, 0.0)
    np.testing.assert_array_equal(number, 0.0)


@pytest.mark.parametrize("reach", [0, 1, 2, 5, 7])
def test_largest_near_is_that_of_a_sliding_window(reach: int) -> None:
    value = np.random.default_rng(12).normal(size=40)
    expected = [value[max(0, k - reach) : k + reach + 1].max() for k in range(40)]
    np.testing.assert_array_equal(largest_near(value, reach), expected)


def test_clipped_sigma_leaves_struck_values_out_and_makes_the_cut_good() -> None:
    values = 3.0 * np.random.default_rng(5).normal(size=100_000)
    assert clipped_sigma(values)[0] == pytest.approx(3.0, rel=0.006)
    values[::100] = 700.0
    sigma, kept = clipped_sigma(values)
    assert sigma == pytest.approx(3.0, rel=0.006)
    assert not kept[::100].any()
