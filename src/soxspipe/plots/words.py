"""Colours and words that figures and the report share.

Colours are Okabe and Ito's, told apart by every common form of colour vision and in grey.
"""

from __future__ import annotations

INK = "#1a1a1a"
MUTED = "#5f6670"
BLUE = "#0072b2"
PALE_BLUE = "#b9d7ea"
MID_BLUE = "#7fb4d8"
VERMILION = "#d55e00"
PALE_VERMILION = "#f3c9ab"
GREEN = "#009e73"
PALE_GREEN = "#b2e1d4"
ORANGE = "#e69f00"
PURPLE = "#aa4499"
BAND = "#e7e7e7"
WEAK_BAND = "#f4f4f4"
JOIN = "#9aa0a6"
ORDER_COLOURS = ((BLUE, PALE_BLUE), (VERMILION, PALE_VERMILION))
"""Line and spread of neighbouring orders, in turn."""

ELECTRONS = "electrons per pixel"
COUNTS = "flux (electrons per pixel)"
FLUX_DENSITY = "erg s⁻¹ cm⁻² Å⁻¹"
FWHM_PER_SIGMA = 2.3548
"""Of a Gaussian."""

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def power_of_ten(exponent: int) -> str:
    """``10⁻¹⁷`` as plain text."""
    return "10" + str(exponent).translate(_SUPERSCRIPT)


def paler(color: str, share: float) -> str:
    """A colour (``#rrggbb``) of which only a share is put on white paper."""
    return "#" + bytes(round(255 - share * (255 - part)) for part in bytes.fromhex(color[1:])).hex()
