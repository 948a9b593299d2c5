"""Figures of master calibrations: level, noise, structure and defects on one sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soxspipe.datamodel.arrays import FloatArray, Image
from soxspipe.plots.decimate import block_mean
from soxspipe.plots.edges import draw_edges
from soxspipe.plots.paper import Figure, Panel
from soxspipe.plots.show_image import show_image
from soxspipe.plots.style import WIDE, add_panel, few_ticks, logarithmic, new_figure, write
from soxspipe.plots.words import INK, MID_BLUE, MUTED

PICTURE_PX = 340
"""Longest side of a detector's picture: more is not seen on a quarter of a page."""

HISTOGRAM_BINS = 121
"""A twelfth of a sigma each."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MasterFigure:
    """What the figure of a master bias or dark shows.

    Attributes
    ----------
    title, subtitle : str
        Heading.
    image : ndarray, shape (ny, nx)
        The master, electrons.
    good : ndarray of bool, shape (ny, nx)
        Sound pixels.
    raw : ndarray, shape (n,)
        Pixels of one raw frame, for the histogram.
    noise_e : float
        Of one raw frame.
    facts : sequence of str
        Lines of text.
    """

    title: str
    subtitle: str
    image: Image
    good: Image
    raw: FloatArray
    noise_e: float
    facts: Sequence[str]


def thumbnail(image: Image, longest_px: int = PICTURE_PX) -> Image:
    """An image averaged in blocks so that its longest side has about `longest_px` pixels."""
    step = max(1, max(image.shape) // longest_px)
    return block_mean(image, step, step) if step > 1 else image


def plot_master(content: MasterFigure) -> Figure:
    """Draw level, means of rows and columns, and histogram of a master bias or dark."""
    level = float(np.median(content.image[::7, ::7]))
    limits = (level - content.noise_e, level + content.noise_e)
    ny, nx = content.image.shape
    figure = new_figure(content.title, content.subtitle, WIDE)
    picture = add_panel(figure, (0.07, 0.50, 0.40, 0.38))
    show_image(picture, thumbnail(content.image), (-0.5, nx - 0.5, -0.5, ny - 0.5), limits)
    picture.set_xlabel("x (px)")
    picture.set_ylabel("y (px)")
    _histogram(add_panel(figure, (0.55, 0.50, 0.42, 0.38)), content, level)
    for place, axis, name in ((0.07, 0, "x"), (0.55, 1, "y")):
        axes = add_panel(figure, (place, 0.20, 0.42, 0.20))
        number = np.maximum(content.good.sum(axis=axis), 1)
        mean = np.where(content.good, content.image, 0.0).sum(axis=axis) / number
        step = max(1, mean.size // 500)
        axes.plot(np.arange(mean.size)[::step], mean[::step], color=INK, lw=0.6)
        axes.set_xlabel(f"{name} (px)")
        axes.set_ylabel("mean (electrons)")
        few_ticks(axes, x=6, y=4)
    for line, text in enumerate(content.facts):
        write(figure, 0.07, 0.125 - 0.022 * line, text, color=MUTED)
    few_ticks(picture, x=5, y=5)
    return draw_edges(figure)


def _histogram(axes: Panel, content: MasterFigure, level: float) -> None:
    """Pixels of one raw frame and of the master within five read noises."""
    edges = np.linspace(level - 5 * content.noise_e, level + 5 * content.noise_e, HISTOGRAM_BINS)
    centres = 0.5 * (edges[1:] + edges[:-1])
    for values, colour in ((content.raw, MID_BLUE), (content.image[::3, ::3].ravel(), INK)):
        counts = np.histogram(values, edges)[0]
        axes.plot(centres, np.maximum(counts / max(counts.sum(), 1), 1e-7), color=colour, lw=0.9)
    logarithmic(axes, 1e-6, 1.0)
    axes.set_xlabel("level (electrons; blue: one raw frame, black: the master)")
    axes.set_ylabel("share of the pixels")
