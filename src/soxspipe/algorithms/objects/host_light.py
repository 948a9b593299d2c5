"""Smooth light of a host galaxy under the object: told from the object's own wings, or left in.

The light along the slit is compared with two models (`slit_model`): a point source as broad, as winged and as lopsided as it likes,
and the same with a host.  Only what no point source can be is called a host and taken off.  What could be either stays in the
spectrum, and how much it is gets said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from soxspipe.algorithms.objects.slit_model import HOST_SOFTENING_FWHM, SlitFit, SlitModel, sersic
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
START_ARCSEC = 3.5
"""Between the two sizes; the fit finds its own."""
NEEDED_SIGNIFICANCE = 6.0
"""Of about 15 scenes without a host none came above 5; a real star (NIRSPEC, at a tenth of its light) reached 5.6."""
WORTH_SAYING = 4.0
"""Significance from which light that is left in is called in doubt."""
LEAST_SHARE = 0.04
"""A host that holds less changes the flux by less than its removal is good for."""
PROMISING = 0.3
"""Part of the chi squared needed that one step from a point source must promise; later steps find more."""
AS_GOOD = 9.0
"""Chi squared within which another shape of the host is as good."""


def measure_host(fits: Sequence[SkyFit], rejected: Sequence[BoolArray], trace: ObjectTrace) -> HostLight | None:
    """Look for light of a host and measure it.

    Parameters
    ----------
    fits : sequence of SkyFit
        Orders with their first skies.
    rejected : sequence of ndarray of bool
        Pixels struck by cosmic rays.
    trace : ObjectTrace
        The object.

    Returns
    -------
    HostLight or None
        None if a point source explains the light.  `taken` is False if a host is less significant than `NEEDED_SIGNIFICANCE`.
    """
    rows = measure_rows(fits, rejected, trace, max(1, ROWS_WANTED // len(fits)))
    if trace.forced or not rows.weight.any() or not np.isfinite(trace.fwhm_arcsec):
        return None
    smooth = SlitModel(rows, trace.fwhm_arcsec, INDICES[0])
    alone = smooth.start()
    needed = WORTH_SAYING**2 + smooth.n_rows
    if max(smooth.promise(alone, size) for size in SIZES_ARCSEC) < PROMISING * needed:
        return None
    tried = [_best_of_index(rows, trace.fwhm_arcsec, alone, index) for index in INDICES]
    model, best = min(tried, key=lambda one: one[1].misfit)
    own, light = model.own_light(best), model.host_light(best)
    # every row's height is one more unknown, and a fit that is bad all over says less
    scatter = max(1.0, best.misfit / max(int((model.weight > 0).sum()) - 4 * model.n_rows, 1))
    net = (alone.misfit - best.misfit) / scatter - model.n_rows
    if net < WORTH_SAYING**2 or own <= 0.0 or light <= 0.0 or best.host is None:
        return None
    share, significance = light / own, float(np.sqrt(net))
    taken = significance >= NEEDED_SIGNIFICANCE and share >= LEAST_SHARE
    others = [m.own_light(fit) for m, fit in tried if fit.misfit - best.misfit < AS_GOOD * scatter]
    point = smooth.own_light(alone)
    doubt = max(abs(other / own - 1.0) for other in others) if taken else max(0.0, 1.0 - own / max(point, 1e-30))
    middles, peaks = _heights(fits, rejected, trace, model, best) if taken else ({}, {})
    return HostLight(
        taken=taken,
        significance=significance,
        share=share,
        doubt=min(doubt, 1.0),
        size_arcsec=float(np.exp(best.host[0])),
        offset_arcsec=float(best.host[1]),
        index=model.index,
        softening_arcsec=HOST_SOFTENING_FWHM * trace.fwhm_arcsec,
        middle_px=middles,
        peak=peaks,
    )


def take_host_off(fit: SkyFit, host: HostLight, trace: ObjectTrace) -> SkyFit:
    """The order without the host's light, whose shot noise stays in the variance."""
    data = fit.data
    distance = data.window.slit_arcsec - trace.orders[data.window.order].slit_arcsec[:, None]
    peak = np.interp(np.arange(distance.shape[0]), host.middle_px[data.window.order], host.peak[data.window.order])
    shape = sersic(np.nan_to_num(distance - host.offset_arcsec), host.size_arcsec, host.index, host.softening_arcsec)
    return replace(fit, data=data.without(np.where(data.window.inside, peak[:, None] * shape, 0.0)))


def _best_of_index(rows: SlitRows, fwhm_arcsec: float, alone: SlitFit, index: float) -> tuple[SlitModel, SlitFit]:
    """The best host of a Sersic index."""
    model = SlitModel(rows, fwhm_arcsec, index)
    return model, model.with_host(alone, START_ARCSEC)


def _heights(
    fits: Sequence[SkyFit], rejected: Sequence[BoolArray], trace: ObjectTrace, model: SlitModel, best: SlitFit
) -> tuple[dict[int, FloatArray], dict[int, FloatArray]]:
    """Height of the host in `PARTS` of every order, its shape held; never negative."""
    finer = SlitModel(measure_rows(fits, rejected, trace, PARTS), trace.fwhm_arcsec, model.index)
    heights = finer.heights(best)
    middles: dict[int, FloatArray] = {}
    peaks: dict[int, FloatArray] = {}
    for k, fit in enumerate(fits):
        order, n = fit.data.window.order, fit.data.window.b_px.size
        middles[order] = (np.arange(PARTS) + 0.5) * n / PARTS - 0.5
        peaks[order] = np.maximum(_steady(heights[k * PARTS : (k + 1) * PARTS]), 0.0)
    return middles, peaks


def _steady(values: FloatArray) -> FloatArray:
    """Median of each part and its neighbours: one spoilt part does not count."""
    padded = np.pad(values, 1, mode="edge")
    return np.asarray(np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0))
