"""What comes out of the flat recipe's algorithm."""

from __future__ import annotations

from dataclasses import dataclass

from soxspipe.algorithms.calibration.master_flat import MasterFlat


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MflatResult:
    """The master flat, and what the user should know."""

    master: MasterFlat
    warnings: tuple[str, ...] = ()
