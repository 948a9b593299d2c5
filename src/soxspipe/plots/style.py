"""One look for all figures, given to each artist: no pyplot, no mathtext, one font, few ticks, axes placed by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator, ScalarFormatter

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.calibrations import TelluricBands
from soxspipe.datamodel.spectrum import Join
from soxspipe.plots.decimate import BinnedSpectrum
from soxspipe.plots.words import BAND, INK, JOIN, MID_BLUE, MUTED, PALE_BLUE, WEAK_BAND, power_of_ten

PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 1.2, "alpha": 0.85}
"""Ground of text that stands on data."""

LANDSCAPE = (11.0, 7.8)
WIDE = (11.0, 8.5)
"""Inches; letter paper is 11 by 8.5."""

STYLE: dict[str, dict[str, Any]] = {
    "text": {"fontsize": 8.0, "color": INK, "parse_math": False},  # a dollar sign in a header is a dollar sign
}
"""The look of the package, given to every artist; matplotlib's own settings belong to the user, and to all threads at once."""


def new_figure(title: str, subtitle: str = "", size: tuple[float, float] = LANDSCAPE) -> Figure:
    """Make an empty figure with a title and a smaller line under it."""
    figure = Figure(figsize=size)
    write(figure, 0.07, 1 - 0.22 / size[1], title, fontsize=12.5, va="top")
    if subtitle:
        write(figure, 0.07, 1 - 0.46 / size[1], subtitle, color=MUTED, va="top")
    return figure


def write(host: Figure | Axes, x: float, y: float, text: str, **look: Any) -> None:
    """Write text into a figure or a panel, as it is."""
    host.text(x, y, text, **{**STYLE["text"], **look})


def add_panel(figure: Figure, rect: tuple[float, float, float, float], *, sharex: Axes | None = None) -> Axes:
    """Add axes to a rectangle of the figure (left, bottom, width, height); `soxspipe.plots.edges.draw_edges` draws what frames them."""
    axes = figure.add_axes(rect, sharex=sharex)
    axes.set_xmargin(0.0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_plain_numbers())
    return axes


def _plain_numbers() -> ScalarFormatter:
    """Numbers without an offset, and without powers of ten from 1e-4 to 1e6."""
    formatter = ScalarFormatter(useOffset=False, useMathText=False)
    formatter.set_powerlimits((-4, 6))
    return formatter


def stack_axes(
    figure: Figure,
    heights: Sequence[float],
    *,
    left: float = 0.07,
    right: float = 0.985,
    bottom: float = 0.065,
    top: float = 0.885,
    gap: float = 0.022,
) -> list[Axes]:
    """Add panels that share the horizontal axis, from top to bottom, with ticks under the last one only."""
    unit = (top - bottom - gap * (len(heights) - 1)) / sum(heights)
    panels: list[Axes] = []
    edge = top
    for height in heights:
        edge -= unit * height
        panel = add_panel(figure, (left, edge, right - left, unit * height), sharex=panels[0] if panels else None)
        edge -= gap
        panel.xaxis.set_visible(False)
        panels.append(panel)
    panels[-1].xaxis.set_visible(True)
    return panels


def few_ticks(axes: Axes, *, x: int | None = None, y: int | None = None) -> None:
    """Limit the number of ticks."""
    if x is not None:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=x, steps=[1, 2, 2.5, 5, 10]))
    if y is not None:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=y, steps=[1, 2, 2.5, 5, 10]))


def name_ticks(axis: Axis, places: Sequence[float], names: Sequence[str]) -> None:
    """Put names at places of an axis, in place of numbers."""
    axis.set_major_locator(FixedLocator(places))
    axis.set_major_formatter(FixedFormatter(names))


def logarithmic(axes: Axes, low: float, high: float) -> None:
    """Make the vertical axis logarithmic between two limits, with plain labels."""
    axes.set_ylim(low, high)  # first, or an axis without positive data complains
    axes.set_yscale("log")
    axes.yaxis.set_minor_locator(NullLocator())
    if high / low > 500:
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
    else:
        decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)))
        candidates = (np.outer(decades, steps).ravel() for steps in _LOG_STEPS)
        inside = [ticks[(ticks >= low) & (ticks <= high)] for ticks in candidates]
        axes.yaxis.set_major_locator(FixedLocator(next((ticks for ticks in inside if ticks.size > 2), inside[-1]).tolist()))
    axes.yaxis.set_major_formatter(FuncFormatter(_plain_decade))


_LOG_STEPS = (
    np.array([1.0, 2.0, 5.0]),
    np.array([1.0, 1.5, 2.0, 3.0, 5.0, 7.0]),
    np.arange(1.0, 10.0, 0.25),
    np.arange(10, 100) / 10.0,
)
"""Ticks of a decade, more of them for axes that cover less than one."""


def _plain_decade(value: float, _position: int | None = None) -> str:
    if value <= 0:
        return ""
    exponent = round(np.log10(value))
    if 0.0009 <= value < 100_000:
        return f"{value:g}"
    if np.isclose(value, 10.0**exponent):
        return power_of_ten(exponent)
    exponent = int(np.floor(np.log10(value)))
    return f"{value / 10.0**exponent:g}×{power_of_ten(exponent)}"


def draw_binned(axes: Axes, binned: BinnedSpectrum, colours: tuple[str, str, str] = (INK, MID_BLUE, PALE_BLUE)) -> None:
    """Draw a binned spectrum: spread of the samples (palest), ± 1 sigma of one sample, and the mean."""
    ink, band, spread = colours
    wave = binned.wavelength_nm
    if binned.per_bin > 1:
        draw_ribbon(axes, wave, binned.low, binned.high, spread)
    if binned.error.any():
        draw_ribbon(axes, wave, binned.mean - binned.error, binned.mean + binned.error, band)
    draw_line(axes, wave, binned.mean, ink)


def draw_line(axes: Axes, x: FloatArray, y: FloatArray, colour: str, *, width: float = 0.7, dashed: bool = False) -> None:
    """Draw a line that breaks where it is not finite."""
    axes.plot(x, y, color=colour, lw=width, ls=(0, (5, 3)) if dashed else "-")


def draw_ribbon(axes: Axes, x: FloatArray, low: FloatArray, high: FloatArray, colour: str) -> None:
    """Fill between two lines; the filling breaks where one of them is not finite."""
    finite = np.flatnonzero(np.isfinite(low) & np.isfinite(high) & np.isfinite(x))
    if finite.size == 0:
        return
    pieces = np.split(finite, np.flatnonzero(np.diff(finite) > 1) + 1)
    outlines = [
        np.column_stack([np.concatenate([x[piece], x[piece][::-1]]), np.concatenate([low[piece], high[piece][::-1]])])
        for piece in pieces
        if piece.size > 1
    ]
    axes.add_collection(PolyCollection(outlines, facecolors=colour, edgecolors="none", linewidths=0), autolim=False)


def shade_bands(axes: Axes, bands: TelluricBands | None, low_nm: float, high_nm: float) -> None:
    """Shade the telluric bands that fall between two wavelengths, those that a response avoids darker."""
    if bands is None:
        return
    inside = (bands.stop_nm > low_nm) & (bands.start_nm < high_nm)
    edges = zip(bands.start_nm[inside], bands.stop_nm[inside], strict=True)
    boxes = [[(start, 0.0), (stop, 0.0), (stop, 1.0), (start, 1.0)] for start, stop in edges]
    if boxes:
        colours = [BAND if strong else WEAK_BAND for strong in bands.mask_response[inside]]
        shade = PolyCollection(boxes, facecolors=colours, edgecolors="none", transform=axes.get_xaxis_transform(), zorder=0)
        shade.set_gid("telluric-bands")
        axes.add_collection(shade, autolim=False)


def mark_joins(axes: Axes, joins: Sequence[Join]) -> None:
    """Mark where neighbouring orders meet with dashed lines."""
    if joins:
        segments = [[(join.wavelength_nm, 0.0), (join.wavelength_nm, 1.0)] for join in joins]
        lines = LineCollection(
            segments, colors=JOIN, linewidths=0.6, linestyles=(0, (4, 3)), transform=axes.get_xaxis_transform(), zorder=1
        )
        lines.set_gid("order-joins")
        axes.add_collection(lines, autolim=False)


MARKS = {"line": "━", "patch": "■", "dashed": "╍", "dot": "●", "bar": "|"}
"""Characters that stand for the forms of a `Key`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One entry of a key: what it stands for, its colour, and its form (a key of `MARKS`)."""

    text: str
    colour: str
    form: str = "line"


def draw_key(figure: Figure, entries: Sequence[Key]) -> None:
    """Write a one-line key under the title; a legend box costs ten times as much."""
    width, height = figure.get_size_inches()
    y = 1 - 0.76 / height
    x = 0.07
    for entry in entries:
        write(figure, x + 0.06 / width, y, MARKS[entry.form], fontsize=9, color=entry.colour, va="center", ha="center")
        write(figure, x + 0.18 / width, y, entry.text, fontsize=7.5, color=MUTED, va="center")
        x += (0.40 + 0.061 * len(entry.text)) / width


def dots(axes: Axes, x: FloatArray, y: FloatArray, *, size: float, colour: str) -> PathPatch:
    """Draw points as one path of round-capped specks; thousands of markers cost a hundred times as much."""
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = np.asarray(x, np.float64)[finite], np.asarray(y, np.float64)[finite]
    speck = 1e-4 * (float(np.ptp(x)) if x.size > 1 else 1.0)  # segments of no length are not drawn everywhere
    return _add_segments(axes, np.column_stack([x - speck, y, x + speck, y]).reshape(-1, 2), size, colour, "round")


def error_bars(axes: Axes, x: FloatArray, y: FloatArray, error: FloatArray, *, size: float, colour: str) -> None:
    """Draw points with vertical error bars."""
    finite = np.isfinite(x) & np.isfinite(y) & np.isfinite(error)
    ends = np.column_stack([x[finite], y[finite] - error[finite], x[finite], y[finite] + error[finite]]).reshape(-1, 2)
    _add_segments(axes, ends, 0.4, colour, "butt")
    dots(axes, x, y, size=size, colour=colour)


def _add_segments(axes: Axes, corners: FloatArray, width: float, colour: str, cap: Literal["butt", "round"]) -> PathPatch:
    """Add unconnected line segments, two corners each, as one artist; limits of the axes stay as they are."""
    path = Path(corners, np.tile(np.array([Path.MOVETO, Path.LINETO], dtype=Path.code_type), len(corners) // 2))
    path.should_simplify = False
    patch = PathPatch(path, fill=False, edgecolor=colour, linewidth=width, capstyle=cap, snap=False, zorder=2)
    axes.add_artist(patch)
    return patch


def colour_bar(figure: Figure, rect: tuple[float, float, float, float], limits: tuple[float, float], cmap: str, label: str) -> None:
    """Draw a vertical colour bar in a rectangle of the figure."""
    axes = add_panel(figure, rect)
    axes.imshow(np.linspace(0, 1, 64)[:, None], cmap=cmap, aspect="auto", extent=(0.0, 1.0, *limits), interpolation="none", origin="lower")
    axes.xaxis.set_major_locator(NullLocator())
    few_ticks(axes, y=5)
    axes.yaxis.tick_right()
    axes.set_ylabel(label)
