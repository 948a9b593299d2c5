"""What standard stars show of the air: transmission at the instrument's resolution, and how it grows from one to the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from soxspipe.algorithms.spectra.telluric_bands import BANDS, band_index, random_band_depth
from soxspipe.datamodel.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.datamodel.spectrum import FluxedSpectrum
from soxspipe.datamodel.telluric import TelluricReference
from soxspipe.errors import AlgorithmError

SATURATED_TRANSMISSION = 0.08
"""Below this the correction multiplies every error by more than 12 and the residual sky shows as signal: flagged, not corrected."""
SATURATION, SATURATION_PRIOR = 0.6, 0.8
"""Depth at which unresolved lines begin to saturate, and its scatter in the logarithm: from lines that overlap (2) to lines that are black in
their cores at a mean depth of 0.2."""
LEAST_SIGNIFICANCE = 30.0
"""Of a standard's light within its bands: with less, its transmission is worse than that of any other night."""
MARGIN_NM = 14.0
"""Pieces over which the continuum of a standard is straight enough."""
SMOOTHING, RESOLVING_POWER = 0.3, 5000.0
"""Lines are sharpened no further than to what a Gaussian of 0.3 resolution elements (0.7 of the line-spread function's sigma) leaves."""
GROWTH_NODES = np.linspace(-3.0, 3.0, 25)
"""Logarithms of an amount over the nearest standard's at which growth is known; straight lines between them are right to 0.2 % of the depth."""
PADDING = 64
"""Samples beyond the ends, more than any shift or width."""


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
    """What one standard, with the help of others, says of the air, on the target's grid; every array of shape (n,) unless said.

    Attributes
    ----------
    wavelength_nm : ndarray
        The target's grid.
    transmission, variance : ndarray
        Of the air above the standard.
    spectrum : ndarray of complex, shape (n / 2 or so,)
        Fourier transform of the transmission, with `PADDING` samples before and as many or more behind.
    size : int
        Number of samples behind the transform.
    widening : ndarray
        Blur of each sample over that in the middle.
    smoothing_px : float
        Width (sigma) of the Gaussian within which a spectrum has no structure of its own, in samples.
    band : ndarray of int
        Place in `BANDS`, -1 outside.
    airmass, water_mm
        Of the standard.
    growth : ndarray, shape (nodes, n)
        Logarithm of the depth over the standard's own for the amounts of the band's species at `GROWTH_NODES`; NaN where it is not known.
    water_share : ndarray
        Part of the depth that is water's.
    paired : bool
        Whether other standards had a say.
    modelled : ndarray of bool
        Where growth and share of water are those of lists of lines.
    """

    wavelength_nm: FloatArray
    transmission: FloatArray
    variance: FloatArray
    spectrum: ComplexArray
    size: int
    widening: FloatArray
    smoothing_px: float
    band: IntArray
    airmass: float
    water_mm: float | None
    growth: FloatArray
    water_share: FloatArray
    modelled: BoolArray
    paired: bool = False

    def moved(self, shift_px: float, blur_px2: float) -> FloatArray:
        """Optical depth with lines shifted, and widened or, for a negative blur, sharpened as far as noise allows; shape (n,).

        Line-spread functions of a grating widen in proportion to wavelength: `blur_px2` holds at the middle of the spectrum.
        """
        n = self.transmission.size
        wavenumber = 2.0 * np.pi * np.arange(self.spectrum.size) / self.size
        blurs = np.maximum(blur_px2 * np.array([self.widening.min(), 1.0, self.widening.max()]), -(self.smoothing_px**2))[:, None]
        change = np.exp(-0.5 * blurs * wavenumber**2)
        if blur_px2 < 0:
            change = 1.0 + (change - 1.0) * np.exp(-0.5 * (self.smoothing_px * wavenumber) ** 2)
        seen = irfft(self.spectrum * np.exp(-1j * shift_px * wavenumber) * change, self.size, axis=1)[:, PADDING : PADDING + n]
        return -np.log(np.clip(_between(seen, self.widening), 0.5 * SATURATED_TRANSMISSION, 1.5))


def _between(seen: FloatArray, widening: FloatArray) -> FloatArray:
    """Parabola through what is seen at the least, the middle and the largest blur, at the blur of each sample, shape (n,)."""
    low, high = float(widening.min()), float(widening.max())
    below, middle, above = seen
    return np.asarray(
        below * (widening - 1.0) * (widening - high) / ((low - 1.0) * (low - high))
        + middle * (widening - low) * (widening - high) / ((1.0 - low) * (1.0 - high))
        + above * (widening - low) * (widening - 1.0) / ((high - low) * (high - 1.0))
    )


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
    share = np.array([*(one.water_share for one in BANDS), 0.0])  # the last one is for no band, -1
    size = next_fast_len(wave.size + 2 * PADDING, real=True)
    padded = np.pad(transmission, (PADDING, size - wave.size - PADDING), mode="edge")
    return Template(
        wavelength_nm=wave, transmission=transmission, variance=variance, band=band, airmass=reference.airmass, water_mm=reference.water_mm,
        spectrum=rfft(padded), size=size, widening=(wave / float(np.median(wave))) ** 2, smoothing_px=_smoothing_px(wave),
        growth=np.full((1, wave.size), np.nan), water_share=share[band],
        modelled=np.zeros(wave.shape, dtype=bool),
    )  # fmt: skip


def _smoothing_px(wavelength_nm: FloatArray) -> float:
    """Width (sigma) of the Gaussian within which a spectrum has no structure of its own, in samples."""
    return SMOOTHING * float(np.median(wavelength_nm)) / RESOLVING_POWER / float(np.median(np.diff(wavelength_nm)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From a standard's air to the target's in one band: logarithms of the ratios of the amounts, depth of saturation, more of water's share, and a
    factor on what the growth departs from proportion."""

    log_water: float
    log_mixed: float
    saturation: float
    more_water: float = 0.0
    bending: float = 1.0


def grown(template: Template, inside: BoolArray, depth: FloatArray, change: Change) -> tuple[FloatArray, FloatArray]:
    """Depth in a band when the amounts change, and its slope: by the growth of its lines, or by the random-band model where none is known.

    Both gases of a band count as the amount of one that has as many lines: what weak lines of the two come to together.
    """
    share = np.clip(template.water_share[inside] + change.more_water, 0.0, 1.0)
    if np.isnan(template.growth[0, inside]).any():
        return two_species_depth(depth, share, change.log_water, change.log_mixed, change.saturation)
    log_ratio = np.log(share * np.exp(change.log_water) + (1.0 - share) * np.exp(change.log_mixed))
    bent = _at_node(template.growth[:, inside], log_ratio) - log_ratio
    factor = np.exp(log_ratio + change.bending * bent)
    return depth * factor, factor


def _at_node(growth: FloatArray, log_ratio: FloatArray) -> FloatArray:
    """Straight lines between the nodes of the growth, and beyond the outermost ones; shape of `log_ratio`, one for each sample."""
    place = (log_ratio - GROWTH_NODES[0]) / (GROWTH_NODES[1] - GROWTH_NODES[0])
    below = np.clip(np.floor(place).astype(np.int64), 0, GROWTH_NODES.size - 2)
    sample = np.arange(growth.shape[1])
    low, high = growth[below, sample], growth[below + 1, sample]
    return np.asarray(low + (place - below) * (high - low))


def two_species_depth(
    depth: FloatArray, water_share: FloatArray | float, log_water: float, log_mixed: float, saturation: FloatArray | float
) -> tuple[FloatArray, FloatArray]:
    """Depth of unresolved lines of water and another gas when both change by factors, and its derivative with the first depth."""
    water, of_water = random_band_depth(depth * water_share, float(np.exp(log_water)), saturation)
    mixed, of_mixed = random_band_depth(depth * (1.0 - water_share), float(np.exp(log_mixed)), saturation)
    return water + mixed, of_water * water_share + of_mixed * (1.0 - water_share)
