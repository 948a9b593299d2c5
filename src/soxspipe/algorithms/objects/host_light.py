"""Smooth light of a host galaxy under the object: told from the object's own wings, or left in.

The light along the slit is compared with two models (`slit_model`): a point source as broad, as winged and as lopsided as it likes,
and the same with a host.  Only what no point source can be is called a host and taken off.  What could be either stays in the
spectrum, and how much it is gets said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from soxspipe.algorithms.objects.point_source import StarFit, fit_star, parts_for
from soxspipe.algorithms.objects.slit_model import FURTHEST_HOST_ARCSEC, HOST_SOFTENING_FWHM, SlitFit, SlitModel, sersic
from soxspipe.algorithms.objects.slit_rows import SlitRows, measure_rows
from soxspipe.algorithms.sky.subtract_sky import SkyFit
from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.datamodel.host import HostLight
from soxspipe.datamodel.trace import ObjectTrace

ROWS_WANTED = 16
"""Enough for wings to be told by their colour; with more, a host's free heights fit noise."""
PARTS = 12
"""Of every order in which the height of the host is measured."""
INDICES = (0.5, 1.0, 2.0)
"""Sersic indices tried: a smooth blob, a disc, a concentrated galaxy."""
SIZES_ARCSEC = (2.5, 4.0)
"""A host as wide as twice and four times the seeing: what lies between is seen with either."""
OFFSETS_ARCSEC = (-1.2, 0.0, 1.2)
"""Of the host's centre: one beside the object looks from the object's place as if it were none."""
START_ARCSEC = 3.5
"""Between the two sizes; the fit finds its own."""
NEEDED_SIGNIFICANCE = 6.0
"""Of about 15 scenes without a host none came above 5; a real star (NIRSPEC, at a tenth of its light) reached 5.6."""
WORTH_SAYING = 2.0
"""Significance from which light that is left in is called in doubt: in bad seeing a host of 15 % came out at 2.4, four of eight stars on whole
frames had nothing to gain from one."""
LEAST_DOUBTED = 0.01
"""Share from which it is: formulas for images are good to half a per cent, and two of eight stars "had" hosts of 0.5 and 0.7 %."""
LEAST_SHARE = 0.04
"""A host that holds less changes the flux by less than its removal is good for."""
MOST_MISSING = 0.1
"""Light that a host lacks in some rows over what it has in others: none of ten true ones on whole frames lacked any, two stars "had" hosts of 6
and 10 sigma that lacked a quarter, made of what the sky had left."""
WIDEST_ARCSEC = 6.0
"""Half of the slit: what is wider cannot be told from the sky and the slit's illumination (one of 9 arcsec was a companion that the sky had bent)."""
PROMISING = 0.3
"""Part of the chi squared needed that one step from a point source must promise; later steps find more."""
OTHER_FWHM = 1.5
"""About an object beside the one that is extracted: where its light is."""
ALONG_ARCSEC = np.linspace(-15.0, 15.0, 601)
"""From one end of the slit beyond the other, in steps within which a host is straight."""
AS_GOOD = 9.0
"""Chi squared within which another host is as good: three sigma, since hosts that simulations made lay up to that far from the best fit."""


def measure_host(
    fits: Sequence[SkyFit],
    rejected: Sequence[BoolArray],
    trace: ObjectTrace,
    star: StarFit | None = None,
) -> HostLight | None:
    """Look for light of a host and measure it.

    Parameters
    ----------
    fits : sequence of SkyFit
        Orders with their first skies.
    rejected : sequence of ndarray of bool
        Pixels struck by cosmic rays.
    trace : ObjectTrace
        The object.
    star : StarFit or None
        A point source fitted to the same pixels, if it is at hand; used if it has as many rows.

    Returns
    -------
    HostLight or None
        None if a point source explains the light.  `taken` is False if a host is less significant than `NEEDED_SIGNIFICANCE`.
    """
    fitted = star_under_host(fits, rejected, trace, star, parts_for(ROWS_WANTED, len(fits)))
    if fitted is None:
        return None
    smooth, alone, tried = _search(fitted, trace.fwhm_arcsec)
    if not tried:
        return None
    model, best = _best(tried)
    own = model.own_light(best)
    # every row's height is one more unknown, and a fit that is bad all over says less
    scatter = max(1.0, best.misfit / max(int((model.weight > 0).sum()) - 4 * model.n_rows, 1))
    net = (alone.misfit - best.misfit) / scatter - model.n_rows
    share = model.host_light(best) / max(own, 1e-30)
    if not worth_saying(net, share) or own <= 0.0 or best.host is None or beyond_reach(best.host):
        return None
    significance = float(np.sqrt(net))
    taken = may_be_taken(significance, share, model.host_of_rows(best), float(np.exp(best.host[0])))
    beside = own if taken else max(smooth.own_light(alone), 1e-30)
    left = [(m.own_light(fit) / beside, (fit.misfit - best.misfit) / scatter) for m, fit in tried]
    error = float(np.sqrt(scatter)) * model.own_light_error(best) / beside
    middles, peaks = _heights(fits, rejected, trace, model, best) if taken else ({}, {})
    return HostLight(
        taken=taken,
        significance=significance,
        share=share,
        doubt=doubt_of_host(left, error, taken=taken),
        size_arcsec=float(np.exp(best.host[0])),
        offset_arcsec=float(best.host[1]),
        index=model.index,
        distance_arcsec=ALONG_ARCSEC,
        light=sersic(ALONG_ARCSEC, float(np.exp(best.host[0])), model.index, HOST_SOFTENING_FWHM * trace.fwhm_arcsec),
        middle_px=middles,
        peak=peaks,
    )


def star_under_host(
    fits: Sequence[SkyFit], rejected: Sequence[BoolArray], trace: ObjectTrace, star: StarFit | None, parts: int
) -> StarFit | None:
    """The point source that is at hand if it has as many rows per order, else one that is fitted; None where there is no light to fit."""
    return star if star is not None and star.parts == parts else fit_star(fits, rejected, trace, parts, star)


def worth_saying(net: float, share: float) -> bool:
    """Whether a host of this share of the object's light, better than a point source by `net` in chi squared, is at least in doubt."""
    return net >= WORTH_SAYING**2 and share >= LEAST_DOUBTED


def may_be_taken(significance: float, share: float, of_rows: FloatArray, size_arcsec: float) -> bool:
    """Whether light is called a host: significant, worth its removal, no wider than what the slit shows, and there in all rows (its light in each)."""
    missing = -float(of_rows[of_rows < 0].sum())
    there = missing <= MOST_MISSING * float(of_rows[of_rows > 0].sum())
    return significance >= NEEDED_SIGNIFICANCE and share >= LEAST_SHARE and size_arcsec <= WIDEST_ARCSEC and there


def doubt_of_host(left: Sequence[tuple[float, float]], error: float, *, taken: bool) -> float:
    """Part of the object's flux that hosts which fit as well leave uncertain, at most 1.

    Parameters
    ----------
    left : sequence of (float, float)
        For the best host of every index: what it leaves to the object, over the flux that is delivered, and by how much its chi squared
        (scaled to 1 a degree of freedom) is above that of the best of all.
    error : float
        What the shapes of star and host leave uncertain of the first (one sigma): they trade light.
    taken : bool
        Whether the best host is taken off; else all of it may be in the flux.
    """
    reaches = [(share, error * float(np.sqrt(AS_GOOD - behind))) for share, behind in left if behind < AS_GOOD]
    least, most = min(share - reach for share, reach in reaches), max(share + reach for share, reach in reaches)
    return float(np.clip(max(1.0 - least, most - 1.0) if taken else 1.0 - least, 0.0, 1.0))


def promise_of_host(smooth: SlitModel, alone: SlitFit) -> float:
    """Chi squared that one step from a point source to a host could save."""
    return max(smooth.promise(alone, size, offset) for size in SIZES_ARCSEC for offset in OFFSETS_ARCSEC)


def promise_wanted(n_heights: int) -> float:
    """Below it no host could save the chi squared that would make it worth a word."""
    return PROMISING * (WORTH_SAYING**2 + n_heights)


def beyond_reach(host: FloatArray | None) -> bool:
    """Whether a host is best as far off the object as it may lie, so that it is another object."""
    return host is not None and abs(float(host[1])) > 0.9 * FURTHEST_HOST_ARCSEC


def without_side(rows: SlitRows, host: FloatArray | None, fwhm_arcsec: float) -> SlitRows:
    """Rows without the places near and beyond another object."""
    end = FURTHEST_HOST_ARCSEC - OTHER_FWHM * fwhm_arcsec
    side = 1.0 if host is None or host[1] > 0 else -1.0
    return replace(rows, weight=np.where(side * rows.distance_arcsec > end, 0.0, rows.weight))


def _search(star: StarFit, fwhm_arcsec: float) -> tuple[SlitModel, SlitFit, list[tuple[SlitModel, SlitFit]]]:
    """Model and fit of the point source alone, and the hosts that may be there beside it; none where none is promised."""
    smooth, alone = SlitModel(star.rows, fwhm_arcsec, INDICES[0]), star.fit
    tried = [] if promise_of_host(smooth, alone) < promise_wanted(smooth.n_rows) else _hosts(star.rows, fwhm_arcsec, alone)
    if tried and beyond_reach(_best(tried)[1].host):
        # another object, too faint to have been found as one: the host is looked for on the other side and near the object
        rows = without_side(star.rows, _best(tried)[1].host, fwhm_arcsec)
        smooth = SlitModel(rows, fwhm_arcsec, INDICES[0])
        alone = smooth.start()
        tried = _hosts(rows, fwhm_arcsec, alone)
    return smooth, alone, tried


def _hosts(rows: SlitRows, fwhm_arcsec: float, alone: SlitFit) -> list[tuple[SlitModel, SlitFit]]:
    """The best host of every Sersic index; one whose light is missing, to make up for wings that are too bright, is none."""
    models = [SlitModel(rows, fwhm_arcsec, index) for index in INDICES]
    fits = [(model, model.with_host(alone, START_ARCSEC)) for model in models]
    return [(model, fit) for model, fit in fits if model.host_light(fit) > 0.0]


def _best(tried: Sequence[tuple[SlitModel, SlitFit]]) -> tuple[SlitModel, SlitFit]:
    """The one that fits best."""
    return min(tried, key=lambda one: one[1].misfit)


def _heights(
    fits: Sequence[SkyFit], rejected: Sequence[BoolArray], trace: ObjectTrace, model: SlitModel, best: SlitFit
) -> tuple[dict[int, FloatArray], dict[int, FloatArray]]:
    """Height of the host in `PARTS` of every order, its shape held; never negative."""
    finer = SlitModel(measure_rows(fits, rejected, trace, PARTS), trace.fwhm_arcsec, model.index)
    return heights_by_order(finer.heights(best), {fit.data.window.order: fit.data.window.b_px.size for fit in fits})


def heights_by_order(heights: FloatArray, lengths: dict[int, int]) -> tuple[dict[int, FloatArray], dict[int, FloatArray]]:
    """Middles of the parts of orders of so many dispersion pixels, and the heights there, never negative."""
    middles: dict[int, FloatArray] = {order: (np.arange(PARTS) + 0.5) * n / PARTS - 0.5 for order, n in lengths.items()}
    parts = heights.reshape(len(lengths), PARTS)
    return middles, {order: np.maximum(_steady(own), 0.0) for order, own in zip(lengths, parts, strict=True)}


def _steady(values: FloatArray) -> FloatArray:
    """Median of each part and its neighbours: one spoilt part does not count."""
    padded = np.pad(values, 1, mode="edge")
    return np.asarray(np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0))
