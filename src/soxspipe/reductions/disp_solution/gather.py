"""Files of a dispersion solution → values."""

from __future__ import annotations

from soxspipe.io.sof import InputFrames
from soxspipe.reductions.disp_solution.context import DispSolutionGathered
from soxspipe.reductions.disp_solution.spec import DISP_SOLUTION
from soxspipe.reductions.find_files import find_files
from soxspipe.reductions.lamp_inputs import describe, read_lamp_frames
from soxspipe.reductions.raw_calibrations import gather_set
from soxspipe.settings.disp_solution import DispSolutionSettings
from soxspipe.settings.load import SettingsSource

__all__ = ["describe", "gather"]


def gather(
    inputs: InputFrames, settings_source: SettingsSource = None, *, verb: str | None = None, command: str = "", workers: int = 2
) -> DispSolutionGathered:
    """Find, check and read single-pinhole arcs and their calibrations."""
    del verb
    return gather_set(
        find_files(inputs),
        DISP_SOLUTION,
        DispSolutionSettings,
        settings_source,
        read_lamp_frames,
        what="DSOL_PINHOLE",
        command=command,
        workers=workers,
        named_by_target=False,
    )
