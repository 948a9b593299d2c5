"""Pixels struck by cosmic rays, exposure by exposure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.frames.prepare import orient_and_trim
from soxspipe.datamodel.arrays import BoolImage
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import RawFrame
from soxspipe.datamodel.stored_image import seen
from soxspipe.reductions.stare.context import StareContext

STANDS_OUT = 4.0
"""Sigma of one exposure above the mean of the others, in pixels of which the stack left at least one exposure out."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StruckPixels:
    """An exposure, and its pixels that were struck."""

    raw: RawFrame
    struck: BoolImage


def struck_pixels(context: StareContext) -> tuple[StruckPixels, ...]:
    """Struck pixels of the exposures that were averaged as pixels; those that were solved on their own have no image of their own.

    A pixel that is flagged in the mean was struck in every exposure; where the stack left exposures out, they are those that stand out.
    """
    result = context.result
    everywhere = (result.sky_subtracted.flags & np.uint8(PixelFlag.COSMIC_RAY)) != 0
    averaged = _averaged(context)
    counts = result.stacked.counts
    if counts is None or len(averaged) < 2:
        return tuple(StruckPixels(raw=raw, struck=everywhere) for raw in averaged)
    return tuple(StruckPixels(raw=raw, struck=everywhere | _left_out(raw, context)) for raw in averaged)


def _averaged(context: StareContext) -> tuple[RawFrame, ...]:
    """Exposures of the first group, whose mean the images show."""
    raw, records = context.inputs.raw, context.result.exposures
    if len(records) != len(raw):
        return tuple(raw)
    return tuple(one for one, record in zip(raw, records, strict=True) if record.group == 0)


def _left_out(raw: RawFrame, context: StareContext) -> BoolImage:
    """Pixels of an exposure that stand out of a mean from which some exposure was left out."""
    stacked, detector = context.result.stacked, context.inputs.detector
    assert stacked.counts is not None
    row, column = np.nonzero(stacked.counts < stacked.n_exposures)
    electrons = orient_and_trim(seen(raw.adu), detector)[row, column].astype(np.float64) * detector.gain_e_per_adu
    noise = np.sqrt(np.maximum(stacked.variance[row, column], 0.0) * np.maximum(stacked.counts[row, column], 1))
    struck = np.zeros(stacked.shape, dtype=bool)
    struck[row, column] = electrons - stacked.electrons[row, column] > STANDS_OUT * np.maximum(noise, detector.read_noise_e)
    return struck
