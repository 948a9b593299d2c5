"""Objects of a PDF document: letters that are used, what each stands for, opacities."""

from __future__ import annotations

import re
import zlib

import numpy as np

from soxspipe.plots.document import Document, Font
from soxspipe.plots.letters import letter
from soxspipe.plots.show_image import palette


def test_a_letter_has_one_code_and_the_document_draws_it_once() -> None:
    document = Document()
    font = Font(document)
    assert font.codes("abba") == "01020201"
    made = document.finished("", (10.0, 20.0), "")
    assert b"/Widths [1229 1255 1300]" in made, "the box, a and b"
    assert made.count(b" d1 ") == 0, "letters are packed"
    assert letter("a").advance == 1255


def test_readers_find_text_by_its_letters() -> None:
    document = Document()
    Font(document).codes("aσ")
    found = re.search(rb"/ToUnicode (\d+) 0 R", document.finished("", (10.0, 20.0), ""))
    assert found is not None
    packed = document.objects[int(found[1])].split(b"stream\n", 1)[1].removesuffix(b"\nendstream")
    table = zlib.decompress(packed).decode("ascii")
    assert "<01> <0061>" in table
    assert "<02> <03c3>" in table


def test_an_opacity_is_named_once() -> None:
    document = Document()
    assert document.opacity(0.25) == document.opacity(0.25) == "O25"
    assert document.finished("", (10.0, 20.0), "").count(b"/ca 0.25") == 1


def test_many_colours_take_a_byte_a_pixel() -> None:
    document = Document()
    name = document.image(np.array([[0, 200]], np.uint8), palette("viridis", 256))
    held = document.objects[document.images[name]]
    assert b"/BitsPerComponent 8" in held
    assert zlib.decompress(held.split(b"stream\n", 1)[1].removesuffix(b"\nendstream")) == bytes([0, 200])
