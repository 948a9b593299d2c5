"""Frames of a lit pinhole mask become one frame of light alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.calibration.arc_image import ArcImage
from soxspipe.algorithms.frames.clip_and_stack import StackSettings, clip_and_stack
from soxspipe.algorithms.frames.detrend import Pedestal, exposures, make_pedestal
from soxspipe.algorithms.frames.prepare import expose
from soxspipe.datamodel.arrays import BoolImage, Image
from soxspipe.datamodel.calibrations import Masters
from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import RawFrame
from soxspipe.datamodel.stored_frame import AnyFrame

Lamps = tuple[str, ...]
DARK_SIGMA = 8.0
"""Pixels of a dark or lamp-off frame so far above it are hot: their noise is not known."""
LEAST_FLAT = 0.05
"""Share of the flat's median in lit pixels below which it is not divided by."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LampFrames:
    """Raw frames with the lamps that were on, and what is known of the detector."""

    raw: Sequence[RawFrame]
    lamps: Sequence[Lamps]
    detector: Detector
    bad_pixels: BoolImage
    masters: Masters


def combine_lamps(frames: LampFrames, settings: StackSettings, *, use_flat: bool = False) -> ArcImage:
    """Average frames of the same lamps, take bias and dark off, and add up the lamps.

    Frames of different lamps are added, not averaged, and never compared with each other: a line of one is no cosmic ray of the other.

    Parameters
    ----------
    frames : LampFrames
        At least one.
    settings : StackSettings
        How frames of the same lamps are combined.
    use_flat : bool
        Divide by the master flat, where there is one.
    """
    shape = frames.detector.shape
    electrons: Image = np.zeros(shape)
    variance: Image = np.zeros(shape)
    good, saturated = np.ones(shape, dtype=bool), np.zeros(shape, dtype=bool)
    for lamps in dict.fromkeys(frames.lamps):
        group = [raw for raw, own in zip(frames.raw, frames.lamps, strict=True) if own == lamps]
        exposed = [expose(raw, frames.detector, frames.bad_pixels) for raw in group]
        stacked = clip_and_stack(exposed, settings) if len(exposed) > 1 else exposed[0].whole()
        pedestal = make_pedestal(stacked.exptime_s, frames.masters, shape)
        electrons += stacked.electrons - pedestal.electrons
        variance += stacked.variance + pedestal.variance + pedestal.dark_photons / exposures(stacked)
        flags = stacked.flags
        saturated |= (flags & np.uint8(PixelFlag.SATURATED)) > 0
        good &= ~((flags & ~np.uint8(PixelFlag.SATURATED)) > 0) & ~pedestal.bad & ~_hot(pedestal, frames.masters)
    if use_flat and frames.masters.flat is not None:
        electrons, variance, good = _flattened(electrons, variance, good, frames.masters.flat)
    return ArcImage(electrons=electrons, variance=variance, good=good, saturated=saturated)


def _hot(pedestal: Pedestal, masters: Masters) -> BoolImage:
    """Pixels far above the level of the dark or lamp-off frame."""
    if masters.dark is None:
        return np.zeros(pedestal.bad.shape, dtype=bool)
    sample = pedestal.dark_photons[::7, ::5]
    level = float(np.median(sample))
    noise = np.sqrt(np.maximum(masters.dark.variance, 0.0) + max(level, 0.0))
    return np.asarray(pedestal.dark_photons - level > DARK_SIGMA * np.maximum(noise, 1.0) + 10.0 * np.sqrt(max(level, 1.0)))


def _flattened(electrons: Image, variance: Image, good: BoolImage, flat: AnyFrame) -> tuple[Image, Image, BoolImage]:
    level = flat.electrons.astype(np.float64)
    lit = good & (flat.flags == 0) & (level > LEAST_FLAT)
    divisor = np.where(lit, level, 1.0)
    return electrons / divisor, variance / divisor**2, good & lit


def combine_flats(frames: LampFrames, settings: StackSettings) -> ArcImage:
    """The same for pinhole flats, all of which are of one kind of light."""
    alike = LampFrames(
        raw=frames.raw, lamps=[()] * len(frames.raw), detector=frames.detector, bad_pixels=frames.bad_pixels, masters=frames.masters
    )
    return combine_lamps(alike, settings)
