"""Blocks of detector rows or columns without light beside strong light: an amplifier that did not work.

The instrument spreads every edge of light (telluric bands, emission lines, images of stars, shadows) over two pixels or more, and
the slit's image never moves so far that as many lines of an order go dark.  A read-out ends at a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.datamodel.dead_lines import DeadLines
from soxspipe.datamodel.stored_image import Pixels, StoredImage
from soxspipe.numerics.medians import quick_mad_sigma, quick_median

STEP_PX = 8
"""Along a line every eighth pixel is looked at: a hundred pixels on orders know its light to a tenth of the noise of one."""
SAMPLED_PX = 128
"""Shorter lines are looked at in so many pixels."""
LEAST_LINES = 16
"""More than the 11 px that the slit's image was ever seen to move: fewer lines of an order may lie beside the slit."""
LIT_LINES = 8
"""Light beside a block must go on for so many lines: an emission line does not."""
LEAST_PX = 8
"""Fewer pixels say nothing of a line's light."""
MANY = 16_384
"""Values know their scatter to a per cent."""
SURE_SIGMA = 4.0
"""One dark line in 30 000 lies above it by noise."""
HOT_SIGMA = 10.0
"""A pixel of bias or dark so far from its median is hot, or dead itself: an amplifier that gives nothing has no hot pixels."""
PEDESTAL_SHARE = 0.25
"""Of the noise of a pixel: as well as a bias or dark agrees with a frame of another hour."""
LEVEL_SHARE = 0.05
"""The same where pixels between the orders of the line show its level: what the structure of a bias leaves."""
CONTRAST = 6.0
"""Light beside a block over what a dark line may hold: an edge that the optics spread over 2.5 px falls by less than 5 from line to line."""
WING_SHARE = 0.25
"""Of the brightest line within `LIT_LINES`: where a block ends in less, in the wing of an image, more contrast is asked for, for wings fall
faster."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrdersInAdu:
    """A raw frame, trimmed, with what tells its light.

    Attributes
    ----------
    adu : ndarray or StoredImage of any real dtype, shape (ny, nx)
        Turned and trimmed.
    pedestal_e : ndarray or StoredImage, shape (ny, nx), or None
        Electrons of bias or dark; None where no frame without light is known.
    order : ndarray of int, shape (ny, nx)
        Number of the order, 0 between orders.
    bad : ndarray of bool, shape (ny, nx)
        Pixels that are not looked at.
    gain_e_per_adu, read_noise_e : float
        Of the detector.
    saturation_adu : float
        Pixels from here on are not looked at.
    """

    adu: Pixels
    pedestal_e: Pixels | None
    order: IntArray
    bad: BoolArray
    gain_e_per_adu: float
    read_noise_e: float
    saturation_adu: float = np.inf

    def turned(self) -> OrdersInAdu:
        """The same with rows and columns exchanged."""
        return OrdersInAdu(
            adu=_turned(self.adu),
            pedestal_e=None if self.pedestal_e is None else _turned(self.pedestal_e),
            order=self.order.T,
            bad=self.bad.T,
            gain_e_per_adu=self.gain_e_per_adu,
            read_noise_e=self.read_noise_e,
            saturation_adu=self.saturation_adu,
        )

    def lines(self, rows: slice, step: int) -> _Lines:
        """Light of some rows, of every `step`-th pixel along them; a row of one number was not read out, and is above no pedestal."""
        where = (rows, slice(None, None, step))
        adu = self.adu[where]
        pedestal = None if self.pedestal_e is None else self.pedestal_e[where]
        with np.errstate(invalid="ignore", over="ignore"):  # of what is not a number, or none that a detector gives
            light = np.multiply(adu, self.gain_e_per_adu, dtype=np.float32)
            if pedestal is not None:
                light -= pedestal
            good = np.isfinite(light) & (adu < self.saturation_adu) & ~self.bad[where]
        if pedestal is not None:
            good &= _usual(pedestal, HOT_SIGMA * self.read_noise_e)
        light[(adu == adu[:, :1]).all(axis=1)] = 0.0
        light[~good] = 0.0
        return _Lines(light=light, good=good, order=self.order[where], unlit_is_zero=pedestal is not None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Lines:
    """Electrons above the pedestal of the pixels of some lines, 0 where not `good`; the order of each pixel."""

    light: FloatArray
    good: BoolArray
    order: IntArray
    unlit_is_zero: bool

    @property
    def unlit(self) -> BoolArray:
        """True for good pixels between orders."""
        return np.asarray(self.good & (self.order <= 0))

    def level(self) -> _Level:
        """Mean of the pixels between orders, by line; where there are hardly any 0, or NaN if no pedestal is known."""
        mean, count = _means(self.light, self.unlit)
        known = count >= LEAST_PX
        return _Level(mean=np.where(known, mean, 0.0 if self.unlit_is_zero else np.nan), known=known, count=count)

    def noise(self, level: _Level) -> float:
        """Scatter of the pixels between orders about the levels of their lines; 0 where there are hardly any."""
        beside = (self.light - level.mean[:, None])[self.unlit & level.known[:, None]]
        return quick_mad_sigma(_some(beside)) if beside.size >= LEAST_PX else 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Level:
    """Electrons of every line without light, whether its own pixels show it, and how many of them."""

    mean: FloatArray
    known: BoolArray
    count: IntArray

    def limit(self, noise: float, count: NDArray[Any]) -> FloatArray:
        """What the mean of so many pixels without light may hold above the level."""
        of_level = np.where(self.known, 1.0 / np.maximum(self.count, 1), 0.0)
        share = np.where(self.known, LEVEL_SHARE, PEDESTAL_SHARE)
        return np.asarray(noise * (SURE_SIGMA * np.sqrt(1.0 / np.maximum(count, 1) + of_level) + share))


def find_dead_lines(frame: OrdersInAdu) -> tuple[DeadLines, ...]:
    """Find blocks of rows and of columns without light that end at one line beside strong light of the same order.

    Parameters
    ----------
    frame : OrdersInAdu
        An exposure.

    Returns
    -------
    tuple of DeadLines
        Empty where the frame is faint: what holds no strong light cannot show that light is missing.

    Notes
    -----
    The light of a line is the mean of its pixels on orders less that of its pixels between orders, so that a level of its own, which an
    amplifier may add, is no light.
    """
    rows = [DeadLines(axis=0, first=first, stop=stop, beside_e=light) for first, stop, light in _dead_rows(frame)]
    columns = [DeadLines(axis=1, first=first, stop=stop, beside_e=light) for first, stop, light in _dead_rows(frame.turned())]
    return (*rows, *columns)


def _dead_rows(frame: OrdersInAdu) -> Iterator[tuple[int, int, float]]:
    """First and stop of every dead block of rows, and the light beside it."""
    step = min(STEP_PX, max(frame.order.shape[1] // SAMPLED_PX, 1))
    lines = frame.lines(slice(None), step)
    level = lines.level()
    noise = max(frame.read_noise_e, lines.noise(level))
    light, count = _means(lines.light, lines.good & (lines.order > 0))
    light = np.where(count >= LEAST_PX, light - level.mean, np.nan)
    limit = level.limit(noise, count)
    with np.errstate(invalid="ignore"):
        lit, dark = light > limit, np.abs(light) <= limit  # neither where it is not known, or where the image is spoiled otherwise
    seen = _Seen(frame=frame, noise=noise, light=light, lit=lit, dark=dark)
    for first, stop in _runs(dark | ~np.isfinite(light)):
        beside = max(seen.light_beyond(first, -1), seen.light_beyond(stop - 1, 1))
        if beside > 0:
            yield first, stop, beside


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seen:
    """Light of every row of a frame (NaN where it is not known), whether it is more than none, or none, and the noise of a pixel."""

    frame: OrdersInAdu
    noise: float
    light: FloatArray
    lit: BoolArray
    dark: BoolArray

    def light_beyond(self, last: int, step: int) -> float:
        """Light of the row after the last one of a dark run (towards `step`), if the run ends there sharply in strong light; else 0."""
        dark = last - step * np.arange(LEAST_LINES)
        bright = last + step * np.arange(1, LIT_LINES + 1)
        for places in (dark, bright):
            if places.min() < 0 or places.max() >= self.light.size:
                return 0.0
        if not self.dark[dark].all() or not self.lit[bright].all():
            return 0.0
        inside, outside, limit = self._across(last, last + step)
        wing = min(outside / (WING_SHARE * float(self.light[bright].max())), 1.0)
        return outside if inside < limit and outside * wing > CONTRAST * limit else 0.0

    def _across(self, last: int, beyond: int) -> tuple[float, float, float]:
        """Light of two neighbouring rows in the pixels that are of the same order in both, and what a row without light may hold."""
        pair = [self.frame.lines(slice(row, row + 1), 1) for row in (last, beyond)]
        shared = pair[0].good & pair[1].good & (pair[0].order == pair[1].order) & (pair[0].order > 0)
        count = np.count_nonzero(shared, axis=1)
        if count[0] < LEAST_PX:
            return 0.0, 0.0, np.inf
        levels = [one.level() for one in pair]
        inside, outside = (float(_means(one.light, shared)[0][0] - level.mean[0]) for one, level in zip(pair, levels, strict=True))
        return inside, outside, max(float(level.limit(self.noise, count)[0]) for level in levels)


def _turned(image: Pixels) -> Pixels:
    """An image with rows and columns exchanged."""
    return image.through(np.transpose) if isinstance(image, StoredImage) else image.T


def _some(values: FloatArray) -> FloatArray:
    """So many of the values that median and scatter are known to a per cent."""
    return values[:: max(values.size // MANY, 1)]


def _usual(pedestal: NDArray[Any], within_e: float) -> BoolArray:
    """True for pixels of a bias or dark near its median."""
    finite = np.isfinite(pedestal)
    if not finite.any():
        return finite
    return np.asarray(finite & (np.abs(np.where(finite, pedestal, 0.0) - quick_median(_some(pedestal[finite]))) < within_e))


def _means(light: FloatArray, use: BoolArray) -> tuple[FloatArray, IntArray]:
    """Mean of the pixels that may be used along each line, and their number."""
    count = np.count_nonzero(use, axis=1)
    return np.sum(light * use, axis=1, dtype=np.float64) / np.maximum(count, 1), count


def _runs(yes: BoolArray) -> list[tuple[int, int]]:
    """First and stop of every run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], yes, [False]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
