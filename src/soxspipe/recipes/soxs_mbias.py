"""The recipe ``soxs_mbias`` of the public API."""

from __future__ import annotations

from typing import ClassVar

from soxspipe.recipes.calibration_recipe import calibration_recipe


class soxs_mbias(calibration_recipe):
    """Combine raw bias frames to a master bias."""

    _verb: ClassVar[str] = "mbias"
