"""Scattered light between orders: B-splines along the slit axis, then a Gaussian blur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from soxspipe.algorithms.robust import MAD_TO_SIGMA, grouped_median
from soxspipe.algorithms.settings import AlgorithmSettings
from soxspipe.algorithms.splines import bspline_matrix
from soxspipe.datamodel.arrays import BoolImage, FloatArray
from soxspipe.datamodel.frame import Frame
from soxspipe.datamodel.geometry import Geometry, OrderWindow
from soxspipe.datamodel.models import BackgroundModel
from soxspipe.errors import AlgorithmError


class BackgroundSettings(AlgorithmSettings):
    """Settings of `fit_background`."""

    bspline_deg: int = Field(2, ge=1, le=5, description="Degree of the B-splines fitted across the gaps between orders.")
    gaussian_blur_sigma: float = Field(
        65.0, ge=0, le=1000, description="Standard deviation (px) of the Gaussian that smooths the background along the dispersion."
    )


CELL_DISPERSION_PX = 16
CELL_SLIT_PX = 12
ORDER_MARGIN_PX = 3
OUTER_REACH_PX = 40
CLIP_SIGMA = 4.0


def fit_background(frame: Frame, windows: Sequence[OrderWindow], geometry: Geometry, settings: BackgroundSettings) -> BackgroundModel:
    """Model scattered light from the pixels between the orders.

    Pixels at least `ORDER_MARGIN_PX` outside every order are averaged, with clipping, in cells of `CELL_DISPERSION_PX` by
    `CELL_SLIT_PX`.  Along the slit axis a penalised B-spline bridges the orders; along the dispersion its coefficients are smoothed
    by local parabolas under a Gaussian, which follows a curved background without the flattening of a plain blur.

    Parameters
    ----------
    frame : Frame
        Electrons before flat division, with variance.
    windows : sequence of OrderWindow
        All orders of the frame.
    geometry : Geometry
        For the axes.
    settings : BackgroundSettings
        Degree of the spline, sigma of the Gaussian (px).

    Returns
    -------
    BackgroundModel
        Electrons and variance on the whole frame.

    Raises
    ------
    AlgorithmError
        If there are no pixels between the orders.
    """
    along_x = geometry.arm.dispersion_axis == "x"
    light = frame.electrons.T if along_x else frame.electrons
    clear = _inter_order(frame, windows)
    clear = clear.T if along_x else clear
    cells = _measure_cells(light, clear)
    knots = _knots(light.shape[1], settings.bspline_deg)
    coefficients, variance = _fit_cells(cells, knots, light.shape, settings)
    measured = np.flatnonzero((cells.weight > 0).any(axis=0))
    reach = (measured[0] * CELL_SLIT_PX, (measured[-1] + 1) * CELL_SLIT_PX - 1)
    columns = bspline_matrix(np.clip(np.arange(light.shape[1], dtype=np.float64), *reach), knots, settings.bspline_deg)
    coarse = coefficients @ columns.T
    model = _stretch(coarse, light.shape[0])
    error = np.broadcast_to(np.float64(variance), light.shape)
    electrons, used = (model.T, clear.T) if along_x else (model, clear)
    return BackgroundModel(electrons=electrons, variance=error.T if along_x else error, used=used)


def _inter_order(frame: Frame, windows: Sequence[OrderWindow]) -> BoolImage:
    """Good pixels outside all orders, within `OUTER_REACH_PX` of one."""
    blocked = np.zeros(frame.shape, dtype=bool)
    for window in windows:
        blocked.reshape(-1)[window.index[window.inside]] = True
    slit_axis = 0 if windows and windows[0].index.shape[1] > 1 and windows[0].index[0, 1] - windows[0].index[0, 0] > 1 else 1
    near = _spread(blocked, OUTER_REACH_PX, slit_axis)
    return near & ~_spread(blocked, ORDER_MARGIN_PX, slit_axis) & (frame.flags == 0)


def _spread(mask: BoolImage, reach: int, axis: int) -> BoolImage:
    """Dilate by `reach` pixels along one axis."""
    total = np.cumsum(mask, axis=axis, dtype=np.int32)
    n = mask.shape[axis]
    upper = np.take(total, np.minimum(np.arange(n) + reach, n - 1), axis=axis)
    below = np.arange(n) - reach - 1
    lower = np.take(total, np.maximum(below, 0), axis=axis)
    shape = [1, 1]
    shape[axis] = n
    return upper - np.where((below >= 0).reshape(shape), lower, 0) > 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cells:
    """Mean light, its weight (1 / variance of the mean, 0 where empty) and slit-axis centre per cell, shape (n_b, n_a) each."""

    mean: FloatArray
    weight: FloatArray
    centre: FloatArray


def _measure_cells(light: FloatArray, clear: BoolImage) -> _Cells:
    b, a = np.nonzero(clear)
    if b.size < 100:
        raise AlgorithmError(f"scattered light cannot be measured: only {b.size} good pixels between the orders")
    n_b, n_a = -(-light.shape[0] // CELL_DISPERSION_PX), -(-light.shape[1] // CELL_SLIT_PX)
    cell = (b // CELL_DISPERSION_PX) * n_a + a // CELL_SLIT_PX
    values = light[b, a]
    level = grouped_median(values, cell, n_b * n_a)
    spread = MAD_TO_SIGMA * np.median(np.abs(values - level[cell]))
    kept = np.abs(values - level[cell]) <= CLIP_SIGMA * max(spread, 1e-6)
    cell, values, a = cell[kept], values[kept], a[kept]
    count = np.bincount(cell, minlength=n_b * n_a)
    filled = count >= 5
    mean = np.bincount(cell, values, n_b * n_a) / np.maximum(count, 1)
    centre = np.bincount(cell, a, n_b * n_a) / np.maximum(count, 1)
    scatter2 = np.bincount(cell, (values - mean[cell]) ** 2, n_b * n_a) / np.maximum(count - 1, 1)
    pooled = float(np.median(scatter2[filled])) if filled.any() else 1.0
    weight = np.where(filled, count / np.maximum(0.5 * (scatter2 + pooled), 1e-12), 0.0)
    return _Cells(mean=mean.reshape(n_b, n_a), weight=weight.reshape(n_b, n_a), centre=centre.reshape(n_b, n_a))


def _knots(n_a: int, degree: int) -> FloatArray:
    inner = np.linspace(-0.5, n_a - 0.5, max(3, round(n_a / 50)) + 1)
    return np.concatenate([np.repeat(inner[0], degree), inner, np.repeat(inner[-1], degree)])


def _fit_cells(cells: _Cells, knots: FloatArray, shape: tuple[int, int], settings: BackgroundSettings) -> tuple[FloatArray, float]:
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


def _stretch(coarse: FloatArray, length: int) -> FloatArray:
    """Linear interpolation along axis 0 from cell centres to every pixel."""
    position = (np.arange(length) + 0.5) / CELL_DISPERSION_PX - 0.5
    low = np.clip(np.floor(position).astype(np.int64), 0, max(coarse.shape[0] - 2, 0))
    share = (position - low)[:, None]
    high = np.minimum(low + 1, coarse.shape[0] - 1)
    return coarse[low] * (1.0 - share) + coarse[high] * share
