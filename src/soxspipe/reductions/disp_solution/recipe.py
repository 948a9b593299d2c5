"""The dispersion-solution recipe, put together."""

from __future__ import annotations

from soxspipe.reductions.arc_result import ArcResult
from soxspipe.reductions.disp_solution.gather import describe, gather
from soxspipe.reductions.disp_solution.spec import DISP_SOLUTION
from soxspipe.reductions.engine import Reduction
from soxspipe.reductions.lamp_inputs import LampInputs
from soxspipe.reductions.progress import Done
from soxspipe.settings.disp_solution import DispSolutionSettings

__all__ = ["REDUCTION"]


def _reduce(inputs: LampInputs, settings: DispSolutionSettings, done: Done) -> ArcResult:
    """The algorithm, imported when it is needed: wrong inputs are reported in a fraction of the time."""
    from soxspipe.reductions.disp_solution import reduce

    return reduce.reduce_disp_solution(inputs, settings, done)


REDUCTION = Reduction(spec=DISP_SOLUTION, gather=gather, reduce=_reduce, describe=describe)
