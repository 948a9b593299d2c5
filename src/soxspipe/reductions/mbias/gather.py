"""Files → everything the bias recipe's algorithm needs, as values."""

from __future__ import annotations

from soxspipe.io.sof import InputFrames
from soxspipe.reductions.mbias.context import MbiasGathered
from soxspipe.reductions.mbias.spec import MBIAS
from soxspipe.reductions.raw_calibrations import FrameSet, gather_frames, read_frame_set, require_one_time
from soxspipe.reductions.select import Selected
from soxspipe.settings.load import SettingsSource
from soxspipe.settings.mbias import MbiasSettings


def gather(
    inputs: InputFrames, settings_source: SettingsSource = None, *, verb: str | None = None, command: str = "", workers: int = 2
) -> MbiasGathered:
    """Find, check and read bias frames; see `soxspipe.reductions.engine.Gather`."""
    return gather_frames(MBIAS, MbiasSettings, inputs, settings_source, _read, what="MBIAS", command=command, workers=workers)


def describe(inputs: FrameSet) -> str:
    """What was gathered, in one line."""
    return f"{len(inputs.raw)} bias frames, {inputs.arm.name}"


def _read(files: Selected, settings: MbiasSettings) -> FrameSet:
    require_one_time(files.exposures, "bias frames")
    return read_frame_set(files)
