"""The recipe ``soxs_mdark`` of the public API."""

from __future__ import annotations

from typing import ClassVar

from soxspipe.recipes.calibration_recipe import calibration_recipe


class soxs_mdark(calibration_recipe):
    """Combine raw darks to a master dark."""

    _verb: ClassVar[str] = "mdark"
