"""Sigma-clipped combination of exposures."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from pydantic import Field

from soxspipe.algorithms.settings import AlgorithmSettings
from soxspipe.datamodel.arrays import BoolImage, FloatArray, Image, IntArray
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import Frame


class StackSettings(AlgorithmSettings):
    """Settings of `clip_and_stack`."""

    stacked_clipping_sigma: float = Field(
        15.0,
        gt=0,
        description="Reject a pixel of one exposure that differs from the others by more than this many sigma of expected noise.",
    )
    stacked_clipping_iterations: int = Field(
        3, ge=0, le=50, description="Most rounds of rejection when stacking; 0 stacks without rejection."
    )


GROW_SIGMA = 5.0
SOURCE_TOLERANCE = 0.3
STRIP_HALF_PX = 7
ROWS_AT_ONCE = 64


def clip_and_stack(frames: Sequence[Frame], settings: StackSettings, pedestal: Image | None = None) -> Frame:
    """Average exposures, leaving out pixels that one exposure alone shows bright.

    A pixel of one exposure is compared with the median of all (with the lower of two) *in units of the noise expected there*:
    read noise plus the photons of the reference.  What a whole strip of neighbours along either axis shows too is a change of
    seeing, sky or transparency and is tolerated, as is a share of the reference itself; neighbours of a rejected pixel are
    judged at `GROW_SIGMA`.  Where exposures were rejected, the mean of the others is corrected by the median difference that
    the neighbours show between all exposures and the ones kept.

    Parameters
    ----------
    frames : sequence of Frame
        Prepared exposures (electrons, read-noise variance), at least one, of one shape.
    settings : StackSettings
        Clipping limit in sigma and number of rounds.
    pedestal : ndarray of float, shape (ny, nx), or None
        Electrons that are no photons (the bias), which add no photon noise.

    Returns
    -------
    Frame
        Mean electrons; read-noise variance of the mean; flags of pixels that no exposure delivers; exposures used per pixel.

    Raises
    ------
    ValueError
        If there is no frame or shapes differ.

    Notes
    -----
    With n frames of variance V_i the mean has the variance (sum V_i) / n^2.
    """
    if not frames:
        raise ValueError("there is no frame to stack")
    if len({frame.shape for frame in frames}) > 1:
        raise ValueError(f"frames of different shapes cannot be stacked: {sorted({frame.shape for frame in frames})}")
    if len(frames) == 1:
        return frames[0]
    data = [frame.electrons for frame in frames]
    usable = [frame.flags == 0 for frame in frames]
    hits = _find_hits(data, usable, frames, settings, pedestal)
    kept = [good & ~hit for good, hit in zip(usable, hits, strict=True)]
    return _average(frames, kept)


def _find_hits(
    data: Sequence[Image], usable: Sequence[BoolImage], frames: Sequence[Frame], settings: StackSettings, pedestal: Image | None
) -> list[BoolImage]:
    """One mask of rejected pixels per exposure."""
    hits = [np.zeros(good.shape, dtype=bool) for good in usable]
    for _ in range(settings.stacked_clipping_iterations):
        found = 0
        reference, noise = _reference(data, [good & ~hit for good, hit in zip(usable, hits, strict=True)], frames, pedestal)
        for k, electrons in enumerate(data):
            difference = electrons - reference
            fresh = usable[k] & ~hits[k]
            near = _dilate(hits[k])
            candidate = fresh & (
                difference > np.where(near, min(GROW_SIGMA, settings.stacked_clipping_sigma), settings.stacked_clipping_sigma) * noise
            )
            confirmed = _confirm(np.flatnonzero(candidate), difference, reference, noise, near, settings.stacked_clipping_sigma, pedestal)
            hits[k].reshape(-1)[confirmed] = True
            found += confirmed.size
        if not found:
            break
    return hits


def _reference(data: Sequence[Image], kept: Sequence[BoolImage], frames: Sequence[Frame], pedestal: Image | None) -> tuple[Image, Image]:
    """Robust level of each pixel over the exposures, and the noise expected in the difference of one exposure from it."""
    shape = data[0].shape
    reference, noise = np.empty(shape), np.empty(shape)
    for start in range(0, shape[0], ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        block = np.stack([np.where(good[rows], electrons[rows], np.nan) for electrons, good in zip(data, kept, strict=True)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # pixels without any exposure
            reference[rows] = _lower_middle(block)
        floor = frames[0].variance[rows]
        photons = reference[rows] - (0.0 if pedestal is None else pedestal[rows])
        noise[rows] = np.sqrt((floor + np.maximum(np.nan_to_num(photons), 0.0)) * (1.0 + 1.0 / len(data)))
    return np.nan_to_num(reference), noise


def _lower_middle(block: FloatArray) -> FloatArray:
    """Median of an odd, lower middle of an even number of values along axis 0, NaN left out."""
    ordered = np.sort(block, axis=0)  # NaN last
    count = np.isfinite(block).sum(axis=0)
    middle = np.maximum((count - 1) // 2, 0)
    return np.take_along_axis(ordered, middle[None], axis=0)[0]


def _dilate(mask: BoolImage) -> BoolImage:
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    tall = grown.copy()
    grown[:, 1:] |= tall[:, :-1]
    grown[:, :-1] |= tall[:, 1:]
    return grown


def _strips(flat_index: IntArray, shape: tuple[int, int]) -> tuple[IntArray, IntArray]:
    """Flat indices of the strips of 2 `STRIP_HALF_PX` + 1 pixels through each pixel, along y and along x; each (n, strip)."""
    y, x = np.divmod(flat_index, shape[1])
    step = np.arange(-STRIP_HALF_PX, STRIP_HALF_PX + 1)
    along_y = np.clip(y[:, None] + step, 0, shape[0] - 1) * shape[1] + x[:, None]
    along_x = y[:, None] * shape[1] + np.clip(x[:, None] + step, 0, shape[1] - 1)
    return along_y, along_x


def _confirm(
    candidates: IntArray, difference: Image, reference: Image, noise: Image, near: BoolImage, sigma: float, pedestal: Image | None
) -> IntArray:
    """Keep the candidates that stand out of the difference that their neighbours show as well."""
    if not candidates.size:
        return candidates
    flat = difference.reshape(-1)
    shared = np.max([np.abs(np.median(flat[strip], axis=1)) for strip in _strips(candidates, difference.shape)], axis=0)
    light = reference.reshape(-1)[candidates] - (0.0 if pedestal is None else pedestal.reshape(-1)[candidates])
    limit = np.where(near.reshape(-1)[candidates], min(GROW_SIGMA, sigma), sigma) * noise.reshape(-1)[candidates]
    return candidates[flat[candidates] > limit + 1.5 * shared + SOURCE_TOLERANCE * np.maximum(light, 0.0)]


def _average(frames: Sequence[Frame], kept: Sequence[BoolImage]) -> Frame:
    n = len(frames)
    total, variance = np.zeros(frames[0].shape), np.zeros(frames[0].shape)
    counts = np.zeros(frames[0].shape, dtype=np.uint8 if n < 256 else np.uint16)
    for frame, good in zip(frames, kept, strict=True):
        total += np.where(good, frame.electrons, 0.0)
        variance += np.where(good, frame.variance, 0.0)
        counts += good
    used = np.maximum(counts, 1)
    lost = counts == 0
    mean = total / used
    mean[lost] = np.mean([frame.electrons[lost] for frame in frames], axis=0)
    variance[lost] = np.sum([frame.variance[lost] for frame in frames], axis=0)
    partial = np.flatnonzero((counts > 0) & (counts < n))
    mean.reshape(-1)[partial] += _neighbours_difference(partial, frames, kept)
    shared, raised = np.array(frames[0].flags), np.array(frames[0].flags)
    for frame in frames[1:]:
        shared &= frame.flags
        raised |= frame.flags
    flags = np.where(lost & (shared == 0), raised, shared)
    flags[lost & (flags == 0)] = np.uint8(PixelFlag.COSMIC_RAY)
    flags[~lost] = 0
    return Frame(
        electrons=mean,
        variance=variance / np.where(lost, n, used).astype(np.float64) ** 2,
        flags=flags,
        exptime_s=float(np.mean([frame.exptime_s for frame in frames])),
        n_exposures=n,
        counts=np.where(lost, n, used).astype(counts.dtype),
    )


def _neighbours_difference(pixels: IntArray, frames: Sequence[Frame], kept: Sequence[BoolImage]) -> FloatArray:
    """Mean of all exposures minus mean of those kept at `pixels`, as the medians of the strips around them tell; the larger of the two."""
    if not pixels.size:
        return np.empty(0)
    weight = np.array([good.reshape(-1)[pixels] for good in kept], dtype=np.float64)
    weight /= weight.sum(axis=0)
    best = np.zeros(pixels.size)
    for strip in _strips(pixels, frames[0].shape):
        values = np.array([frame.electrons.reshape(-1)[strip] for frame in frames])
        change = np.median(values.mean(axis=0) - np.einsum("kp,kps->ps", weight, values), axis=1)
        best = np.where(np.abs(change) > np.abs(best), change, best)
    return best
