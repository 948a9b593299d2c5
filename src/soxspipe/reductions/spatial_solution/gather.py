"""Files of a spatial solution → values."""

from __future__ import annotations

from soxspipe.io.sof import InputFrames
from soxspipe.reductions.find_files import find_files
from soxspipe.reductions.lamp_inputs import describe, read_lamp_frames
from soxspipe.reductions.raw_calibrations import gather_set
from soxspipe.reductions.spatial_solution.context import SpatialSolutionGathered
from soxspipe.reductions.spatial_solution.spec import SPATIAL_SOLUTION
from soxspipe.settings.load import SettingsSource
from soxspipe.settings.spatial_solution import SpatialSolutionSettings

__all__ = ["describe", "gather"]


def gather(
    inputs: InputFrames, settings_source: SettingsSource = None, *, verb: str | None = None, command: str = "", workers: int = 2
) -> SpatialSolutionGathered:
    """Find, check and read multi-pinhole arcs and their calibrations."""
    del verb
    return gather_set(
        find_files(inputs),
        SPATIAL_SOLUTION,
        SpatialSolutionSettings,
        settings_source,
        read_lamp_frames,
        what="SSOL_MULTPIN",
        command=command,
        workers=workers,
        named_by_target=False,
    )
