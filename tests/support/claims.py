"""FITS files whose headers say what they should not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits


def write_image(path: Path, data: np.ndarray, **cards: object) -> Path:
    """Write an image with more cards."""
    fits.PrimaryHDU(data, fits.Header(cards)).writeto(path, overwrite=True)
    return path


def claim(path: Path, **cards: object) -> Path:
    """Overwrite header values of a file in place, its data left as they are."""
    content = bytearray(path.read_bytes())
    for keyword, value in cards.items():
        start = content.index(keyword.ljust(8).encode())
        content[start : start + 80] = f"{keyword:8}= {value!s:>20}".ljust(80).encode()
    path.write_bytes(bytes(content))
    return path
