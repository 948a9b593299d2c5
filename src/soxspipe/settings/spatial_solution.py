"""Settings of the spatial solution."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from soxspipe.algorithms.calibration.arc_settings import ArcSettings
from soxspipe.algorithms.frames.clip_and_stack import StackSettings
from soxspipe.settings.base import ReductionSettings


class SpatialSolutionSettings(ReductionSettings):
    """Settings of the spatial solution for one arm."""

    plot_names: ClassVar[tuple[str, ...]] = ("disp_map_res", "report")

    use_flat: bool = Field(False, description="Divide the arc by the master flat.")
    subtract_background: bool = Field(False, description="Take off the light that is scattered between the orders.")
    make_map: bool = Field(True, description="Make the image of wavelength, slit position and order.")
    map_to_image_displacement_threshold: float = Field(
        1e-4,
        gt=0,
        description="Largest distance (px) between a pixel of the map and the place its solution is sent to; at most 1e-4 is used.",
    )
    poly: str = Field(
        "", pattern=r"^(\d{6})?$", description="Degrees as digits: order x, y, wavelength x, y, slit x, y; empty for those below."
    )
    stack: StackSettings = Field(default_factory=StackSettings, description="Combination of exposures.")
    arc: ArcSettings = Field(default_factory=ArcSettings, description="Search for lines and fit.")
