"""Frames, tick marks and numbers of all panels of a figure, drawn as few artists.

Where ticks stand and what they say is matplotlib's own (`get_majorticklocs`, `format_ticks`).  It draws each tick as five artists,
though, which was half of the processor time of a figure; here the frames and marks of all panels are one path.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.transforms import Bbox

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.plots.words import INK

POINTS_PER_INCH = 72.0
TICK_PT, PAD_PT, LABEL_PAD_PT = 3.2, 3.5, 4.0
"""Length of a tick mark, free space between frame and numbers, and between numbers and label."""
NUMBER_SIZE, LABEL_SIZE, LINE_PT = 8.0, 8.5, 9.5
"""Sizes of numbers and labels, and height of a line of numbers."""
DIGIT_PT, POINT_PT = 5.1, 2.6
"""Widths of a digit and of a full stop among the numbers."""
EDGE = 1e-6
"""Share of an axis by which rounding may put a tick beyond its end."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ticks:
    """Ticks of one axis: places from 0 to 1, and what stands beside each."""

    places: FloatArray
    numbers: tuple[str, ...]

    @property
    def width_pt(self) -> float:
        """Width of the widest number."""
        return max((sum(POINT_PT if letter in ".," else DIGIT_PT for letter in number) for number in self.numbers), default=0.0)


def draw_edges(figure: Figure) -> Figure:
    """Draw frame, tick marks, numbers and labels of every panel, whose limits must be final; returns the figure.

    Labels of panels with the same left edge stand in one line.  An axis that is not visible has neither ticks nor label.
    """
    panels = [_Panel(figure, axes) for axes in figure.axes]
    widest: defaultdict[float, float] = defaultdict(float)
    for panel in panels:
        if not panel.on_the_right:
            widest[panel.left] = max(widest[panel.left], panel.y.width_pt)
    segments = [points for panel in panels for points in (panel.frame(), panel.x_marks(), panel.y_marks())]
    corners = np.concatenate(segments).reshape(-1, 2) / _size_pt(figure)
    codes = np.tile(np.array([Path.MOVETO, Path.LINETO], dtype=Path.code_type), len(corners) // 2)
    look: dict[str, Any] = {"fill": False, "edgecolor": INK, "linewidth": 0.6, "capstyle": "projecting"}
    figure.add_artist(PathPatch(Path(corners, codes), transform=figure.transFigure, gid="edges", **look))
    for panel in panels:
        panel.write_x()
        panel.write_y(panel.y.width_pt if panel.on_the_right else widest[panel.left])
        panel.axes.set_axis_off()
    return figure


def _size_pt(figure: Figure) -> FloatArray:
    """Width and height of a figure."""
    return np.asarray(figure.get_size_inches()) * POINTS_PER_INCH


def _ticks(axis: Axis) -> _Ticks:
    """Ticks within the limits of an axis; none on one that is not visible."""
    if not axis.get_visible():
        return _Ticks(places=np.empty(0), numbers=())
    values = np.asarray(axis.get_majorticklocs(), dtype=np.float64)
    numbers = axis.get_major_formatter().format_ticks(values.tolist())
    scale = axis.get_transform()
    low, high = scale.transform(np.asarray(axis.get_view_interval(), dtype=np.float64))
    places = (scale.transform(values) - low) / (high - low)
    inside = np.flatnonzero((places >= -EDGE) & (places <= 1.0 + EDGE))
    return _Ticks(places=places[inside], numbers=tuple(numbers[at] for at in inside))


class _Panel:
    """One panel in points from the lower left corner of its figure."""

    def __init__(self, figure: Figure, axes: Axes) -> None:
        self.figure, self.axes = figure, axes
        self.size = _size_pt(figure)
        box: Bbox = axes.get_position()
        (self.left, self.bottom), (self.right, self.top) = (np.array([box.p0, box.p1]) * self.size).round(3).tolist()
        self.x, self.y = _ticks(axes.xaxis), _ticks(axes.yaxis)
        self.on_the_right = axes.yaxis.get_ticks_position() == "right"

    def frame(self) -> FloatArray:
        """Its four sides, each from corner to corner: shape (4, 4)."""
        left, bottom, right, top = self.left, self.bottom, self.right, self.top
        return np.array([[left, bottom, right, bottom], [left, top, right, top], [left, bottom, left, top], [right, bottom, right, top]])

    def x_marks(self) -> FloatArray:
        """Tick marks on the lower side: shape (n, 4)."""
        along = self.left + self.x.places * (self.right - self.left)
        return np.column_stack([along, np.full(along.size, self.bottom), along, np.full(along.size, self.bottom + TICK_PT)])

    def y_marks(self) -> FloatArray:
        """Tick marks on the side with the numbers: shape (n, 4)."""
        along = self.bottom + self.y.places * (self.top - self.bottom)
        start, stop = (self.right, self.right - TICK_PT) if self.on_the_right else (self.left, self.left + TICK_PT)
        return np.column_stack([np.full(along.size, start), along, np.full(along.size, stop), along])

    def write_x(self) -> None:
        """Numbers and label under the panel."""
        for place, number in zip(self.x.places, self.x.numbers, strict=True):
            self._write(self.left + place * (self.right - self.left), self.bottom - PAD_PT, number, ha="center", va="top")
        if self.axes.xaxis.get_visible():
            y = self.bottom - PAD_PT - (LINE_PT + LABEL_PAD_PT if self.x.numbers else 0.0)
            self._write(0.5 * (self.left + self.right), y, self.axes.get_xlabel(), fontsize=LABEL_SIZE, ha="center", va="top")

    def write_y(self, width_pt: float) -> None:
        """Numbers beside the panel, and its label beyond the widest of them."""
        edge, away, ha, va = (self.right, 1.0, "left", "top") if self.on_the_right else (self.left, -1.0, "right", "bottom")
        for place, number in zip(self.y.places, self.y.numbers, strict=True):
            self._write(edge + away * PAD_PT, self.bottom + place * (self.top - self.bottom), number, ha=ha, va="center_baseline")
        x, y = edge + away * (PAD_PT + width_pt + LABEL_PAD_PT), 0.5 * (self.bottom + self.top)
        look: dict[str, Any] = {"fontsize": LABEL_SIZE, "rotation": 90, "rotation_mode": "anchor"}
        self._write(x, y, self.axes.get_ylabel(), ha="center", va=va, multialignment="center", **look)

    def _write(self, x: float, y: float, text: str, **look: Any) -> None:
        if text:
            self.figure.text(
                x / self.size[0], y / self.size[1], text, **{"fontsize": NUMBER_SIZE, "color": INK, "parse_math": False, **look}
            )
