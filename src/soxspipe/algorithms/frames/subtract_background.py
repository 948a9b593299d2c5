"""Scattered light between orders: B-splines along the slit axis, then a Gaussian blur."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from pydantic import Field

from soxspipe.algorithms.frames.detrend import pedestal_level
from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.algorithms.settings import AlgorithmSettings
from soxspipe.datamodel.arrays import BoolArray, BoolImage, FloatArray, IntArray
from soxspipe.datamodel.calibrations import Masters
from soxspipe.datamodel.detector import Axis
from soxspipe.datamodel.frame import Take
from soxspipe.datamodel.geometry import Geometry, OrderWindow
from soxspipe.datamodel.models import BackgroundModel
from soxspipe.datamodel.stored_frame import AnyFrame
from soxspipe.errors import AlgorithmError
from soxspipe.numerics.made_once import once_for_each
from soxspipe.numerics.medians import MAD_TO_SIGMA, quick_median
from soxspipe.numerics.packed import PackedMask, pack
from soxspipe.numerics.robust import grouped_median, largest_near
from soxspipe.numerics.splines import bspline_matrix


class BackgroundSettings(AlgorithmSettings):
    """Settings of `fit_background`."""

    bspline_deg: int = Field(2, ge=1, le=5, description="Degree of the B-splines fitted across the gaps between orders.")
    gaussian_blur_sigma: float = Field(
        65.0, ge=0, le=1000, description="Standard deviation (px) of the Gaussian that smooths the background along the dispersion."
    )


CELL_DISPERSION_PX = 16
"""Small against the scale of scattered light, large enough for a clipped mean."""
CELL_SLIT_PX = 12
"""About a gap between two orders."""
ORDER_MARGIN_PX = 3
"""Pixels beyond an edge that still see its blur."""
OUTER_REACH_PX = 40
"""Beyond the outermost order light falls off otherwise than between orders."""
CLIP_SIGMA = 4.0
"""Leaves out cosmic rays, and of normal noise one pixel in 16 000."""
CELLS_AT_ONCE = 4
"""Along the dispersion; few enough for the processor's cache."""
NO_MASTERS = Masters()


def fit_background(
    frame: AnyFrame,
    geometry: Geometry,
    settings: BackgroundSettings,
    masters: Masters = NO_MASTERS,
    *,
    slit_motion_px: float = 0.0,
) -> BackgroundModel:
    """Model scattered light from the pixels between the orders.

    Pixels at least `ORDER_MARGIN_PX` outside every order are averaged, with clipping, in cells of `CELL_DISPERSION_PX` by
    `CELL_SLIT_PX`.  Along the slit axis a penalised B-spline bridges the orders; along the dispersion its coefficients are smoothed
    by local parabolas under a Gaussian, which follows a curved background without the flattening of a plain blur.

    Parameters
    ----------
    frame : AnyFrame
        Electrons before flat division, with variance.
    geometry : Geometry
        Of the frame: its orders and axes.
    settings : BackgroundSettings
        Degree of the spline, sigma of the Gaussian (px).
    masters : Masters
        Bias and dark that the frame still holds.
    slit_motion_px : float
        By how much the slit's image lies off the map along the slit axis: what it lights there is no scattered light.

    Returns
    -------
    BackgroundModel
        Electrons and variance on the whole frame.

    Raises
    ------
    AlgorithmError
        If there are no pixels between the orders.
    """
    axis = geometry.arm.dispersion_axis
    shape = frame.shape[::-1] if axis == "x" else frame.shape
    used = np.empty(shape, dtype=bool)
    moved = round(slit_motion_px)
    between = _still_between(geometry) if moved == 0 else _between_orders(geometry, moved)
    samples = list(_inter_order(frame, between, masters, axis, used))
    cells = _measure_cells(samples, shape)
    knots = _knots(shape[1], settings.bspline_deg)
    coefficients, variance = _fit_cells(cells, knots, settings)
    measured = np.flatnonzero((cells.weight > 0).any(axis=0))
    reach = (measured[0] * CELL_SLIT_PX, (measured[-1] + 1) * CELL_SLIT_PX - 1)
    columns = bspline_matrix(np.clip(np.arange(shape[1], dtype=np.float64), *reach), knots, settings.bspline_deg)
    return BackgroundModel(
        cells=coefficients @ columns.T,
        cell_px=CELL_DISPERSION_PX,
        dispersion_axis=axis,
        variance=np.broadcast_to(np.float64(variance), frame.shape),
        used=used.T if axis == "x" else used,
    )


class _Sample(NamedTuple):
    """Light between the orders in some rows of cells: electrons, cell (counted from that of the first row) and slit-axis pixel, shape (n,)."""

    electrons: FloatArray
    cell: IntArray
    a_px: IntArray


@once_for_each
def _still_between(geometry: Geometry) -> PackedMask:
    """`_between_orders` of a slit that has not moved, found once for all frames of a night."""
    return _between_orders(geometry, 0)


def _between_orders(geometry: Geometry, moved: int) -> PackedMask:
    """Pixels that no order lights, more than `ORDER_MARGIN_PX` but at most `OUTER_REACH_PX` from one; the dispersion along axis 0."""
    along_x = geometry.arm.dispersion_axis == "x"
    between = _lit(cut_orders(geometry), geometry.shape[::-1] if along_x else geometry.shape, moved)
    for start in range(0, between.shape[0], CELLS_AT_ONCE * CELL_DISPERSION_PX):
        lit = between[start : start + CELLS_AT_ONCE * CELL_DISPERSION_PX]
        lit[:] = largest_near(lit, OUTER_REACH_PX) & ~largest_near(lit, ORDER_MARGIN_PX)
    return pack(between)


def _lit(windows: Sequence[OrderWindow], shape: tuple[int, int], moved: int) -> BoolImage:
    """Pixels of all orders, where the map has them and where a slit whose image has moved by so many pixels lights them."""
    lit = np.zeros(shape, dtype=bool)
    for window in windows:
        b_px = np.broadcast_to(window.b_px[:, None], window.inside.shape)[window.inside]
        a_px = window.a_px[window.inside]
        lit[b_px, a_px] = True
        lit[b_px, np.clip(a_px + moved, 0, shape[1] - 1)] = True
    return lit


def _inter_order(frame: AnyFrame, between: PackedMask, masters: Masters, axis: Axis, used: BoolImage) -> Iterator[_Sample]:
    """Good pixels between the orders, some rows of cells at a time; they are marked in `used`."""
    n_b, n_a = used.shape
    b, column = np.arange(CELLS_AT_ONCE * CELL_DISPERSION_PX)[:, None], np.arange(n_a)
    cell_of = (b // CELL_DISPERSION_PX * _n_cells(n_a, CELL_SLIT_PX) + column // CELL_SLIT_PX).astype(np.int32).reshape(-1)
    column_of = np.tile(column.astype(np.int32), b.size)
    for start in range(0, n_b, b.size):
        rows = slice(start, start + b.size)
        part, pedestal = frame.cutout(_rows(rows, axis)), masters.cutout(_rows(rows, axis))
        used[rows] = between.rows(rows) & (part.flags == 0)
        place = np.flatnonzero(used[rows])
        level = np.broadcast_to(pedestal_level(frame.exptime_s, pedestal), part.electrons.shape)
        yield _Sample(part.electrons.take(place).astype(np.float64) - level.take(place), cell_of.take(place), column_of.take(place))


def _rows(rows: slice, axis: Axis) -> Take:
    """Cuts rows out of images turned so that axis 0 is the dispersion axis."""
    return lambda image: image[:, rows].T if axis == "x" else image[rows]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cells:
    """Mean light, its weight (1 / variance of the mean, 0 where empty) and slit-axis centre per cell, shape (n_b, n_a) each."""

    mean: FloatArray
    weight: FloatArray
    centre: FloatArray


def _measure_cells(samples: Sequence[_Sample], shape: tuple[int, int]) -> _Cells:
    n_a = _n_cells(shape[1], CELL_SLIT_PX)
    n_pixels = sum(sample.electrons.size for sample in samples)
    if n_pixels < 100:
        raise AlgorithmError(f"scattered light cannot be measured: only {n_pixels} good pixels between the orders")
    levels = [grouped_median(sample.electrons, sample.cell, CELLS_AT_ONCE * n_a)[sample.cell] for sample in samples]
    deviations = [np.abs(sample.electrons - level) for sample, level in zip(samples, levels, strict=True)]
    limit = CLIP_SIGMA * max(MAD_TO_SIGMA * quick_median(np.concatenate(deviations)), 1e-6)
    sums = [_add_up(sample, deviation <= limit, CELLS_AT_ONCE * n_a) for sample, deviation in zip(samples, deviations, strict=True)]
    n_b = _n_cells(shape[0], CELL_DISPERSION_PX)
    count, mean, centre, scatter2 = (np.concatenate(column)[: n_b * n_a] for column in zip(*sums, strict=True))
    filled = count >= 5
    pooled = float(np.median(scatter2[filled])) if filled.any() else 1.0
    weight = np.where(filled, count / np.maximum(0.5 * (scatter2 + pooled), 1e-12), 0.0)
    return _Cells(mean=mean.reshape(n_b, n_a), weight=weight.reshape(n_b, n_a), centre=centre.reshape(n_b, n_a))


def _add_up(sample: _Sample, kept: BoolArray, n: int) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
    """Number of pixels kept, their mean light and mean slit-axis pixel, and the square of their scatter, per cell, shape (n,) each."""
    cell, values, a_px = sample.cell[kept], sample.electrons[kept], sample.a_px[kept]
    count = np.bincount(cell, minlength=n)
    mean = np.bincount(cell, values, n) / np.maximum(count, 1)
    centre = np.bincount(cell, a_px, n) / np.maximum(count, 1)
    scatter2 = np.bincount(cell, (values - mean[cell]) ** 2, n) / np.maximum(count - 1, 1)
    return count, mean, centre, scatter2


def _n_cells(n_px: int, length_px: int) -> int:
    """Cells that hold a number of pixels; the last may not be full."""
    return -(-n_px // length_px)


def _knots(n_a: int, degree: int) -> FloatArray:
    inner = np.linspace(-0.5, n_a - 0.5, max(3, round(n_a / 50)) + 1)
    return np.concatenate([np.repeat(inner[0], degree), inner, np.repeat(inner[-1], degree)])


def _fit_cells(cells: _Cells, knots: FloatArray, settings: BackgroundSettings) -> tuple[FloatArray, float]:
    """Spline coefficients per dispersion cell, smoothed along the dispersion, and the variance of the model."""
    degree = settings.bspline_deg
    n_b = cells.mean.shape[0]
    basis = bspline_matrix(cells.centre.ravel(), knots, degree).reshape(*cells.mean.shape, -1)
    smoother = _local_parabola(np.arange(n_b, dtype=np.float64) * CELL_DISPERSION_PX, settings.gaussian_blur_sigma)
    local = np.abs(smoother) / np.abs(smoother).max(axis=1, keepdims=True)
    weight = cells.weight
    weighted = (basis * weight[..., None]).transpose(0, 2, 1)
    normal, right = weighted @ basis, (weighted @ cells.mean[..., None])[..., 0]
    difference = np.diff(np.eye(basis.shape[-1]), n=min(2, basis.shape[-1] - 1), axis=0)
    typical = np.trace(normal.mean(axis=0)) / basis.shape[-1]
    pooled = np.tensordot(local, normal, axes=1) / local.sum(axis=1)[:, None, None]
    penalty = 1e-3 * typical * difference.T @ difference + 1e-9 * typical * np.eye(basis.shape[-1])
    # empty cells borrow their weight, not their value, from the neighbours along the dispersion
    pooled_right = local @ right / local.sum(axis=1)[:, None]
    first_guess = np.linalg.solve(pooled + penalty, pooled_right[..., None])[..., 0]
    residual = right - np.einsum("bij,bj->bi", normal, first_guess)
    update = np.linalg.solve(normal + 0.05 * pooled + penalty, residual[..., None])[..., 0]
    coefficients = smoother @ (first_guess + update)
    gain = float(np.median(np.sum(smoother**2, axis=1)))
    variance = gain / max(float(np.median(weight[weight > 0])) if (weight > 0).any() else 1.0, 1e-12)
    return coefficients, variance


def _local_parabola(position: FloatArray, sigma: float) -> FloatArray:
    """Matrix that replaces each value by a parabola fitted to its neighbours under a Gaussian of `sigma` (in units of `position`)."""
    if sigma < 0.5 * CELL_DISPERSION_PX or position.size < 4:
        return np.eye(position.size)
    t = (position[None, :] - position[:, None]) / sigma
    weight = np.exp(-0.5 * t**2)
    powers = np.stack([np.ones_like(t), t, t**2], axis=-1)
    normal = np.einsum("cbi,cb,cbj->cij", powers, weight, powers) + 1e-9 * np.eye(3)
    return np.einsum("cj,cbj,cb->cb", np.linalg.inv(normal)[:, 0, :], powers, weight)
