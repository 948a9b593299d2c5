"""A spectrum on another exposure's wavelengths."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.exposures.align import align_order
from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.datamodel.spectrum import OrderSpectrum

N = 400


def order(wavelength_nm: np.ndarray, flux: np.ndarray, variance: np.ndarray | float = 4.0) -> OrderSpectrum:
    ones = np.ones(flux.size)
    return OrderSpectrum(
        order=1, label="r", b_px=np.arange(flux.size), a_px=20.0 * ones, wavelength_nm=wavelength_nm, pixel_scale_nm=0.05 * ones, flux=flux,
        variance=variance * ones, boxcar=flux, boxcar_robust=flux, boxcar_restored=flux, sky=ones, sky_aperture=ones, profile_fraction=ones,
        aperture_fraction=ones, mean_flat=ones, quality=np.zeros(flux.size, dtype=np.int32),
    )  # fmt: skip


def light(wavelength_nm: np.ndarray) -> np.ndarray:
    """Continuum with an absorption line of 2.4 px FWHM at 610 nm."""
    return 1000.0 - 600.0 * np.exp(-0.5 * ((wavelength_nm - 610.0) / 0.051) ** 2)


def test_narrow_lines_keep_their_depth_at_half_a_pixel() -> None:
    wave = 600.0 + 0.05 * np.arange(N)
    moved, _ = align_order(order(wave, light(wave)), np.zeros((3, N)), order(wave + 0.025, np.zeros(N)))
    inside = slice(4, N - 4)
    np.testing.assert_allclose(moved.flux[inside], light(wave + 0.025)[inside], rtol=0.03)
    assert moved.flux[199] == pytest.approx(light(wave + 0.025)[199], rel=0.02)


def test_the_same_wavelengths_give_the_same_numbers() -> None:
    wave = 600.0 + 0.05 * np.arange(N)
    covariance = np.zeros((3, N))
    covariance[0] = 0.4
    moved, carried = align_order(order(wave, light(wave)), covariance, order(wave, np.zeros(N)))
    np.testing.assert_array_equal(moved.flux, light(wave))
    np.testing.assert_array_equal(moved.variance, 4.0)
    np.testing.assert_allclose(carried[0][: N - 1], 0.4)


def test_errors_and_their_correlation_are_those_of_the_scatter() -> None:
    rng = np.random.default_rng(1)
    wave = 600.0 + 0.05 * np.arange(N)
    target = order(wave + 0.02, np.zeros(N))
    draws = []
    for _ in range(300):
        moved, covariance = align_order(order(wave, 2.0 * rng.normal(size=N)), np.zeros((3, N)), target)
        draws.append(moved.flux)
    scatter = np.array(draws)[:, 10:-10]
    assert np.mean(scatter.var(axis=0)) == pytest.approx(np.mean(moved.variance[10:-10]), rel=0.02)
    assert np.mean(scatter[:, 1:] * scatter[:, :-1]) == pytest.approx(np.mean(covariance[0][10:-11]), abs=0.05)


def test_samples_without_data_stay_without() -> None:
    wave = 600.0 + 0.05 * np.arange(N)
    flux, variance = light(wave), np.full(N, 4.0)
    flux[100:104], variance[100:104] = np.nan, np.inf
    moved, _ = align_order(order(wave, flux, variance), np.zeros((3, N)), order(wave + 0.015, np.zeros(N)))
    assert np.isnan(moved.flux[100:103]).all()
    assert (moved.quality[100:103] & SpectrumFlag.NO_DATA).all()
    assert np.isfinite(moved.flux[[95, 108]]).all()
    outside, _ = align_order(order(wave, light(wave)), np.zeros((3, N)), order(wave + 1.0, np.zeros(N)))
    assert np.isnan(outside.flux[-15:]).all()
