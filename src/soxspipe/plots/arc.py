"""Residuals of a dispersion solution: vectors on the detector, by order and lamp, and the widths of the lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.plots.edges import draw_edges
from soxspipe.plots.paper import Figure, Panel, Segments
from soxspipe.plots.style import WIDE, Key, add_panel, dots, draw_key, few_ticks, name_ticks, new_figure, points, write
from soxspipe.plots.words import BLUE, GREEN, INK, MUTED, ORANGE, PURPLE, VERMILION

MOST_VECTORS = 2500
"""More arrows than this cannot be told apart on a page."""
LAMP_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE)
CROSS = 0.0025
"""Half the size of the cross of an image that was not seen, as a share of the detector."""
LONG_ARROW = 0.03
"""Share of the panel's width of an arrow at the 90th percentile: neighbouring lines stay apart."""
LONGEST = 2.0
"""Times as long at most: residuals of faint lines would reach over the whole panel."""
WIDER = 1.5
"""Panels of residuals show this many times what 99 of a hundred need; the rest are faint images, whose errors are large."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArcFigure:
    """What the figure shows.

    Attributes
    ----------
    title, subtitle : str
        Heading.
    shape : tuple of int
        Rows and columns of the frame.
    x, y, dx, dy : ndarray, shape (n,)
        Places of the detected images, and measured minus fitted, px.
    used : ndarray of bool, shape (n,)
        In the fit.
    arrows : tuple of ndarray, shape (m,)
        Residuals of neighbouring pinholes of a line together: place (x, y), measured minus fitted (x, y), px.
    arrow_lamp : ndarray of str, shape (m,)
        Element of the line of each.
    order, wavelength_nm : ndarray, shape (n,)
        Of each image.
    lamp : ndarray of str, shape (n,)
        Element of each image's line.
    missed : tuple of ndarray
        Places (x, y) of images that were expected and not seen.
    fwhm_px, resolution : ndarray, shape (n,)
        NaN where they were not measured.
    facts : sequence of str
        Lines of text.
    labels : dict of int to str
        Names of the orders.
    """

    title: str
    subtitle: str
    shape: tuple[int, int]
    x: FloatArray
    y: FloatArray
    dx: FloatArray
    dy: FloatArray
    used: BoolArray
    arrows: tuple[FloatArray, FloatArray, FloatArray, FloatArray]
    arrow_lamp: NDArray[Any]
    order: NDArray[Any]
    wavelength_nm: FloatArray
    lamp: NDArray[Any]
    missed: tuple[FloatArray, FloatArray]
    fwhm_px: FloatArray
    resolution: FloatArray
    facts: Sequence[str]
    labels: dict[int, str]


def plot_arc(content: ArcFigure) -> Figure:
    """Draw residual vectors on the detector, residuals by order and lamp and over wavelength, widths and resolution."""
    figure = new_figure(content.title, content.subtitle, WIDE)
    lamps = sorted(set(content.lamp.tolist()))
    colours = {lamp: LAMP_COLOURS[min(k, len(LAMP_COLOURS) - 1)] for k, lamp in enumerate(lamps)}
    keys = [Key(text=lamp if lamp != "UNK" else "no known lamp", colour=colour, form="dot") for lamp, colour in colours.items()]
    draw_key(figure, [*keys, Key(text="left out", colour=MUTED, form="dot")])
    _vectors(add_panel(figure, (0.07, 0.45, 0.42, 0.42)), content, colours)
    _by_order(add_panel(figure, (0.57, 0.68, 0.41, 0.19)), content, content.dx, "x", colours)
    _by_order(add_panel(figure, (0.57, 0.45, 0.41, 0.19)), content, content.dy, "y", colours)
    _over_wavelength(add_panel(figure, (0.07, 0.22, 0.27, 0.16)), content, content.fwhm_px, "FWHM (px)")
    _over_wavelength(add_panel(figure, (0.40, 0.22, 0.27, 0.16)), content, content.resolution, "λ / FWHM of a pinhole")
    _histogram(add_panel(figure, (0.73, 0.22, 0.25, 0.16)), content)
    for k, text in enumerate(content.facts):
        write(figure, 0.07 + 0.47 * (k % 2), 0.15 - 0.022 * (k // 2), text, color=MUTED, size=7.0)
    return draw_edges(figure)


def _vectors(axes: Panel, content: ArcFigure, colours: dict[str, str]) -> None:
    """Arrows from where the fit has the images to where they are, much enlarged."""
    ny, nx = content.shape
    every = max(1, content.arrow_lamp.size // MOST_VECTORS)
    x, y, dx, dy = (values[::every] for values in content.arrows)
    shades = [colours[str(lamp)] for lamp in content.arrow_lamp[::every]]
    size = np.hypot(dx, dy)
    long = max(float(np.percentile(size, 90.0)), 1e-4) if size.size else 1e-4
    cut = np.minimum(1.0, LONGEST * long / np.maximum(size, 1e-9))
    _arrows(axes, np.column_stack([x, y]), np.column_stack([dx, dy]) * (cut * LONG_ARROW * nx / long)[:, None], shades)
    out, step = ~content.used, max(1, content.x.size // MOST_VECTORS)
    dots(axes, content.x[out][::step], content.y[out][::step], size=0.9, colour=MUTED)
    _crosses(axes, np.column_stack([missed[::step] for missed in content.missed]), CROSS * nx)
    axes.set_xlim(-0.5, nx - 0.5)
    axes.set_ylim(-0.5, ny - 0.5)
    axes.set_xlabel(f"x (px); measured − fit, longest arrows {LONGEST * long:.3f} px or more; × not seen")
    axes.set_ylabel("y (px)")
    few_ticks(axes, x=5, y=5)


def _arrows(axes: Panel, foot: FloatArray, vector: FloatArray, shades: Sequence[str]) -> None:
    """Arrows, shape (n, 2), with two barbs each; a stroke for each colour."""
    barbs = [0.3 * (np.column_stack([-side * vector[:, 1], side * vector[:, 0]]) * 0.6 - vector) for side in (-1.0, 1.0)]
    tip = foot + vector
    pieces = np.stack([np.stack([foot, tip], axis=1), *(np.stack([tip, tip + barb], axis=1) for barb in barbs)], axis=1)
    for colour in dict.fromkeys(shades):
        chosen = np.array([shade == colour for shade in shades])
        axes.marks.append(Segments(ends=pieces[chosen].reshape(-1, 2, 2), color=colour, width=0.35))


def _crosses(axes: Panel, place: FloatArray, reach: float) -> None:
    """Small crosses at places, shape (n, 2)."""
    arms = reach * np.array([[[-1.0, -1.0], [1.0, 1.0]], [[-1.0, 1.0], [1.0, -1.0]]])
    axes.marks.append(Segments(ends=(place[:, None, None] + arms).reshape(-1, 2, 2), color=INK, width=0.3))


def _by_order(axes: Panel, content: ArcFigure, values: FloatArray, name: str, colours: dict[str, str]) -> None:
    """Residuals along one axis, order by order, coloured by lamp."""
    orders = np.unique(content.order)
    limit = _limit(values[content.used])
    for place, order in enumerate(orders):
        here = content.order == order
        low, high = content.wavelength_nm[here].min(), content.wavelength_nm[here].max()
        at = place + 0.1 + 0.8 * (content.wavelength_nm[here] - low) / max(high - low, 1e-9)
        for lamp, colour in colours.items():
            own = (content.lamp[here] == lamp) & content.used[here]
            dots(axes, at[own], values[here][own], size=0.9, colour=colour)
    axes.axhline(0.0, color=INK, lw=0.5)
    axes.set_ylim(-limit, limit)
    axes.set_xlim(0, len(orders))
    places = (np.arange(len(orders)) + 0.5).tolist()
    name_ticks(axes.xaxis, places, [content.labels.get(int(order), str(order)) for order in orders])
    axes.set_ylabel(f"{name} residual (px)")
    few_ticks(axes, y=4)


def _limit(residual: FloatArray) -> float:
    """Half of the range in which residuals are shown, px."""
    return max(WIDER * float(np.percentile(np.abs(residual), 99.0)), 0.01) if residual.size else 0.1


def _over_wavelength(axes: Panel, content: ArcFigure, values: FloatArray, label: str) -> None:
    fine = np.isfinite(values) & content.used
    if fine.any():
        points(axes, content.wavelength_nm[fine], values[fine], size=0.9, colour=BLUE)
        low, high = np.percentile(values[fine], [1, 99])
        axes.set_ylim(low - 0.2 * (high - low) - 1e-3, high + 0.2 * (high - low) + 1e-3)
    axes.set_xlabel("wavelength (nm, air)")
    axes.set_ylabel(label)
    few_ticks(axes, x=5, y=4)


def _histogram(axes: Panel, content: ArcFigure) -> None:
    """Distribution of the residuals along both axes."""
    limit = _limit(np.concatenate([content.dx[content.used], content.dy[content.used]]))
    edges = np.linspace(-limit, limit, 61)
    for values, colour in ((content.dx, BLUE), (content.dy, VERMILION)):
        counts = np.histogram(values[content.used], edges)[0]
        axes.plot(np.repeat(edges, 2)[1:-1], np.repeat(counts, 2), color=colour, lw=0.8)
    axes.set_xlabel("residual (px); blue x, red y")
    axes.set_ylabel("images")
    few_ticks(axes, x=5, y=4)
