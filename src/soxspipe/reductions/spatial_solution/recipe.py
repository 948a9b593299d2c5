"""The spatial-solution recipe, put together."""

from __future__ import annotations

from soxspipe.reductions.arc_result import ArcResult
from soxspipe.reductions.engine import Reduction
from soxspipe.reductions.lamp_inputs import LampInputs
from soxspipe.reductions.progress import Done
from soxspipe.reductions.spatial_solution.gather import describe, gather
from soxspipe.reductions.spatial_solution.spec import SPATIAL_SOLUTION
from soxspipe.settings.spatial_solution import SpatialSolutionSettings

__all__ = ["REDUCTION"]


def _reduce(inputs: LampInputs, settings: SpatialSolutionSettings, done: Done) -> ArcResult:
    """The algorithm, imported when it is needed: wrong inputs are reported in a fraction of the time."""
    from soxspipe.reductions.spatial_solution import reduce

    return reduce.reduce_spatial_solution(inputs, settings, done)


REDUCTION = Reduction(spec=SPATIAL_SOLUTION, gather=gather, reduce=_reduce, describe=describe)
