"""The dark recipe, put together."""

from __future__ import annotations

from soxspipe.reductions.engine import Reduction
from soxspipe.reductions.mdark.gather import describe, gather
from soxspipe.reductions.mdark.result import MdarkResult
from soxspipe.reductions.mdark.spec import MDARK
from soxspipe.reductions.progress import Done
from soxspipe.reductions.raw_calibrations import FrameSet
from soxspipe.settings.mdark import MdarkSettings

__all__ = ["REDUCTION"]


def _reduce(inputs: FrameSet, settings: MdarkSettings, done: Done) -> MdarkResult:
    """The algorithm, imported when it is needed: wrong inputs are reported in a fraction of the time."""
    from soxspipe.reductions.mdark import reduce

    return reduce.reduce_mdark(inputs, settings, done)


REDUCTION = Reduction(spec=MDARK, gather=gather, reduce=_reduce, describe=describe)
