"""Metrics of a stare run: which values go into which measurement."""

from __future__ import annotations

import numpy as np

from soxspipe.algorithms.extraction.horne_extraction import LEAST_FLAT
from soxspipe.datamodel.arrays import BoolImage
from soxspipe.datamodel.geometry import Geometry
from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.stored_image import seen
from soxspipe.numerics.made_once import once_for_each
from soxspipe.numerics.packed import PackedMask, pack
from soxspipe.qc import metrics
from soxspipe.qc.exposures import measure_afterglow, measure_dead_lines, measure_exposures, measure_read_noise, measure_readout_pattern
from soxspipe.qc.response_metrics import measure_response
from soxspipe.qc.samples import measure_gaps
from soxspipe.qc.slit_metrics import (
    measure_empty_sums,
    measure_slit,
    measure_slit_drift,
    measure_slit_illumination,
    measure_trace_quality,
    pixels_of_object,
)
from soxspipe.qc.wavelength_metrics import measure_order_shifts, measure_wavelength_shift
from soxspipe.reductions.stare.afterglow import significant_share
from soxspipe.reductions.stare.context import StareContext
from soxspipe.reductions.temperatures import header_temperatures

Metrics = tuple[Metric, ...]


def bad_pixels(context: StareContext) -> Metrics:
    """Pixels that calibrations exclude, but for those that the slit's edge lights in part."""
    flags, partly_lit = context.result.sky_subtracted.flags, context.inputs.partly_lit
    return metrics.measure_bad_pixels(flags if partly_lit is None else np.where(partly_lit, np.uint8(0), flags))


def inner_orders(context: StareContext) -> Metrics:
    """Level between the order edges."""
    frame, flat = context.result.sky_subtracted, context.inputs.masters.flat
    counted = on_slit(context) & frame.good
    if flat is not None:  # what the lamp hardly lights is divided by next to nothing, and its noise would be all of the mean
        counted &= flat.electrons >= LEAST_FLAT
    outside = metrics.beside_object(counted, _empty(context))
    left_over = seen(context.result.residual_sigma)[outside] * np.sqrt(np.maximum(frame.variance[outside], 0.0))
    return metrics.measure_inner_orders(frame.electrons[counted], left_over)


def missing(context: StareContext) -> Metrics:
    """Share of the spectrum without data."""
    return metrics.measure_missing(context.result.orders, context.result.merged, context.inputs.arm)


def trace(context: StareContext) -> Metrics:
    """Samples and residuals of the trace."""
    return metrics.measure_trace(context.result.trace, context.inputs.arm)


def sample_gaps(context: StareContext) -> Metrics:
    """Longest stretch of every order without a sample of the trace."""
    samples = context.result.trace.samples
    return measure_gaps(samples.order, samples.b_px, samples.used, context.inputs.arm.label)


def snr(context: StareContext) -> Metrics:
    """Signal-to-noise ratio."""
    return metrics.measure_snr(context.result.merged, context.inputs.arm)


def efficiency(context: StareContext) -> Metrics:
    """End-to-end efficiency."""
    return metrics.measure_efficiency(context.result.efficiency, context.inputs.arm)


def sky(context: StareContext) -> Metrics:
    """Residuals of the sky fit."""
    return metrics.measure_sky(context.result.sky)


def empty_sky(context: StareContext) -> Metrics:
    """Noise tests on sky without an object: of pixels, and of sums along the slit."""
    residual, empty, mapped = seen(context.result.residual_sigma), _empty(context), context.inputs.geometry.dispersion_map
    axis = context.inputs.arm.slit_axis
    width = pixels_of_object(mapped.order, mapped.slit_arcsec, axis, context.result.profile.fwhm_arcsec)
    return (*metrics.measure_empty_sky(residual, empty), *measure_empty_sums(residual, empty, axis, width))


def source(context: StareContext) -> Metrics:
    """Significance, place and width of the object."""
    return metrics.measure_object(context.result.trace, context.result.profile, context.inputs.observation, context.result.orders)


def host(context: StareContext) -> Metrics:
    """Light of a host."""
    return metrics.measure_host(context.result.host)


def flat_structure(context: StareContext) -> Metrics:
    """What an error of the flat had left in the spectrum."""
    return metrics.measure_flat_structure(context.result.flat_structure)


def slit(context: StareContext) -> Metrics:
    """Motion of the slit's image."""
    return measure_slit(context.result.slit, context.inputs.arm)


def slit_drift(context: StareContext) -> Metrics:
    """Object along the slit from blue to red."""
    return measure_slit_drift(context.result.trace, context.result.orders)


def slit_illumination(context: StareContext) -> Metrics:
    """The slit's motion in the names of release 0.19 of the reference."""
    return measure_slit_illumination(context.result.slit, context.inputs.arm)


def trace_quality(context: StareContext) -> Metrics:
    """Orders in which the object is at the slit's end, or hardly seen."""
    return measure_trace_quality(context.result.trace, context.inputs.arm.half_slit_arcsec)


def response(context: StareContext) -> Metrics:
    """What the response that was made rests on."""
    return measure_response(context.result.response) if context.inputs.makes_response else ()


def wavelength_shift(context: StareContext) -> Metrics:
    """Zero-point on sky lines."""
    return measure_wavelength_shift(context.result.wavelength_shift)


def order_shifts(context: StareContext) -> Metrics:
    """Shift of every order, its error and what it rests on."""
    return measure_order_shifts(context.result.wavelength_shift, context.inputs.arm, context.result.orders)


def struck_pixels(context: StareContext) -> Metrics:
    """Cosmic rays and saturation."""
    return metrics.measure_struck_pixels(context.result.sky_subtracted.flags, on_slit(context))


def exposures(context: StareContext) -> Metrics:
    """How alike the exposures are."""
    return measure_exposures(context.result.exposures)


def dead_lines(context: StareContext) -> Metrics:
    """Rows and columns without light."""
    return measure_dead_lines([raw.dead for raw in context.inputs.raw])


def read_noise(context: StareContext) -> Metrics:
    """Read noise of unlit pixels."""
    noise = () if context.result.noise is None else context.result.noise.exposures
    return measure_read_noise([one.expected_e for one in noise], [one.measured_e for one in noise])


def reference_names(context: StareContext) -> Metrics:
    """What release 0.19 of the reference has under names of its own."""
    return metrics.measure_reference_names(context.result.sky_subtracted.flags)


def readout_pattern(context: StareContext) -> Metrics:
    """Pattern of the read-out that was taken off."""
    return measure_readout_pattern(context.result.patterns)


def afterglow(context: StareContext) -> Metrics:
    """What exposures show of the ones before them."""
    return measure_afterglow([None if one is None else significant_share(one) for one in context.result.afterglow])


def joins(context: StareContext) -> Metrics:
    """Agreement of neighbouring orders."""
    return metrics.measure_joins(context.result.merged, context.inputs.arm)


def flux_calibration(context: StareContext) -> Metrics:
    """Slit losses against the standard's."""
    return metrics.measure_flux_calibration(context.result.fluxed)


def temperatures(context: StareContext) -> Metrics:
    """Temperatures that the header gives."""
    return header_temperatures(context.inputs.arm, context.provenance.header)


def _empty(context: StareContext) -> BoolImage:
    """Pixels away from every object, where the slit's own motion puts them."""
    mapped, slit = context.inputs.geometry.dispersion_map, context.result.slit
    good = context.result.sky_subtracted.good
    return metrics.empty_sky_mask(mapped.order, mapped.slit_arcsec, good, context.result.trace, moved_arcsec=slit.arcsec)


def on_slit(context: StareContext) -> BoolImage:
    """True for pixels between the order edges."""
    return _on_slit(context.inputs.geometry).rows(slice(None))


@once_for_each
def _on_slit(geometry: Geometry) -> PackedMask:
    mapped, half = geometry.dispersion_map, geometry.arm.half_slit_arcsec
    with np.errstate(invalid="ignore"):
        return pack((mapped.order > 0) & (mapped.slit_arcsec <= half) & (mapped.slit_arcsec >= -half))
