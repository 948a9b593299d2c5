"""Find how the pattern of arc lines as a whole lies on the frame, before any single line is looked at.

Around the predicted place of every pinhole image a small window is cut out and turned into a significance.  The windows of a cell (a third of
an order) are added up: lines that are missing, unlisted lines and hits spread out over the sum, the lines that are right add up at one place.
A motion of the whole pattern (shift, rotation, stretch and shear) is the one under which the sums of all cells agree best.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from soxspipe.algorithms.calibration.arc_image import ArcImage
from soxspipe.datamodel.arrays import FloatArray, IntArray

THRESHOLD_SIGMA = 4.0
"""Significance below which a pixel says nothing: four in a hundred thousand pixels of pure noise are above it."""
COARSE_STEP_PX = 2.0
"""The width of a blurred line: a coarser grid could step over the agreement."""
SMOOTHING_PX = 1.0
"""The sums are blurred by this, so that a coarse step of the motion cannot miss a pinhole image of 2 px."""
WARP_PX = 4.0
"""Largest movement of the detector's edge against its middle, by rotation or stretch, that is tried."""
ORDER_GAIN = 1.3
"""An order is taken to lie off the others only where this much more light agrees with it."""
ORDER_REACH_PX = 6
"""Less than half the distance of two orders, so that an order is not taken for its neighbour."""
CELL_REACH_PX = 2
"""Light nearer than this to the pattern agrees with it: the warp is a stretch and a tilt, which leaves a pixel or two."""
CELLS_PER_ORDER = 3
"""Three pieces tell a shift from a tilt and a stretch, and each still holds several lines."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pattern:
    """Motion of the pattern against the prediction.

    Attributes
    ----------
    shift : ndarray, shape (2,)
        x and y (px) at the middle of the detector.
    warp : ndarray, shape (2, 2)
        Growth of the motion in x, in y (rows) from the middle to the edge of the detector along x, along y (columns), px.
    order_shift : dict of int to tuple of float
        Orders that lie off the others, and by how much (x, y).
    contrast : float
        Light at the place found over the median of all places tried.
    light : float
        Light (logarithm of significance) per image at the place found.
    """

    shift: FloatArray
    warp: FloatArray
    order_shift: dict[int, tuple[float, float]]
    contrast: float
    light: float

    def motion(self, order: IntArray, x: FloatArray, y: FloatArray, shape: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
        """Motion in x and y (px) of points of the frame of `shape`."""
        u, v = _scaled(x, shape[1]), _scaled(y, shape[0])
        dx, dy = (self.shift[k] + self.warp[k, 0] * u + self.warp[k, 1] * v for k in range(2))
        for number, (more_x, more_y) in self.order_shift.items():
            dx, dy = dx + np.where(order == number, more_x, 0.0), dy + np.where(order == number, more_y, 0.0)
        return dx, dy


def find_pattern(image: ArcImage, order: IntArray, x: FloatArray, y: FloatArray, reach_px: int, *, rigid: bool = False) -> Pattern:
    """Find the motion of the pattern.

    Parameters
    ----------
    image : ArcImage
        The arc frame.
    order, x, y : ndarray, shape (n,)
        Order and predicted pixel of every pinhole image.
    reach_px : int
        Furthest shift that is looked for.
    rigid : bool
        Whether a shift alone is looked for, where a first solution has told the rest.
    """
    cell, cell_x, cell_y, cell_order = _cells(order, x, y, image)
    reach = reach_px + int(WARP_PX)
    maps = _cell_maps(image, cell, x, y, reach, cell_x.size)
    u, v = _scaled(cell_x, image.shape[1]), _scaled(cell_y, image.shape[0])
    warp, step = np.zeros(4), COARSE_STEP_PX
    best = warp if rigid else _best_warp(maps, u, v, warp, np.arange(-WARP_PX, WARP_PX + 0.1, step), reach_px)
    while step > 0.5 and not rigid:
        step *= 0.5
        best = _best_warp(maps, u, v, best, np.array([-step, 0.0, step]), reach_px)
    total = _added(maps, u, v, best)
    peak_y, peak_x = _peak(total, reach, reach_px)
    height = float(total[round(peak_y), round(peak_x)])
    pattern = Pattern(
        shift=np.array([peak_x - reach, peak_y - reach], dtype=np.float64),
        warp=best.reshape(2, 2),
        order_shift={},
        contrast=height / max(float(np.median(total)), 1e-9),
        light=height / len(x),
    )
    return Pattern(
        shift=pattern.shift, warp=pattern.warp, contrast=pattern.contrast, light=pattern.light,
        order_shift={} if rigid else _orders_apart(maps, cell_order, pattern, (cell_x, cell_y), image.shape),
    )  # fmt: skip


def _scaled(pixel: FloatArray, length: int) -> FloatArray:
    return np.asarray(2.0 * pixel / (length - 1) - 1.0)


def _cells(order: IntArray, x: FloatArray, y: FloatArray, image: ArcImage) -> tuple[IntArray, FloatArray, FloatArray, IntArray]:
    """Cell of every point; middle and order of every cell."""
    along = x if np.ptp(x[order == order[0]]) > np.ptp(y[order == order[0]]) else y
    length = image.shape[1] if along is x else image.shape[0]
    piece = np.clip((along / length * CELLS_PER_ORDER).astype(int), 0, CELLS_PER_ORDER - 1)
    _, cell = np.unique(order * CELLS_PER_ORDER + piece, return_inverse=True)
    count = np.bincount(cell)
    return cell, np.bincount(cell, x) / count, np.bincount(cell, y) / count, np.rint(np.bincount(cell, order) / count).astype(int)


def _cell_maps(image: ArcImage, cell: IntArray, x: FloatArray, y: FloatArray, reach: int, n_cells: int) -> FloatArray:
    """Added significance of the windows of each cell, shape (n_cells, 2 reach + 1, 2 reach + 1)."""
    size = 2 * reach + 1
    maps = np.zeros((n_cells, size, size))
    for number in range(n_cells):
        here = cell == number
        significance = image.significance(x[here], y[here], reach)
        maps[number] = np.log1p(np.maximum(significance - THRESHOLD_SIGMA, 0.0)).sum(axis=0)
    return np.stack([gaussian_filter(one, SMOOTHING_PX, mode="constant") for one in maps])


def _added(maps: FloatArray, u: FloatArray, v: FloatArray, warp: FloatArray) -> FloatArray:
    """Sum over cells of the maps, each moved back by its share of the warp."""
    n = maps.shape[-1]
    total = np.zeros((n, n))
    dx, dy = np.rint(warp[0] * u + warp[1] * v).astype(int), np.rint(warp[2] * u + warp[3] * v).astype(int)
    for one, right, up in zip(maps, dx, dy, strict=True):
        to_y, to_x = slice(max(0, -up), n - max(0, up)), slice(max(0, -right), n - max(0, right))
        from_y, from_x = slice(max(0, up), n - max(0, -up)), slice(max(0, right), n - max(0, -right))
        total[to_y, to_x] += one[from_y, from_x]
    return total


def _best_warp(maps: FloatArray, u: FloatArray, v: FloatArray, start: FloatArray, steps: FloatArray, reach_px: int) -> FloatArray:
    """The warp, among `steps` on each of its four numbers about `start`, with the highest peak."""
    reach = maps.shape[1] // 2
    use = slice(reach - reach_px, reach + reach_px + 1)
    best, highest = start, -np.inf
    for change in itertools.product(steps, repeat=4):
        warp = start + np.array(change)
        if np.abs(warp).max() > WARP_PX + 1.0:
            continue
        height = float(_added(maps, u, v, warp)[use, use].max()) * (1.0 - 1e-6 * float(np.abs(warp).sum()))
        if height > highest:
            best, highest = warp, height
    return best


def _peak(total: FloatArray, reach: int, reach_px: int) -> tuple[float, float]:
    """Row and column of the peak, by the first moment of its neighbourhood."""
    use = slice(reach - reach_px, reach + reach_px + 1)
    row, column = divmod(int(np.argmax(total[use, use])), 2 * reach_px + 1)
    return _centre_of(total, row + use.start, column + use.start)


def _centre_of(total: FloatArray, row: int, column: int, half: int = 2) -> tuple[float, float]:
    rows = np.arange(max(0, row - half), min(total.shape[0], row + half + 1))
    columns = np.arange(max(0, column - half), min(total.shape[1], column + half + 1))
    weight = np.maximum(total[np.ix_(rows, columns)] - 0.5 * total[row, column], 0.0)
    whole = weight.sum()
    if whole <= 0:
        return float(row), float(column)
    return float((weight.sum(axis=1) * rows).sum() / whole), float((weight.sum(axis=0) * columns).sum() / whole)


def _orders_apart(
    maps: FloatArray, cell_order: IntArray, pattern: Pattern, middle: tuple[FloatArray, FloatArray], shape: tuple[int, int]
) -> dict[int, tuple[float, float]]:
    """Orders whose light agrees better elsewhere than where the pattern has it, and how far off."""
    result = {}
    reach = maps.shape[1] // 2
    u, v = _scaled(middle[0], shape[1]), _scaled(middle[1], shape[0])
    for number in np.unique(cell_order):
        here = cell_order == number
        total = _added(maps[here], u[here], v[here], pattern.warp.reshape(-1))
        row, column = reach + round(pattern.shift[1]), reach + round(pattern.shift[0])
        window = (
            slice(max(0, row - ORDER_REACH_PX), row + ORDER_REACH_PX + 1),
            slice(max(0, column - ORDER_REACH_PX), column + ORDER_REACH_PX + 1),
        )
        near = total[max(0, row - CELL_REACH_PX) : row + CELL_REACH_PX + 1, max(0, column - CELL_REACH_PX) : column + CELL_REACH_PX + 1]
        whole = total[window]
        if not whole.size or not near.size or whole.max() <= ORDER_GAIN * near.max():
            continue
        peak = np.unravel_index(int(np.argmax(whole)), whole.shape)
        at_row, at_column = _centre_of(total, int(peak[0]) + window[0].start, int(peak[1]) + window[1].start)
        result[int(number)] = (at_column - reach - float(pattern.shift[0]), at_row - reach - float(pattern.shift[1]))
    return result
