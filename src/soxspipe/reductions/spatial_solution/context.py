"""One spatial solution and its circumstances, from which products, figures and metrics are made."""

from __future__ import annotations

from typing import TypeAlias

from soxspipe.reductions.arc_result import ArcResult
from soxspipe.reductions.gathered import Context, Gathered
from soxspipe.reductions.lamp_inputs import LampInputs
from soxspipe.settings.spatial_solution import SpatialSolutionSettings

SpatialSolutionContext: TypeAlias = Context[LampInputs, ArcResult, SpatialSolutionSettings]
SpatialSolutionGathered: TypeAlias = Gathered[LampInputs, SpatialSolutionSettings]
