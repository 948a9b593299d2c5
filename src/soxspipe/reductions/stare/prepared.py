"""Exposures made ready: their noise and saturation known and checked against the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from soxspipe.algorithms.frames.persistence import Persistence
from soxspipe.algorithms.frames.prepare import RawExposure, expose
from soxspipe.algorithms.frames.read_noise import far_from_orders, unlit_pixels
from soxspipe.algorithms.frames.saturation import find_full_well, without_single
from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.datamodel.arrays import BoolArray, FlagArray
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import ReadoutPattern
from soxspipe.datamodel.geometry import OrderWindow
from soxspipe.datamodel.remark import Remark
from soxspipe.datamodel.stored_image import seen
from soxspipe.errors import AlgorithmError
from soxspipe.reductions.stare.afterglow import afterglow_words, measure_afterglow, without_afterglow
from soxspipe.reductions.stare.inputs import StareInputs
from soxspipe.reductions.stare.noise import SetNoise, judge_noise
from soxspipe.reductions.stare.patterns import pattern_words, without_noisy_rows, without_pattern

WORTH_SAYING_PX = 30
"""Fewer saturated pixels on orders are hot ones and cosmic rays."""
HALF_FULL = 0.5
"""Of a full well: a response that loses 2 % when full loses 1 % of the light from here on."""
WORTH_SAYING_HALF_PX = 5000
"""The brightest sky lines alone fill 1500 to 2000 pixels of the NIR so far in 700 to 900 s; an object whose own light does fills more."""
MOST_SATURATED = 0.01
"""Of the pixels inside orders: a core three pixels wide that is full in a seventh of the spectrum."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedSet:
    """Exposures of one set with the noise that their own pixels confirm, read-out patterns and charge of earlier exposures taken off.

    Attributes
    ----------
    inputs : StareInputs
        With what was found out about the masters.
    exposures : tuple of RawExposure
        As in `inputs.raw`.
    windows : tuple of OrderWindow
        The orders.
    noise : SetNoise
        Read noise expected, measured, used.
    full_well_adu : float or None
        Raw level of full wells that was found in the data.
    half_full : tuple of int
        Pixels of each exposure that hold more than half of a full well.
    afterglow : tuple of Persistence or None
        What each exposure shows of the one before it.
    """

    inputs: StareInputs
    exposures: tuple[RawExposure, ...]
    windows: tuple[OrderWindow, ...]
    noise: SetNoise
    full_well_adu: float | None
    half_full: tuple[int, ...]
    afterglow: tuple[Persistence | None, ...]

    @property
    def note(self) -> str:
        """For the step report."""
        well = "" if self.full_well_adu is None else f", wells full from {self.full_well_adu:.0f} ADU"
        return f"{self.noise.note}{well}"

    @property
    def patterns(self) -> tuple[ReadoutPattern | None, ...]:
        """Taken off each exposure."""
        return tuple(exposure.pattern for exposure in self.exposures)

    def is_too_full(self, number: int) -> bool:
        """Whether an exposure has so many full wells that it does not tell what the object's image looks like."""
        if self.half_full[number] < MOST_SATURATED * _pixels_inside(self.windows):  # a full well is more than half full
            return False
        return too_many_full(self.exposures[number].part(slice(None)).flags, self.windows)

    @property
    def fuller(self) -> dict[int, int]:
        """Full wells of the exposures that have markedly more than the one with fewest, by their numbers; no bad or single pixels."""
        full = [self._full_pixels(number) for number in range(len(self.exposures))]
        return {number: own for number, own in enumerate(full) if own - min(full) >= WORTH_SAYING_PX}

    def _full_pixels(self, number: int) -> int:
        exposure = self.exposures[number]
        if self.half_full[number] < WORTH_SAYING_PX or exposure.detector.saturation_adu is None:
            return 0
        full = (seen(exposure.adu) >= exposure.detector.saturation_adu) & ~exposure.bad_pixels
        return int(np.count_nonzero(without_single(full))) if np.count_nonzero(full) >= WORTH_SAYING_PX else 0

    def warnings(self, flags: FlagArray, *, without_full: bool) -> tuple[str, ...]:
        """What to tell the user of noise, patterns and saturation, with the flags of the stacked frame.

        `without_full` is whether the wavelengths on which wells are full were left out.
        """
        read_noise_e = min(noise.used_e for noise in self.noise.exposures)
        names = [raw.name for raw in self.inputs.raw]
        said = (*self.noise.warnings, *pattern_words(names, self.patterns, read_noise_e), *afterglow_words(names, self.afterglow))
        full = saturation_words(flags, self.windows, self.exposures[0].detector.saturation_adu, without_full=without_full)
        return (*said, *full, *half_full_words(names, self.half_full))


def prepare_set(inputs: StareInputs) -> PreparedSet:
    """Find the orders, check the noise of every exposure, look for full wells, take read-out patterns and charge of the exposure before off.

    Raises
    ------
    AlgorithmError
        If the dispersion image holds no order.
    """
    windows = cut_orders(inputs.geometry)
    if not windows:
        raise AlgorithmError("the dispersion image holds no order with solved wavelengths")
    exposures = [expose(raw, inputs.detector, inputs.bad_pixels) for raw in inputs.raw]
    wells, half_full = zip(*(_wells(exposure) for exposure in exposures), strict=True)
    well = min((level for level in wells if level is not None), default=None)
    even = without_pattern(exposures, inputs)
    unlit = unlit_pixels(far_from_orders(inputs.geometry), inputs.masters.flat)
    noise = judge_noise([without_noisy_rows(one) for one in even], [raw.name for raw in inputs.raw], inputs.detector, inputs.masters, unlit)
    plain = [
        replace(exposure, detector=replace(exposure.detector, read_noise_e=one.used_e, saturation_adu=_lower(exposure, well)))
        for exposure, one in zip(even, noise.exposures, strict=True)
    ]
    afterglow = measure_afterglow(plain, inputs)
    return PreparedSet(
        inputs=replace(inputs, masters=replace(inputs.masters, quiet_level_e=noise.quiet_level_e, offset_e=noise.offset_e)),
        exposures=without_afterglow(plain, afterglow, inputs),
        windows=windows,
        noise=noise,
        full_well_adu=well,
        half_full=half_full,
        afterglow=afterglow,
    )


def _wells(exposure: RawExposure) -> tuple[float | None, int]:
    """Level of full wells, if the frame shows one, and how many sound pixels hold more than half of it, or of the level that is known."""
    adu = seen(exposure.adu)
    level = find_full_well(adu, exposure.detector.saturation_adu)
    full = _lower(exposure, level)
    return level, 0 if full is None else int(np.count_nonzero((adu > HALF_FULL * full) & ~exposure.bad_pixels))


def half_full_words(names: Sequence[str], numbers: Sequence[int]) -> tuple[str, ...]:
    """What to tell the user of light so strong that a response that bends would show; nothing is known of how it bends."""
    most, name = max(zip(numbers, names, strict=True))
    if most < WORTH_SAYING_HALF_PX:
        return ()
    return (
        Remark(f"{name}: {most} pixels hold more than half of a full well; where the detector's response bends there, it is not corrected"),
    )


def full_wells(flags: FlagArray, window: OrderWindow) -> BoolArray:
    """Saturated pixels of an order, shape of the window."""
    return np.asarray(window.inside & ((window.cutout(flags) & np.uint8(PixelFlag.SATURATED)) != 0))


def too_many_full(flags: FlagArray, windows: Sequence[OrderWindow]) -> bool:
    """Whether so many wells are full that what is left of the object beside them would spoil its profile everywhere."""
    return sum(int(np.count_nonzero(full_wells(flags, window))) for window in windows) >= MOST_SATURATED * _pixels_inside(windows)


def _pixels_inside(windows: Sequence[OrderWindow]) -> int:
    """Pixels of all orders."""
    return sum(int(np.count_nonzero(window.inside)) for window in windows)


def saturation_words(flags: FlagArray, windows: Sequence[OrderWindow], level_adu: float | None, *, without_full: bool) -> tuple[str, ...]:
    """What to tell the user of full wells: how many there are, from which raw level, and what becomes of the flux there."""
    saturated = count_saturated(flags, windows)
    if saturated < WORTH_SAYING_PX:
        return ()
    said = f"{saturated} pixels on orders are saturated (from {level_adu:.0f} ADU)"
    if without_full:
        return (f"{said}; the wavelengths on which they lie are left out",)
    return (f"{said} and left out; flux that has lost its core is flagged SATURATED and may be wrong by ten per cent and more",)


def count_saturated(flags: FlagArray, windows: Sequence[OrderWindow]) -> int:
    """Saturated pixels on orders that are not bad ones."""
    total = 0
    for window in windows:
        total += int(np.count_nonzero(full_wells(flags, window) & ((window.cutout(flags) & np.uint8(PixelFlag.BAD)) == 0)))
    return total


def _lower(exposure: RawExposure, well_adu: float | None) -> float | None:
    levels = [level for level in (exposure.detector.saturation_adu, well_adu) if level is not None]
    return min(levels, default=None)
