"""A page as commands of PDF: places, breaks, text, and a file that readers accept."""

from __future__ import annotations

import re
import zlib

import numpy as np
import pytest

from soxspipe.plots.paper import Figure, Panel
from soxspipe.plots.pdf import figure_as_pdf
from soxspipe.plots.show_image import palette
from soxspipe.plots.style import add_panel, dots, new_figure, write


def commands(figure: Figure) -> str:
    """What the page's contents, the first stream with lengths, say."""
    document = figure_as_pdf(figure)
    found = re.search(rb"\n4 0 obj\n<< /Length (\d+).*?stream\n", document, re.DOTALL)
    assert found is not None
    return zlib.decompress(document[found.end() : found.end() + int(found[1])]).decode("ascii")


def page() -> tuple[Figure, Panel]:
    """A page of 10 inches (36 000 units) with a panel in its middle, 10 by 10 in data."""
    figure = Figure(size=(10.0, 10.0))
    panel = add_panel(figure, (0.25, 0.25, 0.5, 0.5))
    panel.set_xlim(0.0, 10.0)
    panel.set_ylim(0.0, 10.0)
    return figure, panel


def test_a_line_runs_through_its_corners_and_breaks_where_it_is_not_finite() -> None:
    figure, panel = page()
    panel.plot(np.array([0.0, 5.0, np.nan, 1.0, 10.0]), np.array([0.0, 10.0, 1.0, np.nan, 5.0]), color="#ff0000", lw=2.0, dash=(3.0, 1.0))
    said = commands(figure)
    assert "q 9000 9000 18000 18000 re W n 1 0 0 1 9000 9000 cm" in said
    assert "1 0 0 RG 100 w 0 J 1 j [300 100] 0 d\n0 0 m\n9000 18000 l\n18000 9000 m\n" in said


def test_a_dot_is_a_round_stroke() -> None:
    figure, panel = page()
    dots(panel, np.array([5.0, np.inf]), np.array([5.0, 1.0]), size=1.0, colour="#000000")
    assert "0 0 0 RG 50 w 1 J 1 j [] 0 d\n9000 9000 m\n9001 9000 l\n" in commands(figure)


def test_corners_far_away_stay_numbers_that_readers_know() -> None:
    figure, panel = page()
    panel.plot(np.array([0.0, 1.0]), np.array([0.0, 1e30]), color="#000000")
    assert "1800 200000 l" in commands(figure)


def test_text_stands_where_it_was_put() -> None:
    figure = Figure(size=(10.0, 10.0))
    write(figure, 0.5, 0.5, "1", size=10.0, ha="center")
    write(figure, 0.5, 0.5, "1\n1", size=10.0, upright=True)
    said = commands(figure)
    assert "/F0 500 Tf\n1 0 0 1 17841 18000 Tm <01> Tj" in said, "half of 500 units times 1303 / 2048 to the left"
    assert "0 1 -1 0 18000 18000 Tm <01> Tj\n0 1 -1 0 18576 18000 Tm <01> Tj" in said, "0.76 x 1.2 + 0.24 of the size farther"


def test_a_picture_of_few_levels_takes_half_a_byte_a_pixel_and_its_first_row_is_the_lowest() -> None:
    figure, panel = page()
    panel.imshow(np.array([[1, 2, 3], [15, 0, 4]], np.uint8), palette("gray_r", 16), (0.0, 10.0, 0.0, 5.0))
    document = figure_as_pdf(figure)
    found = re.search(rb"/Width 3 /Height 2 /BitsPerComponent 4 .*?stream\n(.*?)\nendstream", document, re.DOTALL)
    assert found is not None
    assert zlib.decompress(found[1]) == bytes([0xF0, 0x40, 0x12, 0x30])
    assert "q 18000 0 0 9000 0 0 cm /I0 Do Q" in commands(figure)


def test_places_of_the_objects_are_those_of_the_table() -> None:
    document = figure_as_pdf(new_figure("σ and $\\frac{1}{0}$ and 星"), title="a title")
    start = int(re.findall(rb"startxref\n(\d+)\n", document)[0])
    assert document[start:].startswith(b"xref\n0 ")
    places = [int(place) for place in re.findall(rb"(\d{10}) 00000 n ", document[start:])]
    for number, place in enumerate(places, start=1):
        assert document[place:].startswith(b"%d 0 obj\n" % number)
    assert "a title".encode("utf-16-be").hex().encode() in document


def test_a_page_with_more_letters_than_codes_shows_the_rest_as_boxes() -> None:
    figure = Figure(size=(10.0, 10.0))
    write(figure, 0.1, 0.5, "".join(map(chr, range(0xA1, 0x180))))
    write(figure, 0.1, 0.5, "".join(map(chr, range(0x400, 0x460))))
    assert "00" in re.findall(r"<([0-9a-f]+)> Tj", commands(figure))[-1][-2:]


@pytest.mark.parametrize("text", ["", "\n", "a\n\nb"])
def test_empty_lines_do_no_harm(text: str) -> None:
    figure = Figure(size=(10.0, 10.0))
    write(figure, 0.1, 0.5, text, paper=True)
    assert figure_as_pdf(figure).endswith(b"%%EOF\n")
