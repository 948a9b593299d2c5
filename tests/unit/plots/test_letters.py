"""Letters of the figures."""

from __future__ import annotations

import pytest

from soxspipe.plots.letters import MISSING, UNITS, letter, width_of
from soxspipe.plots.style import MARKS


def test_a_width_is_the_sum_of_its_letters() -> None:
    assert letter("1").advance == 1303, "a digit of DejaVu Sans"
    assert width_of("11", UNITS) == pytest.approx(2606.0)
    assert width_of("", 8.0) == 0.0


@pytest.mark.parametrize("character", [*"AÅéžλσΩЖ×±−″⁻¹²Å→☉★", *MARKS.values()])
def test_letters_that_astronomers_write_are_there(character: str) -> None:
    assert letter(character) != letter(MISSING)
    assert letter(character).commands.endswith("h")


def test_letters_that_are_not_there_are_a_box() -> None:
    assert letter("星") == letter("\x07") == letter(MISSING)


def test_a_space_draws_nothing() -> None:
    assert letter(" ").commands == ""
