"""Two bent orders with objects on the slit, and which of them is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from soxspipe.algorithms.objects.find_object import FoundObject, find_object
from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.algorithms.sky.subtract_sky import first_sky
from soxspipe.datamodel.geometry import Geometry
from support.orders import TinyOrder, make_geometry, observe, position, sky_light

GEOMETRY: Geometry = make_geometry(numbers=(11, 12), n_b=400, bend=12.0, spacing=60)
WINDOWS = cut_orders(GEOMETRY)
LINES = ((60.3, 3000.0), (150.7, 60000.0), (155.2, 20000.0), (310.1, 4000.0))


def scene(*objects: tuple[float, float], seed: int = 2, fwhm: float = 0.9) -> list[TinyOrder]:
    """Orders with objects (slit position, electrons per dispersion pixel); the first is the one whose truth is kept."""
    rng = np.random.default_rng(seed)
    orders = []
    for window in WINDOWS:
        flux = np.full(400, objects[0][1]) if objects else np.zeros(400)
        sky = sky_light(position(window), lines=LINES)
        others = sum(
            (observe(window, 0 * sky, np.full(400, level), offset=place, fwhm=fwhm).data.electrons for place, level in objects[1:]),
            np.zeros(sky.shape),
        )
        made = observe(window, sky + others, flux, offset=objects[0][0] if objects else 0.0, fwhm=fwhm, rng=rng)
        orders.append(replace(made, sky=sky))
    return orders


def found_in(orders: list[TinyOrder], named: float | None = None, *, subtract_sky: bool = True) -> FoundObject:
    """The object that is found with a first sky, by name of its position if one is given."""
    skies = tuple(first_sky(o.data) if subtract_sky else np.zeros(o.sky.shape) for o in orders)
    return find_object([o.data for o in orders], skies, named_arcsec=named)


def line_scene(peak: float) -> list[TinyOrder]:
    """Orders with an object of emission lines alone at +1.0 arcsec."""
    rng = np.random.default_rng(8)
    orders = []
    for window in WINDOWS:
        flux = np.zeros(400)
        for column, share in ((-1, 0.6), (0, 1.0), (1, 1.0), (2, 0.6)):
            flux[np.arange(25, 390, 30) + column] = share * peak
        orders.append(observe(window, sky_light(position(window), lines=LINES), flux, offset=1.0, fwhm=0.9, rng=rng))
    return orders
