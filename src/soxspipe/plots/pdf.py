"""A figure as a PDF document of one page, written by ReportLab; the same figure gives the same bytes.

Lengths are whole numbers of `UNIT_PT`: finer than any printer, and quicker to write than decimals.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soxspipe import __version__
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.plots.edges import POINTS_PER_INCH
from soxspipe.plots.letters import ASCENT, DESCENT, font, width_of
from soxspipe.plots.paper import Areas, Dash, Figure, Line, Panel, Picture, Segments, Text
from soxspipe.plots.sheet import Sheet
from soxspipe.plots.words import INK

UNIT_PT = 0.02
FARTHEST = 200_000
"""Units (55 inches) beyond which a corner is drawn there: readers of PDF need not know larger numbers (ISO 32000-1, annex C)."""
FRAME_PT = 0.6
"""Width of frames and tick marks."""
PAPER_PAD_PT, PAPER_OPACITY = 1.2, 0.85
"""Of the white ground of text that stands on data: how far it reaches beyond it, and how much it hides."""
BUTT, ROUND, SQUARE = 0, 1, 2
"""Ends of lines, as PDF counts them."""


def figure_as_pdf(figure: Figure, *, title: str = "") -> bytes:
    """Render a figure.

    Parameters
    ----------
    figure : Figure
        With its edges drawn.
    title : str
        Title in the document's metadata.

    Returns
    -------
    bytes
        The document.
    """
    size = np.asarray(figure.size) * POINTS_PER_INCH
    sheet = Sheet(size, f"{UNIT_PT:g}")
    _Page(sheet, size / UNIT_PT).draw(figure)
    return sheet.finished(title, f"soxs-stare {__version__}")


def _units(shares: FloatArray, size: FloatArray) -> IntArray:
    """Shares of a rectangle as whole units from its lower left corner."""
    return np.rint(np.clip(shares * size, -FARTHEST, FARTHEST)).astype(np.int64)


def _rgb(color: str) -> str:
    """``#rrggbb`` as shares."""
    return " ".join(f"{part / 255:.6g}" for part in bytes.fromhex(color[1:]))


def _path(corners: IntArray, starts: BoolArray) -> str:
    """Lines through corners, shape (n, 2), a new one at each of the `starts`."""
    return "\n".join(np.where(starts, "%d %d m", "%d %d l").tolist()) % tuple(corners.ravel().tolist())


class _Page:
    """A page in the making."""

    def __init__(self, sheet: Sheet, size: FloatArray) -> None:
        self.sheet, self.size = sheet, size

    def draw(self, figure: Figure) -> None:
        """Panels, then their frames, then the text of the page."""
        for panel in figure.axes:
            self._panel(panel)
        self._strokes(_units(figure.frame, self.size), INK, FRAME_PT, cap=SQUARE)
        for text in figure.texts:
            self._text(text, (0.0, 0.0, *self.size.tolist()))

    def _panel(self, panel: Panel) -> None:
        """What is drawn in a panel, cut off at its sides, and its text, which is not."""
        left, bottom, width, height = np.rint(np.asarray(panel.rect) * np.tile(self.size, 2)).astype(int).tolist()
        with self.sheet.apart():
            self.sheet.say(f"{left} {bottom} {width} {height} re", "W n", f"1 0 0 1 {left} {bottom} cm")
            for mark in panel.layers():
                self._mark(mark, panel, np.array([width, height]))
        for text in panel.texts:
            self._text(text, (left, bottom, width, height))

    def _mark(self, mark: Line | Segments | Areas | Picture, panel: Panel, size: FloatArray) -> None:
        if isinstance(mark, Line):
            self._line(mark, panel, size)
        elif isinstance(mark, Segments):
            ends = _units(_shares(mark.ends, panel, mark.share_of), size)
            self._strokes(ends, mark.color, mark.width, cap=ROUND if mark.round_ends else BUTT, dash=mark.dash)
        elif isinstance(mark, Areas):
            self._areas(mark, panel, size)
        else:
            self._picture(mark, panel, size)

    def _line(self, line: Line, panel: Panel, size: FloatArray) -> None:
        shares = _shares(np.column_stack([line.x, line.y]), panel)
        finite = np.isfinite(shares[:, 0]) & np.isfinite(shares[:, 1])
        starts = finite & ~np.concatenate([[False], finite[:-1]])
        if finite.any():
            self._pen(line.color, line.width, BUTT, line.dash)
            self.sheet.say(_path(_units(shares[finite], size), starts[finite]), "S")

    def _strokes(self, ends: IntArray, color: str, width_pt: float, *, cap: int, dash: Dash = ()) -> None:
        """Unconnected pieces of line, shape (n, 2, 2), in units."""
        if len(ends):
            if cap == ROUND:  # a piece of no length is not drawn by every reader
                ends = ends + np.array([[0, 0], [1, 0]])
            self._pen(color, width_pt, cap, dash)
            self.sheet.say(_path(ends.reshape(-1, 2), np.tile([True, False], len(ends))), "S")

    def _pen(self, color: str, width_pt: float, cap: int, dash: Dash) -> None:
        lengths = " ".join(str(round(length * width_pt / UNIT_PT)) for length in dash)
        self.sheet.say(f"{_rgb(color)} RG", f"{round(width_pt / UNIT_PT)} w", f"{cap} J", f"{ROUND} j", f"[{lengths}] 0 d")

    def _areas(self, areas: Areas, panel: Panel, size: FloatArray) -> None:
        corners = _units(_shares(np.concatenate(areas.outlines), panel, areas.share_of), size)
        stops = np.cumsum([len(outline) for outline in areas.outlines])
        with self.sheet.fainter(areas.opacity):
            for outline, color in zip(np.split(corners, stops[:-1]), areas.colors, strict=True):
                self.sheet.say(f"{_rgb(color)} rg", _path(outline, np.arange(len(outline)) == 0), "f*")

    def _picture(self, picture: Picture, panel: Panel, size: FloatArray) -> None:
        left, right, bottom, top = picture.extent
        (x0, y0), (x1, y1) = _units(_shares(np.array([[left, bottom], [right, top]]), panel), size).tolist()
        self.sheet.picture(picture.levels[::-1], picture.palette, (x0, y0, x1 - x0, y1 - y0))

    def _text(self, text: Text, box: Sequence[float]) -> None:
        """Lines of text at a place of a box (left, bottom, width, height, in units)."""
        left, bottom, width, height = box
        x, y = left + text.x * width, bottom + text.y * height
        size = text.size / UNIT_PT
        lines = text.text.split("\n")
        widths = [width_of(line, size) for line in lines]
        apart = size * (ASCENT * text.linespacing + DESCENT)
        down = {"baseline": 0.0, "top": size * ASCENT, "bottom": -size * DESCENT - apart * (len(lines) - 1)}
        down["center"] = 0.5 * (size * (ASCENT - DESCENT) - apart * (len(lines) - 1))
        first = down[text.va]  # from the place down to the first baseline
        shift = {"left": 0.0, "center": -0.5, "right": -1.0}[text.ha]
        if text.paper:
            whole = max(widths)
            self._ground(x + shift * whole, y - first - apart * (len(lines) - 1) - size * DESCENT, whole, y - first + size * ASCENT)
        places = []
        for number, (line, wide) in enumerate(zip(lines, widths, strict=True)):
            along, below = shift * wide, first + number * apart
            place = (x + below, y + along) if text.upright else (x + along, y - below)
            turn = "0 1 -1 0" if text.upright else "1 0 0 1"
            places.append((f"{turn} {round(place[0])} {round(place[1])}", line))
        self.sheet.say(f"{_rgb(text.color)} rg")
        self.sheet.write(font(), round(size), places)

    def _ground(self, left: float, bottom: float, width: float, top: float) -> None:
        """White paper, nearly opaque, under text."""
        pad = PAPER_PAD_PT / UNIT_PT
        box = map(round, (left - pad, bottom - pad, width + 2 * pad, top - bottom + 2 * pad))
        with self.sheet.fainter(PAPER_OPACITY):
            self.sheet.say("1 1 1 rg", "{} {} {} {} re".format(*box), "f*")


def _shares(corners: FloatArray, panel: Panel, share_of: str = "") -> FloatArray:
    """Corners, shape (..., 2), as shares of a panel."""
    x, y = corners[..., 0], corners[..., 1]
    return np.stack([x if share_of == "x" else panel.xaxis.place(x), y if share_of == "y" else panel.yaxis.place(y)], axis=-1)
