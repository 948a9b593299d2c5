"""Models of light that is not the object's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from soxspipe.datamodel.arrays import BoolImage, FloatArray, Image, IntArray, freeze
from soxspipe.datamodel.detector import Axis
from soxspipe.datamodel.geometry import OrderWindow

ROWS_AT_ONCE = 64


class Light(NamedTuple):
    """Electrons and their variance, arrays of one shape."""

    electrons: FloatArray
    variance: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BackgroundModel:
    """Scattered light, before flat division.

    Attributes
    ----------
    cells : ndarray of float, shape (n_cells, n_a)
        Electrons per pixel of the slit axis in the middle of every `cell_px` pixels of the dispersion axis; linear between them.
    cell_px : int
        Length of a cell.
    dispersion_axis : {'x', 'y'}
        Which axis of the frame that is.
    variance : ndarray of float, shape (ny, nx)
        Of the model.
    used : ndarray of bool, shape (ny, nx)
        Which pixels it was fitted to.
    """

    cells: FloatArray
    cell_px: int
    dispersion_axis: Axis
    variance: Image
    used: BoolImage

    def __post_init__(self) -> None:
        freeze(self, cells=self.cells.shape, variance=self.variance.shape, used=self.variance.shape)

    @property
    def electrons(self) -> Image:
        """Electrons on the whole frame, shape (ny, nx), computed when asked for."""
        b_px = np.arange(self.variance.shape[1 if self.dispersion_axis == "x" else 0])
        electrons = np.empty((b_px.size, self.cells.shape[1]))
        for start in range(0, b_px.size, ROWS_AT_ONCE):
            low, high, share = self._between(b_px[start : start + ROWS_AT_ONCE])
            electrons[start : start + ROWS_AT_ONCE] = self.cells[low] * (1.0 - share) + self.cells[high] * share
        return electrons.T if self.dispersion_axis == "x" else electrons

    def cut(self, window: OrderWindow) -> Light:
        """Light and variance in the pixels of an order."""
        low, high, share = self._between(window.b_px)
        first = low[:, None] * self.cells.shape[1] + window.a_px
        second = first + ((high - low) * self.cells.shape[1])[:, None]
        electrons = self.cells.take(first) * (1.0 - share) + self.cells.take(second) * share
        return Light(electrons, window.cut(self.variance))

    def _between(self, b_px: IntArray) -> tuple[IntArray, IntArray, FloatArray]:
        """Cells on either side of dispersion pixels, shape (n,), and the share of the second, shape (n, 1)."""
        position = (b_px + 0.5) / self.cell_px - 0.5
        low = np.clip(np.floor(position).astype(np.int64), 0, max(self.cells.shape[0] - 2, 0))
        return low, np.minimum(low + 1, self.cells.shape[0] - 1), (position - low)[:, None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SkyOrder:
    """Sky solution of one order.

    Attributes
    ----------
    order : int
        Detector order number.
    u_px : ndarray, shape (n,)
        Fine grid in dispersion pixels at slit centre.
    wavelength_nm, electrons : ndarray, shape (n,)
        Map wavelength of the grid, and the sky spectrum at slit centre (flattened electrons per pixel).
    knots_px : ndarray
        Knots of the spline, in the same coordinate.
    illumination : ndarray
        Coefficients of Legendre degree 1, 2, ... of the slit illumination.
    shift_rms_px : float
        Size of the slit-dependent shift that was fitted.
    chi_lines, chi_continuum : float
        Robust scatter of residual over noise of used pixels, on lines and between them.
    n_used, n_rejected : int
        Pixels.
    """

    order: int
    u_px: FloatArray
    wavelength_nm: FloatArray
    electrons: FloatArray
    knots_px: FloatArray
    illumination: FloatArray
    shift_rms_px: float = 0.0
    chi_lines: float = float("nan")
    chi_continuum: float = float("nan")
    n_used: int = 0
    n_rejected: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SkyModel:
    """Sky on the detector.

    Attributes
    ----------
    electrons, variance : ndarray, shape (ny, nx)
        Flattened electrons and their variance; 0 outside orders.
    orders : tuple of SkyOrder
        Per-order solutions.
    failures : mapping of int to str
        Orders without a model, and why.
    """

    electrons: Image
    variance: Image
    orders: tuple[SkyOrder, ...]
    failures: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = self.electrons.shape
        freeze(self, electrons=shape, variance=shape)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WavelengthShift:
    """Zero-point of the wavelength solution measured on sky lines.

    Attributes
    ----------
    shift_px, error_px : float
        Median over the arm, true minus map, in dispersion pixels; NaN without usable lines.
    n_lines : int
        Lines used.
    applied : bool
        Whether wavelengths of the products were corrected.
    by_order : mapping of int to tuple of float
        Chebyshev coefficients (px) of the correction on each order's dispersion axis scaled to -1..1.
    """

    shift_px: float
    error_px: float
    n_lines: int
    applied: bool
    by_order: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
