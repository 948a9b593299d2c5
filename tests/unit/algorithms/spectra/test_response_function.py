"""A response that is put in comes back, and the efficiency with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from soxspipe.algorithms.spectra.response_function import HYDROGEN_NM, ResponseSettings, fit_response, measure_efficiency
from soxspipe.datamodel.calibrations import ExtinctionCurve, StandardStar, TelluricBands
from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.spectrum import MergedSpectrum, ResponseCurve
from soxspipe.errors import ResponseError

STEP = 0.1
WAVE = np.arange(500.0, 800.05, STEP)
EXTINCTION = ExtinctionCurve(site="lasilla", wavelength_nm=np.array([300.0, 900.0]), mag_per_airmass=np.array([0.4, 0.05]))
NO_BANDS = TelluricBands(start_nm=np.empty(0), stop_nm=np.empty(0), mask_response=np.empty(0, dtype=bool))
OBSERVATION = Observation(arm="VIS", kind="STD,FLUX", exptime_s=100.0, airmass=1.3, binning=(1, 1))
SETTINGS = ResponseSettings(poly_order=5)


def library(wave: np.ndarray) -> np.ndarray:
    """A blue star in erg s-1 cm-2 A-1."""
    return np.asarray(3e-14 * (600.0 / wave) ** 3)


def true_response(wave: np.ndarray) -> np.ndarray:
    """erg cm-2 A-1 per electron."""
    return np.asarray(1e-17 * np.exp(0.8 * ((wave - 650.0) / 150.0) ** 2 + 0.1 * np.sin(wave / 40.0)))


STAR = StandardStar(name="TEST", wavelength_nm=np.arange(450.0, 850.0, 0.5), flux=library(np.arange(450.0, 850.0, 0.5)))


def counts(
    *, snr: float = 300.0, seed: int = 1, transmission: np.ndarray | float = 1.0, airmass: float | None = 1.3, **values: Any
) -> MergedSpectrum:
    factor = 1.0 if airmass is None else 10 ** (-0.4 * np.interp(WAVE, [300, 900], [0.4, 0.05]) * airmass)
    true = library(WAVE) / true_response(WAVE) * OBSERVATION.exptime_s * factor * transmission
    sigma = library(WAVE) / true_response(WAVE) * OBSERVATION.exptime_s * factor / snr
    n = WAVE.size
    columns = {
        "wavelength_nm": WAVE, "flux": np.random.default_rng(seed).normal(true, sigma), "variance": sigma**2, "sky": np.zeros(n),
        "density": true / 0.05, "correlation": np.zeros((3, n)), "order": np.where(WAVE < 650, 3, 2), "quality": np.zeros(n, dtype=np.int32),
        "joins": (),
    } | values  # fmt: skip
    return MergedSpectrum(**columns)


def fitted(
    merged: MergedSpectrum | None = None,
    *,
    observation: Observation = OBSERVATION,
    bands: TelluricBands = NO_BANDS,
    settings: ResponseSettings = SETTINGS,
    **values: Any,
) -> ResponseCurve:
    return fit_response(counts() if merged is None else merged, STAR, observation, EXTINCTION, bands, settings, bin_nm=2.0, **values)


def test_the_sampled_response_comes_back_with_its_error() -> None:
    curve = fitted()
    np.testing.assert_allclose(curve.response, true_response(WAVE), rtol=0.01)
    assert np.median(np.abs(curve.response / true_response(WAVE) - 1.0)) < 0.003
    assert 0.0005 < np.median(curve.error / curve.response) < 0.005


def test_errors_of_the_curve_mean_what_they_say() -> None:
    pulls = []
    for seed in range(20):
        curve = fitted(counts(snr=15.0, seed=seed))
        pulls.append(((curve.response - true_response(WAVE)) / curve.error)[200:-200:100])
    assert np.std(np.concatenate(pulls)) == pytest.approx(1.0, abs=0.35)


def test_the_polynomial_is_in_the_published_unit() -> None:
    curve = fitted()
    assert curve.polynomial.shape == (6,)
    at_rate = np.polyval(curve.polynomial, WAVE) * 1e-17
    np.testing.assert_allclose(at_rate, true_response(WAVE), rtol=0.1)
    assert np.median(np.abs(at_rate / true_response(WAVE) - 1.0)) < 0.04


def test_a_higher_degree_follows_closer() -> None:
    misses = [
        np.std(np.polyval(fitted(settings=ResponseSettings(poly_order=degree)).polynomial, WAVE) * 1e-17 / true_response(WAVE))
        for degree in (1, 4, 9)
    ]
    assert misses[0] > 1.5 * misses[1] > 1.5 * misses[2]


def test_more_rounds_clip_more() -> None:
    merged = counts()
    flux = np.array(merged.flux)
    rng = np.random.default_rng(4)
    for centre in rng.uniform(510, 790, 12):
        flux[np.abs(WAVE - centre) < 1.0] *= rng.uniform(0.5, 0.9)
    one, many = (fitted(replace(merged, flux=flux), settings=ResponseSettings(poly_order=5, max_iteration=n)) for n in (1, 10))
    assert many.bins_used.sum() < one.bins_used.sum()
    assert np.std(many.response / true_response(WAVE)) < np.std(one.response / true_response(WAVE))


def test_what_is_known_of_the_standard_goes_along() -> None:
    curve = fitted(flat_md5="abc", seeing_arcsec=0.9)
    assert (curve.star, curve.airmass, curve.flat_md5, curve.seeing_arcsec, curve.binning) == ("TEST", 1.3, "abc", 0.9, (1, 1))
    assert curve.extinction_removed
    assert curve.valid_nm[0] == pytest.approx(500.0, abs=2.1)
    assert curve.valid_nm[1] == pytest.approx(800.0, abs=2.1)


@pytest.mark.parametrize("snr", [1.8, 3.0])
def test_noise_of_faint_bins_does_not_lower_the_response(snr: float) -> None:
    """Bins of 6.6 and 11 sigma (20 samples, variance times 1.5): had those with more light by chance a larger say, -5 and -2 %."""
    off = [
        np.log(curve.response / true_response(WAVE))[200:-200].mean() for curve in (fitted(counts(snr=snr, seed=seed)) for seed in range(8))
    ]
    assert abs(np.mean(off)) < 3 * 0.013 / np.sqrt(8)


def test_the_dark_end_of_a_standard_is_not_made_of_its_brightest_bins() -> None:
    """Light that falls from 30 to 0.4 sigma a sample: bins of 5 sigma, 56 nm from the end that shows nothing, were 15 to 30 % too bright."""
    snr = np.exp(np.interp(WAVE, [500.0, 800.0], [np.log(0.4), np.log(30.0)]))
    wanted = np.array([580.0, 600.0, 650.0, 700.0])
    off = [np.log(np.interp(wanted, WAVE, fitted(counts(snr=snr, seed=seed)).response) / true_response(wanted)) for seed in range(8)]
    assert np.all(np.abs(np.mean(off, axis=0)) < 3 * np.array([0.055, 0.028, 0.011, 0.008]) / np.sqrt(8) + 0.01)


def test_without_an_air_mass_the_extinction_stays_in() -> None:
    curve = fitted(counts(airmass=None), observation=replace(OBSERVATION, airmass=None))
    assert not curve.extinction_removed
    np.testing.assert_allclose(curve.response, true_response(WAVE), rtol=0.01)


def test_hydrogen_lines_are_left_out() -> None:
    halpha = next(line for line in HYDROGEN_NM if line[0] == pytest.approx(656.28, abs=0.02))
    merged = counts()
    flux = merged.flux * (1.0 - 0.6 * np.exp(-0.5 * ((WAVE - 656.28) / 1.2) ** 2))
    curve = fitted(replace(merged, flux=flux))
    inside = np.abs(curve.bins_nm - halpha[0]) < halpha[1] - 1.0
    assert inside.any()
    assert not curve.bins_used[inside].any()
    np.testing.assert_allclose(curve.response, true_response(WAVE), rtol=0.015)


def test_bands_are_left_out_and_bridged() -> None:
    bands = TelluricBands(start_nm=np.array([686.0, 759.0]), stop_nm=np.array([692.0, 771.0]), mask_response=np.array([True, True]))
    absorbed = 1.0 - 0.5 * bands.contains(WAVE)
    curve = fitted(counts(transmission=absorbed), bands=bands)
    assert not curve.bins_used[bands.contains(curve.bins_nm)].any()
    np.testing.assert_allclose(curve.response, true_response(WAVE), rtol=0.03)


def test_shallow_absorption_is_corrected_by_the_model_atmosphere() -> None:
    depth = 0.05 * np.exp(-0.5 * ((WAVE - 720.0) / 8.0) ** 2)
    bands = TelluricBands(
        start_nm=np.empty(0),
        stop_nm=np.empty(0),
        mask_response=np.empty(0, dtype=bool),
        model_nm=WAVE,
        model_transmission=np.exp(-1.5 * depth),
    )
    curve = fitted(counts(transmission=np.exp(-1.3 * 1.6 * depth)), bands=bands)  # more water than the model has
    near = np.abs(WAVE - 720.0) < 10.0
    assert np.abs(curve.response / true_response(WAVE) - 1.0)[near].max() < 0.03


def test_beyond_the_clean_bins_the_curve_is_straight_and_says_so() -> None:
    merged = counts()
    quality = np.where(WAVE < 540.0, int(SpectrumFlag.SATURATED), 0).astype(np.int32)
    curve = fitted(replace(merged, quality=quality))
    assert curve.valid_nm[0] == pytest.approx(540.0, abs=2.1)
    outside = curve.valid_nm[0] > WAVE
    assert np.abs(np.diff(np.log(curve.response[outside]), 2)).max() < 1e-10
    assert curve.error[0] / curve.response[0] > 5 * np.median(curve.error / curve.response)


def test_samples_without_data_do_not_count() -> None:
    merged = counts()
    holes = (WAVE > 600.0) & (WAVE < 606.0)
    spoilt = replace(
        merged, flux=np.where(holes, 0.0, merged.flux), variance=np.where(holes, 0.0, merged.variance),
        quality=np.where(holes, int(SpectrumFlag.NO_DATA), 0).astype(np.int32),
    )  # fmt: skip
    np.testing.assert_allclose(fitted(spoilt).response, true_response(WAVE), rtol=0.015)


def test_too_few_clean_bins_are_refused_with_their_number() -> None:
    merged = counts()
    quality = np.where(WAVE > 510.0, int(SpectrumFlag.SATURATED), 0).astype(np.int32)
    with pytest.raises(ResponseError, match=r"only \d clean bins remain for the response of TEST; 10 are needed"):
        fitted(replace(merged, quality=quality))


def test_efficiency_is_electrons_over_photons() -> None:
    merged = replace(counts(snr=1e6), flattened=False)
    area = 8e4
    efficiency = measure_efficiency(merged, STAR, OBSERVATION, EXTINCTION, area_cm2=area)
    energy = 6.62607015e-27 * 2.99792458e17 / WAVE  # erg per photon
    photons = library(WAVE) * 10.0 / energy * area * 100.0  # per nm
    line = np.abs(WAVE - 656.28) < 4.0  # H alpha, the only one here
    assert np.isnan(efficiency.efficiency[line]).all()
    np.testing.assert_allclose(efficiency.efficiency[~line], (merged.density / photons)[~line], rtol=2e-3)
    factor = 10 ** (0.4 * np.interp(WAVE, [300, 900], [0.4, 0.05]) * 1.3)
    np.testing.assert_allclose(efficiency.above_atmosphere, efficiency.efficiency * factor)
    assert efficiency.median == pytest.approx(np.nanmedian(efficiency.efficiency))
    assert sorted(efficiency.median_by_order) == [2, 3]
    assert efficiency.median_by_order[3] == pytest.approx(np.median(efficiency.efficiency[WAVE < 650]), rel=1e-3)


def test_efficiency_is_unknown_where_nothing_was_measured() -> None:
    merged = counts()
    variance = np.where(WAVE < 600.0, 0.0, merged.variance)
    efficiency = measure_efficiency(replace(merged, variance=variance), STAR, OBSERVATION, EXTINCTION, area_cm2=8e4)
    assert np.isnan(efficiency.efficiency[WAVE < 600.0]).all()
    assert np.isfinite(efficiency.efficiency[(WAVE >= 600.0) & (np.abs(WAVE - 656.28) > 4.1)]).all()
    nothing = measure_efficiency(replace(merged, variance=0 * variance), STAR, OBSERVATION, EXTINCTION, area_cm2=8e4)
    assert np.isnan(nothing.median)
    assert nothing.median_by_order == {}
