"""Frames of a lit pinhole mask become one frame of light alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.calibration.arc_image import ArcImage
from soxspipe.algorithms.frames.clip_and_stack import StackSettings, clip_and_stack
from soxspipe.algorithms.frames.detrend import Pedestal, exposures, make_pedestal
from soxspipe.algorithms.frames.prepare import RawExposure, expose
from soxspipe.datamodel.arrays import BoolImage, Image, IntArray
from soxspipe.datamodel.calibrations import Masters
from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import Frame, RawFrame
from soxspipe.datamodel.stored_frame import AnyFrame

Lamps = tuple[str, ...]
DARK_SIGMA = 8.0
"""Pixels of a dark or lamp-off frame so far above it are hot: their noise is not known."""
ROWS_AT_ONCE = 64
"""Bounds the memory; the result does not depend on it."""
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

    Frames of different lamps are added, not averaged, and never compared with each other: a line of one is not a cosmic ray of the other.

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
        stacked = clip_and_stack(exposed, settings) if len(exposed) > 1 else exposed[0]
        level = _dark_level(stacked.exptime_s, frames.masters, shape)
        for start in range(0, shape[0], ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            light = _light(stacked, frames.masters, rows, level)
            electrons[rows] += light.electrons
            variance[rows] += light.variance
            good[rows] &= light.good
            saturated[rows] |= light.saturated
    if use_flat and frames.masters.flat is not None:
        _divide(electrons, variance, good, frames.masters.flat)
    return ArcImage(electrons=electrons, variance=variance, good=good, saturated=saturated)


def _light(stacked: Frame | RawExposure, masters: Masters, rows: slice, level: float) -> ArcImage:
    """Some rows of a lamp's light; `level` is that of the charge of the dark or lamp-off frame."""
    part, own = stacked.part(rows), masters.cutout(lambda image: image[rows])
    pedestal = make_pedestal(stacked.exptime_s, own, part.electrons.shape)
    full = (part.flags & np.uint8(PixelFlag.SATURATED)) > 0
    bad = (part.flags & ~np.uint8(PixelFlag.SATURATED)) > 0
    return ArcImage(
        electrons=part.electrons - pedestal.electrons,
        variance=np.asarray(part.variance, np.float64) + pedestal.variance + pedestal.dark_photons / _exposures(stacked, rows),
        good=~bad & ~pedestal.bad & ~_hot(pedestal, own, level),
        saturated=full,
    )


def _exposures(stacked: Frame | RawExposure, rows: slice) -> Image | IntArray | float:
    """Integrations averaged in each pixel of some rows."""
    return exposures(stacked.cutout(lambda image: image[rows])) if isinstance(stacked, Frame) else float(stacked.integrations)


def _dark_level(exptime_s: float, masters: Masters, shape: tuple[int, int]) -> float:
    """Median charge of the dark or lamp-off frame, electrons."""
    some = np.broadcast_to(np.zeros(1), shape)[::7, ::5].shape
    return float(np.median(make_pedestal(exptime_s, masters.cutout(lambda image: image[::7, ::5]), some).dark_photons))


def _hot(pedestal: Pedestal, masters: Masters, level: float) -> BoolImage:
    """Pixels far above the level of the dark or lamp-off frame."""
    if masters.dark is None:
        return np.zeros(pedestal.bad.shape, dtype=bool)
    noise = np.sqrt(np.maximum(masters.dark.variance, 0.0) + max(level, 0.0))
    return np.asarray(pedestal.dark_photons - level > DARK_SIGMA * np.maximum(noise, 1.0) + 10.0 * np.sqrt(max(level, 1.0)))


def _divide(electrons: Image, variance: Image, good: BoolImage, flat: AnyFrame) -> None:
    """Divide an image by the flat, some rows at a time, in place."""
    for start in range(0, electrons.shape[0], ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        level = flat.electrons[rows].astype(np.float64)
        good[rows] &= (flat.flags[rows] == 0) & (level > LEAST_FLAT)
        divisor = np.where(good[rows], level, 1.0)
        electrons[rows] /= divisor
        variance[rows] /= divisor**2


def combine_flats(frames: LampFrames, settings: StackSettings) -> ArcImage:
    """The same for pinhole flats, all of which are of one kind of light."""
    alike = LampFrames(
        raw=frames.raw, lamps=[()] * len(frames.raw), detector=frames.detector, bad_pixels=frames.bad_pixels, masters=frames.masters
    )
    return combine_lamps(alike, settings)
