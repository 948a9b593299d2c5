"""The self-describing one-dimensional spectrum: one row of arrays, in the ESO/IVOA form.

References
----------
.. [1] ESO Science Data Products Standard, GEN-SPE-ESO-33000-5335.
.. [2] IVOA Spectrum Data Model 1.1, 2011.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soxspipe.datamodel.arrays import FloatArray, IntArray
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.provenance import Card, InputFile
from soxspipe.datamodel.spectrum import FluxedSpectrum, MergedSpectrum
from soxspipe.io.fits_writer import Column, Hdu, table_hdu
from soxspipe.io.product_headers import header_text, sorted_cards
from soxspipe.io.products import COUNTS_NOTE, FLUX_UNIT

_AXIS = "Spectrum.Data"
_SECONDS_A_DAY = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spectrum1D:
    """What the one-row table holds: air wavelength (nm), flux, error and `SpectrumFlag` bits, shape (n,); whether the flux is calibrated."""

    wavelength_nm: FloatArray
    flux: FloatArray
    error: FloatArray
    quality: IntArray
    calibrated: bool


def as_spectrum_1d(merged: MergedSpectrum, fluxed: FluxedSpectrum | None) -> Spectrum1D:
    """The flux-calibrated spectrum, or the merged counts where there is none."""
    if fluxed is None:
        with np.errstate(invalid="ignore"):
            error = np.sqrt(merged.variance)
        return Spectrum1D(wavelength_nm=merged.wavelength_nm, flux=merged.flux, error=error, quality=merged.quality, calibrated=False)
    return Spectrum1D(wavelength_nm=fluxed.wavelength_nm, flux=fluxed.flux, error=fluxed.error, quality=fluxed.quality, calibrated=True)


def spectrum_1d_hdus(
    cards: tuple[Card, ...],
    spectrum: Spectrum1D,
    observation: Observation,
    *,
    n_exposures: int,
    total_exptime_s: float,
    snr: float,
    resolving_power: float | None,
    slit_length_arcsec: float,
    raw: Sequence[InputFile] = (),
) -> tuple[Hdu, ...]:
    """``SPECTRUM_1D``: WAVE, FLUX, ERR and QUAL as arrays of one row, with units, UCDs, Utypes and the keywords of a science product.

    The table SPECTRUM stands behind two images, FLUX and STD, that hold the same numbers: specutils opens those without being
    told a format, and cannot read a row of arrays.

    Parameters
    ----------
    cards : tuple of Card
        The product's header; keywords of the standard are added and win.
    spectrum : Spectrum1D
        What to write.
    observation : Observation
        Target, time and place.
    n_exposures, total_exptime_s : int, float
        Exposures combined and the sum of their exposure times.
    snr : float
        Median signal-to-noise ratio per sample.
    resolving_power : float or None
        lambda / delta lambda; left out when unknown.
    slit_length_arcsec : float
        Stands for the aperture when the slit's width is unknown.
    raw : sequence of InputFile
        Exposures, for the PROV keywords.
    """
    wave = np.round(np.asarray(spectrum.wavelength_nm, dtype=np.float64), 2)
    title = f"{observation.target or 'unnamed'} {observation.arm} {observation.date_obs}".strip()
    primary = _primary_cards(cards, spectrum, wave, observation, n_exposures, total_exptime_s, snr, resolving_power)
    primary += [(f"PROV{i}", file.path.rsplit("/", 1)[-1], "origin") for i, file in enumerate(raw, start=1)]
    aperture = (observation.slit_width_arcsec or slit_length_arcsec) / 3600.0
    extension: list[Card] = [
        ("VOCLASS", "SPECTRUM V1.0", "VO data model"),
        ("VOPUB", "ESO/SAF", "VO publishing authority"),
        ("TITLE", title, "dataset title"),
        ("OBJECT", observation.target, "target"),
        ("RA", observation.ra_deg, "[deg] right ascension"),
        ("DEC", observation.dec_deg, "[deg] declination"),
        ("APERTURE", aperture, "[deg] slit width"),
        ("TELAPSE", observation.duration_s, "[s] from the first start to the last end"),
        ("TMID", observation.mjd + 0.5 * observation.duration_s / _SECONDS_A_DAY, "[d] MJD half-way between them"),
        ("SPEC_VAL", float(0.5 * (wave[0] + wave[-1])), "[nm] mid wavelength"),
        ("SPEC_BW", float(wave[-1] - wave[0]), "[nm] range of wavelengths"),
        ("NELEM", wave.size, "length of the arrays"),
        *(() if spectrum.calibrated else (COUNTS_NOTE,)),
    ]
    return (
        Hdu(cards=sorted_cards([*cards, *primary, ("DISPAXIS", 1, "dispersion axis of the images")])),
        *_images(spectrum, wave),
        table_hdu("SPECTRUM", _columns(spectrum, wave), extension),
    )


def _images(spectrum: Spectrum1D, wave: FloatArray) -> tuple[Hdu, Hdu]:
    """Flux and error as images with a linear wavelength scale, for readers that do not look into rows of arrays."""
    cards: tuple[Card, ...] = (
        ("BUNIT", _unit(spectrum), ""),
        ("CTYPE1", "LINEAR", "wavelength in air"),
        ("CUNIT1", "nm", ""),
        ("CRPIX1", 1.0, ""),
        ("CRVAL1", float(wave[0]), "[nm]"),
        ("CDELT1", float(np.round((wave[-1] - wave[0]) / max(wave.size - 1, 1), 8)), "[nm]"),
    )
    flux, error = (np.asarray(values, dtype=np.float64) for values in (spectrum.flux, spectrum.error))
    return Hdu(name="FLUX", data=flux, cards=cards), Hdu(name="STD", data=error, cards=cards)


def _unit(spectrum: Spectrum1D) -> str:
    return FLUX_UNIT if spectrum.calibrated else "ct"


def _columns(spectrum: Spectrum1D, wave: FloatArray) -> list[Column]:
    unit, density = _unit(spectrum), "phot.flux.density;em.wl" if spectrum.calibrated else "phot.count;em.wl"

    def column(name: str, values: FloatArray | IntArray, unit: str, ucd: str, utype: str, comment: str) -> Column:
        limits = (("TDMIN", float(wave[0])), ("TDMAX", float(wave[-1]))) if name == "WAVE" else ()
        return Column(
            name=name, values=values[None, :], unit=unit, comment=comment, extra=(("TUCD", ucd), ("TUTYP", f"{_AXIS}.{utype}"), *limits)
        )

    flux, error = (np.asarray(values, dtype=np.float64) for values in (spectrum.flux, spectrum.error))
    return [
        column("WAVE", wave, "nm", "em.wl;obs.atmos", "SpectralAxis.Value", "wavelength in air"),
        column("FLUX", flux, unit, f"{density};src.net", "FluxAxis.Value", "sky-subtracted"),
        column("ERR", error, unit, f"stat.error;{density};src.net", "FluxAxis.Accuracy.StatError", "1 sigma"),
        column("QUAL", spectrum.quality.astype(np.int32), "", "meta.code.qual", "FluxAxis.Accuracy.QualityStatus", "0 is good"),
    ]


def _primary_cards(
    cards: tuple[Card, ...],
    spectrum: Spectrum1D,
    wave: FloatArray,
    observation: Observation,
    n_exposures: int,
    total_exptime_s: float,
    snr: float,
    resolving_power: float | None,
) -> list[Card]:
    program, block = header_text(cards, "ESO OBS PROG ID", "PROG_ID"), header_text(cards, "ESO OBS ID", "OBID1")
    relative_error = np.asarray(spectrum.error)[np.asarray(spectrum.flux) > 0] / np.asarray(spectrum.flux)[np.asarray(spectrum.flux) > 0]
    good = relative_error[np.isfinite(relative_error)]
    made: list[Card] = [
        ("PRODCATG", "SCIENCE.SPECTRUM", "data product category"),
        ("DISPELEM", observation.arm, "arm"),
        ("OBJECT", observation.target, "target"),
        ("RA", observation.ra_deg, "[deg] right ascension"),
        ("DEC", observation.dec_deg, "[deg] declination"),
        ("EXPTIME", total_exptime_s, "[s] total integration time"),
        ("TEXPTIME", total_exptime_s, "[s] sum over all exposures"),
        ("NCOMBINE", n_exposures, "number of raw exposures"),
        ("MJD-OBS", observation.mjd, "[d] start of the first exposure"),
        ("MJD-END", observation.mjd + observation.duration_s / _SECONDS_A_DAY, "[d] end of the last exposure"),
        ("PROG_ID", program, "programme"),
        ("OBID1", int(block) if block.isdigit() else block, "observation block"),
        ("OBSTECH", "ECHELLE,SLIT,STARE", "technique of observation"),
        ("SPECSYS", "TOPOCENT", "frame of reference of the wavelengths"),
        ("TIMESYS", "UTC", "time system"),
        ("FLUXCAL", "ABSOLUTE" if spectrum.calibrated else "UNCALIBRATED", "certifies the flux calibration"),
        ("FLUXERR", 100.0 * float(np.median(good)) if good.size else None, "[%] median uncertainty of the flux"),
        ("CONTNORM", False, "spectrum normalised to the continuum"),
        ("TOT_FLUX", False, "the slit does not collect all the light"),
        ("EXT_OBJ", False, "extended object"),
        ("M_EPOCH", False, "several epochs"),
        ("WAVELMIN", float(wave[0]), "[nm] shortest wavelength"),
        ("WAVELMAX", float(wave[-1]), "[nm] longest wavelength"),
        ("SPEC_BIN", float(np.round(np.median(np.diff(wave)), 4)), "[nm] sampling"),
        ("SPEC_RES", resolving_power, "resolving power for this slit"),
        ("SNR", snr, "median signal-to-noise ratio per sample"),
        ("PROCSOFT", header_text(cards, "ESO PRO REC1 PIPE ID"), "reduction software"),
    ]
    return [card for card in made if card[1] not in (None, "") and not (isinstance(card[1], float) and not math.isfinite(card[1]))]
