"""Sky and object of all orders: from a first sky without knowledge of the object to the joint solution of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from soxspipe.algorithms.extraction.horne_extraction import (
    ROUGH_TOLERANCE,
    ExtractedOrder,
    ExtractionSettings,
    extract_order,
    extract_order_without_sky,
)
from soxspipe.algorithms.extraction.reject_outliers import reject_outliers
from soxspipe.algorithms.objects.companions import mask_companions, other_sources
from soxspipe.algorithms.objects.detect_continuum import ContinuumSettings, detect_continuum
from soxspipe.algorithms.objects.find_object import FoundObject
from soxspipe.algorithms.objects.host_light import measure_host
from soxspipe.algorithms.objects.host_removal import host_image
from soxspipe.algorithms.objects.object_flux import flux_along, flux_error, steady_flux
from soxspipe.algorithms.objects.object_profile import ObjectProfile, fit_profile, starting_profile
from soxspipe.algorithms.objects.place_companions import place_companions
from soxspipe.algorithms.objects.point_source import ROWS_WANTED, SmearedStar, StarFit, fit_star, measure_smearing, parts_for
from soxspipe.algorithms.objects.profile_cells import Chunks, chunks_of
from soxspipe.algorithms.objects.shared_host import HostRows, collect_rows
from soxspipe.algorithms.objects.slit_rows import measure_rows
from soxspipe.algorithms.orders.along_lines import follow_lines
from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.algorithms.sky.fit_skies import (
    common_illumination,
    common_illumination_doubt,
    inside_edges,
    share_illumination,
    with_illumination,
)
from soxspipe.algorithms.sky.subtract_sky import SkyFit, SkySettings, fit_order_sky
from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.datamodel.geometry import Geometry
from soxspipe.datamodel.host import HostLight
from soxspipe.datamodel.trace import ObjectTrace, SlitSource

FALLBACK_SEEING_ARCSEC = 1.0
"""Typical of La Silla, where neither header nor trace tell."""
ORDER_ILLUMINATION_PRIOR = 0.02
"""Slits are lit evenly to a few per cent; one order alone must not show more than its light proves."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SolvedOrders:
    """What became of the orders.

    Attributes
    ----------
    trace : ObjectTrace
        With the width that the profile turned out to have.
    profile : ObjectProfile
        Of the object.
    orders : tuple of ExtractedOrder
        Extracted along detector columns.
    along_lines : tuple of ExtractedOrder
        Extracted along tilted lines, which spectra are then made of; empty if that was not asked for.
    host : HostLight or None
        Light that a point source does not explain, taken off or left in.
    host_rows : HostRows or None
        What the exposure tells of a host, where that is decided later.
    """

    trace: ObjectTrace
    profile: ObjectProfile
    orders: tuple[ExtractedOrder, ...]
    along_lines: tuple[ExtractedOrder, ...] = ()
    host: HostLight | None = None
    host_rows: HostRows | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HostSearch:
    """Who decides whether there is a host.

    Attributes
    ----------
    known : HostLight or None
        As all exposures of the set show it together: it is taken off as it is.
    orders_of_set : int or None
        Number of orders in a set of exposures that decides together: nothing is looked for here, and what this exposure tells of a host
        is kept.  It may have lost some of these orders.
    """

    known: HostLight | None = None
    orders_of_set: int | None = None


NO_OTHERS = HostSearch()
"""One exposure, or several that agree: a host is looked for in their light."""


def follow_object(
    orders: Sequence[OrderData],
    skies: Sequence[FloatArray],
    found: FoundObject,
    geometry: Geometry,
    settings: ContinuumSettings,
    *,
    forced_arcsec: float,
    seeing_arcsec: float | None,
) -> ObjectTrace:
    """Trace the object, or lay a forced trace where none was found; arguments as for `detect_continuum`."""
    return detect_continuum(
        orders,
        skies,
        found.source,
        found.sources,
        geometry,
        settings,
        forced_arcsec=forced_arcsec,
        fwhm_arcsec=seeing_arcsec or FALLBACK_SEEING_ARCSEC,
        keep_lines=found.lines_alone,
    )


def measure_profile(
    orders: Sequence[OrderData],
    skies: Sequence[FloatArray],
    trace: ObjectTrace,
    settings: ExtractionSettings,
    start: ObjectProfile | None = None,
    chunks: Sequence[Chunks] | None = None,
    shares: Sequence[FloatArray] | None = None,
    illumination_error: FloatArray | None = None,
) -> ObjectProfile:
    """Profile of the traced object with the settings' degree and clipping."""
    return fit_profile(
        orders,
        skies,
        trace,
        poly_order=settings.horne_extraction_profile_poly_order,
        clip_sigma=settings.horne_extraction_profile_clipping_sigma,
        clip_rounds=settings.horne_extraction_profile_clipping_iteration_count,
        start=start,
        chunks=chunks,
        shares=shares,
        illumination_error=illumination_error,
    )


def extract_with_sky(
    fits: Sequence[SkyFit],
    trace: ObjectTrace,
    sky_settings: SkySettings,
    settings: ExtractionSettings,
    *,
    host: HostSearch = NO_OTHERS,
) -> SolvedOrders:
    """Solve sky and object together in every order.

    The sky's shape is fitted once more with the object's light taken off, which lets the rows beside the object in; the profile is
    measured against that better sky; then sky and object are solved jointly.

    Parameters
    ----------
    fits : sequence of SkyFit
        Sky with the object masked.
    trace : ObjectTrace
        The object.
    sky_settings, settings : SkySettings, ExtractionSettings
        Of the two steps.
    host : HostSearch
        Where other exposures of the set have a say in whether there is a host.

    Returns
    -------
    SolvedOrders
        Profile and extracted orders.
    """
    chunks = [chunks_of(fit.data.window) for fit in fits]
    problem = _Problem(trace=trace, sky_settings=sky_settings, settings=settings, illumination=common_illumination(fits), chunks=chunks)
    companions = other_sources(trace)
    rough, alone, shares, rough_rejected = problem.begin(fits, companions)
    parts = parts_for(ROWS_WANTED, len(fits))
    placed = place_companions(measure_rows(fits, rough_rejected, trace, parts), trace, companions) if companions else None
    if placed is not None:
        companions = placed.companions
        rough, alone, shares, rough_rejected = problem.begin(fits, companions, placed.star)
    star = fit_star(alone, rough_rejected, trace, parts)
    smeared = measure_smearing(star, trace)
    if smeared is not None:
        rough, alone, shares, rough_rejected = problem.begin(fits, companions, smeared)
        star = None
    light, host_rows = _look_for_host(host, settings, alone, rough_rejected, trace, star)
    hostless, kept = _without_host(light, trace, rough, rough_rejected, alone, fits)
    first = problem.measure(hostless, rough_rejected, rough, shares)
    shares = problem.shares_of(hostless, first)
    refined = list(map(problem.refine, hostless, shares, rough_rejected))
    better = share_illumination(refined)
    doubt = common_illumination_doubt(refined)
    profile = problem.measure(better, rough_rejected, first, shares, doubt)
    if profile.illumination_change.any():
        better = [with_illumination(fit, fit.spline.illumination + profile.illumination_change) for fit in better]
    del alone, hostless, shares, refined  # what is extracted needs the memory
    tilted = better if settings.horne_extraction_along_lines else ()
    along_lines = tuple(map(partial(problem.extract_along_lines, profile=profile), tilted))
    extracted = tuple(problem.extract(better.pop(0), profile) for _ in fits)
    if companions:
        extracted = _companions_given_back(extracted, kept)
    seen = trace if placed is None else placed.instead_of(other_sources(trace), trace)
    return SolvedOrders(
        trace=replace_width(seen, profile), profile=profile, orders=extracted, along_lines=along_lines, host=light, host_rows=host_rows
    )


def _look_for_host(
    host: HostSearch,
    settings: ExtractionSettings,
    alone: Sequence[SkyFit],
    rejected: Sequence[BoolArray],
    trace: ObjectTrace,
    star: StarFit | None,
) -> tuple[HostLight | None, HostRows | None]:
    """The host that is known or seen here, or what this exposure tells of one that is looked for in all of them later."""
    if host.known is not None or not settings.subtract_host:
        return host.known, None
    if host.orders_of_set is not None:
        return None, collect_rows(alone, rejected, trace, star, host.orders_of_set)
    return measure_host(alone, rejected, trace, star), None


def _without_host(
    host: HostLight | None,
    trace: ObjectTrace,
    rough: ObjectProfile,
    rejected: Sequence[BoolArray],
    alone: Sequence[SkyFit],
    fits: Sequence[SkyFit],
) -> tuple[Sequence[SkyFit], Sequence[SkyFit]]:
    """The orders less the light of a host that is taken off: without their companions and with them."""
    if host is None or not host.taken:
        return alone, fits
    images = [host_image(fit, hits, host, trace, rough) for fit, hits in zip(alone, rejected, strict=True)]
    hostless, kept = ([image.off(fit) for image, fit in zip(images, some, strict=True)] for some in (alone, fits))
    return hostless, kept


def _companions_given_back(extracted: Sequence[ExtractedOrder], kept: Sequence[SkyFit]) -> tuple[ExtractedOrder, ...]:
    """The orders with their companions' pixels back for the aperture sums, and marked as masked; the host's light stays out."""
    return tuple(replace(order, data=fit.data, masked=fit.data.good & ~order.data.good) for order, fit in zip(extracted, kept, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Problem:
    """What stays the same while sky and profile are improved."""

    trace: ObjectTrace
    sky_settings: SkySettings
    settings: ExtractionSettings
    illumination: FloatArray
    chunks: Sequence[Chunks]

    def begin(
        self, fits: Sequence[SkyFit], companions: Sequence[SlitSource], star: SmearedStar | None = None
    ) -> tuple[ObjectProfile, Sequence[SkyFit], list[FloatArray], list[BoolArray]]:
        """A first profile, the orders without the companions' light, the profile's shares in them, and outliers against it."""
        rough = starting_profile([fit.data for fit in fits], self.trace, self.chunks, star)
        alone = [mask_companions(fit, self.trace, companions, rough) for fit in fits] if companions else fits
        shares = self.shares_of(alone, rough)
        return rough, alone, shares, list(map(self.rough_rejected, alone, shares))

    def shares(self, fit: SkyFit, profile: ObjectProfile) -> FloatArray:
        """The profile in an order."""
        return profile.shares(fit.data, self.trace.orders[fit.data.window.order])

    def shares_of(self, fits: Sequence[SkyFit], profile: ObjectProfile) -> list[FloatArray]:
        """The profile in every order."""
        return profile.shares_of([fit.data for fit in fits], self.trace)

    def rough_rejected(self, fit: SkyFit, shares: FloatArray) -> BoolArray:
        """Pixels that sky and object do not explain, with a first profile; the last search (`extract_order`) has the measured one."""
        limit = self.settings.horne_extraction_profile_global_clipping_sigma
        sky_range = np.where(fit.data.window.inside, fit.spline.local_range(fit.data.u_px), 0.0)
        return reject_outliers(fit.data, fit.electrons, shares, sky_range, limit, ROUGH_TOLERANCE).rejected

    def refine(self, fit: SkyFit, shares: FloatArray, rejected: BoolArray) -> SkyFit:
        """Sky of an order with the object's light taken off, from the illumination that all orders share."""
        light = _object_light(fit, shares, rejected)
        keep = inside_edges(fit.data, self.sky_settings) & ~rejected
        start = replace(
            fit.spline,
            illumination=self.illumination,
            expected_illumination=self.illumination,
            illumination_prior=ORDER_ILLUMINATION_PRIOR,
        )
        better = fit_order_sky(fit.data, self.sky_settings, keep=keep, object_light=light, start=start, start_is_good=True)
        return replace(better, uneven=fit.uneven)

    def extract(self, fit: SkyFit, profile: ObjectProfile) -> ExtractedOrder:
        """Sky and object along columns."""
        return extract_order(fit.data, fit, self.shares(fit, profile), self.settings)

    def extract_along_lines(self, fit: SkyFit, profile: ObjectProfile) -> ExtractedOrder:
        """Sky and object along tilted lines."""
        sheared, shares = follow_lines(fit, self.shares(fit, profile))
        return extract_order(sheared.data, sheared, shares, self.settings)

    def measure(
        self,
        fits: Sequence[SkyFit],
        rejected: Sequence[BoolArray],
        start: ObjectProfile,
        shares: Sequence[FloatArray],
        illumination_error: FloatArray | None = None,
    ) -> ObjectProfile:
        """Profile against the skies given, without outliers, and the change of their common illumination if that has an error."""
        sound = [replace(fit.data, good=fit.data.good & ~pixels) for fit, pixels in zip(fits, rejected, strict=True)]
        return measure_profile(
            sound, [fit.electrons for fit in fits], self.trace, self.settings, start, self.chunks, shares, illumination_error
        )


def _object_light(fit: SkyFit, shares: FloatArray, rejected: BoolArray) -> FloatArray:
    """Light of the object in an order, smooth enough for its noise not to matter, shape of the window."""
    data, sky, sound = fit.data, fit.electrons, fit.data.good & ~rejected
    flux, _ = flux_along(data.electrons - sky, data.variance(sky), shares, sound)
    variance = data.variance(sky + np.maximum(flux, 0.0)[:, None] * np.maximum(shares, 0.0))
    return steady_flux(flux, flux_error(variance, shares, sound), data.binning[0])[0][:, None] * shares


def extract_without_sky(orders: Sequence[OrderData], trace: ObjectTrace, settings: ExtractionSettings) -> SolvedOrders:
    """Extract orders from which no sky is to be subtracted."""
    nothing = [np.zeros(data.electrons.shape) for data in orders]
    profile = measure_profile(orders, nothing, trace, settings)
    extracted = tuple(extract_order_without_sky(data, profile.shares(data, trace.orders[data.window.order]), settings) for data in orders)
    return SolvedOrders(trace=replace_width(trace, profile), profile=profile, orders=extracted)


def replace_width(trace: ObjectTrace, profile: ObjectProfile) -> ObjectTrace:
    """The trace with the width that the profile turned out to have."""
    return replace(trace, fwhm_arcsec=profile.fwhm_arcsec)
