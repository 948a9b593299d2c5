"""Pixels of an order that a sky is fitted to, side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.orders.order_data import OrderData, PixelNoise
from soxspipe.algorithms.sky.sky_spline import SkyPixels
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray

PLACES_PER_PX = 4.0
"""Sorting needs no finer order than this; pixels within a place may stand in any."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SkySample:
    """Pixels of an order that may take part, shape (n,), in the sequence of wavelength.

    Attributes
    ----------
    index : ndarray of int
        Flat indices in the window.
    u, slit, electrons : ndarray
        Dispersion pixel, slit position scaled to -1..1, flattened electrons without the object's light.
    foreground : ndarray
        That light.
    noise : PixelNoise
        Of the pixels.
    """

    index: IntArray
    u: FloatArray
    slit: FloatArray
    electrons: FloatArray
    foreground: FloatArray
    noise: PixelNoise

    def expecting(self, sky: FloatArray) -> SkyPixels:
        """The pixels, with the variance that they have under a sky."""
        variance = self.noise.variance(sky + self.foreground)
        return SkyPixels(u=self.u, slit=self.slit, electrons=self.electrons, variance=variance)

    def every(self, step: int) -> SkySample:
        """One pixel in so many."""
        place = np.arange(0, self.index.size, step)
        names = ("index", "u", "slit", "electrons", "foreground")
        return SkySample(**{name: getattr(self, name).take(place) for name in names}, noise=self.noise.at(place))


def sample_of(data: OrderData, chosen: BoolArray, object_light: FloatArray | None) -> SkySample:
    """The chosen pixels of an order without the light of its object; both have the shape of the window."""
    index = _by_wavelength(data.u_px, np.flatnonzero(chosen))
    foreground = np.zeros(index.size) if object_light is None else object_light.take(index)
    return SkySample(
        index=index,
        u=data.u_px.take(index),
        slit=data.slit.take(index),
        electrons=data.electrons.take(index) - foreground,
        foreground=foreground,
        noise=data.noise.at(index),
    )


def _by_wavelength(u_px: FloatArray, index: IntArray) -> IntArray:
    """Pixels (flat indices) with neighbours in u beside each other: what is looked up or summed for them then stays in the cache."""
    u = u_px.take(index)
    place = ((u - u.min(initial=np.inf)) * PLACES_PER_PX).astype(np.uint16)  # radix sort is for short numbers
    return index.take(np.argsort(place, kind="stable"))
