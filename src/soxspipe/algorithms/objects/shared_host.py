"""One host in all exposures of a set: evidence of all of them together, one decision, one galaxy.

Exposures that differ are solved one by one, but a host is in the sky for all of them.  What the sharpest exposure hardly tells from the
wings of its star is in the aperture of a worse one, where it counts for more, and looks like wings there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from soxspipe.algorithms.objects.blurred_host import BlurredHost
from soxspipe.algorithms.objects.host_light import (
    AS_GOOD,
    PARTS,
    ROWS_WANTED,
    START_ARCSEC,
    beyond_reach,
    doubt_of_host,
    heights_by_order,
    may_be_taken,
    promise_of_host,
    promise_wanted,
    significance_of,
    star_under_host,
    without_side,
    worth_saying,
)
from soxspipe.algorithms.objects.point_source import StarFit, parts_for
from soxspipe.algorithms.objects.shared_model import SharedFit, SharedModel
from soxspipe.algorithms.objects.slit_model import SlitModel
from soxspipe.algorithms.objects.slit_rows import SlitRows, measure_rows
from soxspipe.algorithms.sky.subtract_sky import SkyFit
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.datamodel.host import HostLight
from soxspipe.datamodel.trace import ObjectTrace

INDICES = (0.5, 1.0, 2.0)
"""Sersic indices tried: a smooth blob, a disc, a concentrated galaxy."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HostRows:
    """What one exposure tells of a host.

    Attributes
    ----------
    lengths : dict of int to int
        Dispersion pixels of every order that was solved.
    star : StarFit
        The best point source, and the rows it was fitted to.
    finer : SlitRows
        The same light in `PARTS` of every order.
    fwhm_arcsec : float
        Of the object.
    """

    lengths: dict[int, int]
    star: StarFit
    finer: SlitRows
    fwhm_arcsec: float


def collect_rows(
    fits: Sequence[SkyFit], rejected: Sequence[BoolArray], trace: ObjectTrace, star: StarFit | None, n_orders: int
) -> HostRows | None:
    """Rows of one exposure, None where there is no light to fit.

    Of `n_orders` orders it may have lost some: its rows stand for the same parts of the others as those of an exposure that has all.
    Other arguments as for `measure_host`.
    """
    fitted = star_under_host(fits, rejected, trace, star, parts_for(ROWS_WANTED, n_orders))
    if fitted is None:
        return None
    lengths = {fit.data.window.order: fit.data.window.b_px.size for fit in fits}
    return HostRows(lengths=lengths, star=fitted, finer=measure_rows(fits, rejected, trace, PARTS), fwhm_arcsec=trace.fwhm_arcsec)


def find_shared_host(seen: Sequence[HostRows], passed: Sequence[float], slit_width_arcsec: float | None) -> tuple[HostLight, ...]:
    """Look for a host in the light of all exposures together.

    Parameters
    ----------
    seen : sequence of HostRows
        Of every exposure, the reference first.
    passed : sequence of float
        Part of a point source's light that the slit lets through, in every exposure.
    slit_width_arcsec : float or None
        Of the slit.

    Returns
    -------
    tuple of HostLight
        The host as every exposure shows it; empty if point sources explain the light of all.  Decision, significance, share and doubt
        are those of all together: `doubt` is of the mean of their spectra.
    """
    exposures, tried = _search(_on_all_orders(seen), passed, slit_width_arcsec)
    if not tried:
        return ()
    model, best = _best(tried)
    alone, own = [one.star.fit for one in exposures], model.own_light(best.stars)
    scatter = max(1.0, best.misfit / max(sum(int((m.weight > 0).sum()) - 4 * m.n_rows for m in model.models), 1))
    n_heights = max(m.n_rows for m in model.models)
    gain = (sum(fit.misfit for fit in alone) - best.misfit) / scatter
    share = model.host_light(best) / max(float(own.sum()), 1e-30)
    significance = significance_of(gain, n_heights)
    if not worth_saying(significance, share) or own.min() <= 0.0 or beyond_reach(best.host):
        return ()
    size, place = float(np.exp(best.host[0])), float(best.host[1])
    taken = may_be_taken(significance, share, missing_of(model.host_of_rows(best)), size)
    weight = _weights(exposures, model, best)
    beside = own if taken else np.maximum(model.own_light(alone), 1e-30)
    error = float(np.sqrt(scatter)) * model.mean_error(best, weight)
    lights = [(float(weight @ (m.own_light(fit.stars) / beside)), (fit.misfit - best.misfit) / scatter) for m, fit in tried]
    left = [as_good(light, error, behind) for light, behind in lights if behind < AS_GOOD]
    doubt = doubt_of_host(left, taken=taken)
    heights = _heights(exposures, model, best) if taken else None
    return tuple(
        HostLight(
            taken=taken,
            significance=significance,
            share=share,
            doubt=doubt,
            size_arcsec=size,
            offset_arcsec=place,
            index=blur.index,
            distance_arcsec=blur.along,
            light=float(np.exp(light)) * blur.table(size),
            middle_px={} if heights is None else heights[0],
            peak={} if heights is None else heights[1],
        )
        for blur, light in zip(model.blurs, best.light, strict=True)
    )


def missing_of(of_rows: FloatArray) -> float:
    """Light that is missing in some rows over that which is there in others."""
    return -float(of_rows[of_rows < 0].sum()) / max(float(of_rows[of_rows > 0].sum()), 1e-30)


def as_good(light: float, error: float, behind: float) -> tuple[float, float]:
    """Least and most light of a fit whose chi squared is so far behind the best, out to `AS_GOOD`, if its error (one sigma) is Gaussian."""
    reach = error * float(np.sqrt(max(AS_GOOD - behind, 0.0)))
    return light - reach, light + reach


def _promises_enough(exposures: Sequence[HostRows]) -> bool:
    """Whether a host could save the chi squared that would make it worth a word."""
    promised = sum(promise_of_host(SlitModel(one.star.rows, one.fwhm_arcsec, INDICES[0]), one.star.fit) for one in exposures)
    return promised >= promise_wanted(max(one.star.model.n_rows for one in exposures))


def _search(
    exposures: Sequence[HostRows], passed: Sequence[float], slit_width_arcsec: float | None
) -> tuple[Sequence[HostRows], list[tuple[SharedModel, SharedFit]]]:
    """Hosts that may be there, none where none is promised, and the exposures without the side on which another object is."""
    tried = _hosts(exposures, passed, slit_width_arcsec) if _promises_enough(exposures) else []
    if not tried or not beyond_reach(_best(tried)[1].host):
        return exposures, tried
    other = _best(tried)[1].host
    alone = [_without_other(one, other) for one in exposures]
    return alone, _hosts(alone, passed, slit_width_arcsec)


def _hosts(exposures: Sequence[HostRows], passed: Sequence[float], slit_width_arcsec: float | None) -> list[tuple[SharedModel, SharedFit]]:
    """The best host of every Sersic index; one whose light is missing is none."""
    alone = [one.star.fit for one in exposures]
    tried = []
    for index in INDICES:
        models = [SlitModel(one.star.rows, one.fwhm_arcsec, index) for one in exposures]
        widths = [one.fwhm_arcsec * float(np.exp(one.star.fit.shape[0])) for one in exposures]
        model = SharedModel(models, [BlurredHost(width, index, slit_width_arcsec) for width in widths], passed)
        fit = model.with_host(alone, START_ARCSEC)
        if model.host_light(fit) > 0.0:
            tried.append((model, fit))
    return tried


def _best(tried: Sequence[tuple[SharedModel, SharedFit]]) -> tuple[SharedModel, SharedFit]:
    """The one that fits best."""
    return min(tried, key=lambda one: one[1].misfit)


def _without_other(one: HostRows, host: FloatArray) -> HostRows:
    """An exposure without the side of another object, and the point source fitted once more."""
    rows = without_side(one.star.rows, host, one.fwhm_arcsec)
    model = SlitModel(rows, one.fwhm_arcsec)
    return replace(one, star=replace(one.star, rows=rows, model=model, fit=model.start()))


def _weights(exposures: Sequence[HostRows], model: SharedModel, best: SharedFit) -> FloatArray:
    """Weights of the exposures in the mean of their spectra: signal-to-noise squared of their own light, sum 1."""
    squares = []
    for one, of_one, star in zip(exposures, model.models, best.stars, strict=True):
        image = of_one.moffats(star.shape, star.shares)
        squares.append(float(np.sum(star.own[:, None] ** 2 * one.star.rows.weight * image**2)))
    return np.array(squares) / max(sum(squares), 1e-30)


def _heights(exposures: Sequence[HostRows], model: SharedModel, best: SharedFit) -> tuple[dict[int, FloatArray], dict[int, FloatArray]]:
    """Peak of the host in `PARTS` of every order, one for all exposures, all shapes held."""
    finer = [SlitModel(one.finer, one.fwhm_arcsec, blur.index) for one, blur in zip(exposures, model.blurs, strict=True)]
    return heights_by_order(SharedModel(finer, model.blurs, np.exp(model.passed)).heights(best), exposures[0].lengths)


def _on_all_orders(seen: Sequence[HostRows]) -> list[HostRows]:
    """The exposures with rows for the orders of all; those that an exposure has not are empty."""
    lengths = dict(sorted({order: length for one in seen for order, length in one.lengths.items()}.items()))
    return [one if list(one.lengths) == list(lengths) else _spread(one, lengths) for one in seen]


def _spread(one: HostRows, lengths: dict[int, int]) -> HostRows:
    """An exposure with rows for all of these orders."""
    orders = list(lengths)
    rows, fit = _spread_rows(one.star.rows, one.lengths, orders, one.star.parts), one.star.fit
    own = np.zeros(rows.sky.size)
    own[_places(one.lengths, orders, one.star.parts)] = fit.own
    star = replace(one.star, rows=rows, model=SlitModel(rows, one.fwhm_arcsec), fit=replace(fit, own=own))
    return replace(one, lengths=lengths, star=star, finer=_spread_rows(one.finer, one.lengths, orders, PARTS))


def _places(own: dict[int, int], orders: Sequence[int], parts: int) -> IntArray:
    """Rows of an exposure's orders among those of all orders."""
    return np.concatenate([orders.index(order) * parts + np.arange(parts) for order in own])


def _spread_rows(rows: SlitRows, own: dict[int, int], orders: Sequence[int], parts: int) -> SlitRows:
    """Rows of all orders; those of an order that the exposure has not have no weight."""
    places = _places(own, orders, parts)
    shape = (len(orders) * parts, rows.light.shape[1])
    light, weight, sky, colour = np.zeros(shape), np.zeros(shape), np.ones(shape[0]), np.ones(shape[0])
    distance = np.tile(np.median(rows.distance_arcsec, axis=0), (shape[0], 1))
    for whole, part in (
        (light, rows.light),
        (weight, rows.weight),
        (distance, rows.distance_arcsec),
        (sky, rows.sky),
        (colour, rows.colour),
    ):
        whole[places] = part
    return replace(rows, light=light, weight=weight, distance_arcsec=distance, sky=sky, colour=colour)
