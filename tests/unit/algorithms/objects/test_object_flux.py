"""The object's flux along an order, as it is and smoothed."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.objects.object_flux import FLUX_SMOOTH_PX, flux_along, flux_of_neighbours, smooth_flux, steady_flux


def test_flux_along_by_hand() -> None:
    shares = np.array([[0.2, 0.6, 0.2], [0.2, 0.6, 0.2], [0.2, 0.6, 0.2]])
    variance = np.array([[1.0, 4.0, 1.0]] * 3)
    use = np.array([[True] * 3, [True, False, True], [False] * 3])
    flux, error = flux_along(100.0 * shares + np.array([[0, 1, 0], [0, 1e6, 0], [5, 5, 5]]), variance, shares, use)
    # sum of P D / V over sum of P^2 / V: weights 0.2, 0.15, 0.2
    power = 0.04 + 0.09 + 0.04
    np.testing.assert_allclose(flux, [100.0 + 0.15 / power, 100.0, 0.0])
    np.testing.assert_allclose(error, [power**-0.5, 0.08**-0.5, np.inf])


def test_smooth_flux_keeps_lines() -> None:
    flux = np.full(100, 50.0) + np.random.default_rng(1).normal(0, 1.0, 100)
    flux[40:42] = 500.0
    smooth = smooth_flux(flux, np.ones(100))
    np.testing.assert_array_equal(smooth[40:42], 500.0)
    assert np.std(np.delete(smooth, [40, 41])) < 0.5


@pytest.mark.parametrize("snr", [3.0, 10.0, 200.0])
def test_steady_flux_is_as_smooth_as_it_must_be(snr: float) -> None:
    rng = np.random.default_rng(2)
    error = np.full(3000, 100.0 / snr)
    flux, smooth_error = steady_flux(rng.normal(100.0, error), error)
    assert np.std(flux) == pytest.approx(np.median(smooth_error), rel=0.5)
    assert np.median(smooth_error) < 1.3 * 100.0 / min(snr, 40.0) if snr > 10 else np.median(smooth_error) < 100.0 / snr / 2


def test_steady_flux_keeps_strong_lines_and_their_errors() -> None:
    flux, error = np.full(200, 100.0), np.full(200, 5.0)
    line = 1e4 * np.exp(-0.5 * ((np.arange(200) - 100.5) / 0.85) ** 2)  # as narrow as the instrument makes it, its peak between two rows
    steady, smooth_error = steady_flux(flux + line, error)
    np.testing.assert_array_equal(steady[98:104], (flux + line)[98:104])
    np.testing.assert_array_equal(smooth_error[98:104], 5.0)
    assert smooth_error[10] == pytest.approx(1.25 * 5.0 / np.sqrt(FLUX_SMOOTH_PX))


@pytest.mark.parametrize("rows", [[100], [100, 101]])
def test_a_track_along_the_slit_is_no_line_of_the_object(rows: list[int]) -> None:
    flux, error = np.full(200, 100.0), np.full(200, 5.0)
    flux[rows] = 10000.0
    np.testing.assert_array_equal(steady_flux(flux, error)[0], 100.0)
    np.testing.assert_array_equal(steady_flux(flux, error, binning=2)[0], flux)  # a line may be as narrow in binned rows


def test_a_line_beside_rows_that_are_not_known_may_be_one() -> None:
    flux, error = np.full(200, 100.0), np.full(200, 5.0)
    flux[100], error[101], flux[101] = 1000.0, np.inf, 0.0
    assert steady_flux(flux, error)[0][100] == 1000.0


def test_the_flux_of_neighbours_is_without_the_own_one() -> None:
    flux = np.array([1.0, 4.0, 99.0, 8.0, 2.0])
    known = np.array([True, True, False, True, True])
    # the ends have one neighbour; 4.0 stands between 1 and 8, the one that is not known between 4 and 8
    np.testing.assert_array_equal(flux_of_neighbours(flux, known), [4.0, 4.5, 6.0, 3.0, 8.0])
    np.testing.assert_array_equal(flux_of_neighbours(flux, np.arange(5) == 1), flux)


def test_weights_by_neighbours_leave_the_mean_of_noise_alone() -> None:
    flux = np.random.default_rng(4).normal(100.0, 30.0, 20000)
    variance = 500.0 + 4.0 * np.maximum(flux_of_neighbours(flux, np.ones(20000, dtype=bool)), 0.0)
    assert np.average(flux, weights=1.0 / variance) == pytest.approx(100.0, abs=3 * 30.0 / np.sqrt(20000))
