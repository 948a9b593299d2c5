"""Outlines and widths of letters (DejaVu Sans, see `fonts/README.md`)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

UNITS = 2048
"""Steps of the outlines in the size of the font."""
MISSING = "�"
"""Drawn, as an empty box, for letters that are not there."""
ASCENT, DESCENT = 0.76, 0.24
"""Of a line of text, as shares of its size: the height of an l and the depth of a p."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """Advance and box in steps, and drawing commands of PDF."""

    advance: int
    box: tuple[int, ...]
    commands: str


@cache
def _lines() -> dict[str, str]:
    """The line of each letter."""
    text = files("soxspipe.plots").joinpath("fonts/dejavu_sans.txt").read_text(encoding="ascii")
    return {chr(int(line[:4], 16)): line[5:] for line in text.splitlines()}


@cache
def letter(character: str) -> Letter:
    """A letter, or the box for those that are not there."""
    lines = _lines()
    advance, *rest = lines.get(character, lines[MISSING]).split(" ", 5)
    return Letter(advance=int(advance), box=tuple(map(int, rest[:4])), commands=rest[4] if len(rest) > 4 else "")


def width_of(text: str, size: float) -> float:
    """Width of a line of text, in the units of its size."""
    return size / UNITS * sum(letter(character).advance for character in text)
