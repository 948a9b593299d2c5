"""One dispersion solution and its circumstances, from which products, figures and metrics are made."""

from __future__ import annotations

from typing import TypeAlias

from soxspipe.reductions.arc_result import ArcResult
from soxspipe.reductions.gathered import Context, Gathered
from soxspipe.reductions.lamp_inputs import LampInputs
from soxspipe.settings.disp_solution import DispSolutionSettings

DispSolutionContext: TypeAlias = Context[LampInputs, ArcResult, DispSolutionSettings]
DispSolutionGathered: TypeAlias = Gathered[LampInputs, DispSolutionSettings]
