"""The flat recipe, put together."""

from __future__ import annotations

from soxspipe.reductions.engine import Reduction
from soxspipe.reductions.mflat.gather import describe, gather
from soxspipe.reductions.mflat.inputs import MflatInputs
from soxspipe.reductions.mflat.result import MflatResult
from soxspipe.reductions.mflat.spec import MFLAT
from soxspipe.reductions.progress import Done
from soxspipe.settings.mflat import MflatSettings

__all__ = ["REDUCTION"]


def _reduce(inputs: MflatInputs, settings: MflatSettings, done: Done) -> MflatResult:
    """The algorithm, imported when it is needed: wrong inputs are reported in a fraction of the time."""
    from soxspipe.reductions.mflat import reduce

    return reduce.reduce_mflat(inputs, settings, done)


REDUCTION = Reduction(spec=MFLAT, gather=gather, reduce=_reduce, describe=describe)
