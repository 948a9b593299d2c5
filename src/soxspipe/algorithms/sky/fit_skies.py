"""First sky of all orders, with what is known of the objects kept out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from soxspipe.algorithms.objects.find_object import FoundObject
from soxspipe.algorithms.objects.find_sources import moffat
from soxspipe.algorithms.objects.moffat import BETA
from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.algorithms.sky.sky_spline import ILLUMINATION_PRIOR
from soxspipe.algorithms.sky.subtract_sky import SkyFit, SkySettings, fit_order_sky
from soxspipe.algorithms.sky.uneven_lines import Intervals, find_uneven_lines, fit_uneven_light, within
from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.datamodel.trace import SlitSource
from soxspipe.errors import AlgorithmError, NoOrderLeftError
from soxspipe.numerics.polynomials import legendre
from soxspipe.numerics.robust import running_median

MASK_FWHM = 1.3
"""On either side of an object, in FWHM; a Moffat (beta 3.5) has fallen to 4 % of its peak there."""
LEAST_MASK_ARCSEC = 1.5
"""For images narrower than the seeing can be."""
CORE_ARCSEC = 0.4
"""On either side of the trace: where the height of a bright object is measured."""
WING_SIGMA = 0.3
"""Light below this share of the noise of a pixel does not disturb the sky; no measurement is recorded."""
CORE_FWHM = 0.7
"""Half width, in FWHM, of the core that gives the height of the rough model."""
ROUGH_SMOOTH_PX = 31
"""Running median that takes cosmic rays out of that height."""
FIRST_THINNED = 2
"""A first sky is made to find and measure the object against, and is solved for again: every second pixel tells it well enough."""
LARGEST_MASKED_SHARE = 0.6
"""Of the slit: the rest must determine the sky."""
ILLUMINATION_PULL = 1.5
"""By how much the arm's illumination scatters more than its error with wings free: rms of both terms over eleven faint stars, VIS, also in moonlight."""
HELD_PRIOR = 1e-3
"""Of an illumination that is not to move: light of lines along the slit is measured against it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SkyFits:
    """Sky solutions by order and why others failed."""

    fits: tuple[SkyFit, ...]
    failures: dict[int, str]


def fit_sky(
    orders: Sequence[OrderData],
    found: FoundObject,
    settings: SkySettings,
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

    Returns
    -------
    SkyFits
        Orders that worked and those that did not.

    Raises
    ------
    NoOrderLeftError
        If none worked.
    """
    fit = partial(_fit_with_objects_masked, sources=found.sources, settings=settings)
    outcome = list(map(fit, orders, found.skies))
    first = [result for result in outcome if isinstance(result, _FirstFit)]
    failures = {data.window.order: str(result) for data, result in zip(orders, outcome, strict=True) if isinstance(result, AlgorithmError)}
    if not first:
        raise NoOrderLeftError("sky subtraction", failures)
    fits = [one.fit for one in first]
    if any(one.intervals for one in first):
        finish = partial(_without_uneven_light, settings=settings, illumination=common_illumination(fits))
        fits = list(map(finish, first))
    return SkyFits(fits=tuple(fits), failures=failures)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _FirstFit:
    """Sky of one order with its objects masked, what that mask left and their light, and where lines change along the slit."""

    fit: SkyFit
    keep: BoolArray
    light: FloatArray | None
    intervals: Intervals


def _fit_with_objects_masked(
    data: OrderData, first: FloatArray, *, sources: Sequence[SlitSource], settings: SkySettings
) -> _FirstFit | AlgorithmError:
    """Sky of one order, or why there is none; lines that change along the slit do not affect the slit's illumination."""
    keep = inside_edges(data, settings) & ~object_mask(data, first, sources)
    try:
        light = rough_light(data, first, sources)
        fit = fit_order_sky(data, settings, keep=keep, object_light=light, thin=FIRST_THINNED)
        uneven = find_uneven_lines(data, fit.electrons, light, keep)
        if uneven.intervals or uneven.unknown is not None:  # this fit then goes into the last sky
            fit = fit_order_sky(data, settings, keep=keep, object_light=light)
            uneven = find_uneven_lines(data, fit.electrons, light, keep)
        intervals = uneven.intervals
        if uneven.unknown is not None:
            fit = replace(fit, data=data.with_variance(uneven.unknown.variance), uneven=uneven.unknown)
        if intervals:
            even = ~within(data.u_px, intervals)
            rest = fit_order_sky(data, settings, keep=keep & even, object_light=light, start=fit.spline)
            even_shape = replace(
                fit.spline,
                illumination=rest.spline.illumination,
                illumination_error=rest.spline.illumination_error,
                illumination_doubt=rest.spline.illumination_doubt,
                shift=rest.spline.shift,
            )
            fit = replace(fit, spline=even_shape, used=rest.used)
        return _FirstFit(fit=fit, keep=keep, light=light, intervals=intervals)
    except (AlgorithmError, np.linalg.LinAlgError) as err:
        return err if isinstance(err, AlgorithmError) else AlgorithmError(f"the sky of order {data.window.order} is not constrained")


def _without_uneven_light(first: _FirstFit, *, settings: SkySettings, illumination: FloatArray) -> SkyFit:
    """The fit on data without the light of lines that change along the slit, with the illumination of the arm held."""
    if not first.intervals:
        return first.fit
    data, free = first.fit.data, first.fit.spline
    held = replace(free, illumination=illumination, expected_illumination=illumination, illumination_prior=HELD_PRIOR)
    fit = fit_order_sky(data, settings, keep=first.keep, object_light=first.light, start=held)
    uneven = fit_uneven_light(data, fit.electrons, first.light, first.keep, first.intervals)
    if uneven is None:
        return fit_order_sky(data, settings, keep=first.keep, object_light=first.light, start=free)
    even = data.without(uneven.electrons)
    even = even.with_variance(uneven.variance)
    better = fit_order_sky(even, settings, keep=first.keep, object_light=first.light, start=fit.spline)
    spline = replace(
        better.spline,
        expected_illumination=None,
        illumination_prior=free.illumination_prior,
        illumination_error=free.illumination_error,
        illumination_doubt=free.illumination_doubt,
    )
    return replace(better, spline=spline, uneven=uneven)


def inside_edges(data: OrderData, settings: SkySettings) -> BoolArray:
    """True away from the ends of the slit that the settings leave out."""
    with np.errstate(invalid="ignore"):
        return np.abs(data.window.slit_arcsec) <= data.window.half_slit_arcsec * (1.0 - 2.0 * settings.clip_slit_edge_fraction)


def object_mask(data: OrderData, sky: FloatArray, sources: Sequence[SlitSource]) -> BoolArray:
    """True where an object's light would disturb the sky; never more than `LARGEST_MASKED_SHARE` of the slit.

    At least ``max(1.3 FWHM, 1.5 arcsec)`` on either side, and for a bright object up to where a Moffat of its width falls below
    `WING_SIGMA` times the noise of a pixel.
    """
    masked = np.zeros(data.good.shape, dtype=bool)
    left = LARGEST_MASKED_SHARE * 2.0 * data.window.half_slit_arcsec
    for source in sources:
        with np.errstate(invalid="ignore"):
            distance = np.abs(data.window.slit_arcsec - source.slit_arcsec)
            core = data.good & (distance < CORE_ARCSEC)
        peak = abs(float(np.median(((data.electrons - sky) / np.sqrt(data.variance(sky)))[core]))) if core.any() else 0.0
        wing = max(WING_SIGMA / max(peak, WING_SIGMA), 1e-6)
        reach = 0.5 * source.fwhm_arcsec * np.sqrt((wing ** (-1.0 / BETA) - 1.0) / (2.0 ** (1.0 / BETA) - 1.0))
        half = min(max(MASK_FWHM * source.fwhm_arcsec, LEAST_MASK_ARCSEC, float(reach)), 0.5 * left)
        left -= 2.0 * half
        with np.errstate(invalid="ignore"):
            masked |= distance < half
    return masked


def rough_light(data: OrderData, sky: FloatArray, sources: Sequence[SlitSource]) -> FloatArray | None:
    """Light of the objects as their cores and a Moffat of their width tell, shape of the window; None without objects.

    What reaches beyond the mask is little in a pixel, but the same all along the order: the sky's slit illumination would take it in.
    """
    if not sources:
        return None
    light = np.zeros(data.good.shape)
    for source in sources:
        with np.errstate(invalid="ignore"):
            distance = np.abs(data.window.slit_arcsec - source.slit_arcsec)
            core = data.good & (distance < CORE_FWHM * source.fwhm_arcsec)
        shape = moffat(np.where(data.window.inside, distance, np.inf), source.fwhm_arcsec)
        weight = np.where(core, shape / data.variance(sky), 0.0)
        power = np.sum(weight * shape, axis=1)
        height = np.sum(weight * np.where(core, data.electrons - sky, 0.0), axis=1) / np.where(power > 0, power, 1.0)
        light += source.of_its_sign(running_median(height, ROUGH_SMOOTH_PX, power > 0))[:, None] * shape
    return light


def common_illumination(fits: Sequence[SkyFit]) -> FloatArray:
    """Slit illumination of the arm: mean over orders, weighted by their errors; 0 where no order determines it.

    The slit is one; an order with little sky would otherwise take the wings of a bright object for illumination.
    """
    values = np.array([fit.spline.illumination for fit in fits])
    errors = [fit.spline.illumination_error for fit in fits]  # empty of an order in which nothing could be fitted
    weights = np.array([error if error.size else np.full(values.shape[1], np.inf) for error in errors]) ** -2.0
    total = weights.sum(axis=0)
    return np.asarray((weights * values).sum(axis=0) / np.where(total > 0, total, 1.0))


def common_illumination_doubt(fits: Sequence[SkyFit]) -> FloatArray:
    """Error of `common_illumination` with the object's wings free; the prior that every order's fit had counts once, shape (n_illumination,)."""
    known = np.full(fits[0].spline.illumination.size, ILLUMINATION_PRIOR**-2)
    for fit in fits:
        if fit.spline.illumination_doubt.size:
            known += np.maximum(fit.spline.illumination_doubt**-2.0 - fit.spline.illumination_prior**-2.0, 0.0)
    return np.asarray(ILLUMINATION_PULL * known**-0.5)


def share_illumination(fits: Sequence[SkyFit]) -> list[SkyFit]:
    """The fits with the illumination of the arm in place of each order's own."""
    shared = common_illumination(fits)
    return [with_illumination(fit, shared) for fit in fits]


def with_illumination(fit: SkyFit, illumination: FloatArray) -> SkyFit:
    """The fit with another slit illumination, its spectrum as it is."""
    terms = legendre(fit.data.slit, illumination.size)
    new, old = (1.0 + np.tensordot(one, terms, 1) for one in (illumination, fit.spline.illumination))
    return replace(fit, spline=replace(fit.spline, illumination=illumination), electrons=fit.electrons * (new / old))
