"""What comes out of the bias recipe's algorithm."""

from __future__ import annotations

from dataclasses import dataclass

from soxspipe.algorithms.calibration.master_bias import MasterBias


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MbiasResult:
    """The master bias, and what the user should know."""

    master: MasterBias
    warnings: tuple[str, ...] = ()
