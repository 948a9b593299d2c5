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
    """What draws the page: the stream that scales it."""
    (found,) = (said for _, said in streams(figure) if said.startswith(b"0.02 0 0 0.02 0 0 cm\n"))
    return found.decode("ascii")


def streams(figure: Figure) -> list[tuple[bytes, bytes]]:
    """Dictionary and contents of every stream of the document, each as long as it says."""
    document = figure_as_pdf(figure)
    found = []
    for match in re.finditer(rb"obj\n(<<(?:(?!endobj).)*?)\nstream\n", document, re.DOTALL):
        (length,) = re.findall(rb"/Length (\d+)", match[1])
        packed = document[match.end() : match.end() + int(length)]
        assert document[match.end() + len(packed) :].startswith(b"endstream\n")
        assert b"/Filter [ /FlateDecode ]" in match[1]
        found.append((match[1], zlib.decompress(packed)))
    return found


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
    assert "9000 9000 18000 18000 re\nW n\n1 0 0 1 9000 9000 cm" in said
    assert "1 0 0 RG\n100 w\n0 J\n1 j\n[300 100] 0 d\n0 0 m\n9000 18000 l\n18000 9000 m\nS" in said


def test_a_dot_is_a_round_stroke() -> None:
    figure, panel = page()
    dots(panel, np.array([5.0, np.inf]), np.array([5.0, 1.0]), size=1.0, colour="#000000")
    assert "0 0 0 RG\n50 w\n1 J\n1 j\n[] 0 d\n9000 9000 m\n9001 9000 l\nS" in commands(figure)


def test_corners_far_away_stay_numbers_that_readers_know() -> None:
    figure, panel = page()
    panel.plot(np.array([0.0, 1.0]), np.array([0.0, 1e30]), color="#000000")
    assert "1800 200000 l" in commands(figure)


def test_text_stands_where_it_was_put() -> None:
    figure = Figure(size=(10.0, 10.0))
    write(figure, 0.5, 0.5, "1", size=10.0, ha="center")
    write(figure, 0.5, 0.5, "1\n1", size=10.0, upright=True)
    said = commands(figure)
    assert "1 0 0 1 17841 18000 Tm\n/F1+0 500 Tf\n<31> Tj" in said, "half of 500 units times 1303 / 2048 to the left"
    assert "0 1 -1 0 18000 18000 Tm\n/F1+0 500 Tf\n<31> Tj\n0 1 -1 0 18576 18000 Tm\n/F1+0 500 Tf\n<31> Tj" in said, (
        "0.76 x 1.2 + 0.24 of the size farther"
    )


@pytest.mark.parametrize("scale", ["gray_r", "viridis"])
def test_the_first_row_of_a_picture_is_the_lowest(scale: str) -> None:
    figure, panel = page()
    shades = palette(scale, 16)
    panel.imshow(np.array([[1, 2, 3], [15, 0, 4]], np.uint8), shades, (0.0, 10.0, 0.0, 5.0))
    ((described, pixels),) = [(said, held) for said, held in streams(figure) if b"/Subtype /Image" in said]
    assert pixels == bytes([15, 0, 4, 1, 2, 3])
    assert b"/BitsPerComponent 8 /ColorSpace [ /Indexed /DeviceRGB 15 <" + shades.tobytes().hex().encode() + b"> ]" in described
    assert re.search(rb"/Height 2 .*/Width 3", described, re.DOTALL)
    assert "18000 0 0 9000 0 0 cm" in commands(figure)


def test_two_pictures_are_two() -> None:
    figure, panel = page()
    for level in (1, 2):
        panel.imshow(np.full((1, 1), level, np.uint8), palette("gray_r", 16), (0.0, 10.0, 0.0, 5.0))
    assert [held for said, held in streams(figure) if b"/Subtype /Image" in said] == [b"\x01", b"\x02"]


def test_fillings_are_as_opaque_as_they_say() -> None:
    figure, panel = page()
    panel.fill_between(np.array([0.0, 10.0]), 0.0, 5.0, color="#00ff00", alpha=0.25)
    document = figure_as_pdf(figure)
    assert document.startswith(b"%PDF-1.4")
    assert b"/ca 0.25" in document
    assert "0 1 0 rg\n0 0 m\n18000 0 l\n18000 9000 l\n0 9000 l\nf*" in commands(figure)


def test_places_of_the_objects_are_those_of_the_table() -> None:
    document = figure_as_pdf(new_figure("σ and $\\frac{1}{0}$ and 星"), title="a title")
    start = int(re.findall(rb"startxref\n(\d+)\n", document)[0])
    assert document[start:].startswith(b"xref\n0 ")
    places = [int(place) for place in re.findall(rb"(\d{10}) 00000 n ", document[start:])]
    for number, place in enumerate(places, start=1):
        assert document[place:].startswith(b"%d 0 obj\n" % number)
    assert b"/Title (a title)" in document


def test_the_same_figure_gives_the_same_bytes() -> None:
    figure, panel = page()
    panel.plot(np.array([0.0, 1.0]), np.array([0.0, 1.0]), color="#000000")
    write(panel, 0.5, 0.5, "λ", paper=True)
    assert figure_as_pdf(figure) == figure_as_pdf(figure)


def test_a_font_of_more_letters_than_a_code_has() -> None:
    figure = Figure(size=(10.0, 10.0))
    write(figure, 0.1, 0.5, "".join(map(chr, range(0xA1, 0x180))) + "".join(map(chr, range(0x400, 0x460))))
    assert "/F1+1" in commands(figure)


@pytest.mark.parametrize("text", ["", "\n", "a\n\nb"])
def test_empty_lines_do_no_harm(text: str) -> None:
    figure = Figure(size=(10.0, 10.0))
    write(figure, 0.1, 0.5, text, paper=True)
    assert figure_as_pdf(figure).endswith(b"%%EOF\n")
