"""The dispersion solution's algorithm: arc frames in, wavelengths at the slit's centre out."""

from __future__ import annotations

import numpy as np

from soxspipe.algorithms.calibration.arc_settings import with_degrees
from soxspipe.algorithms.calibration.combine_lamps import combine_lamps
from soxspipe.reductions.arc_result import ArcResult, arc_result, solve
from soxspipe.reductions.lamp_inputs import LampInputs
from soxspipe.reductions.progress import Done
from soxspipe.settings.disp_solution import DispSolutionSettings


def reduce_disp_solution(inputs: LampInputs, settings: DispSolutionSettings, done: Done) -> ArcResult:
    """Solve a single-pinhole arc."""
    image = combine_lamps(inputs.frames, settings.stack)
    done("detrend", f"{len(inputs.raw)} frames")
    middle = inputs.prediction.mask_arcsec[inputs.prediction.mask_arcsec.size // 2]
    solution = solve(inputs, image, np.array([middle]), with_degrees(settings.arc, settings.poly))
    fit = solution.fit
    done("solve", f"{int(solution.used.sum())} lines, left-out error {fit.x.left_out_px:.3f}, {fit.y.left_out_px:.3f} px")
    result = arc_result(inputs, image, solution)
    done("table", f"read back to {result.readback_px:.1e} px")
    return result
