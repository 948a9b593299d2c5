"""The response of a standard under line-by-line air that the fit knows nothing of."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from soxspipe.algorithms.spectra.response_air import RIPPLE_DEPTH, Ripple, binned_air
from soxspipe.algorithms.spectra.response_function import ResponseSettings, fit_response
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.calibrations import ExtinctionCurve, StandardStar
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.spectrum import MergedSpectrum
from soxspipe.io import static
from soxspipe.simulate.telluric import TelluricSpecies

NO_EXTINCTION = ExtinctionCurve(site="none", wavelength_nm=np.array([300.0, 2500.0]), mag_per_airmass=np.zeros(2))
FINE = 2e5
"""Samples of the sharp transmission per factor e."""


def ripples(size: FloatArray, noise: float = 0.0) -> Ripple:
    return Ripple(square=size**2, noise=np.full(size.size, noise))


def seen_air(wave: FloatArray, airmass: float, water_mm: float, resolving_power: float) -> FloatArray:
    start, resolution, depths = static.read_telluric_species()
    species = TelluricSpecies(start_nm=start, samples_per_e_fold=resolution, depth=depths)
    fine = (wave[0] - 3.0) * np.exp(np.arange(int(np.log((wave[-1] + 3.0) / (wave[0] - 3.0)) * FINE)) / FINE)
    sharp = species.transmission(fine, airmass=airmass, water_mm=water_mm)
    return np.interp(wave, fine, gaussian_filter1d(sharp, FINE / resolving_power / 2.3548))


def error_of_response(wave: FloatArray, bin_nm: float, air: FloatArray, airmass: float) -> FloatArray:
    """Response over the one put in, less 1, at every sample."""
    true = np.exp(-0.5 * np.log(wave / 1000.0) + 0.9 * np.log(wave / 1000.0) ** 2)
    electrons = 1e6 / true * air
    sigma = np.sqrt(1e6 / true * np.maximum(electrons, 1.0)) / 150.0
    n = wave.size
    merged = MergedSpectrum(
        wavelength_nm=wave, flux=np.random.default_rng(3).normal(electrons, sigma), variance=sigma**2, sky=np.zeros(n), density=electrons,
        correlation=np.zeros((3, n)), order=np.ones(n, dtype=int), quality=np.zeros(n, dtype=int), joins=(),
    )  # fmt: skip
    star = StandardStar(name="FLAT", wavelength_nm=np.linspace(300.0, 2500.0, 4000), flux=np.full(4000, 1e6))
    seen = Observation(arm="NIR", kind="STD,FLUX", exptime_s=1.0, airmass=airmass, binning=(1, 1))
    curve = fit_response(merged, star, seen, NO_EXTINCTION, static.read_telluric_bands(), ResponseSettings(), bin_nm=bin_nm)
    return curve.response / true - 1.0


@pytest.mark.parametrize(("airmass", "water_mm"), [(1.0, 1.0), (1.4, 2.5), (1.4, 6.0)])
def test_the_response_is_right_to_one_per_cent_where_half_of_the_light_passes(airmass: float, water_mm: float) -> None:
    wave = np.arange(798.0, 2033.0, 0.06)
    air = seen_air(wave, airmass, water_mm, 5000.0)
    error = error_of_response(wave, 2.0, air, airmass)
    good = (air > 0.5) & (wave < 1700.0)  # beyond, among black lines of water up to the end, nothing holds the curve
    assert np.abs(error[good]).max() < 0.012
    assert np.sqrt(np.mean(error[good] ** 2)) < 0.006


def test_the_visual_arm_knows_its_water_by_the_ripple_of_the_lines() -> None:
    wave = np.arange(640.0, 848.0, 0.02)
    air = seen_air(wave, 1.4, 6.0, 4500.0)
    assert np.mean(1.0 - air[(wave > 785) & (wave < 800)]) > 0.01  # beside the deep bands, where bins are in use
    assert np.abs(error_of_response(wave, 1.0, air, 1.4)[air > 0.5]).max() < 0.01


def test_templates_come_from_the_model_or_from_the_ripple_and_nothing_from_between_the_bands() -> None:
    centre = np.array([780.0, 820.0, 950.0, 1265.0])
    air = binned_air(centre, np.array([np.nan, np.nan, 0.3, 0.2]), ripples(np.full(4, 0.02)), 1.5)
    assert air.template.tolist() == [0.0, 0.02 * RIPPLE_DEPTH, 0.3, 0.2]
    assert air.band.tolist() == [-1, 0, 1, 2]
    assert air.expected[:3] == pytest.approx([0.0, np.log(1.5 * 2.5 / 1.6), np.log(1.5)])
    assert air.depth(air.expected)[0] == 0.0
    assert air.depth(np.zeros(6) + np.repeat([0.0, 20.0], 3)) == pytest.approx(air.template, rel=1e-5)  # no saturation: as it stands
    ahead = air.expected + np.array([1e-3, 0, 0, 0, 0, 0])
    assert air.slopes(air.expected)[1, 0] == pytest.approx((air.depth(ahead) - air.depth(air.expected))[1] / 1e-3)


def test_the_ripple_moves_the_models_depths_half_way_within_a_band_and_leaves_its_level() -> None:
    centre, model = np.arange(1300.0, 1312.0, 2.0), np.full(6, 0.1)
    ripple = np.array([0.05, 0.05, 0.05, 0.05, 0.05, 0.08])
    template = binned_air(centre, model, ripples(ripple), 1.5).template
    assert template[:5] == pytest.approx(0.1, rel=0.03)  # the scatter counts in proportion to the square, which pulls by 2 %
    assert template[5] == pytest.approx(0.1 * np.sqrt(1.6), rel=0.07)  # half-way in the logarithm
    black = binned_air(centre, np.full(6, 0.8), ripples(ripple), 1.5).template
    assert black == pytest.approx(0.8)  # no bin there ripples in proportion
    noisy = binned_air(centre, model, ripples(ripple, noise=0.05), 1.5).template
    assert noisy == pytest.approx(0.1, rel=0.01)  # the error of its square is eight times what a depth of 0.1 ripples


def test_noise_in_the_ripple_does_not_deepen_the_air() -> None:
    """Many shallow bins beside deep ones; the noise of the square is as large as what they ripple."""
    n = 4000
    model = np.where(np.arange(n) < 200, 0.2, 0.02)
    square = (model / 1.25) ** 2
    noise = np.full(n, square[-1])
    measured = square + noise * np.random.default_rng(1).normal(size=n)
    template = binned_air(np.linspace(1300.0, 1500.0, n), model, Ripple(square=measured, noise=noise), 1.5).template
    assert template[200:].mean() == pytest.approx(0.02, rel=0.05)
