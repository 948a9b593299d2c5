"""What a group of exposures was solved to, and what is told of it once its orders have ended."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from soxspipe.algorithms.exposures.common_noise import masters_variance
from soxspipe.algorithms.extraction.horne_extraction import ExtractedOrder
from soxspipe.algorithms.extraction.solve_orders import SolvedOrders
from soxspipe.algorithms.frames.detrend import make_pedestal
from soxspipe.algorithms.objects.find_object import FoundObject
from soxspipe.algorithms.orders.dark_lines import DarkLine
from soxspipe.algorithms.spectra.flat_level import measure_flat_level
from soxspipe.datamodel.arrays import FlagArray, FloatArray
from soxspipe.datamodel.calibrations import Masters
from soxspipe.datamodel.host import HostLight
from soxspipe.datamodel.models import BackgroundModel, SkyModel, WavelengthShift
from soxspipe.datamodel.slit import SlitOffset
from soxspipe.datamodel.spectrum import FlatLevel, OrderSpectrum, SlitProfile
from soxspipe.datamodel.stored_frame import AnyFrame, StoredFrame
from soxspipe.datamodel.trace import ObjectTrace, SlitSource
from soxspipe.reductions.stare.exposures import GroupSpectra
from soxspipe.reductions.stare.frame_images import FrameImages, diagnostics, paint_frames, sky_model
from soxspipe.reductions.stare.prepared import PreparedSet
from soxspipe.reductions.stare.solution_warnings import dark_line_warnings, off_star_error, off_star_warnings, solution_warnings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Extracted:
    """Spectrum of an order, and the covariance of its samples."""

    spectrum: OrderSpectrum
    covariance: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StackSolution:
    """One group of exposures, averaged as pixels and solved.

    Attributes
    ----------
    shown : StoredFrame
        The mean exposure, in single precision.
    flags : ndarray of uint8
        Of the frame, with the cosmic rays found on orders.
    background : BackgroundModel or None
        Scattered light.
    found : FoundObject
        Objects on the slit.
    off_star : SlitSource or None
        A star of the off-frame within the object's image, whose light was given back.
    has_sky : bool
        Whether a sky was subtracted.
    sky_failures : mapping of int to str
        Orders without a sky, and why.
    solved : SolvedOrders
        Profile and orders.
    slit : SlitOffset
        Motion of the slit's image against flat and map.
    dark_lines : tuple of DarkLine
        Detector lines that lost their light since the flat.
    shift : WavelengthShift or None
        Of the wavelengths.
    extracted : tuple of Extracted
        Spectra with covariance.
    without_full : bool
        Whether the dispersion pixels in which wells are full were left out.
    """

    shown: StoredFrame
    flags: FlagArray
    background: BackgroundModel | None
    found: FoundObject
    off_star: SlitSource | None
    has_sky: bool
    sky_failures: Mapping[int, str]
    solved: SolvedOrders
    slit: SlitOffset
    dark_lines: tuple[DarkLine, ...]
    shift: WavelengthShift | None
    extracted: tuple[Extracted, ...]
    without_full: bool

    def group(self, exposures: tuple[int, ...], masters: Masters | None) -> GroupSpectra:
        """Its spectra alone, and how much of their variance the masters make where it is asked for."""
        return GroupSpectra(
            exposures=exposures,
            spectra=tuple(one.spectrum for one in self.extracted),
            covariances=tuple(one.covariance for one in self.extracted),
            fwhm_arcsec=self.solved.profile.fwhm_arcsec,
            position_arcsec=self.found.source.slit_arcsec if self.found.source is not None else float("nan"),
            seeing=self.solved.profile.moffat,
            host_rows=self.solved.host_rows,
            lost=self.sky_failures,
            masters=tuple(
                _of_masters(order, one.spectrum, self.shown, masters)
                for order, one in zip(self.solved.orders, self.extracted, strict=True)
                if masters is not None
            ),
        )


def _of_masters(order: ExtractedOrder, spectrum: OrderSpectrum, stacked: AnyFrame, masters: Masters) -> FloatArray:
    """Part of the variance of an order's spectrum that the masters make, in the order of its samples."""
    window = order.data.window
    subtracted = replace(masters, flat=None)  # what the flat makes of the variance the order knows itself
    pedestal = make_pedestal(stacked.exptime_s, subtracted.cutout(window.cutout), window.index.shape)
    return masters_variance(order, pedestal.variance)[spectrum.b_px - window.b_px[0]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShownSolution:
    """What is told of the first group beside its spectra, once its solved orders, which take most of the memory, have ended.

    Attributes
    ----------
    shown, background, shift, slit
        As in `StackSolution`.
    source : SlitSource or None
        The object, if there is one.
    frames : FrameImages
        Full frames.
    sky : SkyModel or None
        Sky of all orders; None if none was subtracted.
    sky_failures : mapping of int to str
        Orders without a sky, and why.
    flat_level : FlatLevel or None
        Of the flat that was divided by.
    trace, profile, host
        The object, its image along the slit, and its host.
    in_doubt : float
        Relative error of all fluxes that host, image and a star of the off-frame leave.
    warnings : tuple of str
        For the user.
    diagnostics : mapping of str to float
        Numbers for quality control.
    """

    shown: StoredFrame
    background: BackgroundModel | None
    shift: WavelengthShift | None
    slit: SlitOffset
    source: SlitSource | None
    frames: FrameImages
    sky: SkyModel | None
    sky_failures: Mapping[int, str]
    flat_level: FlatLevel | None
    trace: ObjectTrace
    profile: SlitProfile
    host: HostLight | None
    in_doubt: float
    warnings: tuple[str, ...]
    diagnostics: Mapping[str, float]


def show_solution(main: StackSolution, ready: PreparedSet, *, flattened: bool) -> ShownSolution:
    """Take from a solution what products, figures and metrics tell of it."""
    solved, inputs = main.solved, ready.inputs
    frames = paint_frames(solved, main.flags, main.shown.exptime_s)
    doubts = (0.0 if solved.host is None else solved.host.doubt, solved.profile.flux_error, off_star_error(main.off_star, main.found))
    return ShownSolution(
        shown=main.shown,
        background=main.background,
        shift=main.shift,
        slit=main.slit,
        source=main.found.source,
        frames=frames,
        sky=sky_model(solved, frames, main.sky_failures) if main.has_sky else None,
        sky_failures=main.sky_failures,
        flat_level=measure_flat_level([order.data for order in solved.orders]) if flattened else None,
        trace=solved.trace,
        profile=solved.profile.summary(),
        host=solved.host,
        in_doubt=math.hypot(*doubts),
        warnings=(
            *ready.warnings(main.flags, without_full=main.without_full),
            *off_star_warnings(main.off_star, main.found.source),
            *solution_warnings(main.found, inputs, solved, main.slit, main.shift),
            *dark_line_warnings(main.dark_lines, inputs.arm),
        ),
        diagnostics=diagnostics(solved, main.shown),
    )
