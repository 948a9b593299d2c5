"""The recipe ``soxs_mflat`` of the public API."""

from __future__ import annotations

from typing import ClassVar

from soxspipe.recipes.calibration_recipe import calibration_recipe


class soxs_mflat(calibration_recipe):
    """Combine raw flats to a master flat, and measure the edges of the orders."""

    _verb: ClassVar[str] = "mflat"
