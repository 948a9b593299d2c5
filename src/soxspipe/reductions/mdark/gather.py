"""Files → everything the dark recipe's algorithm needs, as values."""

from __future__ import annotations

from soxspipe.io.sof import InputFrames
from soxspipe.reductions.mdark.context import MdarkGathered
from soxspipe.reductions.mdark.spec import MDARK
from soxspipe.reductions.raw_calibrations import FrameSet, gather_frames, read_frame_set, require_one_time
from soxspipe.reductions.select import Selected
from soxspipe.settings.load import SettingsSource
from soxspipe.settings.mdark import MdarkSettings


def gather(
    inputs: InputFrames, settings_source: SettingsSource = None, *, verb: str | None = None, command: str = "", workers: int = 2
) -> MdarkGathered:
    """Find, check and read darks; see `soxspipe.reductions.engine.Gather`."""
    return gather_frames(MDARK, MdarkSettings, inputs, settings_source, _read, what="MDARK", command=command, workers=workers)


def describe(inputs: FrameSet) -> str:
    """What was gathered, in one line."""
    times = sorted({raw.exptime_s for raw in inputs.raw})
    return f"{len(inputs.raw)} darks of {', '.join(f'{seconds:g}' for seconds in times)} s, {inputs.arm.name}"


def _read(files: Selected, settings: MdarkSettings) -> FrameSet:
    """In the NIR a set of exposure times gives level and rate; elsewhere darks hold the bias, and times must not be mixed."""
    if files.exposures[0].facts.needs != "dark":
        require_one_time(files.exposures, "darks of an arm with a bias")
    return read_frame_set(files)
