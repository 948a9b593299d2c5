"""Scattered light of a flat, from the gaps between the measured edges of its orders."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from soxspipe.algorithms.calibration.arc_image import ArcImage
from soxspipe.datamodel.arrays import BoolImage, FloatArray, Image, IntArray
from soxspipe.datamodel.detector import Axis
from soxspipe.datamodel.geometry import OrderTable
from soxspipe.errors import AlgorithmError
from soxspipe.numerics.splines import bspline_matrix

MARGIN_PX = 3.0
"""Pixels beyond an edge that still see its blur."""

CELL_B_PX, CELL_A_PX = 32, 12
"""Small against the hundreds of pixels over which scattered light changes, large enough for the variance within a cell."""
KNOT_PX = 160.0
"""Scattered light changes over hundreds of pixels."""

THINNING = 4
"""Every fourth pixel along the dispersion tells a smooth surface to a tenth of an electron."""

CLIP_SIGMA = 5.0
"""Leaves out cosmic rays and hot pixels; of normal noise, one pixel in 1.7 million."""
LEAST_PIXELS = 100
"""Fewer pixels between orders than these tell no surface."""
STIFFNESS = 1e-3
"""Second differences of the coefficients against the weight of the cells: bridges wide orders, bends where there are data."""


class Strip(Protocol):
    """An order on the detector: dispersion pixels, and its lower and upper edge in each."""

    @property
    def b_px(self) -> IntArray:
        """Dispersion pixels."""

    @property
    def low(self) -> FloatArray:
        """Lower edge."""

    @property
    def high(self) -> FloatArray:
        """Upper edge."""


def between_orders(edges: Iterable[Strip], shape: tuple[int, int], axis: Axis) -> BoolImage:
    """True for pixels further than `MARGIN_PX` from every order, in an array whose axis 0 is the dispersion; `shape` is that of the frame."""
    n_b, n_a = shape[::-1] if axis == "x" else shape
    steps = np.zeros((n_b, n_a + 1), np.int8)
    for order in edges:
        first = np.clip(np.floor(order.low - MARGIN_PX), 0, n_a).astype(np.int64)
        last = np.clip(np.ceil(order.high + MARGIN_PX) + 1, 0, n_a).astype(np.int64)
        np.add.at(steps, (order.b_px, first), 1)
        np.add.at(steps, (order.b_px, last), -1)
    return np.asarray(np.cumsum(steps, axis=1, dtype=np.int8)[:, :-1] == 0)


def fit_gap_light(image: Image, variance: Image, bad: BoolImage, gaps: BoolImage, axis: Axis) -> tuple[Image, float]:
    """Fit a smooth surface through the light in the gaps.

    Parameters
    ----------
    image, variance : ndarray, shape (ny, nx)
        Flat in electrons, and its variance.
    bad : ndarray of bool, shape (ny, nx)
        Pixels to leave out.
    gaps : ndarray of bool
        From `between_orders`.
    axis : {'x', 'y'}
        Dispersion axis.

    Returns
    -------
    model : ndarray of float32, shape (ny, nx)
        Scattered light, electrons.
    variance : float
        Of the model, typical.

    Raises
    ------
    AlgorithmError
        If there are no pixels between the orders.
    """
    n_b, n_a = gaps.shape
    thin = (slice(None), slice(None, None, THINNING)) if axis == "x" else (slice(None, None, THINNING),)
    turned, noise = (np.ascontiguousarray(plane[thin].T if axis == "x" else plane[thin]) for plane in (image, variance))
    out = bad[thin].T if axis == "x" else bad[thin]
    row, a = np.nonzero(gaps[::THINNING] & ~out)
    b = row * THINNING
    if row.size < LEAST_PIXELS:
        raise AlgorithmError(f"scattered light cannot be measured: only {row.size} good pixels between the orders")
    values, sigma2 = turned[row, a].astype(np.float64), noise[row, a]
    columns = -(-n_a // CELL_A_PX)
    cell = b // CELL_B_PX * columns + a // CELL_A_PX
    n_cells = -(-n_b // CELL_B_PX) * columns
    kept = np.ones(row.size, dtype=bool)
    for _ in range(2):
        number = np.bincount(cell[kept], minlength=n_cells)
        mean = np.bincount(cell[kept], values[kept], n_cells) / np.maximum(number, 1)
        kept = (values - mean[cell]) ** 2 <= CLIP_SIGMA**2 * np.maximum(sigma2, 1e-9)
    number = np.bincount(cell[kept], minlength=n_cells)
    filled = number > 0
    centre_b, centre_a, mean, spread = (np.bincount(cell[kept], v[kept], n_cells)[filled] / number[filled] for v in (b, a, values, sigma2))
    basis_b, knots_b = _basis(centre_b, n_b)
    basis_a, knots_a = _basis(centre_a, n_a)
    weight = number[filled] / np.maximum(spread, 1e-9)
    design = (basis_b[:, :, None] * basis_a[:, None, :]).reshape(mean.size, -1)
    weighted = design * weight[:, None]
    normal = weighted.T @ design
    penalty = STIFFNESS * np.trace(normal) / normal.shape[0] * _roughness(basis_b.shape[1], basis_a.shape[1])
    inverse = np.linalg.inv(normal + penalty)
    coefficients = (inverse @ (weighted.T @ mean)).reshape(basis_b.shape[1], basis_a.shape[1])
    everywhere_b = bspline_matrix(np.arange(n_b, dtype=np.float64), knots_b, 3).astype(np.float32)
    everywhere_a = bspline_matrix(np.arange(n_a, dtype=np.float64), knots_a, 3).astype(np.float32)
    model = everywhere_b @ coefficients.astype(np.float32) @ everywhere_a.T
    typical = float(np.median(np.einsum("ij,jk,ik->i", design[::7], inverse, design[::7], optimize=True)))
    return np.ascontiguousarray(model.T if axis == "x" else model), typical


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TableStrip:
    """An order as an order table has it, in the pixels of a binned frame."""

    b_px: IntArray
    low: FloatArray
    high: FloatArray


def strips_of(table: OrderTable, shape: tuple[int, int], binning: tuple[int, int]) -> tuple[TableStrip, ...]:
    """Orders of a table along the whole of a frame of `shape` (ny, nx) and `binning` (x, y).

    Raises
    ------
    ValueError
        If the table has no edges.
    """
    if table.low is None or table.high is None:
        raise ValueError("the order table has no edges")
    axis = table.dispersion_axis
    binning_b, binning_a = binning if axis == "x" else binning[::-1]
    b = np.arange(shape[1] if axis == "x" else shape[0])
    unbinned = (b + 0.5) * binning_b - 0.5
    return tuple(
        TableStrip(b_px=b, low=(table.low(n, unbinned) + 0.5) / binning_a - 0.5, high=(table.high(n, unbinned) + 0.5) / binning_a - 0.5)
        for n in table.orders
    )


def without_gap_light(image: ArcImage, table: OrderTable, binning: tuple[int, int]) -> ArcImage:
    """An arc frame with the light taken off that is seen between its orders.

    Parameters
    ----------
    image : ArcImage
        The frame.
    table : OrderTable
        With edges.
    binning : tuple of int
        Of the frame, x and y.
    """
    axis = table.dispersion_axis
    gaps = between_orders(strips_of(table, image.shape, binning), image.shape, axis)
    model, variance = fit_gap_light(image.electrons, image.variance, ~image.good, gaps, axis)
    return replace(image, electrons=image.electrons - model, variance=image.variance + variance)


def _basis(position: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
    inner = np.linspace(-0.5, n - 0.5, max(1, round(n / KNOT_PX)) + 1)
    knots = np.concatenate([np.repeat(inner[0], 3), inner, np.repeat(inner[-1], 3)])
    return bspline_matrix(position, knots, 3), knots


def _roughness(n_b: int, n_a: int) -> FloatArray:
    """Sum of squared second differences along both axes, as a matrix over the flattened coefficients, with a trace of ridge."""

    def squares(n: int) -> FloatArray:
        difference = np.diff(np.eye(n), n=2, axis=0)
        return np.asarray(difference.T @ difference)

    return np.asarray(np.kron(squares(n_b), np.eye(n_a)) + np.kron(np.eye(n_b), squares(n_a)) + 1e-6 * np.eye(n_b * n_a))
