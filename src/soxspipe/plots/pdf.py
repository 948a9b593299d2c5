"""A figure as a PDF document of one page; the same figure gives the same bytes.

Lengths are written as whole numbers of `UNIT_PT`, which is quicker than decimals and finer than any printer.  Section numbers are those of
ISO 32000-1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.plots.document import Document, Font
from soxspipe.plots.edges import POINTS_PER_INCH
from soxspipe.plots.letters import ASCENT, DESCENT, width_of
from soxspipe.plots.paper import Areas, Dash, Figure, Line, Panel, Picture, Segments, Text
from soxspipe.plots.words import INK

UNIT_PT = 0.02
FARTHEST = 200_000
"""Units (55 inches) beyond which a corner is drawn there: readers of PDF need not know larger numbers (annex C)."""
FRAME_PT = 0.6
"""Width of frames and tick marks."""
PAPER_PAD_PT, PAPER_OPACITY = 1.2, 0.85
"""Of the white ground of text that stands on data: how far it reaches beyond it, and how much it hides."""


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
    page = _Page(figure)
    for panel in figure.axes:
        page.panel(panel)
    page.strokes(_units(figure.frame, page.size), INK, FRAME_PT, cap=2)
    for text in figure.texts:
        page.text(text, (0.0, 0.0, *page.size.tolist()))
    width, height = (np.asarray(figure.size) * POINTS_PER_INCH).tolist()
    return page.document.finished("\n".join([f"{UNIT_PT} 0 0 {UNIT_PT} 0 0 cm", *page.parts]), (width, height), title)


def _units(shares: FloatArray, size: FloatArray) -> IntArray:
    """Shares of a rectangle as whole units from its lower left corner."""
    return np.rint(np.clip(shares * size, -FARTHEST, FARTHEST)).astype(np.int64)


def _rgb(color: str) -> str:
    """``#rrggbb`` as shares."""
    return " ".join(f"{part / 255:.3g}" for part in bytes.fromhex(color[1:]))


def _path(corners: IntArray, starts: BoolArray) -> str:
    """Lines through corners, shape (n, 2), a new one at each of the `starts`."""
    return "".join(np.where(starts, "%d %d m\n", "%d %d l\n").tolist()) % tuple(corners.ravel().tolist())


class _Page:
    """Commands of a page, in the order of drawing."""

    def __init__(self, figure: Figure) -> None:
        self.size = np.asarray(figure.size) * (POINTS_PER_INCH / UNIT_PT)
        self.document = Document()
        self.font = Font(self.document)
        self.parts: list[str] = []

    def panel(self, panel: Panel) -> None:
        """What is drawn in a panel, cut off at its sides, and its text, which is not."""
        left, bottom, width, height = (np.asarray(panel.rect) * np.tile(self.size, 2)).tolist()
        self.parts.append(f"q {left:.0f} {bottom:.0f} {width:.0f} {height:.0f} re W n 1 0 0 1 {left:.0f} {bottom:.0f} cm")
        for mark in panel.layers():
            self._mark(mark, panel, np.array([width, height]))
        self.parts.append("Q")
        for text in panel.texts:
            self.text(text, (left, bottom, width, height))

    def _mark(self, mark: Line | Segments | Areas | Picture, panel: Panel, size: FloatArray) -> None:
        if isinstance(mark, Line):
            self._line(mark, panel, size)
        elif isinstance(mark, Segments):
            ends = _units(_shares(mark.ends, panel, mark.share_of), size)
            self.strokes(ends, mark.color, mark.width, cap=int(mark.round_ends), dash=mark.dash)
        elif isinstance(mark, Areas):
            self._areas(mark, panel, size)
        else:
            self._picture(mark, panel, size)

    def _line(self, line: Line, panel: Panel, size: FloatArray) -> None:
        shares = _shares(np.column_stack([line.x, line.y]), panel)
        finite = np.isfinite(shares[:, 0]) & np.isfinite(shares[:, 1])
        starts = finite & ~np.concatenate([[False], finite[:-1]])
        if finite.any():
            self._pen(line.color, line.width, 0, line.dash)
            self.parts += [_path(_units(shares[finite], size), starts[finite]), "S"]

    def strokes(self, ends: IntArray, color: str, width_pt: float, *, cap: int, dash: Dash = ()) -> None:
        """Unconnected pieces of line, shape (n, 2, 2), in units; caps: 0 none, 1 round, 2 square."""
        if len(ends):
            if cap == 1:  # a piece of no length is not drawn by every reader
                ends = ends + np.array([[0, 0], [1, 0]])
            self._pen(color, width_pt, cap, dash)
            self.parts += [_path(ends.reshape(-1, 2), np.tile([True, False], len(ends))), "S"]

    def _pen(self, color: str, width_pt: float, cap: int, dash: Dash) -> None:
        steps = " ".join(f"{length * width_pt / UNIT_PT:.0f}" for length in dash)
        self.parts.append(f"{_rgb(color)} RG {width_pt / UNIT_PT:.0f} w {cap} J 1 j [{steps}] 0 d")

    def _areas(self, areas: Areas, panel: Panel, size: FloatArray) -> None:
        if areas.opacity < 1.0:
            self.parts.append(f"q /{self.document.opacity(areas.opacity)} gs")
        corners = _units(_shares(np.concatenate(areas.outlines), panel, areas.share_of), size)
        stops = np.cumsum([len(outline) for outline in areas.outlines])
        for outline, color in zip(np.split(corners, stops[:-1]), areas.colors, strict=True):
            self.parts += [f"{_rgb(color)} rg", _path(outline, np.arange(len(outline)) == 0), "f"]
        if areas.opacity < 1.0:
            self.parts.append("Q")

    def _picture(self, picture: Picture, panel: Panel, size: FloatArray) -> None:
        left, right, bottom, top = picture.extent
        (x0, y0), (x1, y1) = _units(_shares(np.array([[left, bottom], [right, top]]), panel), size).tolist()
        name = self.document.image(picture.levels[::-1], picture.palette)
        self.parts.append(f"q {x1 - x0} 0 0 {y1 - y0} {x0} {y0} cm /{name} Do Q")

    def text(self, text: Text, box: Sequence[float]) -> None:
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
        turn = "0 1 -1 0" if text.upright else "1 0 0 1"
        self.parts.append(f"BT {_rgb(text.color)} rg /{self.font.NAME} {size:.0f} Tf")
        for number, (line, wide) in enumerate(zip(lines, widths, strict=True)):
            along, below = shift * wide, first + number * apart
            place = (x + below, y + along) if text.upright else (x + along, y - below)
            self.parts.append(f"{turn} {place[0]:.0f} {place[1]:.0f} Tm <{self.font.codes(line)}> Tj")
        self.parts.append("ET")

    def _ground(self, left: float, bottom: float, width: float, top: float) -> None:
        """White paper, nearly opaque, under text."""
        pad = PAPER_PAD_PT / UNIT_PT
        rect = f"{left - pad:.0f} {bottom - pad:.0f} {width + 2 * pad:.0f} {top - bottom + 2 * pad:.0f}"
        self.parts.append(f"q /{self.document.opacity(PAPER_OPACITY)} gs 1 1 1 rg {rect} re f Q")


def _shares(corners: FloatArray, panel: Panel, share_of: str = "") -> FloatArray:
    """Corners, shape (..., 2), as shares of a panel."""
    x, y = corners[..., 0], corners[..., 1]
    return np.stack([x if share_of == "x" else panel.xaxis.place(x), y if share_of == "y" else panel.yaxis.place(y)], axis=-1)
