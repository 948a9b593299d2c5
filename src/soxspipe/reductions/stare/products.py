"""Contents of the stare recipe's data files: which values of a run go into which layout, and under which header."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from soxspipe import __version__
from soxspipe.algorithms.spectra.barycentric import barycentric_motion
from soxspipe.algorithms.spectra.flux_calibration import unbinned_response
from soxspipe.datamodel.arrays import Image
from soxspipe.datamodel.exposure_record import ExposureRecord
from soxspipe.datamodel.frame import RawFrame
from soxspipe.datamodel.observation import Observation, TimeSpan
from soxspipe.datamodel.provenance import Card, CardValue
from soxspipe.datamodel.spectrum import OrderSpectrum
from soxspipe.datamodel.stored_image import Pixels
from soxspipe.errors import ProductError
from soxspipe.io import products
from soxspipe.io.counts import counts_hdus
from soxspipe.io.fits_writer import ComputedImage, Hdu, fits_chunks
from soxspipe.io.product_headers import product_cards
from soxspipe.io.spectrum_1d import Circumstances, Spectrum1D, as_spectrum_1d, spectrum_1d_hdus, spectrum_images
from soxspipe.reductions import records
from soxspipe.reductions.records import finite_number, metric_row
from soxspipe.reductions.spec import Contents
from soxspipe.reductions.stare.context import StareContext
from soxspipe.reductions.stare.exposures_used import exposures_used
from soxspipe.reductions.stare.response_warnings import response_warnings
from soxspipe.reductions.stare.solution_warnings import slit_loss_warnings
from soxspipe.reductions.stare.struck_pixels import struck_pixels
from soxspipe.reductions.stare.trace_table import trace_polynomials

Value = TypeVar("Value")
Writer = Callable[[StareContext], Contents]

SPECTRUM, TECHNIQUE = "SCI_SLIT_FLUX", "ECHELLE,SLIT"


def sky_subtracted(context: StareContext) -> Contents:
    """SKYSUB: 0 outside orders; flagged pixels keep their value."""
    electrons, variance, flags = context.result.sky_subtracted.images
    return fits_chunks(products.image_hdus(_image_cards(context), electrons, flags, _sigma(variance)))


def sky_model(context: StareContext) -> Contents:
    """SKYMODEL with the model's own error."""
    model = _present(context.result.sky, "sky model")
    return fits_chunks(products.image_hdus(_image_cards(context), model.electrons, _flags(context), _sigma(model.variance)))


def sky_residuals(context: StareContext) -> Contents:
    """SKYSUB_RESIDUALS: (data - sky - object) / error, so that ERRS is 1 inside orders; NaN outside, with an infinite error."""
    residual = context.result.residual_sigma
    error = ComputedImage(residual, lambda rows: np.where(np.isfinite(rows), np.float32(1.0), np.float32(np.inf)))
    remark = "kept for readers; values are in sigma"
    return fits_chunks(products.image_hdus(_image_cards(context), residual, _flags(context), error, remark=remark))


def cosmic_ray_mask(context: StareContext) -> Contents:
    """LACOSMIC_MASK: one image an exposure that was averaged, 1 where a cosmic ray struck."""
    images = tuple(
        Hdu(name="CRMASK", data=one.struck.astype(np.uint8), cards=_exposure_cards(one.raw, int(np.count_nonzero(one.struck))))
        for one in struck_pixels(context)
    )
    return fits_chunks((Hdu(cards=_image_cards(context)), *images))


def _exposure_cards(raw: RawFrame, struck: int) -> tuple[Card, ...]:
    return (
        ("ORIGFILE", raw.name, "exposure"),
        ("MJD-OBS", raw.observation.mjd, ""),
        ("DATE-OBS", raw.observation.date_obs, ""),
        ("NCRPIX", struck, "pixels struck"),
    )


def object_trace(context: StareContext) -> Contents:
    """OBJTRACE."""
    centre, sigma = trace_polynomials(context.result.trace, context.inputs.geometry)
    return fits_chunks(products.trace_hdus(_table_cards(context, "OBJECT_TAB"), context.result.trace, context.inputs.arm, centre, sigma))


def orders(context: StareContext) -> Contents:
    """EXTRACTED_ORDERS."""
    return fits_chunks(
        products.orders_hdus(_table_cards(context, SPECTRUM), _in_format_order(context, context.result.orders), context.inputs.arm)
    )


def orders_unflattened(context: StareContext) -> Contents:
    """EXTRACTED_ORDERS_NOTFLAT."""
    spectra = _in_format_order(context, context.result.orders_unflattened)
    return fits_chunks(products.orders_hdus(_table_cards(context, SPECTRUM), spectra, context.inputs.arm))


def merged(context: StareContext) -> Contents:
    """EXTRACTED_MERGED."""
    result, cards = context.result, _table_cards(context, SPECTRUM)
    hdus = products.merged_hdus(cards, result.merged, context.inputs.arm, limits=result.trace.forced)
    return fits_chunks((*hdus, *(() if result.counts is None else counts_hdus(result.counts))))


def merged_unflattened(context: StareContext) -> Contents:
    """EXTRACTED_MERGED_NOTFLAT."""
    spectrum = _present(context.result.merged_unflattened, "un-flattened spectrum")
    return fits_chunks(
        products.merged_hdus(_table_cards(context, SPECTRUM), spectrum, context.inputs.arm, limits=context.result.trace.forced)
    )


def merged_ascii(context: StareContext) -> Contents:
    """EXTRACTED_MERGED.txt."""
    return [products.merged_ascii(context.result.merged)]


def response(context: StareContext) -> Contents:
    """RESP."""
    curve = _present(context.result.response, "response")
    unbinned = unbinned_response(curve, context.inputs.arm, context.inputs.extinction)
    return fits_chunks(products.response_hdus(_table_cards(context, "RESP_TAB"), curve, unbinned))


def fluxed_ascii(context: StareContext) -> Contents:
    """FLUXCAL.txt."""
    used = exposures_used(context)
    known = {name: value for name, value, _ in _frame_of_reference(context, used.span)}
    about = fluxed_about(
        context.inputs.observation, number=used.number, total_s=used.total_exptime_s, instrument=context.inputs.arm.instrument, known=known
    )
    return [products.fluxed_ascii(_present(context.result.fluxed, "flux-calibrated spectrum"), about)]


def fluxed_about(
    seen: Observation, *, number: int, total_s: float, instrument: str, known: Mapping[str, CardValue]
) -> dict[str, str]:  # fmt: skip
    """Header of the text: target, date, exposure, instrument; velocity and time at the barycentre where `known`, a header, has them."""
    text = ""
    if "SOXS BARY VEL" in known:
        text = f"add {known['SOXS BARY VEL']} km/s to velocities (not applied); BJD_TDB {known['SOXS BARY BJD']}"
    return {
        "target": seen.target,
        "date": seen.date_obs,
        "exposure": f"{total_s:g} s in {number} exposure{'s' if number > 1 else ''}",
        "instrument": f"{instrument} {seen.arm}, slit {seen.slit_name or 'unknown'}",
        "barycentric": text,
    }


def efficiency(context: StareContext) -> Contents:
    """EFFICIENCY."""
    curve = _present(context.result.efficiency, "efficiency")
    return fits_chunks(products.efficiency_hdus(_table_cards(context, "EFFICIENCY_TAB"), curve, context.inputs.arm))


def fluxed(context: StareContext) -> Contents:
    """FLUXCAL."""
    spectrum = _present(context.result.fluxed, "flux-calibrated spectrum")
    return fits_chunks(products.fluxed_hdus(fluxed_cards(context), spectrum, limits=context.result.trace.forced))


def fluxed_cards(context: StareContext) -> tuple[Card, ...]:
    """Header of FLUXCAL."""
    return _table_cards(context, SPECTRUM)


def spectrum_1d(context: StareContext) -> Contents:
    """SPECTRUM_1D; ESO's standard allows no HDU beside the table, so that shortened values stand in full in the other products alone."""
    return fits_chunks(spectrum_1d_hdus(*_spectrum_1d(context)), long_values=False)


def spectrum_1d_image(context: StareContext) -> Contents:
    """SPECTRUM_1D_IMAGE."""
    return fits_chunks(spectrum_images(*_spectrum_1d(context)))


def _spectrum_1d(context: StareContext) -> tuple[tuple[Card, ...], Spectrum1D, Circumstances]:
    result, snr, used = context.result, context.metric("SNR MEDIAN"), exposures_used(context)
    circumstances = Circumstances(
        observation=context.inputs.observation,
        span=used.span,
        n_exposures=used.number,
        total_exptime_s=used.total_exptime_s,
        snr=math.nan if snr is None else float(snr),
        resolving_power=_resolving_power(context),
        slit_length_arcsec=context.inputs.arm.slit_length_arcsec,
        raw=context.provenance.raw,
    )
    in_doubt = 0.0 if result.counts is None else result.counts.in_doubt
    spectrum = as_spectrum_1d(result.merged, result.fluxed, result.response, in_doubt)
    return _table_cards(context, SPECTRUM), spectrum, circumstances


def _resolving_power(context: StareContext) -> float | None:
    """Of the arm with the slit used; None where either is not known."""
    slit, reference = context.inputs.observation.slit_width_arcsec, context.inputs.arm.resolving_power_1arcsec
    return reference / slit if reference and slit else None


def metrics_json(context: StareContext) -> Contents:
    """QC.json: metrics with ranges and flags, warnings, failures and diagnostics; numbers that were not measured are null."""
    from soxspipe.reductions.stare.figures import verdict

    judged = verdict(context)
    answer = {
        "sof": context.provenance.sof_name,
        "recipe": context.provenance.recipe,
        "version": __version__,
        "arm": context.inputs.arm.name,
        "target": context.inputs.observation.target,
        "date_obs": context.inputs.observation.date_obs,
        "reduced": context.made_at,
        "verdict": judged.title,
        "level": judged.level,
        "worries": list(judged.worries),
        "warnings": list(context.result.warnings),
        "about_flux": _about_flux(context),
        "failures": dict(context.result.failures),
        "exposures": [_exposure_row(record) for record in context.result.exposures],
        "metrics": [metric_row(metric) for metric in context.metrics],
        "diagnostics": {name: finite_number(value) for name, value in context.result.diagnostics.items()},
    }
    return [(json.dumps(answer, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")]


def _about_flux(context: StareContext) -> list[str]:
    """Those of the warnings and worries that a response which comes later replaces."""
    from soxspipe.report.science.judge import flux_worries
    from soxspipe.report.verdict import as_sentence

    inputs, result = context.inputs, context.result
    flat = inputs.masters.flat is not None
    said = [
        *response_warnings(inputs.response, inputs.masters.flat_md5, inputs.observation, inputs.arm, flattened=flat),
        *slit_loss_warnings(result.fluxed, result.response, inputs.observation),
    ]
    own = flux_worries(result.fluxed, result.response, inputs.observation, is_standard=inputs.is_standard)
    return [*said, *map(as_sentence, said), *own]


def _exposure_row(record: ExposureRecord) -> dict[str, Any]:
    return {name: finite_number(value) for name, value in dataclasses.asdict(record).items()}


def log(context: StareContext) -> Contents:
    """EXTRACTED_MERGED.log."""
    return records.log(context, context.result.failures)


def _image_cards(context: StareContext) -> tuple[Card, ...]:
    return _cards(context, "", is_image=True)


def _table_cards(context: StareContext, category: str) -> tuple[Card, ...]:
    return _cards(context, f"{category}_{context.inputs.arm.name}", is_image=False)


def _cards(context: StareContext, category: str, *, is_image: bool) -> tuple[Card, ...]:
    return product_cards(
        context.provenance,
        arm=context.inputs.arm.name,
        catg=category,
        tech=TECHNIQUE if category else "",
        metrics=context.metrics,
        extra=_circumstances(context),
        made_at=context.made_at,
        version=__version__,
        is_image=is_image,
    )


def _circumstances(context: StareContext) -> tuple[Card, ...]:
    observation, used = context.inputs.observation, exposures_used(context)
    return (
        ("EXPTIME", observation.exptime_s, "[s] exposure time that the counts stand for"),
        ("TEXPTIME", used.total_exptime_s, "[s] sum over all exposures"),
        ("NCOMBINE", used.number, "number of raw exposures"),
        ("AIRMASS", observation.airmass, "mean air mass"),
        ("ESO PRO AIRM MEAN", observation.airmass, "mean air mass"),
        ("SOXS FORCED", context.result.trace.forced, "T: no object found or its position given"),
        *_frame_of_reference(context, used.span),
    )


def _frame_of_reference(context: StareContext, span: TimeSpan | None) -> Iterator[Card]:
    """Medium and frame of the wavelengths, times, and what brings both to the barycentre."""
    yield ("SPECSYS", "TOPOCENT", "frame of reference of the wavelengths")
    yield ("SOXS WAVE MEDIUM", "air", "medium of the wavelengths; column WAVE_VAC: vacuum")
    yield ("SPEC_RES", _resolving_power(context) or "", "resolving power for this slit")
    observation, site = context.inputs.observation, context.inputs.arm.site
    if span is None:
        return
    yield ("MJD-END", span.end, "[d] end of the last exposure")
    yield ("MJD-AVG", span.mean, "[d] mean moment of the photons")
    if site is None or observation.ra_deg is None or observation.dec_deg is None:
        return
    try:
        motion = barycentric_motion(span.mean, observation.ra_deg, observation.dec_deg, site)
    except ValueError:  # a date before UTC began
        return
    yield ("SOXS BARY VEL", round(motion.velocity_km_s, 5), "[km/s] add to velocities; not applied")
    yield ("SOXS BARY BJD", round(motion.bjd_tdb, 8), "[d] BJD_TDB of MJD-AVG")


def _in_format_order(context: StareContext, spectra: Sequence[OrderSpectrum]) -> list[OrderSpectrum]:
    places = {entry.order: place for place, entry in enumerate(context.inputs.geometry.spectral_format.orders)}
    return sorted(spectra, key=lambda spectrum: places.get(spectrum.order, len(places)))


def _flags(context: StareContext) -> Pixels:
    """Flags of the frames, where they lie."""
    return context.result.sky_subtracted.images[2]


def _sigma(variance: Pixels) -> ComputedImage:
    return ComputedImage(variance, _root)


def _root(variance: Image) -> Image:
    return np.sqrt(np.where(variance > 0, variance, np.float32(np.inf)), dtype=np.float32)  # what was not measured has no weight


def _present(value: Value | None, what: str) -> Value:
    if value is None:
        raise ProductError(f"this run has no {what}")
    return value
