"""Where the orders lie on a flat, before their edges are measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from soxspipe.datamodel.arrays import FloatArray, Image, IntArray
from soxspipe.datamodel.detector import Axis
from soxspipe.datamodel.geometry import OrderTable

SHORTEST_ORDER_PX = 30
"""An order with fewer columns on the detector has no edge that could be fitted."""
LEAST_HALF_SLIT_PX = 3.0
"""Edges that lie nearer to each other, or cross within an order, are none: half of a slit of 11 arcsec has 20 px, binned 4 times 5."""
DEFAULT_HALF_SLIT_PX = 20.0
"""Half of 11 arcsec at 0.28 arcsec a pixel; only where no order shows its edges."""


class Layout(NamedTuple):
    """Where orders are: dispersion axis, binning along dispersion and slit, dispersion pixels and centres of each order (binned)."""

    axis: Axis
    binning_b: int
    binning_a: int
    centres: Mapping[int, tuple[IntArray, FloatArray]]
    half_slit_px: float | None


def make_layout(table: OrderTable, shape: tuple[int, int], binning: tuple[int, int]) -> Layout:
    """Centres of all orders on a binned frame, followed over the whole detector; half the slit's length if the table has edges.

    Lower and upper edge may have changed places; what counts is how far apart they are.
    """
    axis = table.dispersion_axis
    binning_b, binning_a = binning if axis == "x" else binning[::-1]
    n_b, n_a = shape[::-1] if axis == "x" else shape
    centres = {}
    for order in table.orders:
        b = np.arange(n_b)
        a = (table.centre(order, (b + 0.5) * binning_b - 0.5) + 0.5) / binning_a - 0.5
        on_chip = (a > 0) & (a < n_a - 1)
        centres[order] = (b[on_chip], a[on_chip])
    half = None
    if table.low is not None and table.high is not None:
        middle = {order: np.array(0.5 * (table.b_min[order] + table.b_max[order])) for order in table.orders}
        width = float(np.median([abs(float(table.high(n, b) - table.low(n, b))) for n, b in middle.items()]))
        half = 0.5 * width / binning_a if 0.5 * width / binning_a >= LEAST_HALF_SLIT_PX else None
    return Layout(axis, binning_b, binning_a, {n: c for n, c in centres.items() if c[0].size > SHORTEST_ORDER_PX}, half)


def measure_half_slit(image: Image, layout: Layout) -> float:
    """Half of the slit's length: median over the orders of the width at half of the light in their middle; 20 px where nothing is lit."""
    turned = image.T if layout.axis == "x" else image
    widths = []
    for b, centre in layout.centres.values():
        middle = b.size // 2
        rows = slice(max(int(b[middle]) - 8, 0), int(b[middle]) + 9)
        profile = np.median(turned[rows], axis=0)
        at = int(np.clip(round(float(centre[middle])), 0, profile.size - 1))
        level = float(np.median(profile[max(at - 4, 0) : at + 5]))
        dark = float(np.min(profile[max(at - 80, 0) : at + 81]))
        below = profile < 0.5 * (level + dark)
        left, right = np.flatnonzero(below[:at]), np.flatnonzero(below[at:])
        if level > 2.0 * max(dark, 1.0) and left.size and right.size:
            widths.append(right[0] + at - left[-1] - 1)
    return 0.5 * float(np.median(widths)) if widths else DEFAULT_HALF_SLIT_PX
