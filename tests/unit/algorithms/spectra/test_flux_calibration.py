"""Counts to flux, worked by hand."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np
import pytest

from soxspipe.algorithms.spectra.flux_calibration import (
    EXTINCTION_ERROR_MAG,
    flux_calibrate,
    sample_response,
    unbinned_response,
)
from soxspipe.algorithms.spectra.slit_losses import IMAGE_BETA, PLACE_ERROR_ARCSEC
from soxspipe.datamodel.calibrations import ExtinctionCurve, TelluricBands
from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.spectrum import FlatLevel, FluxedSpectrum, MergedSpectrum, ResponseCurve
from support.results import make_arm

WAVE = np.arange(1000.0, 1010.5, 1.0)
EXTINCTION = ExtinctionCurve(site="lasilla", wavelength_nm=np.array([900.0, 1100.0]), mag_per_airmass=np.array([0.1, 0.3]))
BANDS = TelluricBands(start_nm=np.array([1002.5]), stop_nm=np.array([1004.5]), mask_response=np.array([True]))
OBSERVATION = Observation(arm="NIR", kind="OBJECT", exptime_s=50.0, airmass=1.5, slit_width_arcsec=1.0)


def merged(**values: Any) -> MergedSpectrum:
    n = WAVE.size
    columns = {
        "wavelength_nm": WAVE, "flux": np.full(n, 1000.0), "variance": np.full(n, 100.0), "sky": np.zeros(n), "density": np.zeros(n),
        "correlation": np.zeros((3, n)), "order": np.ones(n, dtype=int), "quality": np.zeros(n, dtype=np.int32), "joins": (),
    } | values  # fmt: skip
    return MergedSpectrum(**columns)


def response(**values: Any) -> ResponseCurve:
    curve = 2e-18 * np.ones(3)
    columns = {
        "polynomial": np.array([0.2]), "wavelength_nm": np.array([999.0, 1005.0, 1012.0]), "response": curve, "error": 0.02 * curve,
        "valid_nm": (1000.5, 1011.0), "airmass": 1.1, "seeing_arcsec": 0.8,
    } | values  # fmt: skip
    return ResponseCurve(**columns)


def calibrated(
    counts: MergedSpectrum | None = None, curve: ResponseCurve | None = None, observation: Observation = OBSERVATION, **values: Any
) -> FluxedSpectrum:
    return flux_calibrate(
        merged() if counts is None else counts,
        response() if curve is None else curve,
        observation,
        EXTINCTION,
        BANDS,
        arm=make_arm("NIR"),
        **values,
    )


def test_rate_times_response_above_the_atmosphere() -> None:
    factor = 10 ** (0.4 * np.interp(WAVE, [900, 1100], [0.1, 0.3]) * 1.5)
    np.testing.assert_allclose(calibrated().flux, 1000.0 / 50.0 * 2e-18 * factor)


def test_a_response_of_another_binning_is_converted() -> None:
    unbinned = calibrated(binning_ratio=0.5)  # the object is binned by 2 along the dispersion: twice the counts a pixel
    np.testing.assert_allclose(unbinned.flux, 0.5 * calibrated().flux)
    np.testing.assert_allclose(unbinned.error, 0.5 * calibrated().error)


def test_response_in_unbinned_pixels() -> None:
    curve = response(binning=(4, 2))
    np.testing.assert_allclose(unbinned_response(curve, make_arm("VIS"), EXTINCTION), 2.0 * curve.response)
    in_nir = unbinned_response(response(), make_arm("NIR"), EXTINCTION)  # release 0.19 removes no extinction there
    np.testing.assert_allclose(in_nir, curve.response * EXTINCTION.factor(curve.wavelength_nm, 1.1))


def test_the_level_of_another_flat_is_taken_out() -> None:
    flat = FlatLevel(order=np.ones(12, dtype=int), wavelength_nm=np.linspace(995.0, 1015.0, 12), level=np.full(12, 2.0))
    half = replace(flat, level=0.5 * flat.level)
    plain, known = calibrated().flux, calibrated(curve=response(flat_level=flat), flat_level=half)
    np.testing.assert_allclose(known.flux, 0.5 * plain)  # half the flat made counts twice as large
    np.testing.assert_allclose(known.error / known.flux, calibrated().error / plain)
    np.testing.assert_array_equal(calibrated(flat_level=half).flux, plain)
    np.testing.assert_array_equal(calibrated(curve=response(flat_level=flat)).flux, plain)


def test_error_is_of_extraction_response_and_extinction() -> None:
    out = calibrated()
    relative = np.sqrt((10.0 / 1000.0) ** 2 + 0.02**2 + (0.4 * np.log(10) * EXTINCTION_ERROR_MAG * 0.4) ** 2)
    np.testing.assert_allclose(out.error / out.flux, relative, rtol=1e-3)
    at_same_airmass = calibrated(observation=replace(OBSERVATION, airmass=1.1))
    np.testing.assert_allclose(at_same_airmass.error / at_same_airmass.flux, np.hypot(0.01, 0.02), rtol=1e-9)


def test_without_an_air_mass_one_is_taken() -> None:
    bare = calibrated(observation=replace(OBSERVATION, airmass=None))
    np.testing.assert_allclose(bare.flux, calibrated(observation=replace(OBSERVATION, airmass=1.0)).flux)


def test_a_response_that_holds_the_extinction_is_not_corrected_again() -> None:
    out = calibrated(curve=response(extinction_removed=False))
    np.testing.assert_allclose(out.flux, 20.0 * 2e-18)
    np.testing.assert_allclose(out.error / out.flux, np.hypot(0.01, 0.02))


def test_quality_names_bands_and_range_and_keeps_what_was_there() -> None:
    quality = np.zeros(WAVE.size, dtype=np.int32)
    quality[5] = SpectrumFlag.SATURATED
    out = calibrated(merged(quality=quality)).quality
    np.testing.assert_array_equal(np.flatnonzero(out & SpectrumFlag.TELLURIC), [3, 4])
    np.testing.assert_array_equal(np.flatnonzero(out & SpectrumFlag.EXTRAPOLATED_RESPONSE), [0])
    assert out[5] == SpectrumFlag.SATURATED
    np.testing.assert_array_equal(quality[:5], 0)


def test_a_response_far_above_its_median_is_flagged() -> None:
    curve = response(
        wavelength_nm=np.array([999.0, 1009.0, 1009.5, 1012.0]), response=np.array([1.0, 1.0, 50.0, 50.0]) * 1e-18, error=np.zeros(4)
    )
    np.testing.assert_array_equal(np.flatnonzero(calibrated(curve=curve).quality & SpectrumFlag.LOW_RESPONSE), [10])


def test_unmeasured_samples_stay_empty() -> None:
    flux, variance = np.full(WAVE.size, 1000.0), np.full(WAVE.size, 100.0)
    flux[3] = variance[3] = 0.0
    out = calibrated(merged(flux=flux, variance=variance))
    assert out.flux[3] == out.error[3] == 0.0


def test_sampled_curve_is_interpolated_in_the_logarithm() -> None:
    curve = response(wavelength_nm=np.array([1000.0, 1010.0]), response=np.array([1e-18, 1e-16]), error=np.array([1e-20, 1e-17]))
    value, error, known = sample_response(curve, np.array([1005.0, 1000.2, 1011.5]))
    np.testing.assert_allclose(value[0], 1e-17)
    np.testing.assert_allclose(error[0] / value[0], 0.055)
    np.testing.assert_array_equal(known, [True, False, False])


def test_the_polynomial_serves_where_there_is_no_curve() -> None:
    empty = np.empty(0)
    bare = response(polynomial=np.array([0.01, -9.0]), wavelength_nm=empty, response=empty, error=empty)
    value, error, _ = sample_response(bare, np.array([1000.0, 1010.0]))
    np.testing.assert_allclose(value, np.array([1.0, 1.1]) * 1e-17)
    np.testing.assert_array_equal(error, 0.0)


def through_slit(width: float, fwhm: float, beta: float = IMAGE_BETA) -> float:
    """Share of a Moffat image, as far off the slit's middle as stars are, summed on a grid across it: a Moffat with 1/2 less."""
    alpha = fwhm / (2 * sqrt(2 ** (1 / beta) - 1))
    across = (np.arange(-400_000, 400_000) + 0.5) * 1e-4
    light = (1 + (across / alpha) ** 2) ** (0.5 - beta)
    return float(light[np.abs(across - PLACE_ERROR_ARCSEC) < width / 2].sum() / light.sum())


def along_slit(width: float, fwhm: float) -> float:
    """FWHM along a slit of the light of a round Moffat image that passes it, summed on a grid."""
    alpha = fwhm / (2 * sqrt(2 ** (1 / IMAGE_BETA) - 1))
    along, across = np.arange(0, 2.0, 2e-3), np.arange(-0.5 * width + 5e-3, 0.5 * width, 1e-2)
    light = ((1 + (along[:, None] ** 2 + across**2) / alpha**2) ** -IMAGE_BETA).sum(axis=1)
    return float(2.0 * np.interp(-0.5 * light[0], -light, along))


def seen(seeing: float | None, standard: float | None, slit: float | None, standard_slit: float | None = None) -> float | None:
    """The ratio that is reported; the widths hold for the middle of the wavelengths."""
    curve = response(seeing_arcsec=standard, slit_width_arcsec=standard_slit)
    return calibrated(curve=curve, observation=replace(OBSERVATION, slit_width_arcsec=slit), seeing_arcsec=seeing).slit_loss_ratio


def test_slit_losses_are_compared_not_applied() -> None:
    ratio = through_slit(1.0, 1.6) / through_slit(1.0, 0.8)
    assert seen(along_slit(1.0, 1.6), along_slit(1.0, 0.8), 1.0) == pytest.approx(ratio, rel=1e-3)
    assert seen(0.8, 0.8, 1.0) == 1.0
    narrow, wide = calibrated(seeing_arcsec=0.8), calibrated(seeing_arcsec=1.6)
    np.testing.assert_array_equal(narrow.flux, wide.flux)
    assert not wide.slit_loss_applied


@pytest.mark.parametrize("widths", [(None, 0.8, 1.0), (0.8, None, 1.0), (0.8, 0.8, None), (0.0, 0.8, 1.0)])
def test_an_unknown_width_gives_no_ratio(widths: tuple[float | None, float | None, float | None]) -> None:
    assert seen(*widths) is None


def test_a_standard_through_another_slit() -> None:
    """Through 5 arcsec nearly all of its light comes in; without its seeing the object's is taken."""
    share = through_slit(1.0, 0.9)
    assert share < 0.75
    width = along_slit(1.0, 0.9)
    assert seen(width, along_slit(5.0, 0.8), 1.0, 5.0) == pytest.approx(share / through_slit(5.0, 0.8), rel=1e-3)
    assert seen(width, None, 1.0, 5.0) == pytest.approx(share / through_slit(5.0, 0.9), rel=1e-3)
    assert seen(0.9, 0.9, 1.0, 1.0) == 1.0


def test_slit_losses_are_taken_out_on_request_with_their_error() -> None:
    plain, corrected = (calibrated(seeing_arcsec=1.6, correct_slit_loss=wish) for wish in (False, True))
    assert corrected.slit_loss_applied
    np.testing.assert_allclose(plain.flux / corrected.flux, corrected.slit_loss_ratio, rtol=2e-3)  # it varies by 0.1 % over 10 nm
    assert np.all(corrected.error / corrected.flux > plain.error / plain.flux)
