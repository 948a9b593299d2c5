"""Settings of the order centres."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from soxspipe.algorithms.calibration.trace_settings import TraceSettings
from soxspipe.algorithms.frames.clip_and_stack import StackSettings
from soxspipe.settings.base import ReductionSettings


class OrderCentresSettings(ReductionSettings):
    """Settings of the order centres for one arm."""

    plot_names: ClassVar[tuple[str, ...]] = ("order_centres_res", "report")

    poly: str = Field("", pattern=r"^(\d{2})?$", description="Degrees as digits: order, dispersion axis; empty for those below.")
    stack: StackSettings = Field(default_factory=StackSettings, description="Combination of exposures.")
    continuum: TraceSettings = Field(default_factory=TraceSettings, description="Trace of the orders.")
