"""The bias recipe, put together."""

from __future__ import annotations

from soxspipe.reductions.engine import Reduction
from soxspipe.reductions.mbias.gather import describe, gather
from soxspipe.reductions.mbias.result import MbiasResult
from soxspipe.reductions.mbias.spec import MBIAS
from soxspipe.reductions.progress import Done
from soxspipe.reductions.raw_calibrations import FrameSet
from soxspipe.settings.mbias import MbiasSettings

__all__ = ["REDUCTION"]


def _reduce(inputs: FrameSet, settings: MbiasSettings, done: Done) -> MbiasResult:
    """The algorithm, imported when it is needed: wrong inputs are reported in a fraction of the time."""
    from soxspipe.reductions.mbias import reduce

    return reduce.reduce_mbias(inputs, settings, done)


REDUCTION = Reduction(spec=MBIAS, gather=gather, reduce=_reduce, describe=describe)
