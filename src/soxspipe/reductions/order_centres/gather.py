"""Files of order centres → values."""

from __future__ import annotations

from soxspipe.io.sof import InputFrames
from soxspipe.reductions.lamp_inputs import describe, gather_lamp_frames
from soxspipe.reductions.order_centres.context import OrderCentresGathered
from soxspipe.reductions.order_centres.spec import ORDER_CENTRES
from soxspipe.settings.load import SettingsSource
from soxspipe.settings.order_centres import OrderCentresSettings

__all__ = ["describe", "gather"]


def gather(
    inputs: InputFrames, settings_source: SettingsSource = None, *, verb: str | None = None, command: str = "", workers: int = 2
) -> OrderCentresGathered:
    """Find, check and read pinhole flats and their calibrations."""
    del verb
    return gather_lamp_frames(ORDER_CENTRES, OrderCentresSettings, inputs, settings_source, what="OLOC", command=command, workers=workers)
