"""Frames as the eye wants them: dispersion to the right, cropped to the orders, stretched to the object."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.arrays import FloatArray, Image
from soxspipe.datamodel.geometry import Geometry
from soxspipe.datamodel.stored_image import Pixels, seen
from soxspipe.plots.decimate import block_mean
from soxspipe.plots.paper import Panel

GREY_LEVELS = 16
"""More are not seen, and noise in fewer levels compresses better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The part of a detector that is shown: dispersion axis, and first and last slit-axis pixel (binned, last excluded)."""

    along_x: bool
    low: int
    high: int
    n_disp: int

    def turn(self, image: Pixels) -> NDArray[Any]:
        """Crop an image and turn it so that the dispersion runs along axis 1."""
        whole = seen(image)
        return whole[self.low : self.high] if self.along_x else whole[:, self.low : self.high].T


def orders_view(geometry: Geometry, margin: int = 12) -> View:
    """Find the part of the detector that holds orders."""
    along_x = geometry.arm.dispersion_axis == "x"
    sparse = geometry.dispersion_map.order[:, ::16] if along_x else geometry.dispersion_map.order[::16]
    used = np.flatnonzero((sparse > 0).any(axis=1 if along_x else 0))
    n_slit, n_disp = geometry.shape if along_x else geometry.shape[::-1]
    if used.size == 0:
        return View(along_x=along_x, low=0, high=n_slit, n_disp=n_disp)
    return View(along_x=along_x, low=max(0, int(used[0]) - margin), high=min(n_slit, int(used[-1]) + 1 + margin), n_disp=n_disp)


def show_image(
    axes: Panel,
    image: FloatArray,
    extent: tuple[float, float, float, float],
    limits: tuple[float, float],
    cmap: str = "gray_r",
    levels: int = GREY_LEVELS,
) -> None:
    """Draw an image in a few grey levels; what is not finite is drawn as the lowest."""
    low, high = limits
    scaled = np.clip((image - low) * ((levels - 1) / ((high - low) or 1.0)), 0, levels - 1)
    axes.imshow(np.nan_to_num(scaled, nan=0.0).astype(np.uint8), palette(cmap, levels), extent)


@cache
def palette(cmap: str, levels: int) -> NDArray[np.uint8]:
    """Colours of a scale from its lowest to its highest level: shape (levels, 3)."""
    anchors = np.array([list(bytes.fromhex(colour)) for colour in SCALES[cmap].split()], dtype=np.float64)
    at = np.linspace(0.0, len(anchors) - 1.0, levels)
    shades = np.stack([np.interp(at, np.arange(len(anchors)), anchors[:, part]) for part in range(3)], axis=1).round().astype(np.uint8)
    shades.setflags(write=False)
    return shades


SCALES = {
    "gray_r": "ffffff 000000",
    "viridis": "440154 481769 472a7a 433d84 3d4e8a 355e8d 2e6d8e 297b8e 23898e 1f978b 21a585 2eb37c 46c06f 65cb5e 89d548 b0dd2f d8e219 fde725",
}
"""Colours at equal steps of a scale; viridis is that of S. van der Walt and N. Smith (CC0)."""


def show_frame(
    axes: Panel,
    image: Pixels,
    view: View,
    limits: tuple[float, float],
    *,
    width: int = 1020,
    cmap: str = "gray_r",
    levels: int = GREY_LEVELS,
) -> None:
    """Draw the part of a frame that holds orders, block-averaged to about `width` columns, axes in detector pixels."""
    turned = view.turn(image)
    columns = max(1, turned.shape[1] // width)
    rows = max(1, min(columns, turned.shape[0] // 350))
    show_blocks(axes, block_mean(turned, rows, columns), (rows, columns), view, limits, cmap, levels)


def show_blocks(
    axes: Panel, small: FloatArray, block: tuple[int, int], view: View, limits: tuple[float, float], cmap: str, levels: int
) -> None:
    """Draw the part of a frame that holds orders, averaged in blocks of so many rows and columns, axes in detector pixels."""
    (rows, columns), (height, width) = block, small.shape
    show_image(axes, small, (-0.5, width * columns - 0.5, view.low - 0.5, view.low + height * rows - 0.5), limits, cmap, levels)


def stretch(image: Image, low_percent: float = 5.0, high_percent: float = 99.0) -> tuple[float, float]:
    """Limits of the grey scale from a sparse sample of an image."""
    sample = np.asarray(image)[::5, ::5]
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(sample, [low_percent, high_percent])
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1.0)
