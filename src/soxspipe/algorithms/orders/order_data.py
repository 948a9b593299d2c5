"""One order's pixels with everything that weighs them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from soxspipe.algorithms.frames.detrend import FLAT_SIGNIFICANCE, exposures
from soxspipe.algorithms.orders.windows import dispersion_position, slit_reach_arcsec
from soxspipe.datamodel.arrays import BoolArray, BoolImage, FloatArray, IntArray, freeze
from soxspipe.datamodel.frame import Frame
from soxspipe.datamodel.geometry import OrderWindow
from soxspipe.datamodel.stored_frame import AnyFrame
from soxspipe.numerics.robust import running_mean

PIXEL_RESPONSE = 0.015
"""Scatter of the pixels' response: between 1 and 2 %."""
FAINT_FLAT_SIGMA = 60.0
"""Above it the flat's own noise is below the scatter of the pixels, and there is nothing to gain."""
ALIKE_SIGMA = 5.0
"""A pixel further off is a bad one, not a noisy one."""
FLAT_HALF_WIDTH_PX = 7
"""The blaze is straight over as many pixels."""
EVERY_ROW = slice(None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PixelNoise:
    """Variance of flattened electrons as a function of the light that is expected: ``floor + per_light x light + per_square x light^2``.

    Attributes
    ----------
    floor, per_light, per_square : ndarray, all of one shape
        Of everything but the scene's photons, of these, and of the flat.
    """

    floor: FloatArray
    per_light: FloatArray
    per_square: FloatArray

    def variance(self, light: FloatArray) -> FloatArray:
        """Variance when `light` (flattened electrons) is expected; negative light counts as none."""
        expected = np.maximum(light, 0.0)
        total = expected * self.per_square
        total += self.per_light
        total *= expected
        total += self.floor
        return total

    def at(self, pixels: IntArray) -> PixelNoise:
        """Of a few pixels (flat indices)."""
        return PixelNoise(floor=self.floor.take(pixels), per_light=self.per_light.take(pixels), per_square=self.per_square.take(pixels))

    def of_rows(self, rows: IntArray | slice) -> PixelNoise:
        """Of some rows."""
        return PixelNoise(floor=self.floor[rows], per_light=self.per_light[rows], per_square=self.per_square[rows])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderData:
    """Flattened electrons of one order and what their variance depends on; arrays have the shape of the window.

    Attributes
    ----------
    window : OrderWindow
        Where the pixels are.
    electrons : ndarray
        Flattened, 0 where the flat is unusable.
    noise : PixelNoise
        Of every pixel.
    flat : ndarray
        Relative response (1 without a flat).
    good : ndarray of bool
        Inside the order and not flagged.
    u_px, slit : ndarray
        Dispersion pixel that the wavelength has at slit centre, and slit position scaled to -1..1; 0 outside the order.
    binning : tuple of int
        Detector pixels per pixel along dispersion and slit.
    """

    window: OrderWindow
    electrons: FloatArray
    noise: PixelNoise
    flat: FloatArray
    good: BoolImage
    u_px: FloatArray
    slit: FloatArray
    binning: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        shape = self.window.index.shape
        freeze(self, electrons=shape, flat=shape, good=shape, u_px=shape, slit=shape)
        freeze(self.noise, floor=shape, per_light=shape, per_square=shape)

    def variance(self, light: FloatArray, rows: IntArray | slice = EVERY_ROW) -> FloatArray:
        """Variance of the flattened electrons of some rows or all when `light` (flattened electrons) is expected."""
        return self.noise.variance(light) if rows is EVERY_ROW else self.noise.of_rows(rows).variance(light)

    def masked(self, pixels: BoolImage) -> OrderData:
        """The order with more pixels that are not good."""
        return replace(self, good=self.good & ~pixels)

    def with_variance(self, variance: FloatArray) -> OrderData:
        """The order with more variance (flattened electrons squared)."""
        return replace(self, noise=replace(self.noise, floor=self.noise.floor + variance))

    def without(self, light: FloatArray) -> OrderData:
        """The order without `light` (flattened electrons), whose shot noise stays in the variance."""
        floor = self.noise.floor + np.maximum(light, 0.0) * self.noise.per_light
        return replace(self, electrons=self.electrons - light, noise=replace(self.noise, floor=floor))


def flatten_order(frame: Frame, flat: AnyFrame | None, window: OrderWindow, binning: tuple[int, int] = (1, 1)) -> OrderData:
    """Flatten one order.

    Parameters
    ----------
    frame : Frame
        Cut to the window; bias, dark and scattered light removed, not flattened; its variance is that of everything but the scene's
        photons.
    flat : Frame or None
        Master flat, cut to the window.
    window : OrderWindow
        The order.
    binning : tuple of int
        Detector pixels per pixel along dispersion and slit.

    Returns
    -------
    OrderData
        Pixels whose flat is less than 5 sigma above zero are not good.
    """
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
    # with flat F, its variance V and n exposures: (floor + F light / n) / F^2 + light^2 V / F^2
    weaker = 1.0 / response
    noise = PixelNoise(floor=frame.variance * weaker**2, per_light=weaker / exposures(frame), per_square=response_variance * weaker**2)
    u_px, _ = dispersion_position(window)
    return OrderData(
        window=window,
        electrons=electrons,
        noise=noise,
        flat=response,
        good=good,
        u_px=u_px,
        slit=np.where(window.inside, np.nan_to_num(window.slit_arcsec) / slit_reach_arcsec(window), 0.0),
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
    place = np.flatnonzero(faint & (count >= FLAT_HALF_WIDTH_PX))
    flat, own, mean, noise, count = (image.take(place) for image in (flat, own, mean, noise, count))
    scatter = (PIXEL_RESPONSE * mean) ** 2 + noise / count
    share = scatter / (scatter + own)
    # a dead pixel is not a noisy one: it stays as it is
    alike = np.abs(flat - mean) <= ALIKE_SIGMA * np.sqrt(scatter + own)
    steady.reshape(-1)[place] = np.where(alike, mean + share * (flat - mean), flat)
    steady_variance.reshape(-1)[place] = np.where(alike, share * own, steady_variance.take(place))
    return steady, steady_variance
