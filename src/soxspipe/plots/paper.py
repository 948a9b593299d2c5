"""A figure as values: panels with what is drawn in them, and text.  `soxspipe.plots.pdf` lets ReportLab write it.

Names are those of matplotlib where it has the same thing.  Why not matplotlib itself: docs/decisions/figures_by_reportlab.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.arrays import FloatArray, IntArray
from soxspipe.plots.ticks import EvenTicks, Ticks

Dash = tuple[float, ...]
"""Lengths of dash and gap in line widths; empty for a full line."""
Rect = tuple[float, float, float, float]
"""Left, bottom, width, height, as shares of the figure."""
SPARE = 0.05
"""Free space above and below data whose limits nobody set, as a share of their range."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """A line that breaks where it is not finite; `x` and `y` have the shape (n,)."""

    x: FloatArray
    y: FloatArray
    color: str
    width: float
    dash: Dash = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segments:
    """Unconnected pieces of line, round dots among them (both ends alike).

    Attributes
    ----------
    ends : ndarray, shape (n, 2, 2)
        First and last corner (x, y) of each.
    color, width, dash, round_ends
        The look.
    share_of : str
        Coordinate that counts from 0 to 1 over the panel: 'x', 'y' or none.
    under : bool
        Drawn below all lines.
    name : str
        By which tests and readers of a figure find it.
    """

    ends: FloatArray
    color: str
    width: float
    dash: Dash = ()
    round_ends: bool = False
    share_of: Literal["", "x", "y"] = ""
    under: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Areas:
    """Filled outlines, each of shape (k, 2), with a colour for each; `share_of` and `name` as of `Segments`."""

    outlines: Sequence[FloatArray]
    colors: Sequence[str]
    opacity: float = 1.0
    share_of: Literal["", "x", "y"] = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """An image of few colours: `levels`, shape (rows, columns), the lowest row first, count in `palette`, shape (n, 3); `extent` is left, right, bottom, top."""

    levels: NDArray[np.uint8]
    palette: NDArray[np.uint8]
    extent: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Text at a place that is a share of its panel or figure; lines are parted by newlines, and `paper` is a white ground."""

    x: float
    y: float
    text: str
    size: float
    color: str
    ha: Literal["left", "center", "right"] = "left"
    va: Literal["baseline", "top", "center", "bottom"] = "baseline"
    upright: bool = False
    linespacing: float = 1.2
    paper: bool = False


Mark = Line | Segments | Areas | Picture


@dataclass(slots=True, kw_only=True, eq=False)
class Axis:
    """Limits, scale, ticks and label of one side of a panel; panels one above the other share theirs."""

    limits: tuple[float, float] | None = None
    seen: tuple[float, float] = (np.inf, -np.inf)
    spare: float = 0.0
    logarithmic: bool = False
    ticks: Ticks = field(default_factory=EvenTicks)
    label: str = ""

    @property
    def view(self) -> tuple[float, float]:
        """Limits that were set, or else those of what was drawn."""
        if self.limits is not None:
            return self.limits
        low, high = self.seen
        if not np.isfinite(high - low):
            return 0.0, 1.0
        room = self.spare * (high - low) if high > low else 0.5 * abs(low) or 0.5
        return low - room, high + room

    def widen(self, values: FloatArray) -> None:
        """Take values into what was drawn."""
        finite = values[np.isfinite(values)]
        if finite.size:
            self.seen = min(self.seen[0], float(finite.min())), max(self.seen[1], float(finite.max()))

    def place(self, values: FloatArray) -> FloatArray:
        """Values as shares of the axis; not finite where a logarithm has none."""
        low, high = self.view
        if not self.logarithmic:
            return (np.asarray(values, dtype=np.float64) - low) / ((high - low) or 1.0)
        values = np.asarray(values, dtype=np.float64)
        logs = np.log(values, out=np.full(values.shape, LOWEST_LOG), where=values > 0)
        return (np.where(np.isnan(values), np.nan, logs) - np.log(low)) / (np.log(high / low) or 1.0)


LOWEST_LOG = -1000.0
"""Where a logarithmic axis puts zero: far below every number, so that a line to it goes straight down."""


@dataclass(slots=True, kw_only=True, eq=False)
class Panel:
    """Axes of a figure, and what is drawn in them, in the order of drawing."""

    rect: Rect
    xaxis: Axis = field(default_factory=Axis)
    yaxis: Axis = field(default_factory=lambda: Axis(spare=SPARE))
    shows_x: bool = True
    shows_y: bool = True
    on_the_right: bool = False
    marks: list[Mark] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)

    @property
    def lines(self) -> list[Line]:
        """Its lines."""
        return [mark for mark in self.marks if isinstance(mark, Line)]

    def layers(self) -> list[Mark]:
        """What is drawn, from the lowest to the highest: pictures, areas, lines; each in the order in which they were added."""
        return sorted(self.marks, key=_layer)

    def named(self, name: str) -> list[Segments | Areas]:
        """What bears a name."""
        return [mark for mark in self.marks if isinstance(mark, Segments | Areas) and mark.name == name]

    def plot(self, x: FloatArray | IntArray, y: FloatArray | IntArray, *, color: str, lw: float = 0.7, dash: Dash = ()) -> None:
        """Draw a line."""
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        self.xaxis.widen(x)
        self.yaxis.widen(y)
        self.marks.append(Line(x=x, y=y, color=color, width=lw, dash=dash))

    def fill_between(
        self, x: FloatArray | IntArray, low: FloatArray | float, high: FloatArray | float, *, color: str, alpha: float = 1.0
    ) -> None:
        """Fill between two lines; the filling breaks where one of them is not finite."""
        x, low, high = (np.broadcast_to(np.asarray(part, dtype=np.float64), np.shape(x)) for part in (x, low, high))
        finite = np.flatnonzero(np.isfinite(low) & np.isfinite(high) & np.isfinite(x))
        pieces = np.split(finite, np.flatnonzero(np.diff(finite) > 1) + 1)
        outlines = [
            np.column_stack([np.concatenate([x[piece], x[piece][::-1]]), np.concatenate([low[piece], high[piece][::-1]])])
            for piece in pieces
            if piece.size > 1
        ]
        if outlines:
            self.marks.append(Areas(outlines=outlines, colors=[color] * len(outlines), opacity=alpha))

    def axhline(self, y: float, *, color: str, lw: float, dash: Dash = ()) -> None:
        """Draw a line across the panel."""
        self.yaxis.widen(np.array([y]))
        self.marks.append(Segments(ends=np.array([[[0.0, y], [1.0, y]]]), color=color, width=lw, dash=dash, share_of="x"))

    def axvline(self, x: float, *, color: str, lw: float, dash: Dash = ()) -> None:
        """Draw a line from the panel's foot to its head."""
        self.marks.append(Segments(ends=np.array([[[x, 0.0], [x, 1.0]]]), color=color, width=lw, dash=dash, share_of="y"))

    def imshow(self, levels: NDArray[np.uint8], palette: NDArray[np.uint8], extent: tuple[float, float, float, float]) -> None:
        """Draw an image."""
        self.xaxis.widen(np.array(extent[:2]))
        self.yaxis.widen(np.array(extent[2:]))
        self.yaxis.spare = 0.0
        self.marks.append(Picture(levels=levels, palette=palette, extent=extent))

    def set_xlim(self, low: float, high: float) -> None:
        """Limits of the horizontal axis."""
        self.xaxis.limits = (float(low), float(high))

    def set_ylim(self, low: float, high: float) -> None:
        """Limits of the vertical axis."""
        self.yaxis.limits = (float(low), float(high))

    def set_xlabel(self, label: str) -> None:
        """Words under the panel."""
        self.xaxis.label = label

    def set_ylabel(self, label: str) -> None:
        """Words beside the panel."""
        self.yaxis.label = label


def _layer(mark: Mark) -> int:
    """Zero for the lowest."""
    if isinstance(mark, Picture):
        return 0
    return 1 if isinstance(mark, Areas) or (isinstance(mark, Segments) and mark.under) else 2


@dataclass(slots=True, kw_only=True, eq=False)
class Figure:
    """A page: its size in inches, panels and text."""

    size: tuple[float, float]
    axes: list[Panel] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    frame: FloatArray = field(default_factory=lambda: np.empty((0, 2, 2)))
    """Frames and tick marks of all panels, as shares of the page: shape (n, 2, 2)."""
