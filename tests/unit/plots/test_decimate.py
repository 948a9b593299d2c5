"""Binned spectra, axis limits and block averages against answers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.plots.decimate import bin_spectrum, block_mean, object_limits


def test_bin_holds_mean_spread_and_error_of_its_samples() -> None:
    binned = bin_spectrum(np.arange(6.0), np.array([1.0, 3.0, 2.0, 5.0, 5.0, 8.0]), np.array([1.0, 1.0, 1.0, 3.0, 4.0, 0.0]), max_bins=2)
    assert binned.per_bin == 3
    np.testing.assert_allclose(binned.wavelength_nm, [1.0, 4.0])
    np.testing.assert_allclose(binned.mean, [2.0, 6.0])
    np.testing.assert_allclose(binned.low, [1.0, 5.0])
    np.testing.assert_allclose(binned.high, [3.0, 8.0])
    np.testing.assert_allclose(binned.error, [1.0, np.sqrt(25.0 / 3.0)])


def test_bad_samples_take_no_part_and_an_empty_bin_is_a_gap() -> None:
    value = np.array([1.0, 900.0, np.nan, np.inf])
    binned = bin_spectrum(np.arange(4.0), value, good=np.array([True, False, True, True]), max_bins=2)
    np.testing.assert_allclose(binned.mean, [1.0, np.nan])
    np.testing.assert_allclose(binned.high, [1.0, np.nan])


def test_last_bin_may_be_short() -> None:
    binned = bin_spectrum(np.arange(5.0), np.array([0.0, 2.0, 4.0, 6.0, 9.0]), max_bins=3)
    np.testing.assert_allclose(binned.mean, [1.0, 5.0, 9.0])
    np.testing.assert_allclose(binned.wavelength_nm, [0.5, 2.5, 4.0])


def test_no_samples_give_no_bins() -> None:
    assert bin_spectrum(np.empty(0), np.empty(0)).mean.size == 0


def test_limits_follow_the_object_and_not_noisy_samples() -> None:
    value, error = np.full(1000, 100.0), np.full(1000, 2.0)
    value[::2] = 90.0
    value[500], error[500] = 5e4, 9e3
    low, high = object_limits(value, error)
    assert 85.0 < low < 90.0
    assert 100.0 < high < 115.0


def test_limits_show_a_narrow_line_of_the_object() -> None:
    value = np.full(1000, 100.0)
    value[:500] = 50.0
    value[400] = 140.0
    assert object_limits(value, np.ones(1000))[1] > 140.0


@pytest.mark.parametrize("value", [np.full(5, np.nan), np.empty(0)])
def test_limits_of_nothing_are_usable(value: np.ndarray) -> None:
    assert object_limits(value) == (0.0, 1.0)


def test_limits_of_a_constant_have_room() -> None:
    low, high = object_limits(np.zeros(4))
    assert low < 0.0 < high


def test_block_mean_averages_blocks_and_drops_the_rest() -> None:
    image = np.arange(20.0).reshape(4, 5)
    np.testing.assert_allclose(block_mean(image, 2, 2), [[3.0, 5.0], [13.0, 15.0]])
    assert block_mean(image, 1, 1) is not None


def test_block_mean_leaves_out_what_is_not_finite() -> None:
    image = np.array([[1.0, np.nan, np.nan, np.nan], [3.0, 5.0, np.nan, np.nan]])
    np.testing.assert_allclose(block_mean(image, 2, 2), [[3.0, np.nan]])
