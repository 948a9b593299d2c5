"""Frames, tick marks, numbers and labels of all panels of a figure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.plots.letters import width_of
from soxspipe.plots.paper import Axis, Figure, Panel, Text
from soxspipe.plots.ticks import EDGE
from soxspipe.plots.words import INK

POINTS_PER_INCH = 72.0
TICK_PT, PAD_PT, LABEL_PAD_PT = 3.2, 3.5, 4.0
"""Length of a tick mark, free space between frame and numbers, and between numbers and label."""
NUMBER_SIZE, LABEL_SIZE, LINE_PT = 8.0, 8.5, 9.5
"""Sizes of numbers and labels, and height of a line of numbers."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ticks:
    """Ticks of one axis: places from 0 to 1, and what stands beside each."""

    places: FloatArray
    numbers: tuple[str, ...]

    @property
    def width_pt(self) -> float:
        """Width of the widest number."""
        return max((width_of(number, NUMBER_SIZE) for number in self.numbers), default=0.0)


def draw_edges(figure: Figure) -> Figure:
    """Draw frame, tick marks, numbers and labels of every panel, whose limits must be final; returns the figure.

    Labels of panels with the same left edge stand in one line.  A side that is not shown has neither ticks nor label.
    """
    panels = [_Edges(figure, panel) for panel in figure.axes]
    widest: defaultdict[float, float] = defaultdict(float)
    for panel in panels:
        if not panel.on_the_right:
            widest[panel.left] = max(widest[panel.left], panel.y.width_pt)
    segments = [points for panel in panels for points in (panel.frame(), panel.x_marks(), panel.y_marks())]
    figure.frame = np.concatenate(segments).reshape(-1, 2, 2) / _size_pt(figure) if segments else figure.frame
    for panel in panels:
        panel.write_x()
        panel.write_y(panel.y.width_pt if panel.on_the_right else widest[panel.left])
    return figure


def _size_pt(figure: Figure) -> FloatArray:
    """Width and height of a figure."""
    return np.asarray(figure.size) * POINTS_PER_INCH


def _ticks(axis: Axis, *, shown: bool) -> _Ticks:
    """Ticks within the limits of an axis; none on one that is not shown."""
    if not shown:
        return _Ticks(places=np.empty(0), numbers=())
    values, numbers = axis.ticks.between(*axis.view)
    places = axis.place(values)
    inside = np.flatnonzero((places >= -EDGE) & (places <= 1.0 + EDGE))
    return _Ticks(places=places[inside], numbers=tuple(numbers[at] for at in inside))


class _Edges:
    """The edges of one panel in points from the lower left corner of its figure."""

    def __init__(self, figure: Figure, panel: Panel) -> None:
        self.figure, self.panel = figure, panel
        self.size = _size_pt(figure)
        left, bottom, width, height = panel.rect
        corners = np.array([[left, bottom], [left + width, bottom + height]]) * self.size
        (self.left, self.bottom), (self.right, self.top) = corners.round(3).tolist()
        self.x, self.y = _ticks(panel.xaxis, shown=panel.shows_x), _ticks(panel.yaxis, shown=panel.shows_y)
        self.on_the_right = panel.on_the_right

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
        if self.panel.shows_x:
            y = self.bottom - PAD_PT - (LINE_PT + LABEL_PAD_PT if self.x.numbers else 0.0)
            self._write(0.5 * (self.left + self.right), y, self.panel.xaxis.label, size=LABEL_SIZE, ha="center", va="top")

    def write_y(self, width_pt: float) -> None:
        """Numbers beside the panel, and its label beyond the widest of them."""
        edge, away, ha, va = (self.right, 1.0, "left", "top") if self.on_the_right else (self.left, -1.0, "right", "bottom")
        for place, number in zip(self.y.places, self.y.numbers, strict=True):
            self._write(edge + away * PAD_PT, self.bottom + place * (self.top - self.bottom), number, ha=ha, va="center")
        x, y = edge + away * (PAD_PT + width_pt + LABEL_PAD_PT), 0.5 * (self.bottom + self.top)
        self._write(x, y, self.panel.yaxis.label, size=LABEL_SIZE, upright=True, ha="center", va=va)

    def _write(self, x: float, y: float, text: str, *, size: float = NUMBER_SIZE, **look: Any) -> None:
        if text:
            self.figure.texts.append(Text(x=x / self.size[0], y=y / self.size[1], text=text, size=size, color=INK, **look))
