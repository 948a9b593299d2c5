"""Where the object is on the slit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray, freeze


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SlitSource:
    """One object on the slit: position and FWHM (arcsec from slit centre), significance (sigma of its coherent light), share of the brightest's flux."""

    slit_arcsec: float
    fwhm_arcsec: float
    significance: float
    relative_flux: float

    def of_its_sign(self, light: FloatArray) -> FloatArray:
        """Light as far as it has the sign of the source's, 0 elsewhere: a star of an off-frame that was taken off has none above 0."""
        return np.maximum(light, 0.0) if self.relative_flux >= 0 else np.minimum(light, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ContinuumSamples:
    """Slices in which the object was looked for; every array has shape (n_samples,).

    Attributes
    ----------
    order : ndarray of int
        Detector order number.
    b_px, a_px : ndarray of float
        Dispersion and slit-axis pixel of the measured centre (binned frame); `a_px` is NaN where nothing was detected.
    wavelength_nm : ndarray of float
        At the centre of the slice.
    offset_arcsec, sigma_px : ndarray of float
        Centre relative to slit centre, and Gaussian width along the slit.
    detected, used : ndarray of bool
        Peak found; kept by the clipping of the fit.
    residual_px : ndarray of float
        Fit minus measured along the slit axis.
    """

    order: IntArray
    b_px: FloatArray
    a_px: FloatArray
    wavelength_nm: FloatArray
    offset_arcsec: FloatArray
    sigma_px: FloatArray
    detected: BoolArray
    used: BoolArray
    residual_px: FloatArray

    def __post_init__(self) -> None:
        shape = self.order.shape
        freeze(
            self, order=shape, b_px=shape, a_px=shape, wavelength_nm=shape, offset_arcsec=shape, sigma_px=shape,
            detected=shape, used=shape, residual_px=shape,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderTrace:
    """Trace in one order, one element per dispersion pixel of its window; pixels of the binned frame, sigma along the slit."""

    order: int
    b_px: IntArray
    a_px: FloatArray
    slit_arcsec: FloatArray
    sigma_px: FloatArray

    def __post_init__(self) -> None:
        shape = self.b_px.shape
        freeze(self, b_px=shape, a_px=shape, slit_arcsec=shape, sigma_px=shape)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObjectTrace:
    """The object's trace in all orders.

    Attributes
    ----------
    orders : mapping of int to OrderTrace
        By detector order number.
    samples : ContinuumSamples
        What it was fitted to.
    sources : tuple of SlitSource
        Objects found on the slit, brightest first.
    significance : float
        Of the coherent signal of the traced object.
    forced : bool
        True when no object was found (or the user named a position) and the trace is a fixed slit position.
    fwhm_arcsec : float
        Median width of the profile.
    order_deg, axis_deg : int
        Degrees of the surface that was fitted.
    """

    orders: Mapping[int, OrderTrace]
    samples: ContinuumSamples
    sources: tuple[SlitSource, ...]
    significance: float
    forced: bool
    fwhm_arcsec: float
    order_deg: int
    axis_deg: int

    @property
    def slit_arcsec(self) -> float:
        """Median place on the slit, arcsec from its centre."""
        return float(np.median(np.concatenate([order.slit_arcsec for order in self.orders.values()])))

    @property
    def residual_sd_px(self) -> float:
        """Standard deviation of the residuals of the samples that were used."""
        residual = self.samples.residual_px[self.samples.used]
        return float(np.std(residual)) if residual.size else float("nan")
