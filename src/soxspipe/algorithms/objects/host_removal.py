"""A host's light taken off an order, with the lines that air and galaxy put into it.

The height of the host along an order is known smoothly (`host_light`).  What it does within some pixels, telluric bands above all, is
solved for in every dispersion pixel beside the object, and kept as far as it stands out of its own noise (a Wiener filter): of a faint
host nothing, of one as bright as the object all of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from soxspipe.algorithms.objects.object_flux import flux_beside
from soxspipe.algorithms.objects.object_profile import ObjectProfile
from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.algorithms.sky.subtract_sky import SkyFit
from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.datamodel.host import HostLight
from soxspipe.datamodel.trace import ObjectTrace
from soxspipe.numerics.robust import running_mean

POWER_HALF_PX = 50
"""Over 101 pixels the power of noise alone is known to a seventh."""
NOISE_MARGIN = 1.3
"""Noise alone has less power than this times what its errors say, but for one stretch in fifty."""
LARGEST_SIGMA = 6.0
"""A height further from the smooth one, in units of the scatter there, is a hit."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HostImage:
    """Light of the host on the window of an order (electrons per pixel), and the variance of what is not known of its heights."""

    light: FloatArray
    variance: FloatArray

    def off(self, fit: SkyFit) -> SkyFit:
        """The order without the light, whose shot noise stays in the variance."""
        data: OrderData = fit.data.without(self.light)
        return replace(fit, data=replace(data, noise=replace(data.noise, floor=data.noise.floor + self.variance)))


def host_image(fit: SkyFit, hits: BoolArray, host: HostLight, trace: ObjectTrace, profile: ObjectProfile) -> HostImage:
    """Light of the host in an order.

    Parameters
    ----------
    fit : SkyFit
        The order with its sky, other objects off.
    hits : ndarray of bool, shape of the window
        Pixels struck by cosmic rays.
    host : HostLight
        Its shape and smooth heights.
    trace : ObjectTrace
        The object's.
    profile : ObjectProfile
        A first profile of the object.
    """
    data, path = fit.data, trace.orders[fit.data.window.order]
    distance = data.window.slit_arcsec - path.slit_arcsec[:, None]
    shape = np.where(data.window.inside, host.along(np.nan_to_num(distance)), 0.0)
    smooth = np.interp(np.arange(distance.shape[0]), host.middle_px[data.window.order], host.peak[data.window.order])
    own = profile.shares(data, path)
    light = data.electrons - fit.electrons
    expected = np.maximum(fit.electrons, 0.0) + np.maximum(light, 0.0)
    weight = np.where(data.good & ~hits, 1.0 / data.variance(expected), 0.0)
    flux, error = flux_beside(light, weight, own, shape)
    departure, unknown = departures(flux, error, smooth)
    pixels = 1.0 / np.maximum(np.sum(own**2, axis=1), 1e-9)
    # the height of a pixel row is one number: its error is common to the pixels that the object covers, and counts as often
    return HostImage(light=(smooth + departure)[:, None] * shape, variance=(unknown * pixels)[:, None] * shape**2)


def departures(flux: FloatArray, error: FloatArray, smooth: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Departures from smooth heights that are believed, and the variance of the rest.

    A first profile that is not the object's leaves a share of the object's light in `flux`, lines and all: departures are from the mean
    of the neighbours, and scaled as that is to the smooth height.
    """
    known = np.isfinite(error)
    noise = np.where(known, error, 0.0) ** 2
    level, _ = running_mean(flux, known, POWER_HALF_PX)
    departure = (flux - level) * np.clip(smooth / np.where(level > 0, level, np.inf), 0.0, 1.0)
    power, _ = running_mean(departure**2, known, POWER_HALF_PX)
    known &= departure**2 < LARGEST_SIGMA**2 * np.maximum(power, noise)
    power, _ = running_mean(departure**2, known, POWER_HALF_PX)
    typical, _ = running_mean(noise, known, POWER_HALF_PX)
    signal = np.maximum(power - NOISE_MARGIN * typical, 0.0)
    kept = np.where(known, signal / np.maximum(signal + noise, 1e-30), 0.0)
    return kept * departure, np.where(known, kept * noise, signal)
