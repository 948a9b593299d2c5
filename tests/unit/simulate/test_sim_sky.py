"""Air, spectra and throughput."""

import numpy as np
import pytest

from soxspipe.datamodel.calibrations import StandardStar
from soxspipe.io.simulated_facts import make_scene, read_facts
from soxspipe.simulate import spectra
from soxspipe.simulate.atmosphere import (
    gaussian_through_slit,
    moffat_alpha,
    moffat_through_slit,
    refraction_arcsec,
    seeing_fwhm,
    slit_share,
)
from soxspipe.simulate.throughput import instrument_efficiency


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


def test_blue_light_is_lifted_more():
    lift = refraction_arcsec(np.array([400.0, 550.0, 900.0]), reference_nm=550.0, airmass=1.5)
    assert lift[0] > lift[1] == 0.0 > lift[2]
    assert 0.5 < lift[0] < 1.5
    assert np.all(refraction_arcsec(np.array([400.0]), reference_nm=550.0, airmass=1.0) == 0.0)


def test_seeing_is_better_in_the_red():
    fwhm = seeing_fwhm(np.array([500.0, 1600.0]), 1.0)
    assert fwhm[0] == pytest.approx(1.0)
    assert fwhm[1] == pytest.approx(3.2**-0.2)


def test_moffat_core_radius_gives_the_width():
    alpha = float(moffat_alpha(np.array(0.9), 3.5))
    assert (1 + (0.45 / alpha) ** 2) ** -3.5 == pytest.approx(0.5)


@pytest.mark.parametrize("half_width", [0.3, 1.0, 5.0])
def test_slit_share_is_the_integral_of_the_star_in_two_dimensions(half_width):
    beta, step = 3.5, 0.02
    y, x = np.meshgrid(np.arange(-40, 40, step * 5), np.arange(-half_width, half_width, step) + step / 2, indexing="ij")
    inside = np.sum((beta - 1) / np.pi * (1 + x**2 + y**2) ** -beta) * step * step * 5
    assert slit_share(half_width, beta) == pytest.approx(inside, rel=0.02)
    assert moffat_through_slit(half_width, beta).passed == slit_share(half_width, beta)


@pytest.mark.parametrize("image", [moffat_through_slit(1.2, 3.5), gaussian_through_slit(1.2)])
def test_light_along_and_across_the_slit_is_normalised(image):
    assert image.cumulative[0] == pytest.approx(0.0, abs=1e-9)
    assert image.cumulative[-1] == pytest.approx(1.0)
    assert np.all(np.diff(image.cumulative) >= 0)
    assert np.sum(image.across) == pytest.approx(1.0)
    assert 0.5 < image.passed < 1.0


@pytest.mark.parametrize(("arm", "order"), [("NIR", 15), ("VIS", 1)])
def test_efficiency_is_a_share_and_falls_to_the_order_ends(arm, order):
    facts = read_facts(make_scene({"arm": arm}))
    low, high = facts.spectral_format[order].full_nm
    wave = np.linspace(low, high, 101)
    share = instrument_efficiency(wave, order, facts.arm, facts.spectral_format)
    assert np.all((share >= 0) & (share < 0.5))
    assert share[50] > 2 * max(share[0], share[-1])
