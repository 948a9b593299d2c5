"""One bias reduction and its circumstances, from which products, figures and metrics are made."""

from __future__ import annotations

from typing import TypeAlias

from soxspipe.reductions.gathered import Context, Gathered
from soxspipe.reductions.mbias.result import MbiasResult
from soxspipe.reductions.raw_calibrations import FrameSet
from soxspipe.settings.mbias import MbiasSettings

MbiasContext: TypeAlias = Context[FrameSet, MbiasResult, MbiasSettings]
MbiasGathered: TypeAlias = Gathered[FrameSet, MbiasSettings]
