"""Metrics of a stare run: which values go into which measurement."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.arrays import BoolImage
from soxspipe.datamodel.detector import Arm
from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.provenance import Card
from soxspipe.instruments.registry import find_instrument
from soxspipe.qc import metrics
from soxspipe.reductions.stare.run import StareRun

Metrics = tuple[Metric, ...]


def bad_pixels(run: StareRun) -> Metrics:
    """Pixels that calibrations exclude."""
    return metrics.measure_bad_pixels(run.result.sky_subtracted.flags)


def inner_orders(run: StareRun) -> Metrics:
    """Level between the order edges."""
    frame = run.result.sky_subtracted
    return metrics.measure_inner_orders(frame.electrons, frame.good, on_slit(run))


def trace(run: StareRun) -> Metrics:
    """Samples and residuals of the trace."""
    return metrics.measure_trace(run.result.trace, run.inputs.arm)


def snr(run: StareRun) -> Metrics:
    """Signal-to-noise ratio."""
    return metrics.measure_snr(run.result.merged, run.inputs.arm)


def efficiency(run: StareRun) -> Metrics:
    """End-to-end efficiency."""
    return metrics.measure_efficiency(run.result.efficiency, run.inputs.arm)


def sky(run: StareRun) -> Metrics:
    """Residuals of the sky fit."""
    return metrics.measure_sky(run.result.sky)


def empty_sky(run: StareRun) -> Metrics:
    """Noise test on sky without an object."""
    mapped = run.inputs.geometry.dispersion_map
    empty = metrics.empty_sky_mask(mapped.order, mapped.slit_arcsec, run.result.sky_subtracted.good, run.result.trace)
    return metrics.measure_empty_sky(run.result.residual_sigma, empty)


def source(run: StareRun) -> Metrics:
    """Significance, place and width of the object."""
    return metrics.measure_object(run.result.trace, run.result.profile, run.inputs.observation, run.result.orders)


def wavelength_shift(run: StareRun) -> Metrics:
    """Zero-point on sky lines."""
    return metrics.measure_wavelength_shift(run.result.wavelength_shift)


def struck_pixels(run: StareRun) -> Metrics:
    """Cosmic rays and saturation."""
    return metrics.measure_struck_pixels(run.result.sky_subtracted.flags, on_slit(run))


def joins(run: StareRun) -> Metrics:
    """Agreement of neighbouring orders."""
    return metrics.measure_joins(run.result.merged, run.inputs.arm)


def flux_calibration(run: StareRun) -> Metrics:
    """Slit losses against the standard's."""
    return metrics.measure_flux_calibration(run.result.fluxed)


def temperatures(run: StareRun) -> Metrics:
    """Temperatures that the header gives."""
    return header_temperatures(run.inputs.arm, run.provenance.header)


def header_temperatures(arm: Arm, header: tuple[Card, ...]) -> Metrics:
    """Temperatures of the detector and the common path, where the instrument has keywords for them and the header has values."""
    instrument = find_instrument(arm.instrument)
    detector_keyword, path_keyword = instrument.arms[arm.name].temperature_keyword, instrument.keywords.common_path_temperature
    return metrics.temperature_metrics(_number(header, detector_keyword), _number(header, path_keyword))


def on_slit(run: StareRun) -> BoolImage:
    """True for pixels between the order edges."""
    mapped = run.inputs.geometry.dispersion_map
    half = 0.5 * run.inputs.arm.slit_length_arcsec
    with np.errstate(invalid="ignore"):
        return (mapped.order > 0) & (mapped.slit_arcsec <= half) & (mapped.slit_arcsec >= -half)


def _number(header: tuple[Card, ...], keyword: str | None) -> float | None:
    value = next((value for name, value, _ in header if name == keyword), None)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
