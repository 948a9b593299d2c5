"""Spectra of sources and of the sky."""

import numpy as np
import pytest

from soxspipe.datamodel.calibrations import StandardStar
from soxspipe.simulate import spectra


def test_ab_magnitude_zero_is_3631_jansky():
    frequency = 2.99792458e10 / 550e-7
    assert float(spectra.ab_flux(550.0, 0.0)) * 5500.0 / frequency == pytest.approx(3631e-23, rel=1e-3)


def test_photon_energy():
    assert float(spectra.photons_per_nm(np.array(1000.0), np.array(1.0))) == pytest.approx(10.0 / 1.98644586e-12, rel=1e-6)


def test_narrow_lines_hold_the_flux_asked_for():
    wave = np.arange(640.0, 690.0, 0.001)
    flux = spectra.narrow_lines(wave, flux=1e-15, width_km_s=100.0, redshift=0.0)
    near = (wave > 655.9) & (wave < 656.7)
    assert np.sum(flux[near]) * 0.01 == pytest.approx(1e-15, rel=0.01)


def test_supernova_goes_through_its_magnitude_between_lines():
    wave = np.array([700.0])
    model = spectra.supernova(wave, temperature_k=9000, velocity_km_s=9000, redshift=0.0, ab_mag=17.0, at_nm=700.0)
    assert model[0] == pytest.approx(float(spectra.ab_flux(700.0, 17.0)), rel=0.02)


def test_library_spectrum_is_scaled_and_ends_where_the_table_ends():
    star = StandardStar(name="flat", wavelength_nm=np.array([400.0, 600.0]), flux=np.array([2.0, 2.0]))
    flux = spectra.library(np.array([390.0, 500.0]), star, ab_mag=15.0, at_nm=500.0)
    assert flux[0] == 0.0
    assert flux[1] == pytest.approx(float(spectra.ab_flux(500.0, 15.0)))
    with pytest.raises(ValueError, match="no flux at 700 nm"):
        spectra.library(np.array([500.0]), star, ab_mag=15.0, at_nm=700.0)
