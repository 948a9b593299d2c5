"""Master calibrations and static tables, as values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray, Image, freeze
from soxspipe.datamodel.frame import Take
from soxspipe.datamodel.stored_frame import AnyFrame
from soxspipe.datamodel.stored_image import StoredImage
from soxspipe.datamodel.telluric import AirLines


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DarkLaw:
    """A dark that grows with time from a level that does not: ``level + rate x time``.

    Attributes
    ----------
    level : ndarray, shape (ny, nx)
        Electrons that are there at any exposure time.
    rate : ndarray, shape (ny, nx)
        Electrons per second.
    """

    level: Image
    rate: Image

    def __post_init__(self) -> None:
        freeze(self, level=self.level.shape, rate=self.level.shape)

    def electrons(self, exptime_s: float) -> Image:
        """Electrons of an integration of `exptime_s`."""
        return np.asarray(self.level + self.rate * np.float32(exptime_s))

    def cutout(self, take: Take) -> DarkLaw:
        """The pixels that `take` cuts out."""
        return DarkLaw(level=take(self.level), rate=take(self.rate))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredLaw:
    """A `DarkLaw` of which each look at an image takes memory only as long as what is seen is used; level and rate are `stored`."""

    stored: tuple[StoredImage, StoredImage]

    @property
    def level(self) -> Image:
        """Electrons that are there at any exposure time, not to be changed."""
        return self.stored[0].look()

    @property
    def rate(self) -> Image:
        """Electrons per second, not to be changed."""
        return self.stored[1].look()

    def electrons(self, exptime_s: float) -> Image:
        """Electrons of an integration of `exptime_s`."""
        return DarkLaw(level=self.level, rate=self.rate).electrons(exptime_s)

    def cutout(self, take: Take) -> DarkLaw:
        """The pixels that `take` cuts out."""
        return DarkLaw(level=take(self.level), rate=take(self.rate))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Masters:
    """Master calibrations of one observation; each may be absent.

    Attributes
    ----------
    bias : AnyFrame or None
        Electrons.
    dark : AnyFrame or None
        Electrons per its `exptime_s`, not bias-subtracted (matters in VIS).
    flat : AnyFrame or None
        Relative, about 1 at a typical order centre.
    flat_md5 : str
        Identity of the flat's file; a response holds for one flat.
    dark_law : DarkLaw, StoredLaw or None
        Level and rate of a dark that serves any exposure time.
    dark_scales_with_time : bool
        Whether a dark of another exposure time is scaled to the frame's.
    quiet_level_e : float
        Part of the dark's level that is not charge and has no shot noise.
    offset_e : float
        Level of the exposures above bias and dark that is not light, since it has no shot noise.
    """

    bias: AnyFrame | None = None
    dark: AnyFrame | None = None
    flat: AnyFrame | None = None
    flat_md5: str = ""
    dark_law: DarkLaw | StoredLaw | None = None
    dark_scales_with_time: bool = True
    quiet_level_e: float = 0.0
    offset_e: float = 0.0

    def cutout(self, take: Take) -> Masters:
        """The pixels of each that `take` cuts out."""
        bias, dark, flat = (None if master is None else master.cutout(take) for master in (self.bias, self.dark, self.flat))
        law = None if self.dark_law is None else self.dark_law.cutout(take)
        return replace(self, bias=bias, dark=dark, flat=flat, dark_law=law)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StandardStar:
    """Spectrum of a flux standard above the atmosphere.

    Attributes
    ----------
    name : str
        Library name.
    wavelength_nm : ndarray, shape (n,)
        Air.
    flux : ndarray, shape (n,)
        erg s-1 cm-2 A-1.
    """

    name: str
    wavelength_nm: FloatArray
    flux: FloatArray

    def __post_init__(self) -> None:
        freeze(self, wavelength_nm=self.wavelength_nm.shape, flux=self.wavelength_nm.shape)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExtinctionCurve:
    """Atmospheric extinction k in magnitudes per air mass."""

    site: str
    wavelength_nm: FloatArray
    mag_per_airmass: FloatArray

    def __post_init__(self) -> None:
        freeze(self, wavelength_nm=self.wavelength_nm.shape, mag_per_airmass=self.wavelength_nm.shape)

    def factor(self, wavelength_nm: FloatArray, airmass: float) -> FloatArray:
        """``10^(0.4 k X)``: what to multiply observed counts by to stand above the atmosphere; ends are clamped."""
        k = np.interp(wavelength_nm, self.wavelength_nm, self.mag_per_airmass)
        return np.power(10.0, 0.4 * k * airmass)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TelluricBands:
    """Wavelength intervals of telluric absorption, and a model of it.

    Attributes
    ----------
    start_nm, stop_nm : ndarray, shape (n,)
        Air.
    mask_response : ndarray of bool, shape (n,)
        True where a response must not be measured.
    model_nm, model_transmission : ndarray, shape (m,)
        Model transmission at air mass `model_airmass`; empty without one.
    model_airmass : float
        Of the model.
    lines : AirLines or None
        Optical depths from lists of lines.
    """

    start_nm: FloatArray
    stop_nm: FloatArray
    mask_response: BoolArray
    model_nm: FloatArray = field(default_factory=lambda: np.empty(0))
    model_transmission: FloatArray = field(default_factory=lambda: np.empty(0))
    model_airmass: float = 1.5
    lines: AirLines | None = None

    def __post_init__(self) -> None:
        shape, model = self.start_nm.shape, self.model_nm.shape
        freeze(self, start_nm=shape, stop_nm=shape, mask_response=shape, model_nm=model, model_transmission=model)

    def depth(self, wavelength_nm: FloatArray, width_nm: float) -> FloatArray:
        """Optical depth per air mass of the mean model transmission over `width_nm`; NaN where there is no model, shape of the input."""
        wave = np.asarray(wavelength_nm, dtype=np.float64)
        if self.model_nm.size < 2:
            return np.full(wave.shape, np.nan)
        x, y = self.model_nm, self.model_transmission
        integral = np.concatenate([[0.0], np.cumsum(0.5 * (y[1:] + y[:-1]) * np.diff(x))])
        low, high = wave - 0.5 * width_nm, wave + 0.5 * width_nm
        mean = (np.interp(high, x, integral) - np.interp(low, x, integral)) / width_nm
        known = (low >= x[0]) & (high <= x[-1])
        return np.where(known, -np.log(np.clip(mean, 1e-3, 1.0)) / self.model_airmass, np.nan)

    def contains(self, wavelength_nm: FloatArray, *, response_only: bool = False) -> BoolArray:
        """True for wavelengths inside a band (`response_only`: only bands that a response avoids)."""
        use = self.mask_response if response_only else np.ones(self.start_nm.shape, dtype=bool)
        wave = np.asarray(wavelength_nm)
        inside = np.zeros(wave.shape, dtype=bool)
        for start, stop in zip(self.start_nm[use], self.stop_nm[use], strict=True):
            inside |= (wave >= start) & (wave <= stop)
        return inside


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SkyLines:
    """Night-sky emission lines: wavelength (nm, air), relative flux, and whether a line stands alone; shape (n,) each."""

    wavelength_nm: FloatArray
    flux: FloatArray
    isolated: BoolArray

    def __post_init__(self) -> None:
        shape = self.wavelength_nm.shape
        freeze(self, wavelength_nm=shape, flux=shape, isolated=shape)
