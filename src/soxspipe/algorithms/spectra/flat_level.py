"""Level of the master flat along the orders, so that a response made with one flat serves frames divided by another.

Every master flat is scaled by a number of its own, and lamps age: two flats of one instrument differ in level and colour.  A frame's
flattened counts hold 1 / flat, the response held the flat of its standard; the ratio of the two levels leads from one to the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.spectrum import FlatLevel
from soxspipe.numerics.robust import mad_sigma
from soxspipe.numerics.splines import bspline_matrix, clamped_knots

PARTS = 24
"""Of an order: the level changes with the blaze, which needs no more."""
KNOT_PX = 100
"""Wide against the noise and fringes, narrow against the blaze."""
STEEP, STEEP_PX = 1.6, 12
"""Between two knots whose levels differ by more than this factor knots are this close: a dichroic's edge is 70 px wide, and a cubic that spans
it swings by a quarter on both sides."""
DIM_SHARE = 0.02
"""Of the brightest: where an order's flat holds less, relative deviations say little, and steps are not looked for."""
SLIT_SHARE = 0.8
"""Of the half slit: clear of its edges."""
LEAST_PIXELS = 50
"""A mean of fewer has more noise than the level changes."""
LEAST_PARTS = 8
"""A third of an order; a line through fewer parts runs away at its ends."""
LEAST_LEVEL = 0.1
"""Of the brightest: fainter parts are scattered light as much as lamp."""
ROUNDS = 4
"""Clipping and fitting in turn; few outliers are left for the last."""
CLIP_SIGMA = 4.0
"""Leaves out parts with bad pixels."""
LEAST_SCATTER = 1e-3
"""Flats that agree to a per mille are not clipped any further."""
LARGEST_RATIO = 3.0
"""Two lamps of one instrument: a larger ratio is a wrong flat, which is not to be made worse."""


def measure_flat_level(orders: Sequence[OrderData]) -> FlatLevel:
    """Mean flat over the slit in `PARTS` parts of every order.

    Parameters
    ----------
    orders : sequence of OrderData
        All orders, flattened.

    Returns
    -------
    FlatLevel
        Parts with fewer than `LEAST_PIXELS` good pixels are left out.
    """
    rows: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    for data in orders:
        good = data.good & (np.abs(data.slit) < SLIT_SHARE)
        part = np.broadcast_to((np.arange(good.shape[0]) * PARTS // good.shape[0])[:, None], good.shape)[good]
        count = np.bincount(part, minlength=PARTS)
        kept = count >= LEAST_PIXELS
        level = np.bincount(part, data.flat[good], PARTS)[kept] / count[kept]
        wave = np.bincount(part, data.window.wavelength_nm[good], PARTS)[kept] / count[kept]
        rank = np.argsort(wave)
        rows.append((np.full(rank.size, data.window.order, dtype=np.float64), wave[rank], level[rank]))
    order, wave, level = (np.concatenate([row[k] for row in rows]) if rows else np.empty(0) for k in range(3))
    return FlatLevel(order=order.astype(np.int64), wavelength_nm=wave, level=level)


def smooth_flat(flat: FloatArray) -> FloatArray:
    """Flat along an order without the response of its pixels: lamp and blaze alone.

    Parameters
    ----------
    flat : ndarray, shape (n,)
        Flat under the object; 0 where there is none.

    Returns
    -------
    ndarray, shape (n,)
        A cubic spline with knots `KNOT_PX` apart, closer where the flat is steep, fitted to relative deviations; `flat` itself where it is too
        short or dark.
    """
    lit = np.flatnonzero(flat > 0)
    if lit.size < 2 * KNOT_PX:
        return flat
    x = np.arange(flat.size, dtype=np.float64)
    knots = clamped_knots(_knots(flat, float(lit[0]), float(lit[-1])), 3)
    basis = bspline_matrix(x[lit], knots, 3)
    scale = flat[lit] + DIM_SHARE * float(flat.max())
    weighted = basis / scale[:, None] ** 2
    coefficients = np.linalg.solve(weighted.T @ basis + 1e-9 * np.eye(basis.shape[1]), weighted.T @ flat[lit])
    smooth = np.array(flat)
    smooth[lit] = np.maximum(basis @ coefficients, 0.0)
    return smooth


def _knots(flat: FloatArray, first: float, last: float) -> FloatArray:
    """Places of knots, `KNOT_PX` apart, and `STEEP_PX` where the flat is steep."""
    ends = np.linspace(first, last, max(2, round((last - first) / KNOT_PX)) + 1)
    quarters = np.linspace(first, last, 4 * (ends.size - 1) + 1)
    level = np.array([np.median(flat[max(round(at) - STEEP_PX, 0) : round(at) + STEEP_PX + 1]) for at in quarters])
    level = np.maximum(level, DIM_SHARE * float(flat.max()))
    change = np.abs(np.diff(np.log(level))).reshape(-1, 4).max(axis=1)
    parts = np.where(change > np.log(STEEP) / 4, round(KNOT_PX / STEEP_PX), 1)
    inner = [np.linspace(low, high, n, endpoint=False) for low, high, n in zip(ends[:-1], ends[1:], parts, strict=True)]
    return np.concatenate([*inner, ends[-1:]])


def flat_ratio(here: FlatLevel, reference: FlatLevel, wavelength_nm: FloatArray) -> FloatArray:
    """Level of one flat over that of another, as far as it is the lamp's and not the pixels'.

    The logarithm of the ratio is a robust straight line in 1 / wavelength: a factor, and the change of a lamp's temperature.  Anything
    finer is response of pixels, which flattening has dealt with in either frame.

    Parameters
    ----------
    here, reference : FlatLevel
        Of the frame and of the response.
    wavelength_nm : ndarray, shape (n,)
        Where it is wanted.

    Returns
    -------
    ndarray, shape (n,)
        1 if the two have too little in common; no further from 1 than a factor `LARGEST_RATIO`.
    """
    wave, ratio = _log_ratio(here, reference)
    if wave.size < LEAST_PARTS:
        return np.ones(wavelength_nm.shape)
    x, used = 1.0 / wave, np.ones(wave.size, dtype=bool)
    line = np.polynomial.Polynomial([float(np.median(ratio))])
    for _ in range(ROUNDS):
        residual = ratio - line(x)
        used = np.abs(residual) <= CLIP_SIGMA * max(mad_sigma(residual), LEAST_SCATTER)
        line = np.polynomial.Polynomial.fit(x[used], ratio[used], 1)
    inside = np.clip(1.0 / wavelength_nm, x.min(), x.max())
    return np.exp(np.clip(line(inside), -np.log(LARGEST_RATIO), np.log(LARGEST_RATIO)))


def _log_ratio(here: FlatLevel, reference: FlatLevel) -> tuple[FloatArray, FloatArray]:
    """Logarithm of the ratio at the parts of `here` that `reference` covers, and their wavelengths."""
    waves, ratios = [np.empty(0)], [np.empty(0)]
    for number in np.intersect1d(here.order, reference.order):
        mine, other = here.order == number, reference.order == number
        wave, level = here.wavelength_nm[mine], here.level[mine]
        known = np.interp(wave, reference.wavelength_nm[other], reference.level[other], left=0.0, right=0.0)
        usable = (known > LEAST_LEVEL * known.max(initial=0.0)) & (known > 0) & (level > 0)
        waves.append(wave[usable])
        ratios.append(np.log(level[usable] / known[usable]))
    return np.concatenate(waves), np.concatenate(ratios)
