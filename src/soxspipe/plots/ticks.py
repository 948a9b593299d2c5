"""Axes at half their price: matplotlib's ticks are three lines and two texts each, of which a plot shows one and one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from soxspipe.datamodel.arrays import FloatArray

POINTS_PER_INCH = 72.0
TICK_PT = 3.2
PAD_PT = 3.5
LABEL_GAP_PT = 4.0
DIGIT_EM = 0.62
LINE_EM = 1.2
"""Width of a digit and height of a line, in font sizes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One axis to be drawn: its panel, ticks, the panel's extent across the axis, and the side on which it stands."""

    axes: Axes
    horizontal: bool
    far: bool
    at: FloatArray
    numbers: tuple[str, ...]
    label: str
    across_pt: float

    @property
    def outwards(self) -> float:
        """Share of the panel that one point makes, away from it."""
        return (1.0 if self.far else -1.0) / self.across_pt

    @property
    def edge(self) -> float:
        """The axis, as a share of the panel."""
        return 1.0 if self.far else 0.0

    @property
    def reach_pt(self) -> float:
        """Room that the numbers take beyond the panel."""
        size = float(mpl.rcParams["font.size"])
        return LINE_EM * size if self.horizontal else DIGIT_EM * size * max((len(text) for text in self.numbers), default=0)


def light_axes(figure: Figure) -> None:
    """Draw every visible axis of a figure as plain text and one path, and hide matplotlib's own.

    Call it last: limits, locators, formatters and labels are read as they stand, and can still be asked for.  Labels of panels
    that share their left edge stand in one line.

    Parameters
    ----------
    figure : Figure
        Changed in place.
    """
    sides = [side for axes in list(figure.axes) for side in _visible_sides(figure, axes)]
    reach: dict[float, float] = {}
    for side in sides:
        if not side.horizontal:
            left = round(side.axes.get_position().x0, 4)
            reach[left] = max(reach.get(left, 0.0), side.reach_pt)
    for side in sides:
        _draw_marks(side)
        _draw_numbers(side)
        left = round(side.axes.get_position().x0, 4)
        _draw_label(side, side.reach_pt if side.horizontal or side.far else reach[left])


def _visible_sides(figure: Figure, axes: Axes) -> list[_Side]:
    width, height = (float(inches) * POINTS_PER_INCH for inches in figure.get_size_inches())
    box = axes.get_position()
    sides = []
    for axis, across_pt in ((axes.xaxis, box.height * height), (axes.yaxis, box.width * width)):
        if axis.get_visible():
            at, numbers = _ticks(axis)
            far = axis.get_label_position() in ("right", "top")
            sides.append(
                _Side(
                    axes=axes,
                    horizontal=axis is axes.xaxis,
                    far=far,
                    at=at,
                    numbers=numbers,
                    label=axis.get_label_text(),
                    across_pt=across_pt,
                )
            )
            axis.set_visible(False)
    return sides


def _ticks(axis: Any) -> tuple[FloatArray, tuple[str, ...]]:
    """Places and numbers of the ticks within the limits."""
    low, high = sorted(axis.get_view_interval())
    every = np.asarray(axis.get_majorticklocs(), dtype=np.float64)
    slack = 1e-9 * (high - low)
    at = every[(every >= low - slack) & (every <= high + slack)]
    return at, tuple(axis.get_major_formatter().format_ticks(at)) if at.size else ()


def _draw_marks(side: _Side) -> None:
    """Tick marks, all in one path."""
    if side.at.size == 0:
        return
    start = np.full(side.at.size, side.edge)
    stop = start - side.outwards * TICK_PT
    ends = np.column_stack([side.at, start, side.at, stop] if side.horizontal else [start, side.at, stop, side.at]).reshape(-1, 2)
    path = Path(ends, np.tile(np.array([Path.MOVETO, Path.LINETO], dtype=Path.code_type), side.at.size))
    path.should_simplify = False
    colour, width = mpl.rcParams["xtick.color"], mpl.rcParams["xtick.major.width"]
    side.axes.add_artist(PathPatch(path, transform=_blended(side), fill=False, edgecolor=colour, linewidth=width, zorder=2.5))


def _draw_numbers(side: _Side) -> None:
    place = side.edge + side.outwards * PAD_PT
    size = float(mpl.rcParams["font.size"])
    for at, text in zip(side.at, side.numbers, strict=True):
        if side.horizontal:
            side.axes.text(at, place, text, transform=_blended(side), ha="center", va="bottom" if side.far else "top", fontsize=size)
        else:
            side.axes.text(
                place, at, text, transform=_blended(side), ha="left" if side.far else "right", va="center_baseline", fontsize=size
            )


def _draw_label(side: _Side, reach_pt: float) -> None:
    if not side.label:
        return
    place = side.edge + side.outwards * (PAD_PT + reach_pt + LABEL_GAP_PT)
    size = mpl.rcParams["axes.labelsize"]
    if side.horizontal:
        side.axes.text(
            0.5, place, side.label, transform=side.axes.transAxes, ha="center", va="bottom" if side.far else "top", fontsize=size
        )
    else:
        side.axes.text(
            place, 0.5, side.label, transform=side.axes.transAxes, ha="left" if side.far else "right", va="center", rotation=90,
            multialignment="center", fontsize=size,
        )  # fmt: skip


def _blended(side: _Side) -> Any:
    return side.axes.get_xaxis_transform() if side.horizontal else side.axes.get_yaxis_transform()
