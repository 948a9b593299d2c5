"""What comes out of the dark recipe's algorithm."""

from __future__ import annotations

from dataclasses import dataclass

from soxspipe.algorithms.calibration.master_dark import MasterDark


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MdarkResult:
    """The master dark, and what the user should know."""

    master: MasterDark
    warnings: tuple[str, ...] = ()
