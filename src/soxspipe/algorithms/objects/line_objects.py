"""Objects of emission lines alone: spots of the size of the image that pile up at one slit position.

Every order is filtered with a spot as wide as the line-spread function and the seeing.  A spot stands out of the filtered noise and has
the shape of the filter: a cosmic ray is sharper, a residual of a sky line longer.  Spots of one object lie at one slit position, those
of chance anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.objects.find_sources import is_alike, measure_peak
from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.datamodel.trace import SlitSource
from soxspipe.numerics.robust import grouped_median, largest_near, mad_sigma

SPOT_SIGMA_PX = 1.2
"""Of the line-spread function with a slit of 1 arcsec, unbinned."""
SPOT_HALF_PX = 4
"""Three sigma and a little more."""
SPOT_SIGNIFICANCE = 6.0
"""Noise reaches it less than once in a frame of 4 million pixels."""
SHAPE_HALF_PX = 2
"""The core, where spot, cosmic ray and sky line differ."""
SHAPE_TOLERANCE = 0.29
"""Between a line somewhat wider than the spot and a cosmic ray, which leaves the neighbours of its peak dark."""
SKY_SHARE = 0.02
"""Steep flanks of sky lines are subtracted to some per cent."""
CAP = 8.0
"""One bright residual must not look like several spots."""
CLUSTER_ARCSEC = 0.45
"""Half the usual seeing: spots of one object scatter by less."""
STEP_ARCSEC = 0.1
"""A third of a pixel."""
SCORE_FLOOR = 20.0
"""Less than one chance spot: the scatter along an empty slit is not zero."""
LEAST_SPOTS = 2
"""One spot alone may be what is left of a cosmic ray."""
LARGEST_COUNT = 3
"""Galaxies with emission lines on one slit."""
STACK_ROWS_PX = 1
"""The core of the line."""
STACK_BIN_ARCSEC = 0.2
"""Less than a pixel: several lines at different pixel phases fill the bins."""
STACK_REACH_ARCSEC = 2.5
"""Enough for the width of the image and some sky."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spots:
    """Spots of all orders, shape (n,): which order (index), row and column of the window, slit position, electrons, significance."""

    part: IntArray
    row: IntArray
    column: IntArray
    slit_arcsec: FloatArray
    electrons: FloatArray
    significance: FloatArray


def find_line_sources(
    orders: Sequence[OrderData], skies: Sequence[FloatArray], *, fwhm_arcsec: float, needed: float
) -> tuple[SlitSource, ...]:
    """List the objects whose emission lines stand out.

    Parameters
    ----------
    orders : sequence of OrderData
        All orders.
    skies : sequence of ndarray
        Sky model of each, shape of its window.
    fwhm_arcsec : float
        Expected width of the image.
    needed : float
        Significance an object must have: squares of its spots' significances (each capped at `CAP`) over their scatter along the slit,
        which is taken as `SCORE_FLOOR` at least.  One spot alone is not an object.

    Returns
    -------
    tuple of SlitSource
        Most significant first, with the width of the stacked lines; empty if nothing stands out.
    """
    spots = find_spots(orders, skies, fwhm_arcsec)
    found: list[SlitSource] = []
    left = np.ones(spots.row.size, dtype=bool)
    while len(found) < LARGEST_COUNT and left.any():
        position, significance = _best_cluster(spots, left, orders[0].window.half_slit_arcsec)
        own = left & (np.abs(spots.slit_arcsec - position) < CLUSTER_ARCSEC)
        if significance < needed or own.sum() < LEAST_SPOTS:
            break
        centre, fwhm = _stacked_shape(orders, skies, spots, own, position)
        share = significance / found[0].significance if found else 1.0
        if not found or is_alike(fwhm, found[0].fwhm_arcsec):
            found.append(SlitSource(slit_arcsec=centre, fwhm_arcsec=fwhm, significance=significance, relative_flux=min(share, 1.0)))
        left &= np.abs(spots.slit_arcsec - position) > 2.0 * CLUSTER_ARCSEC
    return tuple(found)


def find_spots(orders: Sequence[OrderData], skies: Sequence[FloatArray], fwhm_arcsec: float) -> Spots:
    """Local maxima of the filtered orders that have the shape of a spot."""
    parts = [_order_spots(data, sky, number, fwhm_arcsec) for number, (data, sky) in enumerate(zip(orders, skies, strict=True))]
    return Spots(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in Spots.__dataclass_fields__})


def _order_spots(data: OrderData, sky: FloatArray, number: int, fwhm_arcsec: float) -> Spots:
    good = data.good
    light = np.where(good, data.electrons - sky, 0.0)
    level = float(np.median(sky[good])) if good.any() else 0.0
    photons = data.variance(np.maximum(sky, 0.0))
    # a small share of the sky lines allows for what the model misses of them
    weight = np.where(good, 1.0 / (photons + (SKY_SHARE * (sky - level)) ** 2), 0.0)
    along, across = _kernels(data, fwhm_arcsec)
    power = _filter(weight, along**2, across**2)
    electrons = _filter(weight * light, along, across) / np.maximum(power, 1e-30)
    significance = electrons * np.sqrt(power)
    row, column = np.nonzero(good & (significance > SPOT_SIGNIFICANCE) & (significance >= _largest_around(significance)))
    alike = _alike(data, light, photons, electrons[row, column], row, column, np.outer(along, across))
    row, column = row[alike], column[alike]
    return Spots(
        part=np.full(row.size, number),
        row=row,
        column=column,
        slit_arcsec=data.window.slit_arcsec[row, column],
        electrons=electrons[row, column],
        significance=significance[row, column],
    )


def _alike(
    data: OrderData, light: FloatArray, photons: FloatArray, electrons: FloatArray, row: IntArray, column: IntArray, spot: FloatArray
) -> BoolArray:
    """Whether the light around each candidate differs from a spot by no more than noise and `SHAPE_TOLERANCE` of its peak."""
    step = np.mgrid[-SHAPE_HALF_PX : SHAPE_HALF_PX + 1, -SHAPE_HALF_PX : SHAPE_HALF_PX + 1].reshape(2, -1)
    rows = np.clip(row[:, None] + step[0], 0, light.shape[0] - 1)
    columns = np.clip(column[:, None] + step[1], 0, light.shape[1] - 1)
    expected = electrons[:, None] * spot[SPOT_HALF_PX + step[0], SPOT_HALF_PX + step[1]]
    good = data.good[rows, columns]
    count = np.maximum(good.sum(axis=1), 1)
    noise2 = photons[rows, columns] + np.maximum(expected, 0.0)
    difference = np.sum(np.where(good, (light[rows, columns] - expected) ** 2, 0.0), axis=1) / count
    noise = np.sum(np.where(good, noise2, 0.0), axis=1) / count
    return np.asarray(difference < 1.5 * noise + (SHAPE_TOLERANCE * electrons * spot.max()) ** 2)


def _kernels(data: OrderData, fwhm_arcsec: float) -> tuple[FloatArray, FloatArray]:
    """Spot along the dispersion and along the slit; their product sums to 1."""
    step = np.abs(np.diff(data.window.slit_arcsec[data.window.slit_arcsec.shape[0] // 2]))
    arcsec = float(np.nanmedian(step)) if np.isfinite(step).any() else 0.3
    x = np.arange(-SPOT_HALF_PX, SPOT_HALF_PX + 1, dtype=np.float64)
    shapes = [np.exp(-0.5 * (x / sigma) ** 2) for sigma in (SPOT_SIGMA_PX / data.binning[0], fwhm_arcsec / 2.3548 / arcsec)]
    return shapes[0] / shapes[0].sum(), shapes[1] / shapes[1].sum()


def _filter(image: FloatArray, along: FloatArray, across: FloatArray) -> FloatArray:
    """Separable sum of an image under a symmetric kernel, zero beyond the edges."""
    for axis, kernel in enumerate((along, across)):
        pad = [(SPOT_HALF_PX, SPOT_HALF_PX) if k == axis else (0, 0) for k in range(2)]
        image = np.lib.stride_tricks.sliding_window_view(np.pad(image, pad), kernel.size, axis=axis) @ kernel
    return image


def _largest_around(image: FloatArray) -> FloatArray:
    return largest_near(largest_near(image, 2).T, 2).T


def _best_cluster(spots: Spots, left: BoolArray, half_slit_arcsec: float) -> tuple[float, float]:
    """Slit position at which the spots that are left pile up most, and by how much they stand out of other positions."""
    score = np.minimum(spots.significance[left], CAP) ** 2
    grid = np.arange(-half_slit_arcsec, half_slit_arcsec + STEP_ARCSEC, STEP_ARCSEC)
    distance = np.abs(spots.slit_arcsec[left][None, :] - grid[:, None])
    total = np.sum(np.where(distance < CLUSTER_ARCSEC, score * (1.0 - (distance / CLUSTER_ARCSEC) ** 2), 0.0), axis=1)
    top = int(np.argmax(total))
    away = np.abs(grid - grid[top]) > 2.0 * CLUSTER_ARCSEC
    scatter = max(mad_sigma(total[away]), SCORE_FLOOR)
    return float(grid[top]), float((total[top] - np.median(total[away])) / scatter)


def _stacked_shape(
    orders: Sequence[OrderData], skies: Sequence[FloatArray], spots: Spots, own: BoolArray, position: float
) -> tuple[float, float]:
    """Slit position and FWHM (arcsec) of the lines of one object, each scaled to one height, from their median."""
    slit, value = [], []
    step = np.arange(-STACK_ROWS_PX, STACK_ROWS_PX + 1)
    for k in np.flatnonzero(own):
        data, sky = orders[spots.part[k]], skies[spots.part[k]]
        rows = np.clip(spots.row[k] + step, 0, data.good.shape[0] - 1)
        distance = data.window.slit_arcsec[rows] - position
        near = data.good[rows] & (np.abs(distance) < STACK_REACH_ARCSEC)
        slit.append(distance[near])
        value.append((data.electrons[rows] - sky[rows])[near] / spots.electrons[k])
    n = round(2.0 * STACK_REACH_ARCSEC / STACK_BIN_ARCSEC)
    cell = np.clip(((np.concatenate(slit) + STACK_REACH_ARCSEC) / STACK_BIN_ARCSEC).astype(np.int64), 0, n - 1)
    median = grouped_median(np.concatenate(value), cell, n)
    centre = position - STACK_REACH_ARCSEC + (np.arange(n) + 0.5) * STACK_BIN_ARCSEC
    core = np.where(np.abs(centre - position) < CLUSTER_ARCSEC, np.nan_to_num(median, nan=-np.inf), -np.inf)
    found, fwhm, _ = measure_peak(centre, median, int(np.argmax(core)))
    return found, fwhm
