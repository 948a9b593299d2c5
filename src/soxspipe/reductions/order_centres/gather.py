"""Files of order centres → values."""

from __future__ import annotations

from soxspipe.io.sof import InputFrames
from soxspipe.reductions.find_files import find_files
from soxspipe.reductions.lamp_inputs import describe, read_lamp_frames
from soxspipe.reductions.order_centres.context import OrderCentresGathered
from soxspipe.reductions.order_centres.spec import ORDER_CENTRES
from soxspipe.reductions.raw_calibrations import gather_set
from soxspipe.settings.load import SettingsSource
from soxspipe.settings.order_centres import OrderCentresSettings

__all__ = ["describe", "gather"]


def gather(
    inputs: InputFrames, settings_source: SettingsSource = None, *, verb: str | None = None, command: str = "", workers: int = 2
) -> OrderCentresGathered:
    """Find, check and read pinhole flats and their calibrations."""
    del verb
    return gather_set(
        find_files(inputs),
        ORDER_CENTRES,
        OrderCentresSettings,
        settings_source,
        read_lamp_frames,
        what="OLOC",
        command=command,
        workers=workers,
        named_by_target=False,
    )
