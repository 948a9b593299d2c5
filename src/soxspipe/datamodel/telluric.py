"""Telluric absorption, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray, freeze


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TelluricReference:
    """Transmission of the air above one standard star, at the instrument's resolution.

    Attributes
    ----------
    star : str
        Name of the standard.
    wavelength_nm : ndarray, shape (n,)
        Air.
    transmission, variance : ndarray, shape (n,)
        Observed over expected, 1 outside the bands, and its variance; 0 variance where nothing was measured.
    airmass : float
        Of the standard.
    water_mm : float or None
        Precipitable water at the zenith, if the header says so.
    """

    star: str
    wavelength_nm: FloatArray
    transmission: FloatArray
    variance: FloatArray
    airmass: float
    water_mm: float | None = None

    def __post_init__(self) -> None:
        shape = self.wavelength_nm.shape
        freeze(self, wavelength_nm=shape, transmission=shape, variance=shape)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AirLines:
    """Optical depths from lists of lines, on a grid that is uniform in the logarithm of wavelength.

    Attributes
    ----------
    start_nm, samples_per_e_fold : float
        First wavelength (air), and the grid's resolution.
    water, mixed : ndarray, shape (n,)
        Of 1 mm of precipitable water, and of oxygen, carbon dioxide and methane at air mass 1.
    """

    start_nm: float
    samples_per_e_fold: float
    water: FloatArray
    mixed: FloatArray

    def __post_init__(self) -> None:
        freeze(self, water=self.water.shape, mixed=self.water.shape)

    @property
    def stop_nm(self) -> float:
        """Where the grid ends."""
        return float(self.start_nm * np.exp(self.water.size / self.samples_per_e_fold))


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeciesAmount:
    """Amount of a species in the target's beam relative to the standard's, its 1-sigma error, and whether the target's own light told it."""

    ratio: float
    error: float
    measured: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TelluricCorrection:
    """The target with its telluric absorption taken out.

    Attributes
    ----------
    wavelength_nm : ndarray, shape (n,)
        Air.
    transmission, transmission_error : ndarray, shape (n,)
        Of the air above the target; exactly 1 outside the bands.
    flux, error : ndarray, shape (n,)
        Corrected, in the unit of the target's spectrum; 0 where a band is saturated.
    quality : ndarray of int, shape (n,)
        `SpectrumFlag` bits of the target, with those of the correction.
    saturated : ndarray of bool, shape (n,)
        Where too little light passes for a correction, or the standard was not seen.
    amounts : mapping of str to SpeciesAmount
        By species.
    shift_px, shift_error_px : float
        How far the target's lines lie from the standard's, in samples of the grid.
    blur_px2, blur_error_px2 : float
        Variance of the target's line-spread function less that of the standard's, samples squared.
    chi : float
        Scatter of the target about the model in units of its error, within the bands; NaN if nothing was fitted.
    standards : tuple of str
        Whose transmission was used.
    """

    wavelength_nm: FloatArray
    transmission: FloatArray
    transmission_error: FloatArray
    flux: FloatArray
    error: FloatArray
    quality: IntArray
    saturated: BoolArray
    amounts: Mapping[str, SpeciesAmount]
    shift_px: float
    shift_error_px: float
    blur_px2: float
    blur_error_px2: float
    chi: float
    standards: tuple[str, ...]

    def __post_init__(self) -> None:
        shape = self.wavelength_nm.shape
        freeze(
            self, wavelength_nm=shape, transmission=shape, transmission_error=shape, flux=shape, error=shape, quality=shape, saturated=shape
        )
