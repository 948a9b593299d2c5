"""A page of ReportLab whose streams are packed for speed, and whose pictures keep their few colours."""

from __future__ import annotations

import zlib
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from reportlab.pdfbase.pdfdoc import PDFArray, PDFName, PDFStream
from reportlab.pdfgen.canvas import Canvas

LEVEL = 1
"""Of zlib: a fifth of the time of ReportLab's own, for figures no larger than its bytes as letters (ASCII85) make them."""


class QuickFilter:
    """Packs a stream, as ReportLab's filters do, but at `LEVEL`."""

    pdfname = "FlateDecode"

    def encode(self, content: str | bytes) -> bytes:
        """Pack text or bytes."""
        return zlib.compress(content.encode("utf-8") if isinstance(content, str) else content, LEVEL)


class QuickCanvas(Canvas):
    """A canvas in memory whose streams go through `QuickFilter`.

    Parameters
    ----------
    size : ndarray, shape (2,)
        Width and height of the page in points.
    """

    def __init__(self, size: NDArray[np.float64]) -> None:
        self._bytes = BytesIO()
        super().__init__(
            self._bytes, pagesize=tuple(size.tolist()), pageCompression=0, invariant=1
        )  # 0: streams go through the filter of the next line
        self._doc.defaultStreamFilters = [QuickFilter()]
        self._pictures = 0

    def document(self) -> bytes:
        """The whole document, after which nothing can be drawn."""
        self.save()
        return self._bytes.getvalue()

    def draw_levels(self, levels: NDArray[np.uint8], palette: NDArray[np.uint8], box: tuple[int, int, int, int]) -> None:
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
        colours = f"<{palette.tobytes().hex()}>"
        stream = PDFStream(content=levels.tobytes())
        stream.dictionary["Type"], stream.dictionary["Subtype"] = PDFName("XObject"), PDFName("Image")
        stream.dictionary["Width"], stream.dictionary["Height"] = levels.shape[1], levels.shape[0]
        stream.dictionary["BitsPerComponent"] = 8
        stream.dictionary["ColorSpace"] = PDFArray([PDFName("Indexed"), PDFName("DeviceRGB"), len(palette) - 1, colours])
        self._pictures += 1
        name = f"picture{self._pictures}"
        self._doc.addForm(name, stream)
        left, bottom, width, height = box
        self.saveState()
        self.translate(left, bottom)
        self.scale(width, height)
        self.doForm(name)
        self.restoreState()
