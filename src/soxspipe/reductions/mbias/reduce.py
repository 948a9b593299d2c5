"""The bias recipe's algorithm: frames in, master bias out."""

from __future__ import annotations

from soxspipe.algorithms.calibration.master_bias import make_master_bias
from soxspipe.reductions.mbias.result import MbiasResult
from soxspipe.reductions.progress import Done
from soxspipe.reductions.raw_calibrations import FrameSet, frame_warnings
from soxspipe.settings.mbias import MbiasSettings


def reduce_mbias(inputs: FrameSet, settings: MbiasSettings, done: Done) -> MbiasResult:
    """Combine bias frames to one."""
    master = make_master_bias(inputs.raw, inputs.bad_pixels > 0, settings.combination)
    done("combine", f"{len(master.frame_names)} frames, read noise {master.frames.noise_e:.2f} electrons")
    return MbiasResult(master=master, warnings=frame_warnings([master.frames]))
