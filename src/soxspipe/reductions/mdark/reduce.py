"""The dark recipe's algorithm: frames in, master dark out."""

from __future__ import annotations

from soxspipe.algorithms.calibration.master_dark import make_master_dark
from soxspipe.reductions.mdark.result import MdarkResult
from soxspipe.reductions.progress import Done
from soxspipe.reductions.raw_calibrations import FrameSet, frame_warnings
from soxspipe.settings.mdark import MdarkSettings


def reduce_mdark(inputs: FrameSet, settings: MdarkSettings, done: Done) -> MdarkResult:
    """Combine darks to one, and fit level and rate to several exposure times."""
    master = make_master_dark(inputs.raw, inputs.bad_pixels > 0, settings.combination)
    what = f"level and rate of {len(master.line.times_s)} times" if master.line is not None else f"{master.n_frames} frames"
    done("combine", f"{what}, read noise {master.read_noise_e:.2f} electrons")
    return MdarkResult(master=master, warnings=frame_warnings(master.frames))
