"""One dark reduction and its circumstances, from which products, figures and metrics are made."""

from __future__ import annotations

from typing import TypeAlias

from soxspipe.reductions.gathered import Context, Gathered
from soxspipe.reductions.mdark.result import MdarkResult
from soxspipe.reductions.raw_calibrations import FrameSet
from soxspipe.settings.mdark import MdarkSettings

MdarkContext: TypeAlias = Context[FrameSet, MdarkResult, MdarkSettings]
MdarkGathered: TypeAlias = Gathered[FrameSet, MdarkSettings]
