"""Which exposures have a read-out pattern taken off, and what to say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from soxspipe.algorithms.frames.prepare import RawExposure
from soxspipe.algorithms.frames.read_noise import far_from_orders, unlit_pixels
from soxspipe.algorithms.frames.readout_pattern import measure_readout_pattern
from soxspipe.datamodel.frame import ReadoutPattern
from soxspipe.datamodel.remark import Remark
from soxspipe.reductions.stare.inputs import StareInputs

WITH_PATTERN = "NIR"
"""The arm whose detector is read through many channels at once."""

WORTH_SAYING = 0.2
"""Of the read noise: a smaller pattern is within 2 % of the noise of a pixel."""


def without_pattern(exposures: Sequence[RawExposure], inputs: StareInputs) -> tuple[RawExposure, ...]:
    """The exposures, each with the pattern that its own unlit pixels show; untouched where they show none, or in another arm."""
    if inputs.arm.name != WITH_PATTERN:
        return tuple(exposures)
    unlit = unlit_pixels(far_from_orders(inputs.geometry), inputs.masters.flat, every_row=1)
    return tuple(replace(exposure, pattern=measure_readout_pattern(exposure, inputs.masters, unlit)) for exposure in exposures)


def pattern_words(names: Sequence[str], patterns: Sequence[ReadoutPattern | None], read_noise_e: float) -> tuple[str, ...]:
    """One sentence on what was taken off; a remark where it is small beside the read noise."""
    found = [(name, pattern) for name, pattern in zip(names, patterns, strict=True) if pattern is not None]
    if not found:
        return ()
    who = found[0][0] if len(found) == 1 else f"{found[0][0]} and {len(found) - 1} more"
    columns, rows, error = (
        float(np.sqrt(np.mean(np.square(values))))
        for values in (
            [np.std(pattern.columns) for _, pattern in found],
            [np.std(pattern.rows) for _, pattern in found],
            [np.sqrt(pattern.variance) for _, pattern in found],
        )
    )
    parts = [f"{kind} of {size:.1f} e-" for kind, size in (("offsets of channels", columns), ("stripes", rows)) if size > 0]
    said = f"{who}: {' and '.join(parts)} (rms), as unlit pixels show them, were taken off; {error:.1f} e- is added to the error"
    return (said if np.hypot(columns, rows) > WORTH_SAYING * read_noise_e else Remark(said),)
