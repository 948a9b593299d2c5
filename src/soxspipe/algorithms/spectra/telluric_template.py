"""What standard stars show of the air: transmission at the instrument's resolution, and how it grows from one to the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d

from soxspipe.algorithms.spectra.telluric_bands import BANDS, WELL_MIXED, band_index, random_band_depth
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.datamodel.spectrum import FluxedSpectrum
from soxspipe.datamodel.telluric import TelluricReference
from soxspipe.errors import AlgorithmError

SATURATED_TRANSMISSION = 0.08
"""Below this the correction multiplies every error by more than 12 and the residual sky shows as signal: flagged, not corrected."""
SHALLOWEST_DEPTH = 1e-3
"""Less absorption than this is lost in the continuum."""
SATURATION = 0.6
"""Depth at which unresolved lines begin to saturate."""
LEAST_SIGNIFICANCE = 30.0
"""Of a standard's light within its bands: with less, its transmission is worse than that of any other night."""
MARGIN_NM = 14.0
"""Pieces over which the continuum of a standard is straight enough."""
SMOOTHING, RESOLVING_POWER = 0.3, 5000.0
"""Slopes of the standard's spectrum are taken after a Gaussian of 0.3 resolution elements (0.7 of the line-spread function's sigma)."""
SMALLEST_CHANGE = 0.4
"""Logarithm of the ratio of amounts below which the growth between two standards would be noise, and the random-band model is better."""
OUTSIDE = 0.1
"""Of the logarithm of water: how far beyond two standards their growth still holds (outside, residuals are 7 % instead of 2 %)."""
WEAK_DEPTH = 0.15
"""Weak absorption grows in proportion to the air; only there do two stars tell how much."""
GROWTH_SCATTER = 0.2
"""Of the power with which depth grows with amount, about the random-band model: it runs from 1 for weak to 0.5 for saturated lines."""


def reference_from_standard(
    spectrum: FluxedSpectrum, expected: FloatArray, *, star: str, airmass: float, water_mm: float | None = None
) -> TelluricReference:
    """Transmission above a standard: observed over expected flux, held to 1 between the bands.

    Parameters
    ----------
    spectrum : FluxedSpectrum
        The standard, calibrated with any smooth response of its arm.
    expected : ndarray, shape (n,)
        Its flux above the atmosphere at the same wavelengths, at the instrument's resolution; NaN where unknown.
    star : str
        Name.
    airmass : float
        Mean.
    water_mm : float or None
        From the header.

    Raises
    ------
    AlgorithmError
        If the standard has no light in any band.
    """
    wave = spectrum.wavelength_nm
    known = (spectrum.error > 0) & np.isfinite(expected) & (expected > 0) & (spectrum.quality & int(SpectrumFlag.NO_DATA) == 0)
    ratio = np.divide(spectrum.flux, expected, out=np.ones(wave.shape), where=known)
    variance = np.divide(spectrum.error, expected, out=np.zeros(wave.shape), where=known) ** 2
    inside = band_index(wave) >= 0
    weight = np.where(known & inside, 1.0 / np.maximum(variance, 1e-300), 0.0)
    if float(np.sum(weight * ratio)) < LEAST_SIGNIFICANCE * float(np.sqrt(weight.sum())) or not weight.any():
        raise AlgorithmError(f"the standard {star} has no light within any telluric band")
    ratio = ratio / _level(wave, ratio, variance, known & ~inside)
    return TelluricReference(
        star=star,
        wavelength_nm=wave,
        transmission=np.where(inside & known, ratio, 1.0),
        variance=np.where(inside & known, variance, 0.0),
        airmass=airmass,
        water_mm=water_mm,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Template:
    """The standard's transmission on the target's grid, its variance and slopes per sample, and the band of each sample; shape (n,).

    `growth` is the power with which the depth grows with the amount, where a second standard tells it.
    """

    transmission: FloatArray
    variance: FloatArray
    slope: FloatArray
    curvature: FloatArray
    band: IntArray
    airmass: float
    water_mm: float | None = None
    growth: FloatArray | None = None

    def moved(self, shift_px: float, blur_px2: float) -> FloatArray:
        """Optical depth with lines shifted and widened (second order in both)."""
        seen = self.transmission - shift_px * self.slope + 0.5 * (blur_px2 + shift_px**2) * self.curvature
        return -np.log(np.clip(seen, 0.5 * SATURATED_TRANSMISSION, 1.5))


def _level(wave: FloatArray, ratio: FloatArray, variance: FloatArray, clear: BoolArray) -> FloatArray:
    """What smooth errors of the response leave between the bands, carried across them by straight lines."""
    level = np.ones(wave.shape)
    starts = np.flatnonzero(np.diff(np.concatenate([[False], clear, [False]]).astype(int)) == 1)
    stops = np.flatnonzero(np.diff(np.concatenate([[False], clear, [False]]).astype(int)) == -1)
    points = []
    for start, stop in zip(starts, stops, strict=True):
        for part in np.array_split(np.arange(start, stop), max(1, int((wave[stop - 1] - wave[start]) / (2 * MARGIN_NM)))):
            if part.size >= 20:
                weight = 1.0 / variance[part]
                points.append((float(wave[part].mean()), float(np.median(ratio[part])), float(np.sqrt(np.pi / 2 / weight.sum()))))
    sound = [point for point in points if point[2] < 0.02]
    if len(sound) >= 2:
        x, y, _ = (np.array(column) for column in zip(*sound, strict=True))
        level = np.interp(wave, x, y)
    return level


def make_template(reference: TelluricReference, wave: FloatArray) -> Template:
    known = reference.variance > 0
    transmission = np.interp(wave, reference.wavelength_nm, reference.transmission, left=1.0, right=1.0)
    variance = np.interp(wave, reference.wavelength_nm, np.where(known, reference.variance, 0.0), left=0.0, right=0.0)
    band = np.where(variance > 0, band_index(wave), -1)
    slope, curvature = _derivatives(transmission, SMOOTHING * float(np.median(wave)) / RESOLVING_POWER / float(np.median(np.diff(wave))))
    return Template(
        transmission=transmission, variance=variance, slope=slope, curvature=curvature, band=band, airmass=reference.airmass,
        water_mm=reference.water_mm,
    )  # fmt: skip


def with_growth(first: Template, others: Sequence[Template], log_water: float) -> Template:
    """The nearest standard with the growth of depth that another one shows, the one that differs most in water.

    Only a standard beyond the target (`log_water`: logarithm of its water over that of the nearest) tells how lines grow up to it: the
    power between two standards does not hold outside them.  As it is if there is none, or all are alike.
    """
    best, reach = None, 0.0
    for other in others:
        amounts = _relative_amounts(first, other)
        if not _lies_between(log_water, amounts.get("H2O", log_water)):
            continue
        if max(map(abs, amounts.values()), default=0.0) > reach:
            best, reach = (other, amounts), max(map(abs, amounts.values()))
    if best is None or reach < SMALLEST_CHANGE:
        return first
    other, amounts = best
    growth = np.ones(first.transmission.shape)
    for number in {int(n) for n in np.unique(first.band) if n >= 0}:
        inside = (first.band == number) & (other.band == number)
        change = amounts.get(BANDS[number].species, 0.0)
        growth[inside] = _growth(first, other, inside, change)
    return replace(first, growth=growth)


def _lies_between(log_water: float, other: float) -> bool:
    """Whether a target's water lies between that of the nearest standard (0) and of another, with a tenth to spare."""
    return min(0.0, other) - OUTSIDE <= log_water <= max(0.0, other) + OUTSIDE


def _relative_amounts(first: Template, other: Template) -> dict[str, float]:
    """Logarithm of each species' amount above the second standard over that above the first; water by its weak lines."""
    amounts = dict.fromkeys(WELL_MIXED, float(np.log(other.airmass / first.airmass)))
    depths = [-np.log(np.clip(one.transmission, 0.5 * SATURATED_TRANSMISSION, 1.5)) for one in (first, other)]
    water = np.isin(first.band, [number for number, band in enumerate(BANDS) if band.species == "H2O"])
    weak = water & (0.5 * (depths[0] + depths[1]) < WEAK_DEPTH) & (first.variance > 0) & (other.variance > 0)
    if weak.sum() > 50:
        weight = 1.0 / (first.variance[weak] + other.variance[weak])
        total = [float(np.sum(weight * depth[weak])) for depth in depths]
        if min(total) > 3.0 * float(np.sqrt(weight.sum())):
            amounts["H2O"] = float(np.log(total[1] / total[0]))
    return amounts


def _growth(first: Template, other: Template, inside: BoolArray, change: float) -> FloatArray:
    """Power of the growth at each sample, pulled by noise to that of the random-band model."""
    depth = [
        np.maximum(-np.log(np.clip(gaussian_filter1d(one.transmission, 1.0)[inside], 0.5 * SATURATED_TRANSMISSION, 1.5)), SHALLOWEST_DEPTH)
        for one in (first, other)
    ]
    expected = (1.0 + 0.5 * depth[0] / SATURATION) / (1.0 + depth[0] / SATURATION)
    if abs(change) < SMALLEST_CHANGE:
        return expected
    noise = sum(
        one.variance[inside] / np.maximum(np.exp(-d) * d, SHALLOWEST_DEPTH) ** 2 for one, d in zip((first, other), depth, strict=True)
    )
    measured, error = np.log(depth[1] / depth[0]) / change, np.sqrt(noise) / abs(change)
    weight = GROWTH_SCATTER**2 / (GROWTH_SCATTER**2 + error**2)
    return np.clip(expected + weight * (measured - expected), 0.3, 1.1)


def _derivatives(values: FloatArray, sigma: float) -> tuple[FloatArray, FloatArray]:
    """First and second derivative per sample, after a Gaussian of `sigma` samples: what is narrower is noise."""
    return gaussian_filter1d(values, sigma, order=1, mode="nearest"), gaussian_filter1d(values, sigma, order=2, mode="nearest")


def grown(template: Template, inside: BoolArray, depth: FloatArray, log_ratio: float, saturation: float) -> tuple[FloatArray, FloatArray]:
    """Depth when the amount changes, and its slope: by the growth that two standards show, else by the random-band model."""
    if template.growth is None:
        return random_band_depth(depth, float(np.exp(log_ratio)), saturation)
    factor = np.exp(log_ratio * template.growth[inside])
    return depth * factor, factor
