"""Figures of a master flat: edges over the frame with their residuals, and scattered light."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from soxspipe.datamodel.arrays import FloatArray, Image, IntArray
from soxspipe.datamodel.detector import Axis
from soxspipe.plots.edges import draw_edges
from soxspipe.plots.masters import thumbnail
from soxspipe.plots.paper import Figure
from soxspipe.plots.show_image import show_image
from soxspipe.plots.style import WIDE, add_panel, colour_bar, dots, few_ticks, new_figure, write
from soxspipe.plots.words import BLUE, INK, MUTED, VERMILION

PICTURE_PX = 640
"""More than the page shows of it."""
CURVE_POINTS = 100
"""Edges are smooth."""
RESIDUAL_PX = 0.3
"""Many times the scatter of good edges."""


class Edges(Protocol):
    """Edges of one order: dispersion pixels, fitted and measured edges, rms."""

    @property
    def b_px(self) -> IntArray: ...
    @property
    def low(self) -> FloatArray: ...
    @property
    def high(self) -> FloatArray: ...
    @property
    def measured_low(self) -> FloatArray: ...
    @property
    def measured_high(self) -> FloatArray: ...
    @property
    def rms_px(self) -> float: ...


def plot_edges(flat: Image, orders: Mapping[str, Edges], axis: Axis, subtitle: str) -> Figure:
    """Draw the fitted edges over the flat, with the dispersion to the right, and the residuals of the measured ones below.

    Parameters
    ----------
    flat : ndarray, shape (ny, nx)
        Relative light.
    orders : mapping of str to Edges
        By name of the order.
    axis : {'x', 'y'}
        Dispersion axis.
    subtitle : str
        Under the title.
    """
    turned = flat if axis == "x" else flat.T
    n_a, n_b = turned.shape
    small = thumbnail(turned, PICTURE_PX)
    figure = new_figure("Edges of the orders", subtitle, WIDE)
    picture = add_panel(figure, (0.07, 0.36, 0.90, 0.54))
    show_image(picture, small, (-0.5, n_b - 0.5, -0.5, n_a - 0.5), (0.0, float(np.percentile(small, 99.0))))
    residuals = add_panel(figure, (0.07, 0.08, 0.90, 0.20))
    for edges in orders.values():
        step = max(1, edges.b_px.size // CURVE_POINTS)
        for fitted, measured, colour in ((edges.low, edges.measured_low, BLUE), (edges.high, edges.measured_high, VERMILION)):
            picture.plot(edges.b_px[::step], fitted[::step], color=colour, lw=0.6)
            left = (measured - fitted)[::step]
            shown = np.isfinite(left) & (np.abs(left) < RESIDUAL_PX)
            if shown.any():
                dots(residuals, edges.b_px[::step][shown].astype(np.float64), left[shown], size=1.0, colour=colour)
    residuals.axhline(0.0, color=INK, lw=0.5)
    residuals.set_xlim(-0.5, n_b - 0.5)
    residuals.set_ylim(-RESIDUAL_PX, RESIDUAL_PX)
    residuals.set_xlabel("dispersion (px)")
    residuals.set_ylabel("measured - fitted (px)")
    picture.set_xlim(-0.5, n_b - 0.5)
    picture.set_ylim(-0.5, n_a - 0.5)
    picture.set_ylabel("slit axis (px)")
    few_ticks(picture, x=8, y=8)
    few_ticks(residuals, x=8, y=5)
    worst = [f"{name}: {edges.rms_px:.3f}" for name, edges in orders.items() if np.isfinite(edges.rms_px)]
    write(figure, 0.07, 0.02, "rms of single columns by order (px)  " + "  ".join(worst), size=7, color=MUTED)
    return draw_edges(figure)


def plot_scattered(image: Image, subtitle: str) -> Figure:
    """Draw scattered light on the scale of the flat."""
    ny, nx = image.shape
    small = thumbnail(image)
    limits = (0.0, float(small.max()) or 1.0)
    figure = new_figure("Scattered light of the flat", subtitle, WIDE)
    axes = add_panel(figure, (0.07, 0.08, 0.84, 0.81))
    show_image(axes, small, (-0.5, nx - 0.5, -0.5, ny - 0.5), limits, "viridis", 64)
    axes.set_xlabel("x (px)")
    axes.set_ylabel("y (px)")
    few_ticks(axes, x=6, y=6)
    colour_bar(figure, (0.925, 0.08, 0.014, 0.81), limits, "viridis", "share of the flat")
    return draw_edges(figure)
