"""Frames as the eye wants them: dispersion to the right, cropped to the orders, stretched to the object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.arrays import FloatArray, Image
from soxspipe.datamodel.geometry import Geometry
from soxspipe.datamodel.stored_image import Pixels, seen
from soxspipe.plots.decimate import block_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
    axes: Axes,
    image: FloatArray,
    extent: tuple[float, float, float, float],
    limits: tuple[float, float],
    cmap: str = "gray_r",
    levels: int = GREY_LEVELS,
) -> None:
    """Draw an image in a few grey levels; what is not finite is drawn as the lowest."""
    low, high = limits
    scaled = np.clip((image - low) * ((levels - 1) / ((high - low) or 1.0)), 0, levels - 1)
    shown = np.nan_to_num(scaled, nan=0.0).astype(np.uint8)
    axes.imshow(shown, cmap=cmap, vmin=0, vmax=levels - 1, aspect="auto", extent=extent, interpolation="none", origin="lower")


def show_frame(
    axes: Axes,
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
    axes: Axes, small: FloatArray, block: tuple[int, int], view: View, limits: tuple[float, float], cmap: str, levels: int
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
