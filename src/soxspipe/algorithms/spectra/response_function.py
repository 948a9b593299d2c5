"""From an extracted standard star to response and efficiency."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydantic import Field

from soxspipe.algorithms.settings import AlgorithmSettings
from soxspipe.algorithms.spectra.response_air import Ripple, binned_air
from soxspipe.algorithms.spectra.response_curve import CLIP_SIGMA, StandardBins, fit_log_curve
from soxspipe.algorithms.spectra.response_lines import with_listed_air
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.datamodel.calibrations import ExtinctionCurve, StandardStar, TelluricBands
from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.spectrum import EfficiencyCurve, FlatLevel, FluxedSpectrum, MergedSpectrum, ResponseCurve
from soxspipe.errors import ResponseError
from soxspipe.numerics.air import hydrogen_lines_air_nm
from soxspipe.numerics.robust import mad_sigma


class ResponseSettings(AlgorithmSettings):
    """Settings of `fit_response`."""

    max_iteration: int = Field(5, ge=1, le=100, description="Maximum number of rounds of the robust fit of the response.")
    poly_order: int = Field(7, ge=1, le=15, description="Degree of the polynomial fitted to the response.")


BALMER_HALF_WIDTH_NM, PASCHEN_HALF_WIDTH_NM, STRONG_PASCHEN_HALF_WIDTH_NM, BRACKETT_HALF_WIDTH_NM = 4.0, 2.0, 4.0, 3.0
"""How far on either side lines are left out.  Half a pixel of wavelength error and a line-spread function 30 % wider than assumed change
a bin by more than 0.5 % only within 0.5 nm of the Balmer lines (LTT 7987, EG 274, Feige 110, GD 71); the rest is margin for the wings."""
HYDROGEN_NM = (
    (364.6, BALMER_HALF_WIDTH_NM),  # the Balmer limit
    *((float(nm), BALMER_HALF_WIDTH_NM) for nm in hydrogen_lines_air_nm(2, range(3, 12))),
    *((float(nm), PASCHEN_HALF_WIDTH_NM) for nm in hydrogen_lines_air_nm(3, range(11, 14))),
    *((float(nm), STRONG_PASCHEN_HALF_WIDTH_NM) for nm in hydrogen_lines_air_nm(3, range(5, 11))),
    *((float(nm), BRACKETT_HALF_WIDTH_NM) for nm in hydrogen_lines_air_nm(4, range(8, 15))),
)
"""Balmer, Paschen and Brackett lines in air, nm, and how far on either side they are left out."""
ERROR_FLOOR = 0.005
"""Tables of standard stars are good to half a per cent at best."""
LARGEST_BASE_DEGREE = 5
"""A higher one swings across the telluric gaps."""
LEAST_SHARE = 0.01
"""Of the median: at the ends of the arm there is less light than error."""
OWN_LIGHT_SIGMA = 30.0
"""A bin whose light is known less well has its error from the light around it: weighed by its own, bins that noise has raised count more,
which makes a response 2 / 30^2 = 0.2 % too low here, 2 % at 10 sigma and 20 % at the 5 sigma that a bin needs."""
AROUND = 15
"""Bins of which the median is taken: enough to average noise, few enough to follow the end of an arm."""
DARK_AIR = 0.05
"""Optical depth from which a bin is not like those around it."""
PLANCK_LIGHT_ERG_NM = 1.98644586e-9
"""Planck constant times speed of light, erg nm (CODATA 2018: 6.62607015e-27 erg s x 2.99792458e17 nm/s)."""


def fit_response(
    merged: MergedSpectrum,
    standard: StandardStar,
    observation: Observation,
    extinction: ExtinctionCurve,
    telluric_bands: TelluricBands,
    settings: ResponseSettings,
    *,
    bin_nm: float,
    flat_md5: str = "",
    flat_level: FlatLevel | None = None,
    seeing_arcsec: float | None = None,
) -> ResponseCurve:
    """Divide the library spectrum by the standard's count rate and fit what comes out.

    The count rate is that of flattened electrons per native pixel, extinction removed at the mean air mass.  Its ratio to the library
    is taken in bins; hydrogen lines and what the air makes dark are left out.  In the logarithm a polynomial with a spline of small
    deviations follows the bins, the air's absorption is fitted along (`response_air`), and the curve is carried beyond the last clean bin by
    a straight line; a polynomial of `poly_order` in wavelength is fitted to the same bins for the published table.

    Parameters
    ----------
    merged : MergedSpectrum
        The standard.
    standard : StandardStar
        Its library spectrum.
    observation : Observation
        Exposure time and air mass; without an air mass, extinction is not removed.
    extinction, telluric_bands
        Static tables.
    settings : ResponseSettings
        Degree and rounds.
    bin_nm : float
        Width of the bins.
    flat_md5, flat_level, seeing_arcsec
        Kept with the response.

    Returns
    -------
    ResponseCurve
        Sampled at the grid of `merged`.

    Raises
    ------
    ResponseError
        If fewer than 10 clean bins remain.
    """
    bins = _measure_bins(merged, standard, observation, extinction, telluric_bands, bin_nm)
    if (clean := int(bins.usable.sum())) < 10:
        raise ResponseError(f"only {clean} clean bins remain for the response of {standard.name}; 10 are needed")
    degree = min(settings.poly_order, LARGEST_BASE_DEGREE, max(clean // 3, 1))
    fitted = fit_log_curve(bins, merged.wavelength_nm, settings.max_iteration, degree)
    if telluric_bands.lines is not None:
        star = _with_response(merged, observation, extinction, np.exp(fitted.value))
        expected, airmass = _average_library(standard, merged.wavelength_nm), _airmass(observation)
        bins = with_listed_air(bins, star, expected, telluric_bands.lines, airmass=airmass, bin_nm=bin_nm)
        fitted = fit_log_curve(bins, merged.wavelength_nm, settings.max_iteration, degree)
    used = fitted.used
    clear = replace(bins, log_ratio=bins.log_ratio - fitted.depth)
    return ResponseCurve(
        polynomial=_fit_polynomial(clear, used, settings),
        wavelength_nm=merged.wavelength_nm,
        response=np.exp(fitted.value),
        error=np.exp(fitted.value) * fitted.error,
        valid_nm=(float(bins.wavelength_nm[used].min() - 0.5 * bin_nm), float(bins.wavelength_nm[used].max() + 0.5 * bin_nm)),
        bins_nm=bins.wavelength_nm,
        bins_value=np.exp(clear.log_ratio),
        bins_error=np.exp(clear.log_ratio) * bins.error,
        bins_used=used,
        extinction_removed=observation.airmass is not None,
        star=standard.name,
        airmass=observation.airmass,
        seeing_arcsec=seeing_arcsec,
        slit_width_arcsec=observation.slit_width_arcsec,
        slit_angle_deg=observation.slit_angle_deg,
        flat_md5=flat_md5,
        flat_level=flat_level,
        binning=observation.binning,
    )


def _measure_bins(
    merged: MergedSpectrum,
    standard: StandardStar,
    observation: Observation,
    extinction: ExtinctionCurve,
    telluric_bands: TelluricBands,
    bin_nm: float,
) -> StandardBins:
    wave = merged.wavelength_nm
    rate, variance = _count_rate(merged, observation, extinction)
    library = _average_library(standard, wave)
    known = (merged.variance > 0) & np.isfinite(library) & (merged.quality & int(SpectrumFlag.NO_DATA | SpectrumFlag.SATURATED) == 0)
    noise = np.sqrt(np.maximum(variance, 0.0))
    cell = np.floor((wave - wave[0]) / bin_nm).astype(np.int64)
    n = int(cell[-1]) + 1
    count = np.bincount(cell[known], minlength=n)
    total = np.bincount(cell[known], rate[known], n).astype(np.float64)
    noise2 = np.bincount(cell[known], variance[known], n) * 1.5
    expected = np.bincount(cell[known], library[known], n).astype(np.float64)
    centre = np.bincount(cell[known], wave[known], n) / np.maximum(count, 1)
    filled = (count >= 0.5 * bin_nm / np.median(np.diff(wave))) & (total > 0) & (expected > 0)
    safe_total, safe_expected = np.where(filled, total, 1.0), np.where(filled, expected, 1.0)
    line = in_stellar_line(centre)
    model_depth = telluric_bands.depth(centre, bin_nm)
    light = likely_light(total, np.sqrt(noise2), expected, ~(model_depth > DARK_AIR))
    own_error = np.sqrt(noise2) / light
    error = np.hypot(own_error, ERROR_FLOOR)
    banded = [telluric_bands.contains(centre + side * bin_nm, response_only=True) for side in (-0.5, 0.5)]
    telluric = ~np.isfinite(model_depth) & (banded[0] | banded[1])
    weak = light < LEAST_SHARE * np.median(total[filled]) if filled.any() else ~filled
    keep = np.flatnonzero(filled)
    ripple = _ripple(cell, wave, np.divide(rate, library, where=known, out=np.ones(wave.shape)), noise / library, known)
    return StandardBins(
        wavelength_nm=centre[keep],
        log_ratio=(np.log(safe_expected / safe_total) - 0.5 * np.minimum(own_error, 1.0) ** 2)[keep],  # the mean of a logarithm lies lower
        error=error[keep],
        air=binned_air(
            centre[keep], model_depth[keep], Ripple(square=ripple.square[keep], noise=ripple.noise[keep]), _airmass(observation)
        ),
        usable=(filled & ~line & ~telluric & (error < 0.2) & ~(weak & (error > 0.05)))[keep],
    )


def likely_light(total: FloatArray, noise: FloatArray, expected: FloatArray, plain: BoolArray) -> FloatArray:
    """Light of each bin, to work its relative error out: its own where it stands far above its noise, else what the bins around tell.

    Parameters
    ----------
    total, noise : ndarray, shape (n,)
        Light that was measured, and its error.
    expected : ndarray, shape (n,)
        The library's.
    plain : ndarray of bool, shape (n,)
        Bins that are like those around them.

    Returns
    -------
    ndarray, shape (n,)
        Above 0.
    """
    plain = plain & (expected > 0)
    ratio = np.where(plain, total / np.where(plain, expected, 1.0), np.nan)
    padded = np.pad(ratio, AROUND // 2, constant_values=np.nan)  # NaN takes no part in a median
    windows = np.lib.stride_tricks.sliding_window_view(padded, AROUND)
    known = np.isfinite(windows).any(axis=1)
    around = np.zeros(total.shape)
    around[known] = np.nanmedian(windows[known], axis=1) * expected[known]
    own = (total > OWN_LIGHT_SIGMA * noise) | ~plain
    return np.maximum(np.where(own, total, around), 1e-6 * noise + np.finfo(np.float64).tiny)


def _airmass(observation: Observation) -> float:
    """Of the standard; a usual one where the header has none."""
    return 1.2 if observation.airmass is None else observation.airmass


def _count_rate(merged: MergedSpectrum, observation: Observation, extinction: ExtinctionCurve) -> tuple[FloatArray, FloatArray]:
    """Counts per second above the atmosphere's extinction, and their variance; shape (n,) each."""
    wave = merged.wavelength_nm
    factor = np.ones(wave.shape) if observation.airmass is None else extinction.factor(wave, observation.airmass)
    return merged.flux / observation.exptime_s * factor, merged.variance * (factor / observation.exptime_s) ** 2


def _with_response(merged: MergedSpectrum, observation: Observation, extinction: ExtinctionCurve, response: FloatArray) -> FluxedSpectrum:
    """The standard's flux with a response."""
    rate, variance = _count_rate(merged, observation, extinction)
    error = np.sqrt(np.maximum(variance, 0.0)) * response
    return FluxedSpectrum(wavelength_nm=merged.wavelength_nm, flux=rate * response, error=error, quality=merged.quality)


def _ripple(cell: IntArray, wave: FloatArray, ratio: FloatArray, noise: FloatArray, known: BoolArray) -> Ripple:
    """Relative scatter of the samples of each cell about a straight line, beyond their noise; shape (n_cells,)."""
    n = int(cell[-1]) + 1
    weight = known.astype(np.float64)
    count = np.maximum(np.bincount(cell, weight, n), 1.0)

    def mean(values: FloatArray) -> FloatArray:
        return np.bincount(cell[known], values[known], n) / count

    place = wave - mean(wave)[cell]
    level = mean(ratio)
    slope = mean(place * ratio) / np.maximum(mean(place**2), 1e-12)
    variance, light = mean(noise**2), np.where(level > 0, level, 1.0)
    beyond = mean((ratio - level[cell] - slope[cell] * place) ** 2) - variance
    return Ripple(square=beyond / light**2, noise=variance * np.sqrt(2.0 / count) / light**2)


def _average_library(standard: StandardStar, wave: FloatArray) -> FloatArray:
    """Library flux averaged over each sample of a regular grid, as an integral of the straight lines between its points; NaN outside it."""
    x, y = standard.wavelength_nm, standard.flux
    integral = np.concatenate([[0.0], np.cumsum(0.5 * (y[1:] + y[:-1]) * np.diff(x))])
    half = 0.5 * float(np.median(np.diff(wave)))
    low, high = wave - half, wave + half
    mean = (np.interp(high, x, integral) - np.interp(low, x, integral)) / (2 * half)
    coarse = float(np.median(np.diff(x))) > half
    value = np.interp(wave, x, y) if coarse else mean
    return np.where((low >= x[0]) & (high <= x[-1]), value, np.nan)


def _fit_polynomial(bins: StandardBins, used: BoolArray, settings: ResponseSettings) -> FloatArray:
    """Coefficients, highest power of nm first, of the response in 1e-17 erg cm-2 s-1 A-1 per electron s-1; relative errors weigh."""
    x, value = bins.wavelength_nm, np.exp(bins.log_ratio) * 1e17
    keep = used.copy()
    series = np.polynomial.Polynomial([0.0])
    degree = min(settings.poly_order, max(int(keep.sum()) - 2, 1))
    for _ in range(settings.max_iteration):
        series = np.polynomial.Polynomial.fit(x[keep], value[keep], degree, w=1.0 / (value[keep] * bins.error[keep]))
        deviation = (series(x) / value - 1.0) / bins.error
        limit = CLIP_SIGMA * max(mad_sigma(deviation[keep]), 1.0)
        kept = used & (np.abs(deviation) <= limit)
        if np.array_equal(kept, keep) or kept.sum() < degree + 2:
            break
        keep = kept
    coefficients = series.convert().coef
    return np.concatenate([coefficients, np.zeros(settings.poly_order + 1 - coefficients.size)])[::-1]


def in_stellar_line(wavelength_nm: FloatArray) -> BoolArray:
    """True within a hydrogen line of a hot star, where its spectrum and the library's differ by resolution and wavelength; shape of the input."""
    inside = np.zeros(wavelength_nm.shape, dtype=bool)
    for position, half_width in HYDROGEN_NM:
        inside |= np.abs(wavelength_nm - position) < half_width
    return inside


def measure_efficiency(
    unflattened: MergedSpectrum, standard: StandardStar, observation: Observation, extinction: ExtinctionCurve, *, area_cm2: float
) -> EfficiencyCurve:
    """Electrons detected over photons that reach the telescope's area.

    Parameters
    ----------
    unflattened : MergedSpectrum
        The standard without flat division.
    standard : StandardStar
        Flux above the atmosphere.
    observation : Observation
        Exposure time and air mass.
    extinction : ExtinctionCurve
        For the variant above the atmosphere.
    area_cm2 : float
        Collecting area.

    Returns
    -------
    EfficiencyCurve
        NaN where nothing was measured, and in the star's hydrogen lines.
    """
    wave = unflattened.wavelength_nm
    library = _average_library(standard, wave)
    photons_per_nm = library * 10.0 * wave / PLANCK_LIGHT_ERG_NM * area_cm2
    known = (unflattened.variance > 0) & (photons_per_nm > 0) & ~in_stellar_line(wave)
    efficiency = np.where(known, unflattened.density / observation.exptime_s / np.where(known, photons_per_nm, 1.0), np.nan)
    factor = np.ones(wave.shape) if observation.airmass is None else extinction.factor(wave, observation.airmass)
    per_order = {
        int(order): float(np.nanmedian(efficiency[(unflattened.order == order) & known]))
        for order in np.unique(unflattened.order[known])
        if order > 0
    }
    return EfficiencyCurve(
        wavelength_nm=wave,
        efficiency=efficiency,
        above_atmosphere=efficiency * factor,
        order=unflattened.order,
        median=float(np.nanmedian(efficiency)) if known.any() else float("nan"),
        median_by_order=per_order,
    )
