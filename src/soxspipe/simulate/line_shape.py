"""The shape of a line on the detector: the slit's image through optics with wings, skew, and a width that changes along the slit."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import convolve1d, gaussian_filter1d

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.simulate.paint import STEPS_PER_PX, Cumulative, OrderCanvas, integrate, line_spread
from soxspipe.simulate.scene import Scene

LSF_SIGMA_PX = 0.85
"""Optics and pixel, without the slit."""
WINGS_WIDTH = 4.0
"""Wings are a Gaussian so many times wider than the core."""

WIDTH_NODES = 9
"""The width changes slowly along the order."""
_REACH = 6.0
"""In sigma of the broad part."""


def spread_along(scene: Scene, per_px: FloatArray, slit_image: FloatArray, slit_share: float) -> FloatArray:
    """Spread a spectrum by the line-spread function at a slit position (-1 to 1).

    The whole line's width, slit and optics together, is ``1 + lsf_width_gradient x slit_share`` times that at the slit's centre.
    """
    core = _core_sigma(scene, slit_image, slit_share)
    sharp = line_spread(per_px, slit_image, core)
    if scene.lsf_skew_px:
        sharp = np.asarray(convolve1d(sharp, _one_sided(scene.lsf_skew_px), mode="constant"))
    if not scene.lsf_wings:
        return sharp
    broad = gaussian_filter1d(sharp, WINGS_WIDTH * LSF_SIGMA_PX * STEPS_PER_PX, mode="constant", truncate=_REACH)
    return np.asarray((1.0 - scene.lsf_wings) * sharp + scene.lsf_wings * broad)


def paint_slit_light(scene: Scene, canvas: OrderCanvas, per_px: FloatArray, slit_image: FloatArray, illumination: FloatArray) -> FloatArray:
    """Light that fills the slit, electrons per pixel: `per_px` on the grid, times `illumination` of each strip; shape (n, m)."""
    if not scene.lsf_width_gradient:
        return canvas.paint_extended(_spread(scene, canvas, per_px, slit_image, 0.0), illumination)
    total = np.zeros(canvas.index.shape)
    nodes = np.linspace(-1.0, 1.0, WIDTH_NODES)
    slit = np.clip(canvas.slit_middle / canvas.half_slit_arcsec, -1.0, 1.0)
    for node in nodes:
        near = np.clip(1.0 - np.abs(slit - node) / (nodes[1] - nodes[0]), 0.0, 1.0)
        total += canvas.paint_extended(_spread(scene, canvas, per_px, slit_image, float(node)), illumination * near)
    return total


def horned(slit_image: FloatArray, horns: float) -> FloatArray:
    """A slit's image that is brighter at its two edges: the middle is 1 - `horns` of them."""
    if slit_image.size < 3 or not horns:
        return slit_image
    z = np.linspace(-1.0, 1.0, slit_image.size)
    shaped = slit_image * (1.0 - horns * (1.0 - z**2))
    return np.asarray(shaped / shaped.sum())


def _spread(scene: Scene, canvas: OrderCanvas, per_px: FloatArray, slit_image: FloatArray, slit_share: float) -> Cumulative:
    return integrate(canvas.grid, spread_along(scene, per_px, slit_image, slit_share))


def _core_sigma(scene: Scene, slit_image: FloatArray, slit_share: float) -> float:
    """Width of the Gaussian that makes the whole line as wide as it is to be."""
    if not scene.lsf_width_gradient:
        return LSF_SIGMA_PX
    x = (np.arange(slit_image.size) - 0.5 * (slit_image.size - 1)) / STEPS_PER_PX
    of_slit = float(np.sum(slit_image * x**2) - np.sum(slit_image * x) ** 2)
    whole = (LSF_SIGMA_PX**2 + of_slit) * (1.0 + scene.lsf_width_gradient * slit_share) ** 2
    return float(np.sqrt(max(whole - of_slit, 0.2**2)))


def _one_sided(length_px: float) -> FloatArray:
    """An exponential tail to one side, its mean at 0, on the fine grid; a negative length is a tail to the other side."""
    half = int(np.ceil(8.0 * abs(length_px) * STEPS_PER_PX))
    x = np.arange(-half, half + 1) / STEPS_PER_PX
    shifted = np.sign(length_px) * x + abs(length_px)
    kernel = np.where(shifted >= 0, np.exp(-shifted / abs(length_px)), 0.0)
    return np.asarray(kernel / kernel.sum())
