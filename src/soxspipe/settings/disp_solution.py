"""Settings of the dispersion solution."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from soxspipe.algorithms.calibration.arc_settings import ArcSettings
from soxspipe.algorithms.frames.clip_and_stack import StackSettings
from soxspipe.settings.base import ReductionSettings


class DispSolutionSettings(ReductionSettings):
    """Settings of the dispersion solution for one arm."""

    plot_names: ClassVar[tuple[str, ...]] = ("disp_map_res", "report")

    poly: str = Field(
        "", pattern=r"^(\d{4})?$", description="Degrees as digits: order x, order y, wavelength x, wavelength y; empty for those below."
    )
    stack: StackSettings = Field(default_factory=StackSettings, description="Combination of exposures.")
    arc: ArcSettings = Field(default_factory=ArcSettings, description="Search for lines and fit.")
