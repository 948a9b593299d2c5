"""The stare recipe's algorithm: values in, values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from soxspipe.algorithms.extraction.horne_extraction import order_spectrum
from soxspipe.algorithms.extraction.solve_orders import (
    FALLBACK_SEEING_ARCSEC,
    SolvedOrders,
    extract_with_sky,
    extract_without_sky,
    follow_object,
)
from soxspipe.algorithms.frames.clip_and_stack import clip_and_stack
from soxspipe.algorithms.frames.detrend import bad_in_masters, exposures, make_pedestal, subtract_pedestal
from soxspipe.algorithms.frames.prepare import expose
from soxspipe.algorithms.frames.subtract_background import fit_background
from soxspipe.algorithms.objects.find_object import FoundObject, find_line_object, find_object
from soxspipe.algorithms.objects.host_light import HostLight
from soxspipe.algorithms.orders.cosmic_rays import flag_cosmic_rays
from soxspipe.algorithms.orders.order_data import OrderData, flatten_order
from soxspipe.algorithms.orders.windows import centre_wavelength, cut_orders
from soxspipe.algorithms.sky.fit_skies import SkyFits, fit_sky
from soxspipe.algorithms.sky.subtract_sky import first_sky
from soxspipe.algorithms.sky.wavelength_shift import corrected_wavelength, measure_wavelength_shift
from soxspipe.algorithms.spectra.merge_orders import merge_orders
from soxspipe.datamodel.arrays import BoolArray, FlagArray, FloatArray
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import Frame
from soxspipe.datamodel.geometry import OrderWindow
from soxspipe.datamodel.models import BackgroundModel, Light, WavelengthShift
from soxspipe.datamodel.spectrum import OrderSpectrum
from soxspipe.errors import AlgorithmError
from soxspipe.reductions.progress import Done
from soxspipe.reductions.stare.calibrate import Calibrated, calibrate
from soxspipe.reductions.stare.frame_images import diagnostics, paint_images, sky_model, stack_hits
from soxspipe.reductions.stare.inputs import StareInputs
from soxspipe.reductions.stare.result import StareResult
from soxspipe.settings.stare import StareSettings

LINES_WORTH_A_LOOK = 50.0


def reduce_stare(inputs: StareInputs, settings: StareSettings, done: Done = lambda step, note: None) -> StareResult:
    """Reduce one stare-mode observation; each line is one box of the recipe's algorithm figure.

    Parameters
    ----------
    inputs : StareInputs
        Exposures, calibrations and facts.
    settings : StareSettings
        The user's choices.
    done : callable
        Told of every step that ends.

    Returns
    -------
    StareResult
        Every value that was made on the way.

    Raises
    ------
    AlgorithmError
        If the data cannot be reduced.
    """
    cut = _stack_and_cut(inputs, settings, done)
    seen, solved = _solve(cut, inputs, settings, done)
    shift = _wavelength_shift(solved, inputs, settings)
    extracted = _spectra(solved, shift, cut.stacked, inputs, settings)
    spectra = [e.spectrum for e in extracted]
    done("horne_extraction", f"FWHM {solved.profile.fwhm_arcsec:.2f} arcsec")
    flattened = settings.use_flat and inputs.masters.flat is not None
    merged = merge_orders(spectra, [e.covariance for e in extracted], inputs.arm.merge_step_nm, flattened=flattened)
    done("merge_orders", f"median SNR {np.median(merged.snr[merged.variance > 0]):.1f}")
    calibrated = calibrate(merged, spectra, solved, inputs, settings, done)
    numbers = diagnostics(solved, cut.stacked)
    images = paint_images(solved, cut.flags, exptime_s=cut.stacked.exptime_s, n_exposures=cut.stacked.n_exposures)
    sky_failures = seen.sky.failures if seen.sky is not None else {}
    return StareResult(
        stacked=cut.stacked,
        detrended=images.detrended,
        background=cut.background,
        sky=None if seen.sky is None else sky_model(solved, images, sky_failures),
        sky_subtracted=images.sky_subtracted,
        residual_sigma=images.residual_sigma,
        trace=solved.trace,
        profile=solved.profile.summary(),
        orders=tuple(spectra),
        merged=merged,
        orders_unflattened=calibrated.orders_unflattened,
        merged_unflattened=calibrated.merged_unflattened,
        wavelength_shift=shift,
        response=calibrated.response,
        efficiency=calibrated.efficiency,
        fluxed=calibrated.fluxed,
        warnings=_warnings(seen.found, inputs, solved.host, shift, calibrated, sky_failures),
        failures={f"order {order}": reason for order, reason in sky_failures.items()} | calibrated.failures,
        diagnostics=numbers,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cut:
    """The orders without bias, dark and scattered light, their median skies, and what of the frame is needed after them.

    The stack itself is only shown and counted from here on, and kept in single precision.
    """

    stacked: Frame
    orders: tuple[OrderData, ...]
    skies: tuple[FloatArray, ...]
    background: BackgroundModel | None
    flags: FlagArray


def _stack_and_cut(inputs: StareInputs, settings: StareSettings, done: Done) -> _Cut:
    """Whole frames end here: what follows works on orders."""
    bias = inputs.masters.bias.electrons if inputs.masters.bias is not None else None
    stacked = clip_and_stack([expose(raw, inputs.detector, inputs.bad_pixels) for raw in inputs.raw], settings.stack, bias)
    done("clip_and_stack", f"{stacked.n_exposures} exposure{'s' if stacked.n_exposures > 1 else ''}, {stack_hits(stacked)} pixels rejected")
    sound = stacked.flagged(bad_in_masters(inputs.masters, stacked.shape), PixelFlag.BAD)
    windows = cut_orders(inputs.geometry)
    if not windows:
        raise AlgorithmError("the dispersion image holds no order with solved wavelengths")
    done("detrend", f"{len(windows)} orders")
    background = (
        fit_background(sound, windows, inputs.geometry, settings.background, inputs.masters) if settings.subtract_background else None
    )
    done("subtract_background", "off" if background is None else f"median {np.median(background.cells):.2f} e-")
    looks = [_first_look(sound, background, window, inputs, settings) for window in windows]
    hits = [look.hits for look in looks]
    if settings.use_lacosmic:
        done("flag_cosmic_rays", f"{sum(int(hit.sum()) for hit in hits)} pixels")
    return _Cut(
        stacked=stacked.in_single_precision(),
        orders=tuple(replace(look.data, good=look.data.good & ~look.hits) for look in looks),
        skies=tuple(look.sky for look in looks),
        background=background,
        flags=_with_hits(sound.flags, windows, hits),
    )


def _with_hits(flags: FlagArray, windows: Sequence[OrderWindow], hits: Sequence[BoolArray]) -> FlagArray:
    """Flags of the frame with the cosmic rays found on orders."""
    raised = np.array(flags)
    for window, hit in zip(windows, hits, strict=True):
        raised.reshape(-1)[window.index[hit & window.inside]] |= np.uint8(PixelFlag.COSMIC_RAY)
    return raised


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _FirstLook:
    """An order's pixels, its median sky (or zeros), and cosmic rays (none if they are not looked for); shapes of the window."""

    data: OrderData
    sky: FloatArray
    hits: BoolArray


def _first_look(
    stacked: Frame, background: BackgroundModel | None, window: OrderWindow, inputs: StareInputs, settings: StareSettings
) -> _FirstLook:
    frame, masters = stacked.cut(window.cut), inputs.masters.cut(window.cut)
    dark_free = subtract_pedestal(frame, make_pedestal(frame.exptime_s, masters, frame.shape))
    clean = dark_free if background is None else _without(dark_free, background.cut(window))
    flat = masters.flat if settings.use_flat else None
    data = flatten_order(clean, flat, window, (inputs.geometry.dispersion_binning, inputs.geometry.slit_binning))
    sky = first_sky(data) if settings.sky.subtract_sky else np.zeros(data.electrons.shape)
    hits = flag_cosmic_rays(data, sky, settings.cosmic_rays) if settings.use_lacosmic else np.zeros(data.good.shape, dtype=bool)
    return _FirstLook(data=data, sky=sky, hits=hits)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seen:
    """Objects on the slit, and the sky with them masked; None if the sky is not to be subtracted."""

    found: FoundObject
    sky: SkyFits | None


def _solve(cut: _Cut, inputs: StareInputs, settings: StareSettings, done: Done) -> tuple[_Seen, SolvedOrders]:
    """Find the object, follow it and extract it."""
    seen = _find_and_fit_sky(cut, inputs, settings)
    done("subtract_sky", "off" if seen.sky is None else f"{len(seen.sky.fits)} orders")
    kept = cut.orders if seen.sky is None else [fit.data for fit in seen.sky.fits]
    trace = follow_object(
        kept,
        cut.skies if seen.sky is None else [fit.electrons for fit in seen.sky.fits],
        seen.found,
        inputs.geometry,
        settings.continuum,
        forced_arcsec=inputs.object_slit_arcsec or 0.0,
        seeing_arcsec=inputs.observation.seeing_arcsec,
    )
    done("detect_continuum", _trace_note(seen.found))
    extraction = settings.extraction.model_copy(update={"subtract_host": False}) if inputs.is_standard else settings.extraction
    half_slit = 0.5 * inputs.arm.slit_length_arcsec
    if seen.sky is None:
        return seen, extract_without_sky(kept, trace, extraction, half_length_arcsec=half_slit)
    return seen, extract_with_sky(seen.sky.fits, trace, settings.sky, extraction, half_length_arcsec=half_slit)


def _find_and_fit_sky(cut: _Cut, inputs: StareInputs, settings: StareSettings) -> _Seen:
    """Find the object by its continuum and fit the sky; where little is seen, look for emission lines above that sky and fit it again."""
    half_slit, named = 0.5 * inputs.arm.slit_length_arcsec, inputs.object_slit_arcsec
    by_continuum = find_object(cut.orders, cut.skies, half_length_arcsec=half_slit, named_arcsec=named)
    if not settings.sky.subtract_sky:
        return _Seen(found=by_continuum, sky=None)
    first = fit_sky(cut.orders, by_continuum, settings.sky, half_length_arcsec=half_slit)
    if by_continuum.significance >= LINES_WORTH_A_LOOK:
        return _Seen(found=by_continuum, sky=first)
    seeing = inputs.observation.seeing_arcsec or FALLBACK_SEEING_ARCSEC
    found = find_line_object(first.fits, by_continuum, half_length_arcsec=half_slit, fwhm_arcsec=seeing, named_arcsec=named)
    if found is by_continuum or found.source is None:
        return _Seen(found=found, sky=first)
    return _Seen(found=found, sky=fit_sky(cut.orders, found, settings.sky, half_length_arcsec=half_slit))


def _without(frame: Frame, background: Light) -> Frame:
    """Subtract scattered light, and add the shot noise of that light to what the frame's variance holds."""
    darker = frame.minus(background)
    return replace(darker, variance=darker.variance + np.maximum(background.electrons, 0.0) / exposures(frame))


def _trace_note(found: FoundObject) -> str:
    if found.source is None:
        return f"no object (strongest peak {found.significance:.1f} sigma), forced trace"
    more = f", {len(found.sources) - 1} more on the slit" if len(found.sources) > 1 else ""
    return f'object at {found.source.slit_arcsec:+.2f}", {found.source.significance:.0f} sigma{more}'


def _wavelength_shift(solved: SolvedOrders, inputs: StareInputs, settings: StareSettings) -> WavelengthShift | None:
    fits = [order.sky_fit for order in solved.orders if order.sky_fit is not None]
    return measure_wavelength_shift(fits, inputs.sky_lines, apply=settings.apply_wavelength_shift) if fits else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Extracted:
    spectrum: OrderSpectrum
    covariance: FloatArray


def _spectra(
    solved: SolvedOrders, shift: WavelengthShift | None, stacked: Frame, inputs: StareInputs, settings: StareSettings
) -> list[_Extracted]:
    aperture = 2 * int(settings.extraction.horne_extraction_slit_length / 2) / inputs.geometry.slit_binning
    saturated = (stacked.flags & np.uint8(PixelFlag.SATURATED)) != 0
    spectra = []
    for by_columns, extracted in zip(solved.orders, solved.along_lines or solved.orders, strict=True):
        window = extracted.data.window
        trace = solved.trace.orders[window.order]
        # rows along lines hold the wavelength that the dispersion pixel has at slit centre
        mapped = centre_wavelength(by_columns.data.window, 0.0 if solved.along_lines else trace.slit_arcsec)
        known = np.isfinite(mapped)
        wavelength = np.array(mapped)
        wavelength[known] = corrected_wavelength(mapped[known], window.b_px[known].astype(np.float64), window.order, shift)
        spectrum, covariance = order_spectrum(
            extracted,
            trace,
            label=inputs.arm.label(window.order),
            aperture_px=max(aperture, 1.0),
            wavelength_nm=wavelength,
            saturated=window.cut(saturated),
            forced=solved.trace.forced,
        )
        spectra.append(_Extracted(spectrum=spectrum, covariance=covariance))
    return spectra


def _warnings(
    found: FoundObject,
    inputs: StareInputs,
    host: HostLight | None,
    shift: WavelengthShift | None,
    calibrated: Calibrated,
    sky_failures: Mapping[int, str],
) -> tuple[str, ...]:
    said: list[str] = []
    if found.source is None:
        where = "the position given" if inputs.object_slit_arcsec is not None else "the slit centre"
        said.append(
            f"no object stands out of the noise (strongest peak {found.significance:.1f} sigma); the spectrum is a forced extraction at {where}"
        )
    if len(found.sources) > 1:
        others = ", ".join(
            f'{s.slit_arcsec:+.1f}" ({100 * s.relative_flux:.0f} % of the brightest)' for s in found.sources if s is not found.source
        )
        said.append(f"more than one object on the slit, also at {others}")
    if host is not None:
        said.append(
            f'light {host.fwhm_arcsec:.1f}" wide under the object, {100 * host.share:.0f} % of its own, was taken for a host and taken off; '
            "set subtract_host to false to keep it"
        )
    if shift is not None and not shift.applied and abs(shift.shift_px) > max(0.1, 3 * shift.error_px):
        said.append(f"sky lines lie {shift.shift_px:+.2f} px off the dispersion map; set apply_wavelength_shift to correct it")
    for order, reason in sky_failures.items():
        said.append(f"order {order} was left out: {reason}")
    said.extend(f"{name} could not be made: {reason}" for name, reason in calibrated.failures.items())
    return tuple(said)
