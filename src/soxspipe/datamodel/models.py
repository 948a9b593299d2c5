"""Models of light that is not the object's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from soxspipe.datamodel.arrays import BoolImage, FloatArray, Image, freeze


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BackgroundModel:
    """Scattered light: electrons (before flat division) and their variance, shape (ny, nx), and which pixels were used."""

    electrons: Image
    variance: Image
    used: BoolImage

    def __post_init__(self) -> None:
        shape = self.electrons.shape
        freeze(self, electrons=shape, variance=shape, used=shape)


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
