"""Order centres: offsets from the dispersion solution, residuals of their fit, width of the trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.plots.edges import draw_edges
from soxspipe.plots.paper import Figure, Panel
from soxspipe.plots.style import WIDE, Key, add_panel, dots, draw_key, few_ticks, name_ticks, new_figure, points, write
from soxspipe.plots.words import BLUE, GREEN, INK, MUTED, VERMILION

SPREAD = 1.5
"""Panels show this many times the range of 98 of a hundred samples; those at the ends of faint orders would squash all others."""
KEYS = (
    Key(text="sample", colour=BLUE, form="dot"),
    Key(text="fit", colour=GREEN, form="line"),
    Key(text="not used", colour=VERMILION, form="dot"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CentresFigure:
    """What the figure shows: samples (shape (n,)) with offset, its fit, residual and width in px, heading, and lines of text."""

    title: str
    subtitle: str
    order: IntArray
    b_px: FloatArray
    centre_px: FloatArray
    offset: FloatArray
    fitted: FloatArray
    sigma: FloatArray
    used: BoolArray
    axis: str
    facts: Sequence[str]
    labels: dict[int, str]


def plot_centres(content: CentresFigure) -> Figure:
    """Draw the traces, the offsets with their fit, the residuals and the widths."""
    figure = new_figure(content.title, content.subtitle, WIDE)
    draw_key(figure, KEYS)
    traces = add_panel(figure, (0.07, 0.50, 0.40, 0.38))
    points(traces, content.b_px[content.used], content.centre_px[content.used], size=0.9, colour=BLUE)
    points(traces, content.b_px[~content.used], content.centre_px[~content.used], size=1.2, colour=VERMILION)
    traces.set_xlabel("along the dispersion (px)")
    traces.set_ylabel(f"{content.axis} (px)")
    _panel(add_panel(figure, (0.55, 0.70, 0.43, 0.18)), content, content.offset, content.fitted, f"{content.axis} offset from the arc (px)")
    _panel(add_panel(figure, (0.55, 0.47, 0.43, 0.18)), content, content.offset - content.fitted, None, f"{content.axis} residual (px)")
    _panel(add_panel(figure, (0.07, 0.22, 0.91, 0.18)), content, content.sigma, None, "Gaussian sigma (px)")
    for k, text in enumerate(content.facts):
        write(figure, 0.07 + 0.31 * (k % 3), 0.14 - 0.022 * (k // 3), text, color=MUTED, size=7.0)
    few_ticks(traces, x=5, y=5)
    return draw_edges(figure)


def _panel(axes: Panel, content: CentresFigure, values: FloatArray, line: FloatArray | None, label: str) -> None:
    """Values of the used samples, orders side by side."""
    orders = np.unique(content.order)
    longest = max(float(content.b_px.max()), 1.0)
    for place, order in enumerate(orders):
        here = (content.order == order) & content.used
        at = place + 0.05 + 0.9 * content.b_px[here] / longest
        dots(axes, at, values[here], size=0.9, colour=BLUE)
        if line is not None:
            axes.plot(at, line[here], color=GREEN, lw=0.9)
    axes.set_xlim(0, len(orders))
    places = (np.arange(len(orders)) + 0.5).tolist()
    name_ticks(axes.xaxis, places, [content.labels.get(int(order), str(order)) for order in orders])
    axes.axhline(0.0 if line is not None or "residual" in label else float(np.median(values)), color=INK, lw=0.4)
    low, high = np.percentile(values[content.used], [1.0, 99.0]) if content.used.any() else (0.0, 0.0)
    margin = max(0.5 * SPREAD * float(high - low), 1e-3)
    axes.set_ylim(0.5 * (low + high) - margin, 0.5 * (low + high) + margin)
    axes.set_ylabel(label)
    few_ticks(axes, y=4)
