"""Other objects on the slit: their light is taken off before the one that is extracted is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from soxspipe.algorithms.objects.object_flux import flux_beside, smooth_flux
from soxspipe.algorithms.objects.object_profile import ObjectProfile
from soxspipe.algorithms.sky.subtract_sky import SkyFit
from soxspipe.datamodel.trace import ObjectTrace, SlitSource

APART_FWHM = 1.5
"""Nearer than this two images are one."""
MASKED_SHARE = 0.03
"""Of the peak of the other object: from there on its light is masked, after it has been subtracted."""
MASKED_OWN_SHARE = 0.3
"""Of the object's own peak: where it is brighter, pixels stay in."""


def other_sources(trace: ObjectTrace) -> tuple[SlitSource, ...]:
    """Other objects on the slit, far enough from the one that is extracted to be told apart."""
    if not trace.sources:
        return ()
    return tuple(source for source in trace.sources if abs(source.slit_arcsec - trace.slit_arcsec) > APART_FWHM * trace.fwhm_arcsec)


def mask_companions(fit: SkyFit, trace: ObjectTrace, companions: Sequence[SlitSource], profile: ObjectProfile) -> SkyFit:
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
    own = profile.shares(data, path)
    light = data.electrons - fit.electrons
    weight = np.where(data.good, 1.0 / data.variance(np.maximum(fit.electrons, 0.0) + np.maximum(light, 0.0)), 0.0)
    taken, masked = np.zeros(light.shape), np.zeros(light.shape, dtype=bool)
    for companion in companions:
        other = profile.shares(data, replace(path, slit_arcsec=path.slit_arcsec + (companion.slit_arcsec - trace.slit_arcsec)))
        flux, error = flux_beside(light, weight, own, other)
        taken += companion.of_its_sign(smooth_flux(flux, error))[:, None] * other
        masked |= (other > MASKED_SHARE * other.max(axis=1, keepdims=True)) & (own < MASKED_OWN_SHARE * own.max(axis=1, keepdims=True))
    return replace(fit, data=replace(data.without(taken), good=data.good & ~masked))
