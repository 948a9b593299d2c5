"""One order's pixels with everything that weighs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from soxspipe.algorithms.detrend import FLAT_SIGNIFICANCE, exposures
from soxspipe.algorithms.robust import running_mean
from soxspipe.algorithms.windows import dispersion_position
from soxspipe.datamodel.arrays import BoolArray, BoolImage, FloatArray, IntArray, freeze
from soxspipe.datamodel.frame import Frame
from soxspipe.datamodel.geometry import OrderWindow

PIXEL_RESPONSE = 0.015
FAINT_FLAT_SIGMA = 60.0
ALIKE_SIGMA = 5.0
FLAT_HALF_WIDTH_PX = 7
EVERY_ROW = slice(None)
EachOrder: TypeAlias = Callable[..., Iterable[Any]]
"""`map`, or the `map` of a pool: applies a function to every order."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderData:
    """Flattened electrons of one order and the ingredients of their variance; arrays have the shape of the window.

    Attributes
    ----------
    window : OrderWindow
        Where the pixels are.
    electrons : ndarray
        Flattened, 0 where the flat is unusable.
    floor : ndarray
        Variance of everything but the scene's photons, before flat division (electrons squared).
    flat, flat_variance : ndarray
        Relative response (1 without a flat) and its variance.
    exposures : ndarray or float
        Number of exposures averaged.
    good : ndarray of bool
        Inside the order and not flagged.
    u_px, slit : ndarray
        Dispersion pixel that the wavelength has at slit centre, and slit position scaled to -1..1; 0 outside the order.
    binning : tuple of int
        Detector pixels per pixel along dispersion and slit.
    """

    window: OrderWindow
    electrons: FloatArray
    floor: FloatArray
    flat: FloatArray
    flat_variance: FloatArray
    exposures: FloatArray
    good: BoolImage
    u_px: FloatArray
    slit: FloatArray
    binning: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        shape = self.window.index.shape
        freeze(self, electrons=shape, floor=shape, flat=shape, flat_variance=shape, exposures=shape, good=shape, u_px=shape, slit=shape)

    def variance(self, light: FloatArray, rows: IntArray | slice = EVERY_ROW) -> FloatArray:
        """Variance of the flattened electrons when the scene's expected light is `light` (flattened electrons), of some rows or all.

        Negative light counts as none.  With flat F: (floor + F light / n) / F^2 + light^2 V_F / F^2.
        """
        expected, flat = np.maximum(light, 0.0), self.flat[rows]
        return (self.floor[rows] + expected * (flat / self.exposures[rows] + expected * self.flat_variance[rows])) / flat**2

    def without(self, light: FloatArray) -> OrderData:
        """The order without `light` (flattened electrons), whose shot noise stays in the variance."""
        return replace(self, electrons=self.electrons - light, floor=self.floor + np.maximum(light, 0.0) * self.flat / self.exposures)


def cut_order_data(
    frame: Frame, flat: Frame | None, windows: Sequence[OrderWindow], binning: tuple[int, int] = (1, 1)
) -> tuple[OrderData, ...]:
    """Cut every order out of a frame and flatten it.

    Parameters
    ----------
    frame : Frame
        Bias, dark and scattered light removed, not flattened; its variance is that of everything but the scene's photons.
    flat : Frame or None
        Master flat.
    windows : sequence of OrderWindow
        Orders.
    binning : tuple of int
        Detector pixels per pixel along dispersion and slit.

    Returns
    -------
    tuple of OrderData
        One per window; pixels whose flat is less than 5 sigma above zero are not good.
    """
    return tuple(cut_order(frame, flat, window, binning) for window in windows)


def cut_order(frame: Frame, flat: Frame | None, window: OrderWindow, binning: tuple[int, int] = (1, 1)) -> OrderData:
    """One order of `cut_order_data`."""
    return flatten_order(frame.cut(window.cut), None if flat is None else flat.cut(window.cut), window, binning)


def flatten_order(frame: Frame, flat: Frame | None, window: OrderWindow, binning: tuple[int, int] = (1, 1)) -> OrderData:
    """As `cut_order`, of a frame and a flat that have been cut to the window."""
    good = window.inside & (frame.flags == 0)
    electrons = frame.electrons
    if flat is None:
        response, response_variance = np.ones_like(electrons), np.zeros_like(electrons)
    else:
        sound = window.inside & (flat.flags == 0)
        response, response_variance = steady_flat(flat.electrons, flat.variance, sound)
        usable = sound & (response > FLAT_SIGNIFICANCE * np.sqrt(response_variance))
        good &= usable
        response = np.where(usable, response, 1.0)
        response_variance = np.where(usable, response_variance, 0.0)
        electrons = np.where(usable, electrons / response, 0.0)
    u_px, _ = dispersion_position(window)
    reach = max(float(np.nanmax(np.abs(window.slit_arcsec))), 1e-9)
    return OrderData(
        window=window,
        electrons=electrons,
        floor=frame.variance,
        flat=response,
        flat_variance=response_variance,
        exposures=np.array(np.broadcast_to(exposures(frame), electrons.shape), dtype=np.float64),
        good=good,
        u_px=u_px,
        slit=np.where(window.inside, np.nan_to_num(window.slit_arcsec) / reach, 0.0),
        binning=binning,
    )


def steady_flat(flat: FloatArray, variance: FloatArray, sound: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Best estimate of the flat where it is faint.

    Pixels differ from the running mean along the dispersion by about `PIXEL_RESPONSE`.  Where the flat's own noise is larger than
    that, the running mean knows a pixel better than the pixel does; the two are averaged with inverse variances.

    Parameters
    ----------
    flat, variance : ndarray, shape (n_disp, n_slit)
        Master flat and its variance.
    sound : ndarray of bool, shape (n_disp, n_slit)
        Pixels that may be used.

    Returns
    -------
    flat, variance : ndarray
        Averaged; equal to the input where the flat is well exposed.
    """
    own = np.maximum(variance, 1e-30)
    faint = sound & (flat < FAINT_FLAT_SIGMA * np.sqrt(own))
    steady, steady_variance = flat.astype(np.float64), variance.astype(np.float64)
    if not faint.any():
        return steady, steady_variance
    mean, count = running_mean(flat, sound, FLAT_HALF_WIDTH_PX)
    noise, _ = running_mean(variance, sound, FLAT_HALF_WIDTH_PX)
    place = np.nonzero(faint & (count >= FLAT_HALF_WIDTH_PX))
    flat, own, mean, scatter = flat[place], own[place], mean[place], (PIXEL_RESPONSE * mean[place]) ** 2 + noise[place] / count[place]
    share = scatter / (scatter + own)
    # a dead pixel is no noisy one: it stays as it is
    alike = np.abs(flat - mean) <= ALIKE_SIGMA * np.sqrt(scatter + own)
    steady[place] = np.where(alike, mean + share * (flat - mean), flat)
    steady_variance[place] = np.where(alike, share * own, steady_variance[place])
    return steady, steady_variance
