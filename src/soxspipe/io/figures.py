"""Figures as the bytes of a file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure_as_pdf(figure: Figure, *, title: str = "") -> bytes:
    """Render a figure as a PDF; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
        Any matplotlib figure.
    title : str
        Title in the document's metadata.

    Returns
    -------
    bytes
        The document.
    """
    pages = io.BytesIO()
    metadata = {"Title": title or None, "Creator": "soxs-stare", "Producer": None, "CreationDate": None}
    figure.savefig(pages, format="pdf", metadata=metadata)
    return pages.getvalue()
