"""One stare reduction and its circumstances, from which products, figures and metrics are made."""

from __future__ import annotations

from typing import TypeAlias

from soxspipe.reductions.gathered import Context, Gathered
from soxspipe.reductions.stare.inputs import StareInputs
from soxspipe.reductions.stare.result import StareResult
from soxspipe.settings.stare import StareSettings

StareContext: TypeAlias = Context[StareInputs, StareResult, StareSettings]
StareGathered: TypeAlias = Gathered[StareInputs, StareSettings]
