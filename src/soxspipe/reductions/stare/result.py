"""What comes out of the stare recipe's algorithm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from soxspipe.algorithms.frames.persistence import Persistence
from soxspipe.datamodel.exposure_record import ExposureRecord
from soxspipe.datamodel.frame import ReadoutPattern
from soxspipe.datamodel.host import HostLight
from soxspipe.datamodel.models import BackgroundModel, SkyModel, WavelengthShift
from soxspipe.datamodel.slit import SlitOffset
from soxspipe.datamodel.spectrum import (
    CountsSpectrum,
    EfficiencyCurve,
    FluxedSpectrum,
    MergedSpectrum,
    OrderSpectrum,
    ResponseCurve,
    SlitProfile,
)
from soxspipe.datamodel.stored_frame import AnyFrame
from soxspipe.datamodel.stored_image import Pixels
from soxspipe.datamodel.trace import ObjectTrace
from soxspipe.reductions.stare.noise import SetNoise


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StareResult:
    """Every value the algorithm made, so that products, figures and metrics look nothing up twice.

    Attributes
    ----------
    stacked : Frame or StoredFrame
        Mean exposure, electrons in single precision, before detrending.
    detrended : ndarray or StoredImage
        Electrons, bias, dark and scattered light removed, flat divided; 0 outside orders.
    background : BackgroundModel or None
        Scattered light.
    sky : SkyModel or None
        None when sky subtraction is off.
    sky_subtracted : Frame or StoredFrame
        Flattened electrons with final variance and flags; 0 outside orders.
    residual_sigma : ndarray or StoredImage
        (data - sky - object) / error, NaN outside orders.
    trace, profile : ObjectTrace, SlitProfile
        The object.
    orders, merged
        Flattened extraction.
    orders_unflattened, merged_unflattened
        Only for flux standards.
    wavelength_shift : WavelengthShift or None
        From sky lines.
    counts : CountsSpectrum or None
        The merged spectrum with all that a response has to know of it.
    response, efficiency, fluxed
        As far as they could be made.
    host : HostLight or None
        Light that no point source explains, taken off or left in.
    flat_structure : mapping of int to float
        Structure of the flat that was taken out of each order again, rms over the flux; empty if there was none.
    slit : SlitOffset
        Motion of the slit's image against flat and map.
    warnings : tuple of str
        For the user, one sentence each.
    failures : mapping of str to str
        Optional steps that failed, and why (for example ``response``).
    noise : SetNoise
        Read noise of every exposure: expected, measured, used.
    patterns : tuple of ReadoutPattern or None
        Of the read-out, taken off each exposure; None where none was found or looked for.
    afterglow : tuple of Persistence or None
        What each exposure shows of the charge of the one before it; None where that was not measured.
    exposures : tuple of ExposureRecord
        What is known of each exposure, in the order of time.
    diagnostics : mapping of str to float
        Numbers of the steps (pixels clipped, cosmic-ray pixels, chi of empty sky, ...).
    """

    stacked: AnyFrame
    detrended: Pixels
    background: BackgroundModel | None
    sky: SkyModel | None
    sky_subtracted: AnyFrame
    residual_sigma: Pixels
    trace: ObjectTrace
    profile: SlitProfile
    orders: tuple[OrderSpectrum, ...]
    merged: MergedSpectrum
    orders_unflattened: tuple[OrderSpectrum, ...] = ()
    merged_unflattened: MergedSpectrum | None = None
    wavelength_shift: WavelengthShift | None = None
    counts: CountsSpectrum | None = None
    response: ResponseCurve | None = None
    efficiency: EfficiencyCurve | None = None
    fluxed: FluxedSpectrum | None = None
    host: HostLight | None = None
    flat_structure: Mapping[int, float] = field(default_factory=dict)
    slit: SlitOffset = field(default_factory=SlitOffset)
    warnings: tuple[str, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict)
    noise: SetNoise | None = None
    patterns: tuple[ReadoutPattern | None, ...] = ()
    afterglow: tuple[Persistence | None, ...] = ()
    exposures: tuple[ExposureRecord, ...] = ()
    diagnostics: Mapping[str, float] = field(default_factory=dict)
