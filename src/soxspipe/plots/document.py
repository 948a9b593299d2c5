"""The objects of a PDF document of one page: images, opacities, a font of drawn letters (ISO 32000-1)."""

from __future__ import annotations

import zlib
from functools import cache

import numpy as np
from numpy.typing import NDArray

from soxspipe import __version__
from soxspipe.plots.letters import UNITS, letter

COMPRESSION = 3
"""Of zlib; 9 takes several times as long for a tenth fewer bytes."""
FEW_COLOURS = 16
"""Up to which two pixels share a byte."""
MOST_CODES = 255
"""Letters of a font whose codes are bytes; code 0 is the empty box."""
CATALOG, PAGES, PAGE, CONTENTS, INFO = range(1, 6)
"""Numbers of the objects that every document has."""


class Document:
    """Objects of a document, and the names by which its page calls them."""

    def __init__(self) -> None:
        self.objects: dict[int, bytes] = {}
        self.next = INFO + 1
        self.images: dict[str, int] = {}
        self.fonts: dict[str, Font] = {}
        self.opacities: dict[str, float] = {}

    def add(self, content: bytes) -> int:
        """Add an object; returns its number."""
        self.objects[self.next] = content
        self.next += 1
        return self.next - 1

    def add_stream(self, content: bytes, about: str = "") -> int:
        """Add data, compressed."""
        return self.add(_stream(content, about))

    def image(self, levels: NDArray[np.uint8], palette: NDArray[np.uint8]) -> str:
        """Add an image, the highest row first, whose pixels count in a palette, shape (n, 3); returns its name."""
        rows, columns = levels.shape
        bits = 4 if len(palette) <= FEW_COLOURS else 8
        if bits == 4:
            even = np.pad(levels, ((0, 0), (0, columns % 2)))
            levels = np.bitwise_or(even[:, ::2] << 4, even[:, 1::2], dtype=np.uint8)
        space = f"[/Indexed /DeviceRGB {len(palette) - 1} <{palette.tobytes().hex()}>]"
        about = f"/Type /XObject /Subtype /Image /Width {columns} /Height {rows} /BitsPerComponent {bits} /ColorSpace {space}"
        name = f"I{len(self.images)}"
        self.images[name] = self.add_stream(np.ascontiguousarray(levels).tobytes(), about)
        return name

    def opacity(self, share: float) -> str:
        """Name of the graphics state in which fillings are as opaque."""
        name = f"O{round(100 * share)}"
        self.opacities[name] = share
        return name

    def finished(self, commands: str, size_pt: tuple[float, float], title: str) -> bytes:
        """The document, with the commands of its page."""
        fonts = {name: font.finished() for name, font in self.fonts.items()}
        resources = " ".join(
            f"/{kind} << {' '.join(f'/{name} {value}' for name, value in entries.items())} >>"
            for kind, entries in (
                ("Font", {name: f"{number} 0 R" for name, number in fonts.items()}),
                ("XObject", {name: f"{number} 0 R" for name, number in self.images.items()}),
                ("ExtGState", {name: f"<< /ca {share:g} >>" for name, share in self.opacities.items()}),
            )
        )
        width, height = size_pt
        about = f"/Parent {PAGES} 0 R /MediaBox [0 0 {width:g} {height:g}] /Contents {CONTENTS} 0 R /Resources << {resources} >>"
        self.objects |= {
            CATALOG: f"<< /Type /Catalog /Pages {PAGES} 0 R >>".encode(),
            PAGES: f"<< /Type /Pages /Kids [{PAGE} 0 R] /Count 1 >>".encode(),
            PAGE: f"<< /Type /Page {about} >>".encode(),
            CONTENTS: _stream(commands.encode("ascii")),
            INFO: f"<< /Creator (soxs-stare {__version__}) /Title {_hexadecimal(title)} >>".encode(),
        }
        return _file(self.objects)


def _hexadecimal(text: str) -> str:
    """A text string (7.9.2)."""
    return f"<feff{text.encode('utf-16-be', 'replace').hex()}>"


def _stream(content: bytes, about: str = "") -> bytes:
    """A stream object (7.3.8)."""
    packed = zlib.compress(content, COMPRESSION)
    return f"<< /Length {len(packed)} /Filter /FlateDecode {about} >>\nstream\n".encode() + packed + b"\nendstream"


def _file(objects: dict[int, bytes]) -> bytes:
    """Header, objects, table of their places, trailer (7.5)."""
    parts, places, place = [b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"], [], 15
    for number in sorted(objects):
        part = b"%d 0 obj\n%b\nendobj\n" % (number, objects[number])
        parts.append(part)
        places.append(b"%010d 00000 n \n" % place)
        place += len(part)
    count = len(objects) + 1
    table = b"xref\n0 %d\n0000000000 65535 f \n" % count + b"".join(places)
    end = b"trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, CATALOG, INFO, place)
    return b"".join([*parts, table, end])


class Font:
    """The letters that a document uses, drawn by commands of their own (a Type 3 font, 9.6.5)."""

    NAME = "F0"

    def __init__(self, document: Document) -> None:
        self.document = document
        self.used: dict[str, int] = {}
        document.fonts[self.NAME] = self

    def codes(self, text: str) -> str:
        """Codes of letters, hexadecimal."""
        return "".join(f"{self._code(character):02x}" for character in text)

    def _code(self, character: str) -> int:
        if character not in self.used and len(self.used) < MOST_CODES:
            self.used[character] = len(self.used) + 1
        return self.used.get(character, 0)

    def finished(self) -> int:
        """Write the font; returns its number."""
        characters = ["�", *self.used]
        names = [f"/g{code}" for code in range(len(characters))]
        procedures = " ".join(
            f"{name} {self.document.add(drawn(character))} 0 R" for name, character in zip(names, characters, strict=True)
        )
        widths = " ".join(str(letter(character).advance) for character in characters)
        unicode = self.document.add_stream(_to_unicode(characters))
        about = (
            f"/Type /Font /Subtype /Type3 /FontMatrix [{1 / UNITS} 0 0 {1 / UNITS} 0 0] /FontBBox [0 0 0 0] /Resources << >>"
            f" /FirstChar 0 /LastChar {len(characters) - 1} /Widths [{widths}] /CharProcs << {procedures} >>"
            f" /Encoding << /Type /Encoding /Differences [0 {' '.join(names)}] >> /ToUnicode {unicode} 0 R"
        )
        return self.document.add(f"<< {about} >>".encode())


@cache
def drawn(character: str) -> bytes:
    """The commands that draw a letter."""
    glyph = letter(character)
    box = " ".join(map(str, glyph.box))
    return _stream(f"{glyph.advance} 0 {box} d1 {glyph.commands}{' f' if glyph.commands else ''}".encode("ascii"))


def _to_unicode(characters: list[str]) -> bytes:
    """A table by which readers find and copy text (9.10.3); a hundred letters to a block at the most."""
    blocks = []
    for start in range(0, len(characters), 100):
        some = characters[start : start + 100]
        rows = "\n".join(f"<{start + number:02x}> <{one.encode('utf-16-be', 'replace').hex()}>" for number, one in enumerate(some))
        blocks.append(f"{len(some)} beginbfchar\n{rows}\nendbfchar")
    head = "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /letters def /CMapType 2 def"
    space = "1 begincodespacerange <00> <ff> endcodespacerange"
    return "\n".join([head, space, *blocks, "endcmap end end"]).encode("ascii")
