"""Light of a star that an off-frame took off the target's own.

Further away such a star is an object of negative light, fitted beside the target.  Within the target's image nothing in the difference tells
the two apart, but the off-frame itself shows the star alone: it is extracted there, and what it took is given back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from soxspipe.algorithms.extraction.solve_orders import FALLBACK_SEEING_ARCSEC, extract_with_sky, follow_object
from soxspipe.algorithms.objects.companions import APART_FWHM
from soxspipe.algorithms.objects.find_object import FoundObject, find_object
from soxspipe.algorithms.objects.object_flux import smooth_flux
from soxspipe.algorithms.orders.detrend_order import detrend_order
from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.algorithms.orders.slit_offset import follow_slit
from soxspipe.algorithms.sky.fit_skies import fit_sky, rough_light
from soxspipe.algorithms.sky.subtract_sky import first_sky
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.geometry import OrderWindow
from soxspipe.datamodel.slit import SlitOffset
from soxspipe.datamodel.trace import SlitSource
from soxspipe.reductions.stare.inputs import StareInputs
from soxspipe.settings.stare import StareSettings


class GivenBack(NamedTuple):
    """Orders with the light given back, and the star of the off-frame within the target's image whose light it was."""

    orders: Sequence[OrderData]
    star: SlitSource | None = None


def give_back_star(
    orders: Sequence[OrderData],
    skies: Sequence[FloatArray],
    windows: Sequence[OrderWindow],
    slit: SlitOffset,
    inputs: StareInputs,
    settings: StareSettings,
) -> GivenBack:
    """Give back what a star of the off-frame took from within the target's image.

    Parameters
    ----------
    orders : sequence of OrderData
        All orders, without the off-frame.
    skies : sequence of ndarray
        Median sky of each.
    windows : sequence of OrderWindow
        Of the orders, in the same sequence.
    slit : SlitOffset
        Motion of the slit's image, which the off-frame, taken beside the target, shares.
    inputs, settings : StareInputs, StareSettings
        Of the set.

    Returns
    -------
    GivenBack
        The orders as they were where there is no off-frame, or no star within the target's image.

    Raises
    ------
    AlgorithmError
        If the off-frame shows such a star and cannot be solved.
    """
    if not inputs.with_off_frame or inputs.masters.dark is None:
        return GivenBack(orders)
    alone, masters = inputs.masters.dark.cutout(np.asarray), replace(inputs.masters, dark=None)
    in_place = [detrend_order(alone, window, None, masters, use_flat=settings.use_flat, binning=orders[0].binning) for window in windows]
    beside = [follow_slit(data, slit) for data in in_place] if slit.applied else in_place
    found = find_object(beside, tuple(map(first_sky, beside)), named_arcsec=None)
    rough = [rough_light(data, sky, found.sources) for data, sky in zip(beside, found.skies, strict=True)]
    whole = _with_light(orders, [light for light in rough if light is not None])
    target = find_object(whole, tuple(skies), named_arcsec=inputs.object_slit_arcsec).source
    near = [star for star in found.sources if target is not None and _within(star, target)]
    if not near:
        return GivenBack(orders)
    star = replace(found, source=near[0], significance=near[0].significance)
    return GivenBack(_with_light(orders, _light_of(star, beside, inputs, settings)), near[0])


def _within(star: SlitSource, target: SlitSource) -> bool:
    """Whether a star lies too near to the target to be fitted beside it: each reaches `APART_FWHM` of its widths, and they overlap."""
    return abs(star.slit_arcsec - target.slit_arcsec) < 2.0 * APART_FWHM * max(star.fwhm_arcsec, target.fwhm_arcsec)


def _light_of(star: FoundObject, beside: Sequence[OrderData], inputs: StareInputs, settings: StareSettings) -> list[FloatArray]:
    """Light of a star of the off-frame in every order: its spectrum, smooth but for lines, times its profile."""
    sky = fit_sky(beside, star, settings.sky)
    trace = follow_object(
        [fit.data for fit in sky.fits],
        [fit.electrons for fit in sky.fits],
        star,
        inputs.geometry,
        settings.continuum,
        forced_arcsec=0.0,
        seeing_arcsec=inputs.observation.seeing_arcsec or FALLBACK_SEEING_ARCSEC,
    )
    point_source = settings.extraction.model_copy(update={"subtract_host": False})
    solved = extract_with_sky(sky.fits, trace, settings.sky, point_source)
    light = {one.data.window.order: smooth_flux(one.flux, np.sqrt(one.flux_variance))[:, None] * one.shares for one in solved.orders}
    return [np.nan_to_num(light.get(data.window.order, np.zeros(data.electrons.shape))) for data in beside]


def _with_light(orders: Sequence[OrderData], light: Sequence[FloatArray]) -> Sequence[OrderData]:
    """Orders with light added, if there is some; its photon noise is in that of the off-frame."""
    return [order.without(np.negative(one)) for order, one in zip(orders, light, strict=True)] if light else orders
