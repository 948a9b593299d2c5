"""The font of the figures, DejaVu Sans (see `fonts/README.md`), and the widths of its letters."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from io import BytesIO

from reportlab.pdfbase.ttfonts import TTFont

ASCENT, DESCENT = 0.76, 0.24
"""Of a line of text, as shares of its size: the height of an l and the depth of a p."""
NAME = "soxspipe DejaVu Sans"
"""Of the font among those that ReportLab knows in this process, where a user may have another DejaVu Sans."""


@cache
def font() -> TTFont:
    """The font, read with the first letter."""
    data = files("soxspipe.plots").joinpath("fonts/DejaVuSans.ttf").read_bytes()
    return TTFont(NAME, BytesIO(data))


def width_of(text: str, size: float) -> float:
    """Width of a line of text, in the units of its size."""
    return float(font().stringWidth(text, size))
