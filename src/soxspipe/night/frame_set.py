"""Exposures that one recipe takes together."""

from __future__ import annotations

from dataclasses import dataclass

from soxspipe.night.frame_row import FrameRow
from soxspipe.night.rules import SetRule


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSet:
    """Exposures that one recipe takes together.

    Attributes
    ----------
    rule : SetRule
        What it is.
    name : str
        Of the set-of-files, without ``.sof``.
    frames : tuple of FrameRow
        In order of time; exposures with the lamp on.
    off_frames : tuple of FrameRow
        The same with the lamp off.
    warnings : tuple of str
        For the user, one sentence each.
    """

    rule: SetRule
    name: str
    frames: tuple[FrameRow, ...]
    off_frames: tuple[FrameRow, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def first(self) -> FrameRow:
        """The earliest exposure, which stands for the set."""
        return self.frames[0]

    @property
    def arm(self) -> str:
        """Arm of the spectrograph."""
        return self.first.arm

    @property
    def night(self) -> str:
        """Date at the start of the night."""
        return self.first.night
