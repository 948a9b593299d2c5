"""What a command for calibrated spectra made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from soxspipe.datamodel.spectrum import JoinedSpectrum
from soxspipe.datamodel.telluric import TelluricCorrection


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finished:
    """A file that was made, what went into it, and what the user should know."""

    path: Path
    note: str
    warnings: tuple[str, ...]
    correction: TelluricCorrection | None = None
    joined: JoinedSpectrum | None = None
