"""Bins of a standard with the depths of lists of lines: amounts by the structure of each band, groups and errors, and the response that follows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from soxspipe.algorithms.spectra.response_air import AIR_ERROR, Ripple, binned_air
from soxspipe.algorithms.spectra.response_curve import StandardBins
from soxspipe.algorithms.spectra.response_function import ResponseSettings, fit_response
from soxspipe.algorithms.spectra.response_lines import LEAST_ERROR, with_listed_air
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.calibrations import ExtinctionCurve, StandardStar
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.spectrum import FluxedSpectrum, MergedSpectrum
from soxspipe.datamodel.telluric import AirLines
from soxspipe.io import static
from soxspipe.simulate.telluric import TelluricSpecies

BIN_NM, AIRMASS, POWER = 2.0, 1.4, 4600.0


def through(wave: FloatArray, lines: AirLines, water: float, mixed: float) -> FloatArray:
    """At the instrument's resolution, by the lists themselves; 1 beyond them."""
    blurred = gaussian_filter1d(np.exp(-water * lines.water - mixed * lines.mixed), lines.samples_per_e_fold / POWER / 2.3548)
    return np.interp(np.log(wave / lines.start_nm) * lines.samples_per_e_fold, np.arange(blurred.size), blurred, right=1.0)


def bins(centre: FloatArray) -> StandardBins:
    n = centre.size
    air = binned_air(centre, np.full(n, 0.3), Ripple(square=np.zeros(n), noise=np.full(n, 1e-6)), AIRMASS)
    return StandardBins(wavelength_nm=centre, log_ratio=np.zeros(n), error=np.full(n, 0.01), air=air, usable=np.ones(n, dtype=bool))


def star(wave: FloatArray, flux: FloatArray, error: float) -> FluxedSpectrum:
    noise = np.random.default_rng(2).normal(0.0, error, wave.size)
    return FluxedSpectrum(wavelength_nm=wave, flux=flux + noise, error=np.full(wave.size, error), quality=np.zeros(wave.size, int))


def test_depths_are_those_of_the_lines_with_each_bands_own_amount() -> None:
    """One band has 10 % more water than the others, as where its strengths are wrong in the list."""
    lines, wave = static.read_air_lines(), np.arange(1100.0, 1300.0, 0.06)
    stronger = through(wave, lines, 4.4, AIRMASS)
    seen = np.where((wave > 1160.0) & (wave < 1238.0), stronger, through(wave, lines, 4.0, AIRMASS))
    centre = np.arange(1165.0, 1236.0, BIN_NM)
    found = with_listed_air(bins(centre), star(wave, seen, 0.003), np.ones(wave.size), lines, airmass=AIRMASS, bin_nm=BIN_NM)
    mean = np.array([stronger[np.abs(wave - nm) < 0.5 * BIN_NM].mean() for nm in centre])
    assert found.air.template == pytest.approx(-np.log(mean), abs=0.004)
    assert found.air.depth(found.air.expected) == pytest.approx(found.air.template)
    assert found.air.n_bands == bins(centre).air.n_bands + 1
    assert np.all((found.air.error >= LEAST_ERROR) & (found.air.error < 0.15))
    np.linalg.cholesky(found.air.precision)


def test_bins_stay_as_they_are_beyond_the_lists_and_without_light() -> None:
    lines, wave = static.read_air_lines(), np.arange(1700.0, 1990.0, 0.06)
    seen = through(wave, lines, 4.0, AIRMASS)
    centre = np.array([1750.0, 1850.0])
    found = with_listed_air(bins(centre), star(wave, seen, 0.003), np.ones(wave.size), lines, airmass=AIRMASS, bin_nm=BIN_NM)
    assert found.air.error[0] < AIR_ERROR
    assert found.air.error[1] == AIR_ERROR
    assert found.air.template[1] == bins(centre).air.template[1]
    assert np.exp(found.air.expected[found.air.band[1]]) * 1.6 == pytest.approx(
        4.0, rel=0.03
    )  # mm, of the lists; the model atmosphere has 1.6
    dark = bins(centre)
    assert with_listed_air(dark, star(wave, 0.0 * seen, 1.0), np.ones(wave.size), lines, airmass=AIRMASS, bin_nm=BIN_NM) is dark


def test_the_response_is_right_to_one_per_cent_also_beyond_the_lists() -> None:
    """Under the simulator's air; the response has waves of 4 %.  Where more than half of the light passes, in the mean over 8 nm."""
    wave = np.arange(798.0, 2033.0, 0.06)
    start, resolution, depths = static.read_telluric_species()
    fine = 795.0 * np.exp(np.arange(int(np.log(2036.0 / 795.0) * 2e5)) / 2e5)
    sharp = TelluricSpecies(start_nm=start, samples_per_e_fold=resolution, depth=depths).transmission(fine, airmass=AIRMASS, water_mm=2.5)
    air = np.interp(wave, fine, gaussian_filter1d(sharp, 2e5 / 4500.0 / 2.3548))
    true = np.exp(-1.5 * np.log(wave / 1000.0) + 0.04 * np.sin(wave / 90.0))
    sigma = 1e6 / true * np.sqrt(np.maximum(air, 1e-4)) / 150.0
    n = wave.size
    merged = MergedSpectrum(
        wavelength_nm=wave, flux=np.random.default_rng(3).normal(1e6 / true * air, sigma), variance=sigma**2, sky=np.zeros(n), density=1e6 / true,
        correlation=np.zeros((3, n)), order=np.ones(n, dtype=int), quality=np.zeros(n, dtype=int), joins=(),
    )  # fmt: skip
    flat = StandardStar(name="FLAT", wavelength_nm=np.linspace(300.0, 2500.0, 4000), flux=np.full(4000, 1e6))
    seen = Observation(arm="NIR", kind="STD,FLUX", exptime_s=1.0, airmass=AIRMASS, binning=(1, 1))
    clear = ExtinctionCurve(site="none", wavelength_nm=np.array([300.0, 2500.0]), mag_per_airmass=np.zeros(2))
    passes = gaussian_filter1d(air, 8.0) > 0.5

    curve = fit_response(merged, flat, seen, clear, static.read_telluric_bands(), ResponseSettings(), bin_nm=BIN_NM)

    def rms(low: float, high: float) -> float:
        error = (curve.response / true - 1.0)[passes & (wave > low) & (wave < high)]
        return float(np.sqrt(np.mean(error**2)))

    assert rms(798.0, 1785.0) < 0.004
    assert rms(1785.0, 2000.0) < 0.01
