"""Flats of two lamps brought to one scale where an order of one meets an order of the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from soxspipe.algorithms.calibration.predict_lines import ArcPrediction, pixels_of
from soxspipe.datamodel.arrays import FloatArray, IntArray
from soxspipe.datamodel.detector import Axis

HALF_WINDOW_PX = 30
"""Unbinned pixels on either side of the join whose light is added up: the lamps' ratio changes by a few per cent over them, lines are narrower."""
LEAST_SIGNIFICANCE = 20.0
"""Light of the weaker lamp over its noise: less does not give the ratio to 5 per cent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderJoin:
    """Where two orders show the same wavelength: their numbers, and the dispersion pixel (unbinned) in each."""

    orders: tuple[int, int]
    b_px: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderLight:
    """Light of two lamps along one order.

    Attributes
    ----------
    b_px : ndarray, shape (n,)
        Dispersion pixels, unbinned.
    light, variance : ndarray, shape (2, n)
        Electrons of each lamp in the pixels that both show well, and their variance.
    spectrum : int
        Lamp whose spectrum the order has in the flat.
    """

    b_px: FloatArray | IntArray
    light: FloatArray
    variance: FloatArray
    spectrum: int


def order_joins(prediction: ArcPrediction, axis: Axis) -> tuple[OrderJoin, ...]:
    """Joins of neighbouring orders in the predicted geometry: the middle of the wavelengths that both hold.

    Parameters
    ----------
    prediction : ArcPrediction
        Of the arm; a few pixels are exact enough, the lamps are smooth.
    axis : {'x', 'y'}
        Dispersion axis.
    """
    ranked = sorted(prediction.ranges_nm, key=lambda order: prediction.ranges_nm[order])
    joins = []
    for blue, red in pairwise(ranked):
        wave = 0.5 * (prediction.ranges_nm[blue][1] + prediction.ranges_nm[red][0])
        x, y = pixels_of(prediction.x, prediction.y, np.array([blue, red]), np.full(2, wave), np.zeros(2))
        b = x if axis == "x" else y
        joins.append(OrderJoin(orders=(blue, red), b_px=(float(b[0]), float(b[1]))))
    return tuple(joins)


def second_lamp_scale(joins: Sequence[OrderJoin], orders: Mapping[int, OrderLight]) -> float | None:
    """Light of the first lamp over that of the second where an order of one meets an order of the other; None if that is not seen.

    Parameters
    ----------
    joins : sequence of OrderJoin
        Of the arm.
    orders : mapping of int to OrderLight
        By order number.

    Notes
    -----
    At a join both orders show one wavelength, so that both give the same ratio; their light is added up.  Orders of the second lamp times this
    number are on the scale of the first, and an object divided by the flat has one level on either side.
    """
    light, variance = np.zeros(2), np.zeros(2)
    for join in joins:
        pair = [orders.get(number) for number in join.orders]
        if pair[0] is None or pair[1] is None or pair[0].spectrum == pair[1].spectrum:
            continue
        for one, place in zip(pair, join.b_px, strict=True):
            if one is not None:
                near = np.abs(one.b_px - place) <= HALF_WINDOW_PX
                light += one.light[:, near].sum(axis=1)
                variance += one.variance[:, near].sum(axis=1)
    seen = np.all(light > LEAST_SIGNIFICANCE * np.sqrt(np.maximum(variance, 1.0)))
    return float(light[0] / light[1]) if seen else None
