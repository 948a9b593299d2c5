"""One look for all figures: one font, few ticks, panels placed by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.calibrations import TelluricBands
from soxspipe.datamodel.spectrum import Join
from soxspipe.plots.decimate import BinnedSpectrum
from soxspipe.plots.paper import Areas, Axis, Dash, Figure, Panel, Rect, Segments, Text
from soxspipe.plots.show_image import palette
from soxspipe.plots.ticks import EvenTicks, LogTicks, NamedTicks
from soxspipe.plots.words import BAND, INK, JOIN, MID_BLUE, MUTED, PALE_BLUE, WEAK_BAND

LANDSCAPE = (11.0, 7.8)
WIDE = (11.0, 8.5)
"""Inches; letter paper is 11 by 8.5."""
DASHED: Dash = (5.0, 3.0)


def new_figure(title: str, subtitle: str = "", size: tuple[float, float] = LANDSCAPE) -> Figure:
    """Make an empty figure with a title and a smaller line under it."""
    figure = Figure(size=size)
    write(figure, 0.07, 1 - 0.22 / size[1], title, size=12.5, va="top")
    if subtitle:
        write(figure, 0.07, 1 - 0.46 / size[1], subtitle, color=MUTED, va="top")
    return figure


def write(host: Figure | Panel, x: float, y: float, text: str, *, size: float = 8.0, color: str = INK, **look: Any) -> None:
    """Write text into a figure or a panel, at a place that is a share of it (`soxspipe.plots.paper.Text` says what `look` may be)."""
    host.texts.append(Text(x=x, y=y, text=text, size=size, color=color, **look))


def add_panel(figure: Figure, rect: Rect, *, sharex: Panel | None = None) -> Panel:
    """Add a panel to a rectangle of the figure; `soxspipe.plots.edges.draw_edges` draws what frames it."""
    panel = Panel(rect=rect) if sharex is None else Panel(rect=rect, xaxis=sharex.xaxis)
    figure.axes.append(panel)
    return panel


def stack_axes(
    figure: Figure,
    heights: Sequence[float],
    *,
    left: float = 0.07,
    right: float = 0.985,
    bottom: float = 0.065,
    top: float = 0.885,
    gap: float = 0.022,
) -> list[Panel]:
    """Add panels that share the horizontal axis, from top to bottom, with ticks under the last one only."""
    unit = (top - bottom - gap * (len(heights) - 1)) / sum(heights)
    panels: list[Panel] = []
    edge = top
    for height in heights:
        edge -= unit * height
        panel = add_panel(figure, (left, edge, right - left, unit * height), sharex=panels[0] if panels else None)
        edge -= gap
        panel.shows_x = False
        panels.append(panel)
    panels[-1].shows_x = True
    return panels


def few_ticks(panel: Panel, *, x: int | None = None, y: int | None = None) -> None:
    """Limit the number of ticks."""
    if x is not None:
        panel.xaxis.ticks = EvenTicks(most=x)
    if y is not None:
        panel.yaxis.ticks = EvenTicks(most=y)


def name_ticks(axis: Axis, places: Sequence[float], names: Sequence[str]) -> None:
    """Put names at places of an axis, in place of numbers."""
    axis.ticks = NamedTicks(places=places, names=names)


def logarithmic(panel: Panel, low: float, high: float) -> None:
    """Make the vertical axis logarithmic between two limits."""
    panel.set_ylim(low, high)
    panel.yaxis.logarithmic = True
    panel.yaxis.ticks = LogTicks()


def draw_binned(panel: Panel, binned: BinnedSpectrum, colours: tuple[str, str, str] = (INK, MID_BLUE, PALE_BLUE)) -> None:
    """Draw a binned spectrum: spread of the samples (palest), ± 1 sigma of one sample, and the mean."""
    ink, band, spread = colours
    wave = binned.wavelength_nm
    if binned.per_bin > 1:
        panel.fill_between(wave, binned.low, binned.high, color=spread)
    if binned.error.any():
        panel.fill_between(wave, binned.mean - binned.error, binned.mean + binned.error, color=band)
    panel.plot(wave, binned.mean, color=ink)


def boxes(start: FloatArray, stop: FloatArray, height: float = 1.0) -> list[FloatArray]:
    """Outlines from `start` to `stop` and from the foot of a panel to a share of its height."""
    return [np.array([(low, 0.0), (high, 0.0), (high, height), (low, height)]) for low, high in zip(start, stop, strict=True)]


def shade_bands(panel: Panel, bands: TelluricBands | None, low_nm: float, high_nm: float) -> None:
    """Shade the telluric bands that fall between two wavelengths, those that a response avoids darker; they lie under all else."""
    if bands is None:
        return
    inside = (bands.stop_nm > low_nm) & (bands.start_nm < high_nm)
    if inside.any():
        colours = [BAND if strong else WEAK_BAND for strong in bands.mask_response[inside]]
        outlines = boxes(bands.start_nm[inside], bands.stop_nm[inside])
        panel.marks.insert(0, Areas(outlines=outlines, colors=colours, share_of="y", name="telluric-bands"))


def mark_joins(panel: Panel, joins: Sequence[Join]) -> None:
    """Mark where neighbouring orders meet with dashed lines."""
    if joins:
        ends = np.array([[(join.wavelength_nm, 0.0), (join.wavelength_nm, 1.0)] for join in joins])
        panel.marks.append(Segments(ends=ends, color=JOIN, width=0.6, dash=(4.0, 3.0), share_of="y", under=True, name="order-joins"))


MARKS = {"line": "━", "patch": "■", "dashed": "╍", "dot": "●", "bar": "|"}
"""Characters that stand for the forms of a `Key`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One entry of a key: what it stands for, its colour, and its form (a key of `MARKS`)."""

    text: str
    colour: str
    form: str = "line"


def draw_key(figure: Figure, entries: Sequence[Key]) -> None:
    """Write a one-line key under the title."""
    width, height = figure.size
    y = 1 - 0.76 / height
    x = 0.07
    for entry in entries:
        if entry.colour != NO_COLOUR:
            write(figure, x + 0.06 / width, y, MARKS[entry.form], size=9, color=entry.colour, va="center", ha="center")
        write(figure, x + 0.18 / width, y, entry.text, size=7.5, color=MUTED, va="center")
        x += (0.40 + 0.061 * len(entry.text)) / width


NO_COLOUR = "none"
"""Of words in a key that stand for nothing drawn."""


def dots(panel: Panel, x: FloatArray, y: FloatArray, *, size: float, colour: str, name: str = "") -> None:
    """Draw points, `size` pt wide; they do not widen the limits."""
    finite = np.isfinite(x) & np.isfinite(y)
    place = np.column_stack([np.asarray(x, np.float64)[finite], np.asarray(y, np.float64)[finite]])
    panel.marks.append(Segments(ends=np.stack([place, place], axis=1), color=colour, width=size, round_ends=True, name=name))


def points(panel: Panel, x: FloatArray, y: FloatArray, *, size: float, colour: str) -> None:
    """Draw points that the panel's limits hold, unless they are set."""
    panel.xaxis.widen(np.asarray(x, np.float64))
    panel.yaxis.widen(np.asarray(y, np.float64))
    dots(panel, x, y, size=size, colour=colour)


def error_bars(panel: Panel, x: FloatArray, y: FloatArray, error: FloatArray, *, size: float, colour: str) -> None:
    """Draw points with vertical error bars."""
    finite = np.isfinite(x) & np.isfinite(y) & np.isfinite(error)
    ends = np.column_stack([x[finite], y[finite] - error[finite], x[finite], y[finite] + error[finite]]).reshape(-1, 2, 2)
    panel.marks.append(Segments(ends=ends, color=colour, width=0.4))
    dots(panel, x, y, size=size, colour=colour)


def colour_bar(figure: Figure, rect: Rect, limits: tuple[float, float], cmap: str, label: str) -> None:
    """Draw a vertical colour bar in a rectangle of the figure."""
    panel = add_panel(figure, rect)
    shades = palette(cmap, BAR_LEVELS)
    panel.imshow(np.arange(BAR_LEVELS, dtype=np.uint8)[:, None], shades, (0.0, 1.0, *limits))
    panel.shows_x = False
    few_ticks(panel, y=5)
    panel.on_the_right = True
    panel.set_ylabel(label)


BAR_LEVELS = 64
"""Colours of a bar; more are not seen."""
