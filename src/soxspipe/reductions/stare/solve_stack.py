"""Exposures that agree, averaged and solved: sky and object, one line a box of the recipe's figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from soxspipe.algorithms.extraction.horne_extraction import order_spectrum
from soxspipe.algorithms.extraction.solve_orders import (
    FALLBACK_SEEING_ARCSEC,
    HostSearch,
    SolvedOrders,
    extract_with_sky,
    extract_without_sky,
    follow_object,
)
from soxspipe.algorithms.frames.clip_and_stack import clip_and_stack
from soxspipe.algorithms.frames.detrend import bad_in_masters, defects_of_flat
from soxspipe.algorithms.frames.saturation import without_single
from soxspipe.algorithms.frames.subtract_background import fit_background
from soxspipe.algorithms.objects.find_object import FoundObject, find_line_object, find_object
from soxspipe.algorithms.objects.host_light import one_sided
from soxspipe.algorithms.orders.cosmic_rays import flag_cosmic_rays
from soxspipe.algorithms.orders.dark_lines import dark_pixels, find_dark_lines
from soxspipe.algorithms.orders.detrend_order import detrend_order
from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.algorithms.orders.slit_offset import follow_slit, measure_slit_offset
from soxspipe.algorithms.orders.windows import centre_wavelength
from soxspipe.algorithms.sky.fit_skies import SkyFits, fit_sky
from soxspipe.algorithms.sky.subtract_sky import first_sky
from soxspipe.algorithms.sky.wavelengths.measure import corrected_wavelength
from soxspipe.datamodel.arrays import BoolArray, FlagArray, FloatArray, Image
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.geometry import OrderWindow
from soxspipe.datamodel.models import BackgroundModel, WavelengthShift
from soxspipe.datamodel.stored_frame import AnyFrame, StoredFrame
from soxspipe.datamodel.trace import ObjectTrace
from soxspipe.io.stored import store_frame
from soxspipe.reductions.progress import Done
from soxspipe.reductions.stare import notes
from soxspipe.reductions.stare.exposures import Plan, inputs_of_group
from soxspipe.reductions.stare.frame_images import with_flag
from soxspipe.reductions.stare.inputs import StareInputs
from soxspipe.reductions.stare.off_frame import give_back_star
from soxspipe.reductions.stare.prepared import PreparedSet, full_wells, too_many_full
from soxspipe.reductions.stare.solution import Extracted, StackSolution
from soxspipe.reductions.stare.wavelengths import shift_note, tie_wavelengths
from soxspipe.settings.stare import StareSettings

BRIGHT_SIGNIFICANCE = 50.0
"""An object this clear in the continuum is not looked for in lines as well; no measurement is recorded."""


def solve_stack(
    numbers: tuple[int, ...], ready: PreparedSet, plan: Plan, settings: StareSettings, done: Done, host: HostSearch
) -> StackSolution:
    """Average exposures that agree, and solve sky and object on their mean, one line a box."""
    inputs, windows = inputs_of_group(numbers, ready, plan), ready.windows
    named = inputs.object_slit_arcsec
    # in the sequence of time the mean has the same bits in whatever sequence the exposures are given
    stacked = clip_and_stack([ready.exposures[number] for number in ready.inputs.by_time(numbers)], settings.stack, _bias_level(inputs))
    done("clip_and_stack", notes.stack(stacked))
    shown = store_frame(stacked)
    sound = shown.flagged(bad_in_masters(inputs.masters, stacked.shape), PixelFlag.BAD)
    del stacked  # orders need the memory
    in_place = _without_background(sound, windows, inputs, settings)
    slit = measure_slit_offset(in_place.orders, in_place.skies)
    done("slit_offset", notes.slit(slit))
    detrended = _without_background(sound, windows, inputs, settings, slit.px) if slit.applied else in_place
    background, skies = detrended.background, detrended.skies
    followed = [follow_slit(order, slit) for order in detrended.orders] if slit.applied else detrended.orders
    dark_lines = [find_dark_lines(order, sky) for order, sky in zip(followed, skies, strict=True)]
    dark = [dark_pixels(order.window, lines) for order, lines in zip(followed, dark_lines, strict=True)]
    on_slit = [order.masked(pixels) if pixels.any() else order for order, pixels in zip(followed, dark, strict=True)]
    done("subtract_background", notes.background(background))
    done("detrend", f"{len(windows)} orders")
    flags = with_flag(sound.flags, windows, dark, PixelFlag.BAD)
    del sound, in_place, detrended, followed  # only shown and counted from here on
    cosmic_rays = [_cosmic_rays(order, sky, settings) for order, sky in zip(on_slit, skies, strict=True)]
    sound_orders = [order.masked(pixels) for order, pixels in zip(on_slit, cosmic_rays, strict=True)]
    without_full = not plan.fuller.keys().isdisjoint(numbers) or too_many_full(flags, windows)
    if without_full:
        sound_orders = _without_full_wells(sound_orders, flags)
    if settings.use_lacosmic:
        done("flag_cosmic_rays", notes.cosmic_rays(cosmic_rays))
    orders, off_star = give_back_star(sound_orders, skies, windows, slit, inputs, settings)
    by_continuum = find_object(orders, skies, named_arcsec=named, with_negatives=inputs.may_lack_light)
    first = fit_sky(orders, by_continuum, settings.sky) if settings.sky.subtract_sky else None
    found = by_continuum if first is None else _with_lines(first, by_continuum, inputs)
    sky = first if found is by_continuum or found.source is None else fit_sky(orders, found, settings.sky)
    done("subtract_sky", notes.sky(sky))
    trace = _trace(orders, skies, sky, found, inputs, settings)
    done("detect_continuum", notes.trace(found))
    del on_slit, sound_orders, skies, first  # the solution needs the memory
    solved = _extract(orders, sky, trace, inputs, settings, host)
    shift = tie_wavelengths(solved, inputs, settings)
    done("tie_wavelengths", shift_note(shift, inputs.arm))
    extracted = _spectra(solved, shift, shown, inputs, settings)
    done("horne_extraction", f"FWHM {solved.profile.fwhm_arcsec:.2f} arcsec")
    return StackSolution(
        shown=shown,
        flags=with_flag(flags, windows, cosmic_rays, PixelFlag.COSMIC_RAY),
        background=background,
        found=found,
        off_star=off_star,
        has_sky=sky is not None,
        sky_failures={} if sky is None else sky.failures,
        solved=solved,
        slit=slit,
        dark_lines=tuple(chain.from_iterable(dark_lines)),
        shift=shift,
        extracted=tuple(extracted),
        without_full=without_full,
    )


def _bias_level(inputs: StareInputs) -> Image | None:
    """Electrons of the master bias, looked at for as long as exposures are averaged."""
    return None if inputs.masters.bias is None else inputs.masters.bias.electrons


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Detrended:
    """Scattered light, the flattened orders without it, and the median sky of each."""

    background: BackgroundModel | None
    orders: Sequence[OrderData]
    skies: tuple[FloatArray, ...]


def _without_background(
    sound: StoredFrame, windows: Sequence[OrderWindow], inputs: StareInputs, settings: StareSettings, slit_motion_px: float = 0.0
) -> _Detrended:
    """Orders of a frame in which the slit's image lies off the map by so many pixels."""
    background = _background(sound, inputs, settings, slit_motion_px)
    orders = [_detrended(sound, window, background, inputs, settings) for window in windows]
    skies = tuple(first_sky(order) if settings.sky.subtract_sky else np.zeros(order.electrons.shape) for order in orders)
    return _Detrended(background=background, orders=orders, skies=skies)


def _background(sound: StoredFrame, inputs: StareInputs, settings: StareSettings, slit_motion_px: float) -> BackgroundModel | None:
    if not settings.subtract_background:
        return None
    without_defects = sound.flagged(defects_of_flat(inputs.masters.flat, sound.shape), PixelFlag.BAD)
    return fit_background(without_defects, inputs.geometry, settings.background, inputs.masters, slit_motion_px=slit_motion_px)


def _detrended(
    sound: StoredFrame, window: OrderWindow, background: BackgroundModel | None, inputs: StareInputs, settings: StareSettings
) -> OrderData:
    binning = (inputs.geometry.dispersion_binning, inputs.geometry.slit_binning)
    return detrend_order(
        sound, window, background, inputs.masters, use_flat=settings.use_flat, binning=binning, with_off_frame=inputs.with_off_frame
    )


def _cosmic_rays(order: OrderData, sky: FloatArray, settings: StareSettings) -> BoolArray:
    return flag_cosmic_rays(order, sky, settings.cosmic_rays) if settings.use_lacosmic else np.zeros(order.good.shape, dtype=bool)


def _with_lines(first: SkyFits, by_continuum: FoundObject, inputs: StareInputs) -> FoundObject:
    """What emission lines show above a first sky; `by_continuum` itself where the continuum shows enough, or more than they do."""
    if by_continuum.significance >= BRIGHT_SIGNIFICANCE:
        return by_continuum
    return find_line_object(
        first.fits,
        by_continuum,
        fwhm_arcsec=inputs.observation.seeing_arcsec or FALLBACK_SEEING_ARCSEC,
        named_arcsec=inputs.object_slit_arcsec,
    )


def _trace(
    orders: Sequence[OrderData],
    skies: Sequence[FloatArray],
    sky: SkyFits | None,
    found: FoundObject,
    inputs: StareInputs,
    settings: StareSettings,
) -> ObjectTrace:
    return follow_object(
        orders if sky is None else [fit.data for fit in sky.fits],
        skies if sky is None else [fit.electrons for fit in sky.fits],
        found,
        inputs.geometry,
        settings.continuum,
        forced_arcsec=inputs.object_slit_arcsec or 0.0,
        seeing_arcsec=inputs.observation.seeing_arcsec,
    )


def _without_full_wells(orders: Sequence[OrderData], flags: FlagArray) -> list[OrderData]:
    """Orders without the dispersion pixels in which wells are full: where these are many, or other exposures have what is lost.

    Wings of a core that is missing look like a host, like companions, and like an image with a hole, which spoils the profile everywhere.
    """
    full = [full_wells(flags, order.window) for order in orders]
    return [order.masked(wells | without_single(wells).any(axis=1, keepdims=True)) for order, wells in zip(orders, full, strict=True)]


def _extract(
    orders: Sequence[OrderData],
    sky: SkyFits | None,
    trace: ObjectTrace,
    inputs: StareInputs,
    settings: StareSettings,
    host: HostSearch,
) -> SolvedOrders:
    """Sky and object together; a standard star has no host, and at the slit's end none can be told."""
    without_host = inputs.is_standard or one_sided(trace, inputs.arm.half_slit_arcsec)
    extraction = settings.extraction.model_copy(update={"subtract_host": False}) if without_host else settings.extraction
    if sky is None:
        return extract_without_sky(orders, trace, extraction)
    return extract_with_sky(sky.fits, trace, settings.sky, extraction, host=host)


def _spectra(
    solved: SolvedOrders, shift: WavelengthShift | None, stacked: AnyFrame, inputs: StareInputs, settings: StareSettings
) -> list[Extracted]:
    aperture = 2 * int(settings.extraction.horne_extraction_slit_length / 2) / inputs.geometry.slit_binning
    saturated = (stacked.flags & np.uint8(PixelFlag.SATURATED)) != 0
    spectra = []
    for by_columns, extracted in zip(solved.orders, solved.along_lines or solved.orders, strict=True):
        window = extracted.data.window
        trace = solved.trace.orders[window.order]
        # rows along lines hold the wavelength that the dispersion pixel has at slit centre
        mapped = _wavelength_of_object(by_columns.data.window, 0.0 if solved.along_lines else trace.slit_arcsec)
        known = np.isfinite(mapped)
        wavelength = np.array(mapped)
        wavelength[known] = corrected_wavelength(mapped[known], window.b_px[known].astype(np.float64), window.order, shift)
        spectrum, covariance = order_spectrum(
            extracted,
            trace,
            label=inputs.arm.label(window.order),
            aperture_px=max(aperture, 1.0),
            wavelength_nm=wavelength,
            saturated=window.cutout(saturated),
            forced=solved.trace.forced,
        )
        spectra.append(Extracted(spectrum=spectrum, covariance=covariance))
    return spectra


def _wavelength_of_object(window: OrderWindow, slit_arcsec: FloatArray | float) -> FloatArray:
    """Wavelength at the object, nm; of an order beyond whose slit it stands everywhere that of the slit's centre, for samples without data."""
    mapped = centre_wavelength(window, slit_arcsec)
    return mapped if np.isfinite(mapped).any() else centre_wavelength(window)
