"""Settings of the bias recipe."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from soxspipe.algorithms.calibration.master_bias import FrameClipSettings
from soxspipe.settings.base import ReductionSettings


class MbiasSettings(ReductionSettings):
    """Settings of the bias recipe for one arm."""

    plot_names: ClassVar[tuple[str, ...]] = ("bias_distribution_qc_plot", "report")

    combination: FrameClipSettings = Field(default_factory=FrameClipSettings, description="Combination of frames.")
