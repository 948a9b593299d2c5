"""Settings of the flat recipe."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from soxspipe.algorithms.calibration.flat_settings import FlatSettings
from soxspipe.settings.base import ReductionSettings


class MflatSettings(ReductionSettings):
    """Settings of the flat recipe for one arm."""

    plot_names: ClassVar[tuple[str, ...]] = ("bkground", "order_loc_res", "report")

    subtract_background: bool = Field(True, description="Fit and subtract the scattered light between orders.")
    flat: FlatSettings = Field(default_factory=FlatSettings, description="Combination, edges and defects.")
