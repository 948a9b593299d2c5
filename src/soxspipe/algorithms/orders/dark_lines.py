"""Detector lines along the dispersion that hold less light than both neighbours, though no calibration marks them.

Charge traps of a CCD do that at low light alone, and lines die between a flat and a frame.  No image through the spectrograph is as narrow
as a pixel: light along the slit that dips in one line, and in that line for hundreds of dispersion pixels, is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.datamodel.geometry import OrderWindow
from soxspipe.numerics.robust import row_median

PART_PX = 128
"""Dispersion pixels looked at together, over which an object's trace moves by a pixel at most.  Two such parts in a row must be dark: one
pixel that a master spoils does not make both so, and a shorter dark piece costs little."""
EVERY_PX = 4
"""Of them, that many are enough to tell light from none."""
LEAST_SHARE = 0.5
"""Of the pixels of a line in a part that must be good."""
FLOOR_E = 1.0
"""Electrons above the sky: where that is darker, they weigh all pixels alike."""
DARK = 0.8
"""Of the fainter neighbour's light: flats are good to some per cent, and a smooth image has no dips."""
NEEDED_SIGMA = 8.0
"""Of some ten thousand lines and parts none is as dark by chance, errors of the flat included."""
OBJECT = 1.5
"""Times the middle light of all lines of a part: a dip between two neighbours so bright may be the gap between two objects."""
SLOPE = 0.9
"""Light of a neighbour over that of the next line, between which and its inverse light neither rises nor falls away from a dip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DarkLine:
    """A dark piece of a line: order, slit-axis pixel of the frame, its first dispersion pixel and the first after its last."""

    order: int
    slit_px: int
    first: int
    stop: int


def find_dark_lines(data: OrderData, sky: FloatArray) -> tuple[DarkLine, ...]:
    """Look for dark lines in an order.

    Parameters
    ----------
    data : OrderData
        Flattened, sky and objects included.
    sky : ndarray, shape of the window
        Median sky (`first_sky`), or zeros.

    Returns
    -------
    tuple of DarkLine
        Neighbouring parts of a line as one piece.
    """
    window = data.window
    first_px = int(window.a_start.min())
    light, error = _light_of_lines(data, sky, first_px)
    found = _dips(light, error)
    pieces: list[DarkLine] = []
    for line in np.flatnonzero(found.any(axis=0)):
        steps = np.diff(np.concatenate([[0], found[:, line].astype(np.int8), [0]]))
        for start, stop in zip(np.flatnonzero(steps > 0), np.flatnonzero(steps < 0), strict=True):
            rows = window.b_px[start * PART_PX : stop * PART_PX]
            pieces.append(DarkLine(order=window.order, slit_px=first_px + int(line), first=int(rows.min()), stop=int(rows.max()) + 1))
    return tuple(pieces)


def dark_pixels(window: OrderWindow, lines: Sequence[DarkLine]) -> BoolArray:
    """Pixels of an order that lie on dark lines, shape of the window."""
    dark = np.zeros(window.index.shape, dtype=bool)
    for line in lines:
        rows = (window.b_px >= line.first) & (window.b_px < line.stop)
        dark |= rows[:, None] & (window.a_px == line.slit_px)
    return dark


def _light_of_lines(data: OrderData, sky: FloatArray, first_px: int) -> tuple[FloatArray, FloatArray]:
    """Light of every line in every part of an order over the sky there, and its error, NaN where too few pixels are good; shape (parts, lines).

    Over the sky, because a line that has lost its pixels on a bright sky line would look dark.
    """
    window = data.window
    rows = np.arange(0, window.b_px.size, EVERY_PX)
    n_parts = -(-window.b_px.size // PART_PX)
    column = (window.a_start[rows] - first_px)[:, None] + np.arange(window.index.shape[1])
    n_lines = int(column.max()) + 1
    cell = ((rows // PART_PX)[:, None] * n_lines + column).ravel()
    good = data.good[rows]
    light = np.where(good, data.electrons[rows], 0.0)
    variance = np.where(good, data.variance(light, rows), 0.0)
    expected = np.where(good, np.maximum(sky[rows], 0.0) + FLOOR_E, 0.0)
    count, total, noise, usual = (np.bincount(cell, values.ravel(), n_parts * n_lines) for values in (good, light, variance, expected))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean, error = total / usual, np.sqrt(noise) / usual
    mean[count < LEAST_SHARE * PART_PX / EVERY_PX] = np.nan
    return mean.reshape(n_parts, n_lines), error.reshape(n_parts, n_lines)


def _dips(light: FloatArray, error: FloatArray) -> BoolArray:
    """Lines that are dark between their neighbours in a part, shape (parts, lines)."""
    padded = np.pad(light, ((0, 0), (2, 2)), constant_values=np.nan)
    before, left, right, after = (padded[:, k : k + light.shape[1]] for k in (0, 1, 3, 4))
    with np.errstate(invalid="ignore"):
        missing = DARK * np.minimum(left, right) - light
        # light that rises away from the dip, and falls on no side, is that of two objects
        rises = (left < SLOPE * before) | (right < SLOPE * after)
        falls = (before < SLOPE * left) | (after < SLOPE * right)
        bright = np.minimum(left, right) > OBJECT * row_median(light, np.isfinite(light))[:, None]
        # beside the slit's ends a little motion of its edge darkens a line
        inner = np.isfinite(before + after)
        dark = inner & (missing > NEEDED_SIGMA * error) & (falls | ~rises | ~bright)
    dark[1:-1] |= dark[:-2] & dark[2:]
    beside = np.pad(dark, ((1, 1), (0, 0)))
    return np.asarray(dark & (beside[:-2] | beside[2:]))
