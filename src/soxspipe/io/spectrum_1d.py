"""The self-describing one-dimensional spectrum: one row of arrays, in the ESO/IVOA form.

References
----------
.. [1] ESO Science Data Products Standard, GEN-SPE-ESO-33000-5335.
.. [2] IVOA Spectrum Data Model 1.1, 2011.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soxspipe.datamodel.arrays import FloatArray, IntArray
from soxspipe.datamodel.flags import MASKED
from soxspipe.datamodel.observation import Observation, TimeSpan
from soxspipe.datamodel.provenance import Card, InputFile
from soxspipe.datamodel.spectrum import FluxedSpectrum, MergedSpectrum, ResponseCurve
from soxspipe.io.fits import open_fits
from soxspipe.io.fits_writer import Column, Hdu, table_hdu
from soxspipe.io.headers import header_cards
from soxspipe.io.product_headers import header_text, sorted_cards
from soxspipe.io.products import COUNTS_NOTE, FLUX_UNIT
from soxspipe.numerics.air import air_to_vacuum

_AXIS = "Spectrum.Data"
_OF_COLUMNS = re.compile(r"T[A-Z]+\d+")
NOT_IN_SPECTRA = ("BUNIT", "CDELT1", "CRPIX1", "CRVAL1", "CTYPE1")
UNCALIBRATED, UNKNOWN = -1.0, -2.0
"""FLUXERR of spectra in counts, and of a flux scale whose error is not known."""
FROM_RAW = (("ORIGIN",), ("TELESCOP",), ("INSTRUME",), ("RADESYS", "RADECSYS"), ("PROG_ID", "ESO OBS PROG ID"), ("OBID1", "ESO OBS ID"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spectrum1D:
    """What the one-row table holds: air wavelength (nm), flux, error and `SpectrumFlag` bits, shape (n,); whether the flux is calibrated.

    `scale_error` is the relative error of the flux scale, None where nothing is known of it.
    """

    wavelength_nm: FloatArray
    flux: FloatArray
    error: FloatArray
    quality: IntArray
    calibrated: bool
    scale_error: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the standard asks for beside the spectrum.

    Attributes
    ----------
    observation : Observation
        Target and place.
    span : TimeSpan or None
        When light was collected; None where a date is missing.
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

    observation: Observation
    span: TimeSpan | None
    n_exposures: int
    total_exptime_s: float
    snr: float
    resolving_power: float | None
    slit_length_arcsec: float
    raw: Sequence[InputFile] = ()


def as_spectrum_1d(
    merged: MergedSpectrum, fluxed: FluxedSpectrum | None, response: ResponseCurve | None = None, in_doubt: float = 0.0
) -> Spectrum1D:
    """The flux-calibrated spectrum, or the merged counts where there is none; `in_doubt` is the share of light that may not be the object's."""
    if fluxed is None:
        with np.errstate(invalid="ignore"):
            error = np.sqrt(merged.variance)
        return Spectrum1D(wavelength_nm=merged.wavelength_nm, flux=merged.flux, error=error, quality=merged.quality, calibrated=False)
    return Spectrum1D(
        wavelength_nm=fluxed.wavelength_nm,
        flux=fluxed.flux,
        error=fluxed.error,
        quality=fluxed.quality,
        calibrated=True,
        scale_error=_scale_error(response, in_doubt),
    )


def missing_keywords(cards: Sequence[Card]) -> tuple[str, ...]:
    """Keywords of the standard that only the raw header can give, and does not."""
    known = {name for name, value, _ in cards if value not in (None, "")}
    return tuple(" or ".join(names) for names in FROM_RAW if not known.intersection(names))


def _scale_error(response: ResponseCurve | None, in_doubt: float) -> float | None:
    """Median relative error of the response where it was measured, and the light in doubt; None for a response without errors."""
    if response is None or not response.is_sampled:
        return None
    low, high = response.valid_nm
    inside = (response.wavelength_nm >= low) & (response.wavelength_nm <= high) & (response.error > 0) & (response.response > 0)
    return float(np.hypot(np.median(response.error[inside] / response.response[inside]), in_doubt)) if inside.any() else None


def spectrum_1d_hdus(cards: tuple[Card, ...], spectrum: Spectrum1D, circumstances: Circumstances) -> tuple[Hdu, ...]:
    """``SPECTRUM_1D``: a header, and WAVE, FLUX, ERR, QUAL and WAVE_VAC as arrays of one row, as [1]_ has it."""
    wave = _grid(spectrum)
    primary = _primary_cards(cards, spectrum, wave, circumstances)
    primary += [(f"PROV{i}", file.path.rsplit("/", 1)[-1], "origin") for i, file in enumerate(circumstances.raw, start=1)]
    primary.append(("REFERENC", "", "bibliographic reference"))
    return (
        Hdu(cards=tuple(card for card in sorted_cards([*cards, *primary]) if card[0] not in NOT_IN_SPECTRA)),
        table_hdu("SPECTRUM", _columns(spectrum, wave), _extension_cards(spectrum, wave, circumstances)),
    )


def spectrum_images(cards: tuple[Card, ...], spectrum: Spectrum1D, circumstances: Circumstances) -> tuple[Hdu, ...]:
    """``SPECTRUM_1D_IMAGE``: FLUX, STD, QUALITY and FLAGS as images on a linear scale of wavelengths, for readers that know no rows of arrays.

    QUALITY is 1 where a flag of `soxspipe.datamodel.flags.MASKED` is set; FLAGS holds all `SpectrumFlag` bits.
    """
    wave = _grid(spectrum)
    made: Sequence[Card] = [*cards, *_primary_cards(cards, spectrum, wave, circumstances), ("DISPAXIS", 1, "dispersion axis of the images")]
    return (
        Hdu(cards=tuple(card for card in sorted_cards(made) if card[0] not in NOT_IN_SPECTRA)),
        *_images(spectrum, wave),
    )


def _images(spectrum: Spectrum1D, wave: FloatArray) -> tuple[Hdu, ...]:
    """FLUX, STD, QUALITY and FLAGS."""
    axis: tuple[Card, ...] = (
        ("CTYPE1", "AWAV", "wavelength in air"),
        ("CUNIT1", "nm", ""),
        ("CRPIX1", 1.0, ""),
        ("CRVAL1", float(wave[0]), "[nm]"),
        ("CDELT1", float(np.round((wave[-1] - wave[0]) / max(wave.size - 1, 1), 8)), "[nm]"),
        ("SPECSYS", "TOPOCENT", "frame of reference of the wavelengths"),
    )
    flux, error = (np.asarray(values, dtype=np.float64) for values in (spectrum.flux, spectrum.error))
    bits = np.asarray(spectrum.quality, dtype=np.int32)
    unit: Card = ("BUNIT", _unit(spectrum), "")
    return (
        Hdu(name="FLUX", data=flux, cards=(unit, *axis)),
        Hdu(name="STD", data=error, cards=(unit, *axis)),
        Hdu(name="QUALITY", data=((bits & int(MASKED)) != 0).astype(np.uint8), cards=(("BFORM", "L", "1 masks a sample"), *axis)),
        Hdu(name="FLAGS", data=bits, cards=axis),
    )


def calibrated_later(path: Path, cards: Sequence[Card], spectrum: Spectrum1D) -> tuple[Hdu, ...]:
    """``SPECTRUM_1D`` or ``SPECTRUM_1D_IMAGE`` once more, now that its flux is calibrated.

    Parameters
    ----------
    path : Path
        The file as it is: what it says of the observation stays.
    cards : sequence of Card
        Its new primary header, but for what says that it is calibrated.
    spectrum : Spectrum1D
        Calibrated.
    """
    opened, wave = open_fits(path), _grid(spectrum)
    primary = Hdu(cards=sorted_cards([*cards, *_scale_cards(spectrum)]))
    if not opened.images:
        known = header_cards(opened.tables[0].header)
        said = [card for card in known if not _OF_COLUMNS.fullmatch(card[0]) and card[0] != "COMMENT"]
        return primary, table_hdu("SPECTRUM", _columns(spectrum, wave), said)
    return primary, *_images(spectrum, wave)


def _grid(spectrum: Spectrum1D) -> FloatArray:
    return np.round(np.asarray(spectrum.wavelength_nm, dtype=np.float64), 2)


def _extension_cards(spectrum: Spectrum1D, wave: FloatArray, circumstances: Circumstances) -> list[Card]:
    observation = circumstances.observation
    title = f"{observation.target or 'unnamed'} {observation.arm} {observation.date_obs}".strip()
    return [
        ("VOCLASS", "SPECTRUM V1.0", "VO data model"),
        ("VOPUB", "ESO/SAF", "VO publishing authority"),
        ("TITLE", title, "dataset title"),
        ("OBJECT", observation.target, "target"),
        ("RA", observation.ra_deg, "[deg] right ascension"),
        ("DEC", observation.dec_deg, "[deg] declination"),
        ("APERTURE", (observation.slit_width_arcsec or circumstances.slit_length_arcsec) / 3600.0, "[deg] slit width"),
        (
            "TELAPSE",
            circumstances.total_exptime_s if circumstances.span is None else circumstances.span.elapsed_s,
            "[s] from begin to end, pauses included",
        ),
        ("TMID", None if circumstances.span is None else circumstances.span.middle, "[d] MJD half-way between begin and end"),
        ("SPEC_VAL", float(0.5 * (wave[0] + wave[-1])), "[nm] mid wavelength"),
        ("SPEC_BW", float(wave[-1] - wave[0]), "[nm] range of wavelengths"),
        ("NELEM", wave.size, "length of the arrays"),
        *(() if spectrum.calibrated else (COUNTS_NOTE,)),
    ]


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
        Column(
            name="WAVE_VAC",
            values=air_to_vacuum(wave)[None, :],
            unit="nm",
            comment="wavelength in vacuum",
            extra=(("TUCD", "em.wl"), ("TUTYP", "")),
        ),
    ]


def _primary_cards(cards: tuple[Card, ...], spectrum: Spectrum1D, wave: FloatArray, circumstances: Circumstances) -> list[Card]:
    observation = circumstances.observation
    program, block = header_text(cards, "ESO OBS PROG ID", "PROG_ID"), header_text(cards, "ESO OBS ID", "OBID1")
    made: list[Card] = [
        ("ORIGIN", "ESO", "European Southern Observatory"),
        ("PRODCATG", "SCIENCE.SPECTRUM", "data product category"),
        ("DISPELEM", observation.arm, "arm"),
        ("OBJECT", observation.target, "target"),
        ("RA", observation.ra_deg, "[deg] right ascension"),
        ("DEC", observation.dec_deg, "[deg] declination"),
        ("EXPTIME", circumstances.total_exptime_s, "[s] total integration time"),
        ("TEXPTIME", circumstances.total_exptime_s, "[s] sum over all exposures"),
        ("NCOMBINE", circumstances.n_exposures, "number of raw exposures"),
        ("MJD-OBS", observation.mjd if circumstances.span is None else circumstances.span.begin, "[d] start of the first exposure"),
        ("MJD-END", None if circumstances.span is None else circumstances.span.end, "[d] end of the last exposure"),
        ("PROG_ID", program, "programme"),
        ("OBID1", int(block) if block.isdigit() else block, "observation block"),
        ("OBSTECH", "ECHELLE,SLIT,STARE", "technique of observation"),
        ("SPECSYS", "TOPOCENT", "frame of reference of the wavelengths"),
        ("TIMESYS", "UTC", "time system"),
        *_scale_cards(spectrum),
        ("CONTNORM", False, "spectrum normalised to the continuum"),
        ("TOT_FLUX", False, "the slit does not collect all the light"),
        ("EXT_OBJ", False, "extended object"),
        ("M_EPOCH", False, "several epochs"),
        ("WAVELMIN", float(wave[0]), "[nm] shortest wavelength"),
        ("WAVELMAX", float(wave[-1]), "[nm] longest wavelength"),
        ("SPEC_BIN", float(np.round(np.median(np.diff(wave)), 4)), "[nm] sampling"),
        ("SPEC_RES", circumstances.resolving_power, "resolving power for this slit"),
        ("SNR", circumstances.snr, "median signal-to-noise ratio per sample"),
        ("PROCSOFT", header_text(cards, "ESO PRO REC1 PIPE ID"), "reduction software"),
    ]
    return [card for card in made if card[1] not in (None, "") and not (isinstance(card[1], float) and not math.isfinite(card[1]))]


def _scale_cards(spectrum: Spectrum1D) -> tuple[Card, ...]:
    """Whether the flux is calibrated, and how well."""
    scale_error = UNKNOWN if spectrum.scale_error is None else round(100.0 * spectrum.scale_error, 3)
    return (
        ("FLUXCAL", "ABSOLUTE" if spectrum.calibrated else "UNCALIBRATED", "certifies the flux calibration"),
        ("FLUXERR", scale_error if spectrum.calibrated else UNCALIBRATED, "[%] uncertainty of the flux scale"),
    )
