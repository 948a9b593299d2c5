"""One flat reduction and its circumstances, from which products, figures and metrics are made."""

from __future__ import annotations

from typing import TypeAlias

from soxspipe.reductions.gathered import Context, Gathered
from soxspipe.reductions.mflat.inputs import MflatInputs
from soxspipe.reductions.mflat.result import MflatResult
from soxspipe.settings.mflat import MflatSettings

MflatContext: TypeAlias = Context[MflatInputs, MflatResult, MflatSettings]
MflatGathered: TypeAlias = Gathered[MflatInputs, MflatSettings]
