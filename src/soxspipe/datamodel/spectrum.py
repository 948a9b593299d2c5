"""Spectra, stage by stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray, freeze
from soxspipe.datamodel.observation import Observation


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SlitProfile:
    """The object's spatial profile: distance from the trace (arcsec), light per arcsec (integral 1 over the slit), its FWHM, and the form used.

    `flux_error` is the relative error of all fluxes that its errors leave.
    """

    distance_arcsec: FloatArray
    density: FloatArray
    fwhm_arcsec: float
    form: str = "spline"
    flux_error: float = 0.0

    def __post_init__(self) -> None:
        freeze(self, distance_arcsec=self.distance_arcsec.shape, density=self.distance_arcsec.shape)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderSpectrum:
    """The object extracted in one order; every array has shape (n,), wavelength ascending.

    Attributes
    ----------
    order : int
        Detector order number.
    label : str
        Band, or the number.
    b_px : ndarray of int
        Dispersion pixel (binned frame).
    a_px : ndarray of float
        Trace, slit-axis pixel.
    wavelength_nm, pixel_scale_nm : ndarray
        At the trace; nm per pixel, positive.
    flux, variance : ndarray
        Optimal sum (electrons per native pixel, flattened if a flat was used) and its variance.
    boxcar, boxcar_robust, boxcar_restored : ndarray
        Aperture sums: all pixels; good pixels only; masked pixels restored from the profile.
    sky, sky_aperture : ndarray
        Sky per pixel at the aperture (mean), and summed over the aperture.
    profile_fraction : ndarray
        Share of the profile on good pixels, 0..1.
    aperture_fraction : ndarray
        Share of the object's light inside the boxcar aperture, 0..1.
    mean_flat : ndarray
        Profile-weighted flat; flux x mean_flat is the un-flattened flux.
    quality : ndarray of int
        `SpectrumFlag` bits.
    """

    order: int
    label: str
    b_px: IntArray
    a_px: FloatArray
    wavelength_nm: FloatArray
    pixel_scale_nm: FloatArray
    flux: FloatArray
    variance: FloatArray
    boxcar: FloatArray
    boxcar_robust: FloatArray
    boxcar_restored: FloatArray
    sky: FloatArray
    sky_aperture: FloatArray
    profile_fraction: FloatArray
    aperture_fraction: FloatArray
    mean_flat: FloatArray
    quality: IntArray

    def __post_init__(self) -> None:
        shape = self.b_px.shape
        names = [name for name in self.__slots__ if name not in ("order", "label")]
        freeze(self, **dict.fromkeys(names, shape))

    @property
    def snr(self) -> FloatArray:
        """Flux over its error; 0 where there is no variance."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.variance > 0, self.flux / np.sqrt(self.variance), 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """Where two neighbouring orders meet: lower and upper (detector numbers, by wavelength), wavelength, and the measured flux ratio upper/lower with its error."""

    blue_order: int
    red_order: int
    wavelength_nm: float
    scale: float = 1.0
    scale_error: float = 0.0

    @property
    def measured(self) -> bool:
        """Whether the orders overlap enough for a ratio; it is 1 with no error where they do not."""
        return self.scale_error > 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MergedSpectrum:
    """One spectrum on a regular grid; every array has shape (n,).

    Attributes
    ----------
    wavelength_nm : ndarray
        Multiples of the merge step, ascending.
    flux, variance : ndarray
        Electrons per native pixel (flattened if a flat was used) and variance.
    sky : ndarray
        Sky electrons per native pixel of the detector.
    density : ndarray
        Electrons per nm.
    correlation : ndarray, shape (n_lags, n)
        Element (k-1, i) is the correlation of the errors of samples i and i+k.
    order : ndarray of int
        Detector order that carries most of the weight; 0 where none.
    quality : ndarray of int
        `SpectrumFlag` bits.
    joins : tuple of Join
        In ascending wavelength.
    flattened : bool
        Whether a flat was divided out.
    """

    wavelength_nm: FloatArray
    flux: FloatArray
    variance: FloatArray
    sky: FloatArray
    density: FloatArray
    correlation: FloatArray
    order: IntArray
    quality: IntArray
    joins: tuple[Join, ...]
    flattened: bool = True

    def __post_init__(self) -> None:
        shape = self.wavelength_nm.shape
        freeze(
            self, wavelength_nm=shape, flux=shape, variance=shape, sky=shape, density=shape,
            correlation=(self.correlation.shape[0], *shape), order=shape, quality=shape,
        )  # fmt: skip

    @property
    def snr(self) -> FloatArray:
        """Flux over its error, per sample; 0 where there is no variance."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.variance > 0, self.flux / np.sqrt(self.variance), 0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlatLevel:
    """Mean of a master flat over the slit, in parts of every order; shape (n,), wavelengths ascend within an order."""

    order: IntArray
    wavelength_nm: FloatArray
    level: FloatArray

    def __post_init__(self) -> None:
        shape = self.order.shape
        freeze(self, order=shape, wavelength_nm=shape, level=shape)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CountsSpectrum:
    """A merged spectrum in counts, and all that a response has to know of it to make it a flux.

    Attributes
    ----------
    merged : MergedSpectrum
        In full precision.
    observation : Observation
        Exposure time, air mass, binning, slit and its angle count.
    fwhm_arcsec : float
        Of the light along the slit at the middle of the spectrum, without what pixels add.
    flat_level : FlatLevel or None
        Of the flat that was divided out.
    flat_md5 : str
        Identity of that flat; empty if there was none.
    in_doubt : float
        Relative error of all fluxes: light that may not be the object's, and its profile along the slit.
    is_standard : bool
        Whether the object is a flux standard.
    correct_slit_loss : bool
        Whether the settings ask that fluxes be corrected for the light that the slits took.
    """

    merged: MergedSpectrum
    observation: Observation
    fwhm_arcsec: float
    flat_level: FlatLevel | None = None
    flat_md5: str = ""
    in_doubt: float = 0.0
    is_standard: bool = False
    correct_slit_loss: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResponseCurve:
    """Flux per count rate.

    Attributes
    ----------
    polynomial : ndarray, shape (degree + 1,)
        Highest power first, in nm; 1e-17 erg cm-2 s-1 A-1 per (electron s-1 per native pixel), extinction removed if `extinction_removed`.
    wavelength_nm, response, error : ndarray, shape (n,)
        The sampled curve in erg cm-2 A-1 per (electron per native pixel); empty arrays when only the polynomial is known.
    valid_nm : tuple of float
        First and last wavelength in which it was measured.
    bins_nm, bins_value, bins_error, bins_used : ndarray, shape (m,)
        The measured points behind the curve, same unit; for plots and QC.
    extinction_removed : bool
        Whether count rates are to be corrected for extinction before multiplying.
    star : str
        Library name of the standard.
    airmass : float or None
        Mean air mass of the standard.
    seeing_arcsec : float or None
        Of the standard's profile, for the slit-loss ratio.
    slit_width_arcsec : float or None
        Of the standard's slit; None if unknown, which is taken for that of the object.
    slit_angle_deg : float or None
        Between the standard's slit and the direction to the zenith; None if unknown.
    flat_md5 : str
        Identity of the flat it holds for; empty if none or unknown.
    binning : tuple of int
        (x, y) of the standard's exposure.
    flat_level : FlatLevel or None
        Level of the flat it was made with, which other flats are held against; None if unknown.
    over_end : bool
        Whether the standard stood over the slit's end, so that its response is too high for stars elsewhere.
    """

    polynomial: FloatArray
    wavelength_nm: FloatArray
    response: FloatArray
    error: FloatArray
    valid_nm: tuple[float, float]
    bins_nm: FloatArray = field(default_factory=lambda: np.empty(0))
    bins_value: FloatArray = field(default_factory=lambda: np.empty(0))
    bins_error: FloatArray = field(default_factory=lambda: np.empty(0))
    bins_used: BoolArray = field(default_factory=lambda: np.empty(0, dtype=bool))
    extinction_removed: bool = True
    star: str = ""
    airmass: float | None = None
    seeing_arcsec: float | None = None
    slit_width_arcsec: float | None = None
    slit_angle_deg: float | None = None
    flat_md5: str = ""
    binning: tuple[int, int] = (1, 1)
    flat_level: FlatLevel | None = None
    over_end: bool = False

    def __post_init__(self) -> None:
        shape, bins = self.wavelength_nm.shape, self.bins_nm.shape
        freeze(
            self, polynomial=self.polynomial.shape, wavelength_nm=shape, response=shape, error=shape,
            bins_nm=bins, bins_value=bins, bins_error=bins, bins_used=bins,
        )  # fmt: skip

    @property
    def is_sampled(self) -> bool:
        """True when the sampled curve is there; it is then preferred to the polynomial."""
        return self.wavelength_nm.size > 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EfficiencyCurve:
    """End-to-end efficiency (0..1), shape (n,): as observed (slit and atmosphere included), and with extinction removed; medians over all and per order."""

    wavelength_nm: FloatArray
    efficiency: FloatArray
    above_atmosphere: FloatArray
    order: IntArray
    median: float
    median_by_order: Mapping[int, float]

    def __post_init__(self) -> None:
        shape = self.wavelength_nm.shape
        freeze(self, wavelength_nm=shape, efficiency=shape, above_atmosphere=shape, order=shape)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FluxedSpectrum:
    """The flux-calibrated spectrum.

    Attributes
    ----------
    wavelength_nm, flux, error : ndarray, shape (n,)
        Air; erg s-1 cm-2 A-1.
    quality : ndarray of int, shape (n,)
        `SpectrumFlag` bits.
    slit_loss_ratio : float or None
        Light through the slit, object over standard, median over wavelength; None if it cannot be told.
    slit_loss_error : float
        1 sigma.
    slit_loss_ends : tuple of float
        The ratio at the first and the last wavelength.
    slit_loss_applied : bool
        Whether the flux was divided by it.
    """

    wavelength_nm: FloatArray
    flux: FloatArray
    error: FloatArray
    quality: IntArray
    slit_loss_ratio: float | None = None
    slit_loss_error: float = 0.0
    slit_loss_ends: tuple[float, float] = (1.0, 1.0)
    slit_loss_applied: bool = False

    def __post_init__(self) -> None:
        shape = self.wavelength_nm.shape
        freeze(self, wavelength_nm=shape, flux=shape, error=shape, quality=shape)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JoinedSpectrum:
    """Two arms in one spectrum, each on its own samples.

    Attributes
    ----------
    wavelength_nm, flux, error : ndarray, shape (n,)
        Air; erg s-1 cm-2 A-1.
    quality : ndarray of int, shape (n,)
        `SpectrumFlag` bits.
    from_red : ndarray of bool, shape (n,)
        True for samples of the red arm.
    resolving_power : ndarray, shape (n,)
        0 where unknown.
    scale, scale_error : float
        Flux of the red arm over that of the blue one in their overlap, and its 1-sigma error; NaN without an overlap.
    applied : bool
        Whether the blue arm was multiplied by it.
    join_nm : float
        Wavelength where the arms meet.
    """

    wavelength_nm: FloatArray
    flux: FloatArray
    error: FloatArray
    quality: IntArray
    from_red: BoolArray
    resolving_power: FloatArray
    scale: float
    scale_error: float
    applied: bool
    join_nm: float

    def __post_init__(self) -> None:
        shape = self.wavelength_nm.shape
        freeze(self, wavelength_nm=shape, flux=shape, error=shape, quality=shape, from_red=shape, resolving_power=shape)
