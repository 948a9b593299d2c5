"""One page of PDF: what draws it, in ReportLab's document, which makes fonts, pictures and the file of it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from reportlab.pdfbase.pdfdoc import PDFArray, PDFDictionary, PDFDocument, PDFName, PDFPage, PDFResourceDictionary, PDFStream
from reportlab.pdfbase.ttfonts import TTFont

LEVEL = 1
"""Of zlib: a fifth of the time of ReportLab's own, for figures no larger than its bytes as letters (ASCII85) make them."""


class QuickFilter:
    """Packs a stream, as ReportLab's filters do, but at `LEVEL`."""

    pdfname = "FlateDecode"

    def encode(self, content: str | bytes) -> bytes:
        """Pack text or bytes."""
        return zlib.compress(content.encode("utf-8") if isinstance(content, str) else content, LEVEL)


class Sheet:
    """A page that is drawn by operators of PDF (ISO 32000-1, annex A), all lengths in units of its own.

    Parameters
    ----------
    size_pt : ndarray, shape (2,)
        Width and height in points.
    unit_pt : str
        Length of a unit in points.
    """

    def __init__(self, size_pt: NDArray[np.float64], unit_pt: str) -> None:
        self.document = PDFDocument(compression=0, invariant=1)  # 0: streams are left to the filter of the next line
        self.document.defaultStreamFilters = [QuickFilter()]
        self._page = PDFPage()
        self._page.pagewidth, self._page.pageheight = size_pt.tolist()
        self._said = [f"{unit_pt} 0 0 {unit_pt} 0 0 cm"]
        self._opacities: dict[str, str] = {}
        self._pictures: list[str] = []

    def say(self, *operators: str) -> None:
        """Add operators, each with its operands before it."""
        self._said.extend(operators)

    @contextmanager
    def apart(self) -> Iterator[None]:
        """What is said inside leaves places, pens and clipping as they were."""
        self.say("q")
        yield
        self.say("Q")

    @contextmanager
    def fainter(self, opacity: float) -> Iterator[None]:
        """Areas that are filled inside let what is below shine through."""
        self.document.ensureMinPdfVersion("transparency")
        name = self._opacities.setdefault(f"{opacity:g}", f"gs{len(self._opacities)}")
        with self.apart():
            self.say(f"/{name} gs")
            yield

    def write(self, font: TTFont, size: int, places: list[tuple[str, str]]) -> None:
        """Write texts, each at its place: the matrix of text, as six numbers."""
        self.say("BT")
        for matrix, text in places:
            self.say(f"{matrix} Tm")
            for subset, letters in font.splitString(text, self.document):
                self.say(f"{font.getSubsetInternalName(subset, self.document)} {size} Tf", f"<{letters.hex()}> Tj")
        self.say("ET")

    def picture(self, levels: NDArray[np.uint8], palette: NDArray[np.uint8], box: tuple[int, int, int, int]) -> None:
        """Draw a picture.

        Parameters
        ----------
        levels : ndarray, shape (rows, columns)
            Places in the palette, the highest row first.
        palette : ndarray, shape (n, 3)
            Red, green and blue.
        box : tuple of int
            Left, bottom, width, height.
        """
        colours = PDFArray([PDFName("Indexed"), PDFName("DeviceRGB"), len(palette) - 1, f"<{palette.tobytes().hex()}>"])
        entries = {"Width": levels.shape[1], "Height": levels.shape[0], "BitsPerComponent": 8, "ColorSpace": colours}
        entries |= {"Type": PDFName("XObject"), "Subtype": PDFName("Image")}
        name = f"picture{len(self._pictures)}"
        self.document.addForm(name, PDFStream(PDFDictionary(entries), levels.tobytes()))
        self._pictures.append(name)
        left, bottom, width, height = box
        with self.apart():
            self.say(f"{width} 0 0 {height} {left} {bottom} cm", f"/{self.document.getXObjectName(name)} Do")

    def finished(self, title: str, creator: str) -> bytes:
        """The whole document, after which nothing can be drawn."""
        self.document.setTitle(title)
        self.document.setAuthor("")
        self.document.setCreator(creator)
        self._page.setStream(self._said)
        self._page.Resources = resources = PDFResourceDictionary()
        resources.basicFonts()
        resources.allProcs()
        resources.XObject = self.document.xobjDict(self._pictures)
        resources.ExtGState = PDFDictionary({name: PDFDictionary({"ca": opacity}) for opacity, name in self._opacities.items()})
        self.document.addPage(self._page)
        return bytes(self.document.GetPDFData(None))
