"""Exposures of which an amplifier gave no light: found, left out, and said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from soxspipe.algorithms.frames.dead_lines import OrdersInAdu, find_dead_lines
from soxspipe.algorithms.frames.prepare import orient_and_trim
from soxspipe.datamodel.dead_lines import DeadLines
from soxspipe.datamodel.frame import RawFrame
from soxspipe.datamodel.stored_image import StoredImage
from soxspipe.reductions.stare.inputs import StareInputs

MOST_NAMED = 3
"""Blocks in a sentence."""


def mark_dead_lines(values: StareInputs) -> StareInputs:
    """The inputs, every exposure with the rows and columns that hold no light."""
    return replace(values, raw=tuple(replace(raw, dead=find_dead_lines(_orders_in(raw, values))) for raw in values.raw))


def dead_line_warnings(exposures: tuple[RawFrame, ...]) -> Iterator[str]:
    """One sentence an exposure: which rows or columns hold no light, beside how much, and what becomes of them."""
    for raw in exposures:
        if raw.dead:
            named = [_named(block) for block in raw.dead[:MOST_NAMED]]
            more = f" and {len(raw.dead) - MOST_NAMED} more" if len(raw.dead) > MOST_NAMED else ""
            yield (
                f"{raw.name}: {', '.join(named)}{more} of the detector hold no light, though the pixels beside them hold "
                f"{max(block.beside_e for block in raw.dead):.0f} e-: an amplifier is dead; these pixels are left out"
            )


def _named(block: DeadLines) -> str:
    return f"{'columns' if block.axis else 'rows'} {block.first} to {block.stop - 1}"


def _orders_in(raw: RawFrame, values: StareInputs) -> OrdersInAdu:
    """An exposure with its bias, or a dark that is no exposure of the sky."""
    masters, facts = values.masters, values.detector
    trimmed = partial(orient_and_trim, detector=facts)
    pedestal = masters.bias if masters.bias is not None or values.with_off_frame else masters.dark
    return OrdersInAdu(
        adu=raw.adu.through(trimmed) if isinstance(raw.adu, StoredImage) else trimmed(raw.adu),
        pedestal_e=None if pedestal is None else pedestal.images[0],
        order=values.geometry.dispersion_map.order,
        bad=values.bad_pixels,
        gain_e_per_adu=facts.gain_e_per_adu,
        read_noise_e=facts.read_noise_e,
        saturation_adu=facts.saturation_adu or np.inf,
    )
