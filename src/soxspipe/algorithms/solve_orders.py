"""Sky and object of all orders: from a first sky without knowledge of the object to the joint solution of both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from soxspipe.algorithms.detect_continuum import ContinuumSettings, detect_continuum
from soxspipe.algorithms.find_sources import bin_width, collapse, find_sources, level, line_light, strongest
from soxspipe.algorithms.horne_extraction import (
    PROFILE_TOLERANCE,
    ROUGH_TOLERANCE,
    ExtractedOrder,
    ExtractionSettings,
    Rejection,
    extract_order,
    extract_order_without_sky,
    reject_outliers,
)
from soxspipe.algorithms.object_profile import BETA, ObjectProfile, fit_profile, smooth_flux, starting_profile
from soxspipe.algorithms.order_data import OrderData
from soxspipe.algorithms.subtract_sky import SkyFit, SkySettings, fit_order_sky
from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.datamodel.geometry import Geometry
from soxspipe.datamodel.trace import ObjectTrace, SlitSource
from soxspipe.errors import AlgorithmError, NoOrderLeftError

EachOrder: TypeAlias = Callable[..., Iterable[Any]]
"""`map`, or the `map` of a pool: applies a function to every order."""

NEEDED_SIGNIFICANCE = 8.0
NEEDED_LINE_SIGNIFICANCE = 10.0
MASK_FWHM = 1.3
LEAST_MASK_ARCSEC = 1.5
CORE_ARCSEC = 0.4
WING_SIGMA = 0.3
LARGEST_MASKED_SHARE = 0.6
NAMED_NEAR_ARCSEC = 1.0
FALLBACK_SEEING_ARCSEC = 1.0
ORDER_ILLUMINATION_PRIOR = 0.005
APART_FWHM = 1.5
ASIDE_SHARE = 0.03
ASIDE_OWN_SHARE = 0.3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundObject:
    """What lies on the slit: the object to extract (None if there is none), all objects, the strongest significance seen, and first skies."""

    source: SlitSource | None
    sources: tuple[SlitSource, ...]
    significance: float
    skies: tuple[FloatArray, ...]


def find_object(
    orders: Sequence[OrderData], skies: tuple[FloatArray, ...], *, half_length_arcsec: float, named_arcsec: float | None
) -> FoundObject:
    """Look for objects on the slit, in continuum light and, failing that, in emission lines.

    Parameters
    ----------
    orders : sequence of OrderData
        All orders.
    skies : tuple of ndarray
        Median sky of each (`first_sky`), or zeros.
    half_length_arcsec : float
        Of the slit.
    named_arcsec : float or None
        Slit position that the user named; only an object within an arcsec of it is then taken.

    Returns
    -------
    FoundObject
        The brightest object, or the one that was named.
    """
    bins = bin_width(orders)
    light = level(collapse(orders, skies, half_length_arcsec, bins))
    sources, significance = find_sources(light, NEEDED_SIGNIFICANCE), strongest(light)
    return _chosen(sources, significance, skies, named_arcsec)


def _chosen(sources: tuple[SlitSource, ...], significance: float, skies: tuple[FloatArray, ...], named_arcsec: float | None) -> FoundObject:
    """The brightest object, or the one nearest to the position that the user named."""
    if named_arcsec is None:
        return FoundObject(source=sources[0] if sources else None, sources=sources, significance=significance, skies=skies)
    near = [source for source in sources if abs(source.slit_arcsec - named_arcsec) <= NAMED_NEAR_ARCSEC]
    chosen = min(near, key=lambda source: abs(source.slit_arcsec - named_arcsec)) if near else None
    return FoundObject(source=chosen, sources=sources, significance=significance, skies=skies)


def find_line_object(fits: Sequence[SkyFit], found: FoundObject, *, half_length_arcsec: float, named_arcsec: float | None) -> FoundObject:
    """Look for an object of emission lines alone, once the sky is known well enough for its lines not to be mistaken.

    Parameters
    ----------
    fits : sequence of SkyFit
        Sky fitted without a mask; lines of an object are outliers to it.
    found : FoundObject
        What the continuum showed, returned if there are no lines either.
    half_length_arcsec, named_arcsec : float
        As for `find_object`.

    Returns
    -------
    FoundObject
        With the object whose lines stand out.
    """
    orders = [fit.data for fit in fits]
    light = level(line_light(orders, [fit.electrons for fit in fits], half_length_arcsec, bin_width(orders)))
    sources = find_sources(light, NEEDED_LINE_SIGNIFICANCE)
    return _chosen(sources, strongest(light), found.skies, named_arcsec) if sources else found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SkyFits:
    """Sky solutions by order and why others failed."""

    fits: tuple[SkyFit, ...]
    failures: dict[int, str]


def fit_sky(
    orders: Sequence[OrderData],
    found: FoundObject,
    settings: SkySettings,
    *,
    half_length_arcsec: float,
    each_order: EachOrder = map,
) -> SkyFits:
    """Fit the sky of every order with the objects masked.

    Parameters
    ----------
    orders : sequence of OrderData
        All orders.
    found : FoundObject
        Objects, which are left out as far as their light exceeds a part of the noise, and first skies.
    settings : SkySettings
        Of the fit.
    half_length_arcsec : float
        Of the slit.
    each_order : callable
        `map` or a pool's.

    Returns
    -------
    SkyFits
        Orders that worked and those that did not.

    Raises
    ------
    NoOrderLeftError
        If none worked.
    """

    def attempt(data: OrderData, first: FloatArray) -> SkyFit | AlgorithmError:
        keep = inside_edges(data, settings, half_length_arcsec) & ~object_mask(data, first, found.sources, half_length_arcsec)
        try:
            return fit_order_sky(data, settings, keep=keep)
        except (AlgorithmError, np.linalg.LinAlgError) as err:
            return err if isinstance(err, AlgorithmError) else AlgorithmError(f"the sky of order {data.window.order} is not constrained")

    outcome = list(each_order(attempt, orders, found.skies))
    fits = tuple(result for result in outcome if isinstance(result, SkyFit))
    failures = {data.window.order: str(result) for data, result in zip(orders, outcome, strict=True) if isinstance(result, AlgorithmError)}
    if not fits:
        raise NoOrderLeftError("sky subtraction", failures)
    return SkyFits(fits=fits, failures=failures)


def inside_edges(data: OrderData, settings: SkySettings, half_length_arcsec: float) -> BoolArray:
    """True away from the ends of the slit that the settings leave out."""
    with np.errstate(invalid="ignore"):
        return np.abs(data.window.slit_arcsec) <= half_length_arcsec * (1.0 - 2.0 * settings.clip_slit_edge_fraction)


def object_mask(data: OrderData, sky: FloatArray, sources: Sequence[SlitSource], half_length_arcsec: float) -> BoolArray:
    """True where an object's light would disturb the sky; never more than `LARGEST_MASKED_SHARE` of the slit.

    At least ``max(1.3 FWHM, 1.5 arcsec)`` on either side, and for a bright object up to where a Moffat of its width falls below
    `WING_SIGMA` times the noise of a pixel.
    """
    masked = np.zeros(data.good.shape, dtype=bool)
    left = LARGEST_MASKED_SHARE * 2.0 * half_length_arcsec
    for source in sources:
        with np.errstate(invalid="ignore"):
            distance = np.abs(data.window.slit_arcsec - source.slit_arcsec)
            core = data.good & (distance < CORE_ARCSEC)
        peak = float(np.median(((data.electrons - sky) / np.sqrt(data.variance(sky)))[core])) if core.any() else 0.0
        wing = max(WING_SIGMA / max(peak, WING_SIGMA), 1e-6)
        reach = 0.5 * source.fwhm_arcsec * np.sqrt((wing ** (-1.0 / BETA) - 1.0) / (2.0 ** (1.0 / BETA) - 1.0))
        half = min(max(MASK_FWHM * source.fwhm_arcsec, LEAST_MASK_ARCSEC, float(reach)), 0.5 * left)
        left -= 2.0 * half
        with np.errstate(invalid="ignore"):
            masked |= distance < half
    return masked


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SolvedOrders:
    """Trace, profile and extracted orders."""

    trace: ObjectTrace
    profile: ObjectProfile
    orders: tuple[ExtractedOrder, ...]


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
    )


def measure_profile(
    orders: Sequence[OrderData],
    skies: Sequence[FloatArray],
    trace: ObjectTrace,
    settings: ExtractionSettings,
    half_length_arcsec: float,
    start: ObjectProfile | None = None,
) -> ObjectProfile:
    """Profile of the traced object with the settings' degree and clipping."""
    return fit_profile(
        orders,
        skies,
        trace,
        poly_order=settings.horne_extraction_profile_poly_order,
        clip_sigma=settings.horne_extraction_profile_clipping_sigma,
        clip_rounds=settings.horne_extraction_profile_clipping_iteration_count,
        half_length_arcsec=half_length_arcsec,
        start=start,
    )


def extract_with_sky(
    fits: Sequence[SkyFit],
    trace: ObjectTrace,
    sky_settings: SkySettings,
    settings: ExtractionSettings,
    *,
    half_length_arcsec: float,
    each_order: EachOrder = map,
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
    half_length_arcsec : float
        Of the slit.
    each_order : callable
        `map` or a pool's.

    Returns
    -------
    SolvedOrders
        Profile and extracted orders.
    """
    whole = fits
    companions = _companions(trace)
    if companions:
        rough = starting_profile([fit.data for fit in fits], trace, half_length_arcsec)
        fits = list(each_order(lambda fit: set_companions_aside(fit, trace, companions, rough), fits))
    orders = [fit.data for fit in fits]
    limit = settings.horne_extraction_profile_global_clipping_sigma
    illumination = common_illumination(fits)

    def clean(fit: SkyFit, shares: FloatArray, tolerance: float = PROFILE_TOLERANCE) -> Rejection:
        sky_range = np.where(fit.data.window.inside, fit.spline.local_range(fit.data.u_px), 0.0)
        return reject_outliers(fit.data, fit.electrons, shares, sky_range, limit, tolerance)

    def improve(fit: SkyFit, shares: FloatArray, rejection: Rejection) -> SkyFit:
        error = 1.0 / np.sqrt(np.maximum(np.sum(np.where(fit.data.good, shares**2 / rejection.variance, 0.0), axis=1), 1e-30))
        light = smooth_flux(rejection.flux, error)[:, None] * shares
        keep = inside_edges(fit.data, sky_settings, half_length_arcsec) & ~rejection.hits
        start = replace(
            fit.spline, illumination=illumination, expected_illumination=illumination, illumination_prior=ORDER_ILLUMINATION_PRIOR
        )
        return fit_order_sky(fit.data, sky_settings, keep=keep, object_light=light, start=start)

    def shares_of(fit: SkyFit, profile: ObjectProfile) -> FloatArray:
        return profile.shares(fit.data, trace.orders[fit.data.window.order])

    def measure(fits: Sequence[SkyFit], hits: Sequence[Rejection], start: ObjectProfile | None) -> ObjectProfile:
        sound = [replace(fit.data, good=fit.data.good & ~hit.hits) for fit, hit in zip(fits, hits, strict=True)]
        return measure_profile(sound, [fit.electrons for fit in fits], trace, settings, half_length_arcsec, start)

    def refine(fit: SkyFit) -> tuple[SkyFit, Rejection]:
        shares = shares_of(fit, first)
        found = clean(fit, shares)
        return improve(fit, shares, found), found

    rough = starting_profile(orders, trace, half_length_arcsec)
    hits = list(each_order(lambda fit: clean(fit, shares_of(fit, rough), ROUGH_TOLERANCE), fits))
    first = measure(fits, hits, None)
    refined = list(each_order(refine, fits))
    better, hits = [fit for fit, _ in refined], [found for _, found in refined]
    profile = measure(better, hits, first)

    def extract(fit: SkyFit) -> ExtractedOrder:
        return extract_order(fit.data, fit, profile.shares(fit.data, trace.orders[fit.data.window.order]), settings)

    solved = tuple(each_order(extract, better))
    if companions:
        solved = tuple(
            replace(order, data=fit.data, aside=fit.data.good & ~order.data.good) for order, fit in zip(solved, whole, strict=True)
        )
    return SolvedOrders(trace=replace_width(trace, profile), profile=profile, orders=solved)


def _companions(trace: ObjectTrace) -> tuple[SlitSource, ...]:
    """Other objects on the slit, far enough from the one that is extracted to be told apart."""
    if not trace.sources:
        return ()
    here = float(np.median(np.concatenate([order.slit_arcsec for order in trace.orders.values()])))
    return tuple(source for source in trace.sources if abs(source.slit_arcsec - here) > APART_FWHM * trace.fwhm_arcsec)


def set_companions_aside(fit: SkyFit, trace: ObjectTrace, companions: Sequence[SlitSource], profile: ObjectProfile) -> SkyFit:
    """Take the light of other objects off an order, and leave the pixels that it dominates out.

    Each companion is given the profile and the bend of the object's trace, shifted; its flux and the object's are solved for together
    in every dispersion pixel and smoothed.  The shot noise of the light that is taken off stays in the variance.

    Parameters
    ----------
    fit : SkyFit
        The order with its sky.
    trace : ObjectTrace
        The object's.
    companions : sequence of SlitSource
        Other objects.
    profile : ObjectProfile
        A first profile.

    Returns
    -------
    SkyFit
        With data that hold the object and the sky alone.
    """
    data, path = fit.data, trace.orders[fit.data.window.order]
    here = float(np.median(path.slit_arcsec))
    own = profile.shares(data, path)
    light = data.electrons - fit.electrons
    taken, aside = np.zeros(light.shape), np.zeros(light.shape, dtype=bool)
    for companion in companions:
        other = profile.shares(data, replace(path, slit_arcsec=path.slit_arcsec + (companion.slit_arcsec - here)))
        weight = np.where(data.good, 1.0 / data.variance(np.maximum(fit.electrons, 0.0) + np.maximum(light, 0.0)), 0.0)
        s11, s12, s22 = (np.sum(weight * a * b, axis=1) for a, b in ((own, own), (own, other), (other, other)))
        r1, r2 = (np.sum(weight * a * light, axis=1) for a in (own, other))
        determinant = s11 * s22 - s12**2
        solvable = determinant > 1e-6 * s11 * s22
        safe = np.where(solvable, determinant, 1.0)
        flux = np.where(solvable, (s11 * r2 - s12 * r1) / safe, 0.0)
        error = np.where(solvable, np.sqrt(np.maximum(s11, 0.0) / safe), np.inf)
        taken += np.maximum(smooth_flux(flux, error), 0.0)[:, None] * other
        aside |= (other > ASIDE_SHARE * other.max(axis=1, keepdims=True)) & (own < ASIDE_OWN_SHARE * own.max(axis=1, keepdims=True))
    cleaned = replace(
        data,
        electrons=data.electrons - taken,
        floor=data.floor + np.maximum(taken, 0.0) * data.flat / data.exposures,
        good=data.good & ~aside,
    )
    return replace(fit, data=cleaned)


def common_illumination(fits: Sequence[SkyFit]) -> FloatArray:
    """Slit illumination of the arm: mean over orders, weighted by what each order's sky says about it.

    The slit is one; an order with little sky would otherwise take the wings of a bright object for illumination.
    """
    weights = np.array([float(np.sum((fit.electrons**2 / fit.data.variance(fit.electrons))[fit.used])) for fit in fits])
    values = np.array([fit.spline.illumination for fit in fits])
    return np.asarray((weights[:, None] * values).sum(axis=0) / max(float(weights.sum()), 1e-30))


def extract_without_sky(
    orders: Sequence[OrderData], trace: ObjectTrace, settings: ExtractionSettings, *, half_length_arcsec: float
) -> SolvedOrders:
    """Extract orders from which no sky is to be subtracted."""
    nothing = [np.zeros(data.electrons.shape) for data in orders]
    profile = measure_profile(orders, nothing, trace, settings, half_length_arcsec)
    extracted = tuple(extract_order_without_sky(data, profile.shares(data, trace.orders[data.window.order]), settings) for data in orders)
    return SolvedOrders(trace=replace_width(trace, profile), profile=profile, orders=extracted)


def replace_width(trace: ObjectTrace, profile: ObjectProfile) -> ObjectTrace:
    """The trace with the width that the profile turned out to have."""
    return replace(trace, fwhm_arcsec=profile.fwhm_arcsec)
