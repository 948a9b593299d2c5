"""Letters of the figures."""

from __future__ import annotations

import pytest

from soxspipe.plots.letters import font, width_of
from soxspipe.plots.style import MARKS


def test_a_width_is_the_sum_of_its_letters() -> None:
    assert width_of("11", 1000.0) == pytest.approx(2 * 636.0, abs=1.0), "a digit of DejaVu Sans is 1303 / 2048 wide"
    assert width_of("", 8.0) == 0.0


@pytest.mark.parametrize("character", [*"AÅéžλσΩЖ×±−″⁻¹²Å→☉★", *MARKS.values()])
def test_letters_that_astronomers_write_are_there(character: str) -> None:
    assert ord(character) in font().face.charToGlyph


def test_letters_that_are_not_there_have_the_width_of_a_box() -> None:
    assert width_of("星", 1000.0) == pytest.approx(600.0, abs=1.0)
