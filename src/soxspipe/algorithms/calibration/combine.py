"""Combination of raw calibration frames that loses nothing: outliers are judged by the noise that is expected, not by the scatter of a few numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri

from soxspipe.datamodel.arrays import BoolArray, FlagArray, FloatArray, Image, IntArray
from soxspipe.datamodel.raw_calibration import BadPixel, RawCalibration
from soxspipe.numerics.robust import row_median

ROWS_AT_ONCE = 16
"""Rows of all frames together that are in memory at a time; few enough for the processor's cache."""

CHANCE = 1e-7
"""Chance that scatter alone makes a good pixel unstable: less than one pixel of a detector of four million."""

MEDIAN_VARIANCE = 1.57
"""Variance of a median over that of a mean, many numbers."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NoiseModel:
    """Expected variance of one pixel of one frame: ``read_e**2 + photons``.

    Attributes
    ----------
    read_e : float
        Noise of a pixel that holds `floor_e`.
    floor_e : float
        Level without photons (or with those that `read_e` holds already); what a pixel holds above it are photons.
    least_e : float
        What a pixel holds above the floor counts only if it is more than this: noise alone must not make itself larger.
    photons : bool
        False where no pixel holds photons (bias).
    relative : float
        Share of the light by which frames may differ in any place beside their noise: a lamp that changes its colour.
    """

    read_e: float
    floor_e: float = 0.0
    least_e: float = 0.0
    photons: bool = True
    relative: float = 0.0

    def variance(self, electrons: FloatArray) -> FloatArray:
        """Of pixels that hold `electrons`."""
        if not self.photons:
            return np.full(np.shape(electrons), np.float32(self.read_e**2))
        above = electrons - np.float32(self.floor_e)
        above *= above > np.float32(self.least_e)
        above += np.float32(self.read_e**2)
        return np.asarray(above)

    def tolerance(self, electrons: FloatArray, variance: FloatArray) -> FloatArray:
        """Square of the deviation by which outliers are judged: `variance` and what frames may differ by besides."""
        return np.asarray(variance + np.float32(self.relative**2) * electrons**2) if self.relative else variance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Combined:
    """Frames combined to one, shape (ny, nx) each.

    Attributes
    ----------
    electrons : ndarray of float32
        Mean frame (where levels differ: at the mean level).
    variance : ndarray of float32
        Of `electrons`.
    reasons : ndarray of uint8
        `BadPixel.UNSTABLE` and `BadPixel.NOT_FINITE`.
    n_frames : int
        Frames combined.
    n_rejected : int
        Pixels of single frames left out.
    """

    electrons: Image
    variance: Image
    reasons: FlagArray
    n_frames: int
    n_rejected: int


def combine(
    frames: Sequence[RawCalibration],
    noise: NoiseModel,
    *,
    clip_sigma: float,
    offsets_e: Sequence[float] | FloatArray | None = None,
    levels: Sequence[float] | None = None,
    pedestal: Image | None = None,
) -> Combined:
    """Combine frames to their mean, block by block.

    Parameters
    ----------
    frames : sequence of RawCalibration
        At least one.
    noise : NoiseModel
        Variance expected of one frame, of the values that are left when offsets and pedestal are gone.
    clip_sigma : float
        A pixel of one frame that is further than this from the others is left out.
    offsets_e : sequence of float, or ndarray of shape (n, 1) or (n, ny), optional
        Level of each frame, or of each of its rows, against their mean; taken out before frames are compared.
    levels : sequence of float, optional
        Light of each frame relative to their mean, which is 1; frames of unequal level are added up and divided by the sum of levels.
    pedestal : ndarray, shape (ny, nx), optional
        What every frame holds beside light (bias, dark, lamp-off frame); taken out.

    Returns
    -------
    Combined
        Its variance does not hold that of the pedestal.

    Notes
    -----
    With light l_i F in frame i, the sum of counts over the sum of levels, F = sum x_i / sum l_i, has the least variance where photons dominate, and
    for equal levels it is the mean.  All frames take part in a first F; only pixels in which one frame or the scatter of all is
    improbable are looked at once more, against their median.  A pixel of Gaussian noise is left out with a chance of 6e-7 at 5 sigma, so that
    the mean of n frames has a noise of sigma / sqrt(n) for any n.
    """
    shape = frames[0].detector.shape
    n = len(frames)
    level = np.ones(n, dtype=np.float32) if levels is None else np.asarray(levels, dtype=np.float32)
    offset = np.zeros((n, 1), dtype=np.float32) if offsets_e is None else np.asarray(offsets_e, dtype=np.float32).reshape(n, -1)
    offset = np.broadcast_to(offset, (n, shape[0]))
    electrons, variance = np.empty(shape, np.float32), np.empty(shape, np.float32)
    reasons = np.zeros(shape, np.uint8)
    n_rejected = 0
    for start in range(0, shape[0], ROWS_AT_ONCE):
        rows = slice(start, min(start + ROWS_AT_ONCE, shape[0]))
        stack = np.empty((n, rows.stop - rows.start, shape[1]), np.float32)
        for index, frame in enumerate(frames):
            np.subtract(frame.electrons(rows.start, rows.stop), offset[index, rows, None], out=stack[index])
            if pedestal is not None:
                stack[index] -= pedestal[rows]
        block = combine_block(stack, level, noise, clip_sigma)
        electrons[rows], variance[rows], reasons[rows] = block.electrons, block.variance, block.reasons
        n_rejected += block.n_rejected
    return Combined(electrons=electrons, variance=variance, reasons=reasons, n_frames=n, n_rejected=n_rejected)


def combine_block(stack: FloatArray, level: FloatArray, noise: NoiseModel, clip_sigma: float) -> Combined:
    """Combine a stack of shape (n, ny, nx) with levels of shape (n,); see `combine`."""
    n = stack.shape[0]
    finite = np.isfinite(stack.sum(axis=0))
    if not finite.all():
        return _combine_with_gaps(stack, level, noise, clip_sigma, finite)
    total = level.sum()
    mean = stack.sum(axis=0)
    mean /= total
    expected = noise.variance(mean)
    tolerated = noise.tolerance(mean, expected)
    worst, scatter = _scatter(stack, level, mean)
    allowed = np.float32(clip_sigma**2 * (1.0 - level.min() / total)) * tolerated
    limit = np.float32(_scatter_limit(n)) * tolerated
    suspects = np.flatnonzero((worst > allowed) | (scatter > limit)) if n > 1 else np.empty(0, np.int64)
    variance = (np.float32(n * noise.read_e**2 / total**2) + (expected - np.float32(noise.read_e**2)) / total).astype(np.float32)
    reasons = np.zeros(mean.shape, np.uint8)
    n_rejected = 0
    if suspects.size:
        closer = _look_closer(stack.reshape(n, -1)[:, suspects], level, noise, clip_sigma)
        mean.reshape(-1)[suspects], variance.reshape(-1)[suspects] = closer.electrons, closer.variance
        reasons.reshape(-1)[suspects] = closer.reasons
        n_rejected = closer.n_rejected
    return Combined(electrons=mean, variance=variance, reasons=reasons, n_frames=n, n_rejected=n_rejected)


def _scatter(stack: FloatArray, level: FloatArray, mean: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Largest square of a deviation from the mean, and the sum of squares."""
    worst, scatter = np.zeros_like(mean), np.zeros_like(mean)
    equal = bool(np.all(level == 1))
    deviation = np.empty_like(mean)
    for index in range(stack.shape[0]):
        np.subtract(stack[index], mean if equal else mean * level[index], out=deviation)
        deviation *= deviation
        np.maximum(worst, deviation, out=worst)
        scatter += deviation
    return worst, scatter


def _scatter_limit(n: int) -> float:
    return float(chdtri(max(n - 1, 1), CHANCE))


def _look_closer(values: FloatArray, level: FloatArray, noise: NoiseModel, clip_sigma: float, usable: BoolArray | None = None) -> Combined:
    """Combine the frames of a few pixels, shape (n, m), that some frame or the scatter shows to be odd.

    Frames are compared with their median, with the lower of two.  Charge that is in one frame alone is a cosmic ray and costs that frame;
    what is missing in one frame, or differs in several, makes the pixel unstable.
    """
    n = values.shape[0]
    usable = np.ones(values.shape, dtype=bool) if usable is None else usable
    scaled = values / level[:, None]
    lowest = np.where(usable, scaled, np.inf).min(axis=0)
    reference = np.where(np.isfinite(lowest), lowest, 0.0) if n == 2 else row_median(scaled.T, usable.T)
    reference = reference.astype(np.float32)
    light = reference[None, :] * level[:, None]
    expected = noise.tolerance(light, noise.variance(light))
    deviation = np.where(usable, values - light, 0.0)
    limit = clip_sigma * np.sqrt(expected * (1.0 + (1.0 if n == 2 else MEDIAN_VARIANCE / n)))
    high, low = deviation > limit, deviation < -limit
    unstable = (high.sum(axis=0) > 1) | low.any(axis=0)
    kept = usable & ~high & ~low
    kept = np.where(unstable[None, :] | ~kept.any(axis=0)[None, :], usable, kept)
    weight = np.maximum((kept * level[:, None]).sum(axis=0), 1e-6)
    mean = np.where(kept, values, 0.0).sum(axis=0) / weight
    count = kept.sum(axis=0)
    photons = noise.variance(mean) - noise.read_e**2
    variance = count * noise.read_e**2 / weight**2 + photons / weight
    chi2 = np.where(kept, (values - mean[None, :] * level[:, None]) ** 2 / expected, 0.0).sum(axis=0)
    unstable |= chi2 > chdtri(np.maximum(count - 1, 1), CHANCE)
    # what jumps is uncertain by its scatter
    spread = (
        np.where(kept, (values - mean[None, :] * level[:, None]) ** 2, 0.0).sum(axis=0) / np.maximum(count - 1, 1) / np.maximum(count, 1)
    )
    variance = np.where(unstable, np.maximum(variance, spread), variance)
    reasons = np.where(unstable, np.uint8(BadPixel.UNSTABLE), np.uint8(0))
    reasons = np.where(usable.any(axis=0), reasons, reasons | np.uint8(BadPixel.NOT_FINITE)).astype(np.uint8)
    return Combined(
        electrons=mean.astype(np.float32),
        variance=variance.astype(np.float32),
        reasons=reasons,
        n_frames=n,
        n_rejected=int((usable & ~kept).sum()),
    )


def _combine_with_gaps(stack: FloatArray, level: FloatArray, noise: NoiseModel, clip_sigma: float, finite: BoolArray) -> Combined:
    """As `combine_block`, for a block in which some numbers are none."""
    whole = combine_block(np.where(np.isfinite(stack), stack, np.float32(0.0)), level, noise, clip_sigma)
    pixels: IntArray = np.flatnonzero(~finite)
    values = stack.reshape(stack.shape[0], -1)[:, pixels]
    usable = np.isfinite(values)
    closer = _look_closer(np.where(usable, values, 0.0), level, noise, clip_sigma, usable)
    electrons, variance, reasons = whole.electrons.copy(), whole.variance.copy(), whole.reasons.copy()
    electrons.reshape(-1)[pixels], variance.reshape(-1)[pixels], reasons.reshape(-1)[pixels] = (
        closer.electrons,
        closer.variance,
        closer.reasons,
    )
    return Combined(
        electrons=electrons, variance=variance, reasons=reasons, n_frames=whole.n_frames, n_rejected=whole.n_rejected + closer.n_rejected
    )
