"""Electrons to erg s-1 cm-2 A-1."""

from __future__ import annotations

import numpy as np

from soxspipe.algorithms.spectra.flat_level import flat_ratio
from soxspipe.algorithms.spectra.slit_losses import SlitLoss, SlitView, measure_slit_loss
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.datamodel.calibrations import ExtinctionCurve, TelluricBands
from soxspipe.datamodel.detector import Arm
from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.spectrum import FlatLevel, FluxedSpectrum, MergedSpectrum, ResponseCurve

POLYNOMIAL_UNIT = 1e-17
"""Of tables of the reference."""
EXTINCTION_ERROR_MAG = 0.01
"""Extinction differs by about as much from night to night, per air mass."""
LOW_RESPONSE = 20.0
"""Twenty times the median: the end of an arm, where a small error of the response is a large one of the flux."""


def flux_calibrate(
    merged: MergedSpectrum,
    response: ResponseCurve,
    observation: Observation,
    extinction: ExtinctionCurve,
    telluric_bands: TelluricBands,
    *,
    seeing_arcsec: float | None = None,
    flat_level: FlatLevel | None = None,
    binning_ratio: float = 1.0,
    correct_slit_loss: bool = False,
    arm: Arm,
) -> FluxedSpectrum:
    """Multiply the count rate per native pixel, extinction removed at the mean air mass, by the response.

    Parameters
    ----------
    merged : MergedSpectrum
        The object, flattened as the standard was.
    response : ResponseCurve
        Its sampled curve is preferred to its polynomial.
    observation : Observation
        Exposure time and air mass of the object; without an air mass, that of 1 is taken.
    extinction, telluric_bands
        Static tables.
    seeing_arcsec : float or None
        Width of the object's profile; with the standard's and the slit it gives the ratio of slit losses.
    flat_level : FlatLevel or None
        Of the flat the object was divided by; where the response holds that of its own flat, their ratio is taken out.
    binning_ratio : float
        Binning along the dispersion of the standard over that of the object: a pixel binned by two holds twice the counts.
    correct_slit_loss : bool
        Divide by the ratio of slit losses, whose error then counts; otherwise it is reported alone.
    arm : Arm
        How refraction reaches its slit.

    Returns
    -------
    FluxedSpectrum
        Errors hold those of extraction, response and extinction.
    """
    wave = merged.wavelength_nm
    curve, curve_error, known = sample_response(response, wave)
    airmass = 1.0 if observation.airmass is None else observation.airmass
    factor = extinction.factor(wave, airmass) if response.extinction_removed else np.ones(wave.shape)
    scale = curve * factor * binning_ratio / observation.exptime_s
    if flat_level is not None and response.flat_level is not None:
        scale = scale * flat_ratio(flat_level, response.flat_level, wave)
    flux = merged.flux * scale
    airmass_step = abs(airmass - (response.airmass if response.airmass is not None else 1.0)) if response.extinction_removed else 0.0
    relative = np.hypot(
        np.divide(curve_error, curve, out=np.zeros_like(curve), where=curve > 0), 0.921 * EXTINCTION_ERROR_MAG * airmass_step
    )
    loss = _slit_loss(wave, seeing_arcsec, observation, response, arm)
    if correct_slit_loss and loss is not None:
        scale, flux, relative = scale / loss.ratio, flux / loss.ratio, np.hypot(relative, loss.error / loss.ratio)
    error = np.hypot(np.sqrt(np.maximum(merged.variance, 0.0)) * scale, flux * relative)
    return FluxedSpectrum(
        wavelength_nm=wave,
        flux=flux,
        error=error,
        quality=_quality(merged, telluric_bands, curve, known),
        slit_loss_ratio=None if loss is None else float(np.median(loss.ratio)),
        slit_loss_error=0.0 if loss is None else float(np.median(loss.error)),
        slit_loss_ends=(1.0, 1.0) if loss is None else (float(loss.ratio[0]), float(loss.ratio[-1])),
        slit_loss_applied=correct_slit_loss and loss is not None,
    )


def _quality(merged: MergedSpectrum, telluric_bands: TelluricBands, curve: FloatArray, known: BoolArray) -> IntArray:
    """Flags of the merged spectrum, and of what the response `curve` cannot be trusted with."""
    quality = np.array(merged.quality)
    quality[telluric_bands.contains(merged.wavelength_nm)] |= int(SpectrumFlag.TELLURIC)
    quality[~known] |= int(SpectrumFlag.EXTRAPOLATED_RESPONSE)
    measured = known & (curve > 0)
    typical = float(np.median(curve[measured])) if measured.any() else 1.0
    quality[curve > LOW_RESPONSE * typical] |= int(SpectrumFlag.LOW_RESPONSE)
    return quality


def sample_response(response: ResponseCurve, wave: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Response (erg cm-2 A-1 per electron per native pixel), its error, and whether it was measured there; shape of `wave`."""
    known = (wave >= response.valid_nm[0]) & (wave <= response.valid_nm[1])
    if response.is_sampled:
        logarithm = np.interp(wave, response.wavelength_nm, np.log(response.response))
        relative = np.interp(wave, response.wavelength_nm, response.error / response.response)
        low, high = response.wavelength_nm[0], response.wavelength_nm[-1]
        beyond = (wave < low) | (wave > high)
        return np.exp(logarithm), np.exp(logarithm) * relative, known & ~beyond
    curve = np.polyval(response.polynomial.astype(np.float64), wave) * POLYNOMIAL_UNIT
    return curve, np.zeros(wave.shape), known


def unbinned_response(response: ResponseCurve, arm: Arm, extinction: ExtinctionCurve) -> FloatArray:
    """The sampled curve as release 0.19 of the reference writes it, shape (n,), erg cm-2 A-1 per electron and unbinned pixel.

    The reference removes extinction in VIS and UVB alone, so that in the NIR the standard's is part of the response.
    """
    unbinned = response.response * response.binning[arm.dispersion_index]
    if arm.name == "NIR" and response.extinction_removed and response.airmass is not None:
        return unbinned * extinction.factor(response.wavelength_nm, response.airmass)
    return unbinned


def _slit_loss(
    wave: FloatArray, seeing_arcsec: float | None, observation: Observation, response: ResponseCurve, arm: Arm
) -> SlitLoss | None:
    """Slit losses against the standard; None if they cannot be told.

    The standard's slit is taken to be the object's where it is not known.  Through another slit the ratio is told without the standard's
    seeing as well, which is then taken to be the object's.
    """
    slit, standard_slit = observation.slit_width_arcsec, response.slit_width_arcsec
    other_slit = standard_slit is not None and standard_slit != slit
    if not seeing_arcsec or not slit or not (response.seeing_arcsec or other_slit):
        return None
    target = SlitView(fwhm_arcsec=seeing_arcsec, slit_arcsec=slit, airmass=observation.airmass or 1.0, angle_deg=observation.slit_angle_deg)
    standard = SlitView(
        fwhm_arcsec=response.seeing_arcsec or seeing_arcsec,
        slit_arcsec=standard_slit or slit,
        airmass=response.airmass or 1.0,
        angle_deg=response.slit_angle_deg,
    )
    return measure_slit_loss(wave, target, standard, arm)
