"""The stare recipe, put together."""

from __future__ import annotations

from pathlib import Path

from soxspipe.reductions.engine import Reduction
from soxspipe.reductions.progress import Done
from soxspipe.reductions.spec import Published
from soxspipe.reductions.stare.context import StareContext
from soxspipe.reductions.stare.gather import describe, gather
from soxspipe.reductions.stare.inputs import StareInputs
from soxspipe.reductions.stare.result import StareResult
from soxspipe.reductions.stare.single_exposures import split_exposures
from soxspipe.reductions.stare.spec import STARE
from soxspipe.settings.stare import StareSettings

__all__ = ["REDUCTION", "StareContext"]


def _reduce(inputs: StareInputs, settings: StareSettings, done: Done) -> StareResult:
    """The algorithm, imported when it is needed: wrong inputs are reported in a fraction of the time."""
    from soxspipe.reductions.stare import reduce

    return reduce.reduce_stare(inputs, settings, done)


def _recalibrate(spectrum: Path, response: Path, output: Path | None) -> Published:
    """Flux with a response that came later, imported when it is needed as well."""
    from soxspipe.reductions.stare.recalibrate import recalibrate

    return recalibrate(spectrum, response, output)


REDUCTION = Reduction(spec=STARE, gather=gather, reduce=_reduce, describe=describe, split=split_exposures, recalibrate=_recalibrate)
