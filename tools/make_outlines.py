"""Outlines of the letters that figures use, from DejaVu Sans, as commands of PDF: one letter a line.

    python tools/make_outlines.py DejaVuSans.ttf

Writes src/soxspipe/plots/fonts/dejavu_sans.txt.  Each line: code point, advance, box (x0 y0 x1 y1), drawing commands, all in units of
1/2048 of the size; the first is what stands for letters that are not there.  Needs fontTools.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools.pens.basePen import BasePen
from fontTools.pens.boundsPen import BoundsPen
from fontTools.ttLib import TTFont

TARGET = Path(__file__).resolve().parents[1] / "src" / "soxspipe" / "plots" / "fonts" / "dejavu_sans.txt"
BLOCKS = (
    (0x20, 0x7E), (0xA0, 0x17F), (0x2B0, 0x2DF), (0x386, 0x3FF), (0x400, 0x45F), (0x2010, 0x205E), (0x2070, 0x209C), (0x20A0, 0x20BF),
    (0x2100, 0x214F), (0x2190, 0x2195), (0x2200, 0x22FF), (0x2500, 0x2551), (0x25A0, 0x25FF), (0x2600, 0x2642),
)  # fmt: skip
"""Latin, Greek, Cyrillic, marks, super- and subscripts, arrows, mathematics, lines, shapes, stars and planets."""
MISSING = 0xFFFD
"""Code point under which the box for letters that are not there is written."""


class Commands(BasePen):
    """Collects an outline as PDF commands, in whole units."""

    def __init__(self, glyphs: object) -> None:
        super().__init__(glyphs)
        self.parts: list[str] = []

    def _write(self, letter: str, *points: tuple[float, float]) -> None:
        self.parts.append(" ".join(f"{round(value)}" for point in points for value in point) + f" {letter}")

    def _moveTo(self, pt: tuple[float, float]) -> None:
        self._write("m", pt)

    def _lineTo(self, pt: tuple[float, float]) -> None:
        self._write("l", pt)

    def _curveToOne(self, pt1: tuple[float, float], pt2: tuple[float, float], pt3: tuple[float, float]) -> None:
        self._write("c", pt1, pt2, pt3)

    def _closePath(self) -> None:
        self.parts.append("h")


def line_of(font: TTFont, code: int, name: str) -> str:
    """One letter."""
    glyphs = font.getGlyphSet()
    pen, bounds = Commands(glyphs), BoundsPen(glyphs)
    glyphs[name].draw(pen)
    glyphs[name].draw(bounds)
    box = " ".join(str(round(value)) for value in bounds.bounds or (0, 0, 0, 0))
    return f"{code:04x} {glyphs[name].width} {box} {' '.join(pen.parts)}".rstrip()


def main() -> None:
    """Write the file."""
    font = TTFont(sys.argv[1])
    names = font.getBestCmap()
    codes = [code for low, high in BLOCKS for code in range(low, high + 1) if code in names]
    lines = [line_of(font, MISSING, ".notdef"), *(line_of(font, code, names[code]) for code in codes)]
    TARGET.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
