"""Where light of a given order, wavelength and slit position falls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.arrays import BoolImage, FloatArray, Image, IntArray, freeze
from soxspipe.datamodel.detector import Arm, Axis

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderPolynomial:
    """``A(n, B) = sum_ij c_ij n^i B^j`` in unbinned 0-based pixels; `coefficients` has shape (order_deg+1, axis_deg+1)."""

    coefficients: FloatArray

    def __call__(self, order: float, b_px: FloatArray) -> FloatArray:
        """Slit-axis pixel at dispersion pixel `b_px` (unbinned) of `order`; computed in float64."""
        along_b = self.coefficients.astype(np.float64).T @ np.power(float(order), np.arange(self.coefficients.shape[0]))
        return np.polynomial.polynomial.polyval(np.asarray(b_px, dtype=np.float64), along_b)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderTable:
    """The order location table.

    Attributes
    ----------
    dispersion_axis : {'x', 'y'}
        Axis B.
    orders : tuple of int
        As listed in the table.
    b_min, b_max : mapping of int to float
        Valid range of B per order, unbinned pixels.
    centre : OrderPolynomial
        Order centre.
    low, high : OrderPolynomial or None
        Edges at smaller and larger A; absent in tables of order centres.
    sigma : OrderPolynomial or None
        Gaussian sigma of the pinhole trace.
    """

    dispersion_axis: Axis
    orders: tuple[int, ...]
    b_min: Mapping[int, float]
    b_max: Mapping[int, float]
    centre: OrderPolynomial
    low: OrderPolynomial | None = None
    high: OrderPolynomial | None = None
    sigma: OrderPolynomial | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DispersionPolynomial:
    """``pixel = sum_ijk c_ijk n^i lambda^j s^k`` in unbinned 0-based pixels; coefficients of shape (i, j, k)."""

    coefficients: FloatArray

    def __call__(self, order: float, wavelength_nm: FloatArray, slit_arcsec: FloatArray) -> FloatArray:
        """Pixel coordinate, evaluated in float64 around the middle of the wavelengths given."""
        from_order = np.tensordot(
            np.power(float(order), np.arange(self.coefficients.shape[0])), self.coefficients.astype(np.float64), axes=(0, 0)
        )
        wave, slit = np.broadcast_arrays(np.asarray(wavelength_nm, np.float64), np.asarray(slit_arcsec, np.float64))
        total = np.zeros(wave.shape)
        for k in range(from_order.shape[1] - 1, -1, -1):
            total = total * slit + np.polynomial.polynomial.polyval(wave, from_order[:, k])
        return total


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DispersionMap:
    """Wavelength, slit position and order of every pixel, and the polynomials behind them.

    Attributes
    ----------
    wavelength_nm, slit_arcsec : ndarray of float32 or float64, shape (ny, nx)
        In the binning of the science frame; NaN outside orders and where unsolved.
    order : ndarray of int16, shape (ny, nx)
        0 outside orders.
    x, y : DispersionPolynomial or None
        Forward solution, unbinned pixels.
    """

    wavelength_nm: Image
    slit_arcsec: Image
    order: IntArray
    x: DispersionPolynomial | None = None
    y: DispersionPolynomial | None = None

    def __post_init__(self) -> None:
        shape = self.wavelength_nm.shape
        freeze(self, wavelength_nm=shape, slit_arcsec=shape, order=shape)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.wavelength_nm.shape


class PixelMap(Protocol):
    """What a dispersion map gives, in memory (`DispersionMap`) or not (`StoredMap`)."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""

    @property
    def wavelength_nm(self) -> Image:
        """As in `DispersionMap`."""

    @property
    def slit_arcsec(self) -> Image:
        """As in `DispersionMap`."""

    @property
    def order(self) -> IntArray:
        """As in `DispersionMap`."""

    @property
    def x(self) -> DispersionPolynomial | None:
        """As in `DispersionMap`."""

    @property
    def y(self) -> DispersionPolynomial | None:
        """As in `DispersionMap`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFormat:
    """Wavelength limits of one order in nm: full free range, and the range used for extraction."""

    order: int
    full_nm: tuple[float, float]
    clean_nm: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpectralFormat:
    """Wavelength limits of all orders of an arm, in the order of the static table."""

    orders: tuple[OrderFormat, ...]

    def __getitem__(self, order: int) -> OrderFormat:
        for entry in self.orders:
            if entry.order == order:
                return entry
        raise KeyError(f"order {order} is not in the spectral format")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Geometry:
    """Order table, dispersion map and spectral format, with the arm and binning that they hold for."""

    arm: Arm
    binning: tuple[int, int]
    order_table: OrderTable
    dispersion_map: PixelMap
    spectral_format: SpectralFormat

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the frames it describes."""
        return self.dispersion_map.shape

    @property
    def slit_binning(self) -> int:
        """Binning along the slit."""
        return self.binning[0] if self.arm.slit_axis == "x" else self.binning[1]

    @property
    def dispersion_binning(self) -> int:
        """Binning along the dispersion."""
        return self.binning[0] if self.arm.dispersion_axis == "x" else self.binning[1]


@dataclass(frozen=True, slots=True, weakref_slot=True, kw_only=True, eq=False)
class OrderWindow:
    """The pixels of one order as a rectangle that follows its curve: dispersion along axis 0, slit along axis 1.

    Attributes
    ----------
    order : int
        Detector order number.
    b_px : ndarray of int, shape (n_disp,)
        Dispersion pixel of each row of the cut-out (binned frame).
    a_start : ndarray of int, shape (n_disp,)
        Slit-axis pixel of its first column.
    index : ndarray of int, shape (n_disp, n_slit)
        Flat index into the frame.
    wavelength_nm, slit_arcsec : ndarray of float64, shape (n_disp, n_slit)
        NaN where `inside` is False.
    inside : ndarray of bool, shape (n_disp, n_slit)
        True where the map is solved and the pixel lies on the slit.
    half_slit_arcsec : float
        Half of the slit's length.
    lit_arcsec : tuple of float, or None
        Slit positions between which light comes through, where the slit's image lies off the pixels of the map; None for the slit's length.
    """

    order: int
    b_px: IntArray
    a_start: IntArray
    index: IntArray
    wavelength_nm: FloatArray
    slit_arcsec: FloatArray
    inside: BoolImage
    half_slit_arcsec: float
    lit_arcsec: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        shape = self.index.shape
        freeze(self, b_px=shape[:1], a_start=shape[:1], index=shape, wavelength_nm=shape, slit_arcsec=shape, inside=shape)

    @property
    def a_px(self) -> IntArray:
        """Slit-axis pixel of every element, shape (n_disp, n_slit)."""
        return self.a_start[:, None] + np.arange(self.index.shape[1])[None, :]

    def cutout(self, image: NDArray[Scalar]) -> NDArray[Scalar]:
        """Cut the order out of a full frame."""
        if not any(image.strides):  # one number stands for the whole frame
            return np.full(self.index.shape, image[0, 0])
        n_slit = self.index.shape[1]
        if n_slit > 1 and self.index[0, 1] == self.index[0, 0] + 1:  # the slit lies along rows, of which pieces are copied whole
            return np.lib.stride_tricks.sliding_window_view(image, n_slit, axis=1)[self.b_px, self.a_start]
        if image.flags.c_contiguous:
            return image.reshape(-1).take(self.index)
        rows, columns = np.divmod(self.index, image.shape[1])  # without a copy of the frame
        return image[rows, columns]
