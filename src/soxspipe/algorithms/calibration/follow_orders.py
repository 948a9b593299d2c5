"""Follow the pattern of lines along each order, where the motion of the whole pattern is not the whole truth.

For each line the light at every offset along the dispersion is known.  The offsets of all lines of an order are chosen together: most light,
and as little change of offset from line to line as it allows (the best path through the lines, found by dynamic programming).  A line is thus
never matched alone: to reach an unlisted line beside a missing one the path would have to jump there and back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.calibration.arc_image import ArcImage
from soxspipe.algorithms.calibration.find_pattern import THRESHOLD_SIGMA
from soxspipe.datamodel.arrays import FloatArray, IntArray
from soxspipe.datamodel.detector import Axis

REACH_PX = 15
"""As far as an order may lie from its prediction."""
ACROSS_PX = 2
"""The orders' places along the slit are known better than those along the dispersion."""
MOST_LIGHT = 3.0
"""Light that one line can bring (logarithm; 20 times the noise above the threshold): a bright line says no more than that it is there."""
STEP_COST, SQUARED_COST = 0.6, 0.3
"""A jump of 3 px there and back costs 9, more than one line brings; a bend of 1 px per line costs 0.9, less than a line that is right brings."""
TYPICAL_SPACING_PX = 40.0
"""Offsets of lines further apart than this may differ more, of lines closer together less, by no more than `LEAST_SHARE` and its inverse."""
LEAST_SHARE = 0.4
"""Keeps very close and very distant lines from being treated as rigid or free."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Followed:
    """Offset (px) of every pinhole image along x and y, and the light found there per line, in logarithms of significance."""

    dx: FloatArray
    dy: FloatArray
    light: FloatArray


def follow_orders(image: ArcImage, order: IntArray, x: FloatArray, y: FloatArray, weight: FloatArray, dispersion_axis: Axis) -> Followed:
    """Offsets of the lines of every order from where they are expected.

    Parameters
    ----------
    image : ArcImage
        The arc frame.
    order, x, y : ndarray, shape (n,)
        Order and expected pixel of each line's image (one pinhole).
    weight : ndarray, shape (n,)
        Trust in each line, 0 to 1.
    dispersion_axis : {'x', 'y'}
        Axis along which an order is followed.
    """
    dx, dy, light = np.zeros(x.shape), np.zeros(x.shape), np.zeros(x.shape)
    for number in np.unique(order):
        here = np.flatnonzero(order == number)
        along = x[here] if dispersion_axis == "x" else y[here]
        here = here[np.argsort(along)]
        strength = np.log1p(np.maximum(image.significance(x[here], y[here], REACH_PX) - THRESHOLD_SIGMA, 0.0)) * weight[here, None, None]
        if dispersion_axis == "y":
            strength = strength.transpose(0, 2, 1)  # rows across, columns along the dispersion
        offset_along, offset_across, found = _follow(strength, np.sort(along))
        dx[here], dy[here] = (offset_along, offset_across) if dispersion_axis == "x" else (offset_across, offset_along)
        light[here] = found
    return Followed(dx=dx, dy=dy, light=light)


def _follow(strength: FloatArray, along: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Offsets along and across of each line of one order; `strength` has shape (n_lines, across, along)."""
    middle = strength.shape[1] // 2
    rows = slice(middle - ACROSS_PX, middle + ACROSS_PX + 1)
    near = strength[:, rows]
    light, across = np.minimum(near.max(axis=1), MOST_LIGHT), near.argmax(axis=1)
    light += 0.1 * near.max(axis=1)  # the top of a bright line is still its best place
    path = _best_path(light, along)
    lines = np.arange(len(along))
    return path.astype(np.float64) - REACH_PX, across[lines, path].astype(np.float64) - ACROSS_PX, light[lines, path]


def _best_path(light: FloatArray, along: FloatArray) -> IntArray:
    """Column of each row such that the sum of light minus the cost of steps is largest."""
    n, m = light.shape
    step = np.abs(np.arange(m)[:, None] - np.arange(m)[None, :])
    cost = STEP_COST * step + SQUARED_COST * step**2
    share = np.clip(TYPICAL_SPACING_PX / np.maximum(np.diff(along), 1.0), LEAST_SHARE, 1.0 / LEAST_SHARE)
    total, back = light[0].copy(), np.zeros((n, m), dtype=np.int64)
    for k in range(1, n):
        reach = total[:, None] - cost * share[k - 1]
        back[k] = reach.argmax(axis=0)
        total = reach.max(axis=0) + light[k]
    path = np.zeros(n, dtype=np.int64)
    path[-1] = int(total.argmax())
    for k in range(n - 1, 0, -1):
        path[k - 1] = back[k, path[k]]
    return path
