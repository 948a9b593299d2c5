"""Frame, ticks, numbers and labels of a panel, drawn in a few strokes."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backend_bases import RendererBase
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.transforms import Bbox, IdentityTransform

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.plots.words import INK

LINE_PT = 0.6
TICK_PT, PAD_PT, LABEL_PAD_PT = 3.2, 3.5, 4.0
"""Length of ticks, and what stands free between axis and numbers, and between numbers and label."""
NUMBERS = FontProperties(size=8.0)
EDGE_PX = 0.5
"""A tick on the frame itself may lie beyond it by rounding."""


class _Number(NamedTuple):
    """A number of an axis: where its baseline starts, and its width (display units)."""

    x: float
    y: float
    width: float
    text: str


class _Ruler(NamedTuple):
    """Ticks of one axis as pairs of ends, and its numbers."""

    ticks: FloatArray
    numbers: list[_Number]


class Rulers(Artist):
    """Frame, ticks, numbers and labels of both axes of a panel whose own are switched off (`Axes.set_axis_off`).

    Places and texts are those of the panel's locators and formatters, so that limits, scales and ticks are set as ever; an axis that is
    not visible is left out.  matplotlib makes five artists for every tick, which take half the time of a figure.

    Parameters
    ----------
    on_right : bool
        Draw the vertical axis on the right.
    """

    zorder = 2.5

    def __init__(self, *, on_right: bool = False) -> None:
        super().__init__()
        self.set_clip_on(False)  # numbers stand outside the panel
        self.on_right = on_right

    def draw(self, renderer: RendererBase) -> None:
        """Draw everything."""
        axes = self.axes
        if not isinstance(axes, Axes) or not self.get_visible():
            return
        rulers = self._rulers(axes, renderer)
        _stroke(renderer, axes.bbox, [ruler.ticks for ruler in rulers])
        _write(renderer, [number for ruler in rulers for number in ruler.numbers])
        for axis in (axes.xaxis, axes.yaxis):
            if axis.get_visible() and axis.label.get_text():
                axis.label.draw(renderer)

    def get_tightbbox(self, renderer: RendererBase | None = None) -> Bbox | None:
        """Box around the frame and all texts."""
        axes = self.axes
        if not isinstance(axes, Axes) or renderer is None:
            return None
        height = _height(renderer)
        numbers = [number for ruler in self._rulers(axes, renderer) for number in ruler.numbers]
        shown = [axis.label for axis in (axes.xaxis, axes.yaxis) if axis.get_visible() and axis.label.get_text()]
        boxes = [Bbox.from_bounds(number.x, number.y, number.width, height) for number in numbers]
        return Bbox.union([axes.bbox, *boxes, *(label.get_window_extent(renderer) for label in shown)])

    def _rulers(self, axes: Axes, renderer: RendererBase) -> list[_Ruler]:
        """Rulers of the axes that are visible; their labels are put in their places."""
        below = [_below(axes, renderer)] if axes.xaxis.get_visible() else []
        return [*below, _beside(axes, renderer, self.on_right)] if axes.yaxis.get_visible() else below


def _below(axes: Axes, renderer: RendererBase) -> _Ruler:
    """Ruler of the horizontal axis; puts its label under the numbers."""
    box, scale = axes.bbox, _scale_of(renderer)
    places, texts = _texts(axes.xaxis)
    x = axes.get_xaxis_transform().transform(np.column_stack([places, np.zeros_like(places)]))[:, 0]
    on = (x >= box.x0 - EDGE_PX) & (x <= box.x1 + EDGE_PX)
    baseline = box.y0 - scale * PAD_PT - _height(renderer)
    numbers = []
    for at, text in zip(x[on].tolist(), texts[on].tolist(), strict=True):
        width = _width(renderer, text)
        numbers.append(_Number(at - 0.5 * width, baseline, width, text))
    offset = axes.xaxis.get_major_formatter().get_offset()
    if offset:
        width = _width(renderer, offset)
        numbers.append(_Number(box.x1 - width, baseline - 1.3 * _height(renderer), width, offset))
    if axes.xaxis.label.get_transform() is not axes.transAxes:
        axes.xaxis.label.set_position((0.5, baseline - scale * LABEL_PAD_PT))
    ends = [[(at, box.y0), (at, box.y0 + scale * TICK_PT)] for at in x[on].tolist()]
    return _Ruler(np.array(ends).reshape(-1, 2), numbers)


def _beside(axes: Axes, renderer: RendererBase, on_right: bool) -> _Ruler:
    """Ruler of the vertical axis; puts its label beside the numbers unless it has a place already."""
    box, scale = axes.bbox, _scale_of(renderer)
    places, texts = _texts(axes.yaxis)
    y = axes.get_yaxis_transform().transform(np.column_stack([np.zeros_like(places), places]))[:, 1]
    on = (y >= box.y0 - EDGE_PX) & (y <= box.y1 + EDGE_PX)
    edge, outwards = (box.x1, 1.0) if on_right else (box.x0, -1.0)
    start = edge + outwards * scale * PAD_PT
    numbers, widest = [], 0.0
    for at, text in zip(y[on].tolist(), texts[on].tolist(), strict=True):
        width = _width(renderer, text)
        widest = max(widest, width)
        numbers.append(_Number(start if on_right else start - width, at - 0.5 * _height(renderer), width, text))
    offset = axes.yaxis.get_major_formatter().get_offset()
    if offset:
        numbers.append(_Number(box.x0, box.y1 + scale * PAD_PT, _width(renderer, offset), offset))
    if axes.yaxis.label.get_transform() is not axes.transAxes:
        axes.yaxis.label.set_position((start + outwards * (widest + scale * LABEL_PAD_PT), 0.5))
    ends = [[(edge, at), (edge - outwards * scale * TICK_PT, at)] for at in y[on].tolist()]
    return _Ruler(np.array(ends).reshape(-1, 2), numbers)


def _texts(axis: Axis) -> tuple[FloatArray, Any]:
    """Places of an axis' ticks in data, and what stands at them."""
    places = np.asarray(axis.get_majorticklocs(), dtype=np.float64)
    return places, np.array(axis.get_major_formatter().format_ticks(places.tolist()), dtype=object)


def _scale_of(renderer: RendererBase) -> float:
    """Display units per point."""
    return float(cast(float, renderer.points_to_pixels(1.0)))


def _width(renderer: RendererBase, text: str) -> float:
    return float(renderer.get_text_width_height_descent(text, NUMBERS, False)[0]) if text else 0.0


def _height(renderer: RendererBase) -> float:
    """Of digits, which stand on the baseline."""
    _, height, descent = renderer.get_text_width_height_descent("0", NUMBERS, False)
    return float(height - descent)


def _stroke(renderer: RendererBase, box: Bbox, ticks: list[FloatArray]) -> None:
    """Draw the frame and all ticks as one path."""
    frame = np.array([(box.x0, box.y0), (box.x1, box.y0), (box.x1, box.y1), (box.x0, box.y1), (box.x0, box.y0)])
    corners = np.concatenate([frame, *ticks])
    codes = [Path.MOVETO, *[Path.LINETO] * 3, Path.CLOSEPOLY, *[Path.MOVETO, Path.LINETO] * ((len(corners) - 5) // 2)]
    pen = renderer.new_gc()
    pen.set_linewidth(_scale_of(renderer) * LINE_PT)
    pen.set_foreground(INK)
    pen.set_capstyle("butt")
    pen.set_joinstyle("miter")
    pen.set_snap(True)
    renderer.draw_path(pen, Path(corners, codes), IdentityTransform())
    pen.restore()


def _write(renderer: RendererBase, numbers: list[_Number]) -> None:
    """Write numbers; renderers whose images count from the top get their places so."""
    top = renderer.get_canvas_width_height()[1] if renderer.flipy() else None
    pen = renderer.new_gc()
    pen.set_foreground(INK)
    for number in numbers:
        if number.text:
            renderer.draw_text(pen, number.x, number.y if top is None else top - number.y, number.text, NUMBERS, 0.0, ismath=False)
    pen.restore()
