"""Settings of the dark recipe."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from soxspipe.algorithms.calibration.master_bias import FrameClipSettings
from soxspipe.settings.base import ReductionSettings


class MdarkSettings(ReductionSettings):
    """Settings of the dark recipe for one arm."""

    plot_names: ClassVar[tuple[str, ...]] = ("dark_qc_plot", "report")

    combination: FrameClipSettings = Field(default_factory=FrameClipSettings, description="Combination of frames.")
