"""Models of light that is not the object's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from soxspipe.datamodel.arrays import BoolImage, FloatArray, Image, IntArray, freeze
from soxspipe.datamodel.detector import Axis
from soxspipe.datamodel.geometry import OrderWindow
from soxspipe.datamodel.stored_image import Pixels

ROWS_AT_ONCE = 64
"""Bounds the memory; the result does not depend on it."""


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
            electrons[start : start + ROWS_AT_ONCE] = self.along(b_px[start : start + ROWS_AT_ONCE])
        return electrons.T if self.dispersion_axis == "x" else electrons

    def along(self, b_px: FloatArray | IntArray) -> FloatArray:
        """Electrons at places along the dispersion axis, shape (n,), for all pixels of the slit axis: shape (n, n_a)."""
        low, high, share = self._between(b_px)
        return self.cells[low] * (1.0 - share) + self.cells[high] * share

    def cutout(self, window: OrderWindow) -> Light:
        """Light and variance in the pixels of an order."""
        low, high, share = self._between(window.b_px)
        first = low[:, None] * self.cells.shape[1] + window.a_px
        second = first + ((high - low) * self.cells.shape[1])[:, None]
        electrons = self.cells.take(first) * (1.0 - share) + self.cells.take(second) * share
        return Light(electrons, window.cutout(self.variance))

    def _between(self, b_px: FloatArray | IntArray) -> tuple[IntArray, IntArray, FloatArray]:
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
    electrons, variance : ndarray or StoredImage, shape (ny, nx)
        Flattened electrons and their variance; 0 outside orders.
    orders : tuple of SkyOrder
        Per-order solutions.
    failures : mapping of int to str
        Orders without a model, and why.
    """

    electrons: Pixels
    variance: Pixels
    orders: tuple[SkyOrder, ...]
    failures: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = self.electrons.shape
        freeze(self, electrons=shape, variance=shape)


ShiftSource = Literal["lines", "lines and law", "lines and neighbours", "law", "neighbours", "none"]
"""What an order's shift rests on: its own sky lines, a published law of other orders, the orders beside it, nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderShift:
    """Shift of the wavelength solution in one order: where features are minus where the map has them.

    Attributes
    ----------
    shift_px, error_px : float
        Mean over the order, dispersion pixels; NaN where nothing says anything (`source` is none).
    coefficients : tuple of float
        Chebyshev coefficients (px) of the shift on the order's dispersion axis scaled to -1..1.
    source : ShiftSource
        What it rests on.
    applied : bool
        Whether the order's wavelengths were corrected.
    n_lines : int
        Sky lines that agree with it.
    snr : float
        Signal-to-noise of all these lines together.
    reason : str
        Why the shift was not applied, or not measured; empty if all is well.
    """

    shift_px: float
    error_px: float
    coefficients: tuple[float, ...]
    source: ShiftSource
    applied: bool
    n_lines: int = 0
    snr: float = 0.0
    reason: str = ""

    @property
    def tied(self) -> bool:
        """Whether anything says where the order's wavelengths are."""
        return self.source != "none"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WavelengthShift:
    """Shifts of the wavelength solution against the sky, order by order.

    Attributes
    ----------
    orders : mapping of int to OrderShift
        By detector order number; every order that has a spectrum.
    attached : bool
        Whether the arc was taken beside the exposure with the same rotator angle, so that only significant shifts are believed.
    scatter_px : float
        Of the orders about a shift linear in order (arms whose orders move together); NaN elsewhere.
    """

    orders: Mapping[int, OrderShift] = field(default_factory=dict)
    attached: bool = False
    scatter_px: float = float("nan")

    @property
    def _by_lines(self) -> list[OrderShift]:
        return [shift for shift in self.orders.values() if shift.n_lines and shift.tied]

    @property
    def shift_px(self) -> float:
        """Mean over the orders that have lines, weighted by their errors and a scatter of 0.03 px; NaN if none has."""
        found = self._by_lines
        weight = np.array([1.0 / (shift.error_px**2 + 0.03**2) for shift in found])
        return float(np.average([shift.shift_px for shift in found], weights=weight)) if found else float("nan")

    @property
    def error_px(self) -> float:
        """Error of that mean if the orders move together; NaN without lines."""
        found = self._by_lines
        return float(np.sum([shift.error_px**-2 for shift in found]) ** -0.5) if found else float("nan")

    @property
    def n_lines(self) -> int:
        """Sky lines in all orders."""
        return sum(shift.n_lines for shift in self._by_lines)

    @property
    def applied(self) -> bool:
        """Whether any order was corrected."""
        return any(shift.applied for shift in self.orders.values())
