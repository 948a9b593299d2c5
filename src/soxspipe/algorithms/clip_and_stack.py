"""Sigma-clipped combination of exposures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from soxspipe.algorithms.settings import AlgorithmSettings
from soxspipe.datamodel.arrays import BoolArray, BoolImage, FloatArray, Image, IntArray
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
LEAST_NEIGHBOURS = 5
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
    """One mask of rejected pixels per exposure; after the first round only neighbours of hits are looked at."""
    hits = [np.zeros(good.shape, dtype=bool) for good in usable]
    sigma = settings.stacked_clipping_sigma
    if settings.stacked_clipping_iterations < 1:
        return hits
    reference, noise = _reference(data, usable, frames, pedestal)
    candidates = [_exceeding(electrons, reference, noise, sigma) for electrons in data]
    for _ in range(settings.stacked_clipping_iterations):
        found = 0
        for k, electrons in enumerate(data):
            fresh = candidates[k][usable[k].reshape(-1)[candidates[k]] & ~hits[k].reshape(-1)[candidates[k]]]
            near = _touches(fresh, hits[k])
            confirmed = _confirm(fresh, electrons, reference, noise, np.where(near, min(GROW_SIGMA, sigma), sigma), pedestal)
            hits[k].reshape(-1)[confirmed] = True
            candidates[k] = _around(confirmed, frames[0].shape)
            found += confirmed.size
        if not found:
            break
    return hits


def _reference(data: Sequence[Image], usable: Sequence[BoolImage], frames: Sequence[Frame], pedestal: Image | None) -> tuple[Image, Image]:
    """Robust level of each pixel over the exposures, and the noise expected in the difference of one exposure from it."""
    shape = data[0].shape
    reference, noise = np.empty(shape), np.empty(shape)
    excess = 1.0 + 1.0 / len(data)
    for start in range(0, shape[0], ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        reference[rows] = _lower_middle([electrons[rows] for electrons in data])
    flagged = np.flatnonzero(~np.logical_and.reduce(usable))
    if flagged.size:
        values = np.stack(
            [np.where(good.reshape(-1)[flagged], d.reshape(-1)[flagged], np.inf) for d, good in zip(data, usable, strict=True)]
        )
        count = np.isfinite(values).sum(axis=0)
        middle = np.take_along_axis(np.sort(values, axis=0), (np.maximum(count - 1, 0) // 2)[None], axis=0)[0]
        reference.reshape(-1)[flagged] = np.where(count > 0, middle, 0.0)
    for start in range(0, shape[0], ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        photons = reference[rows] if pedestal is None else reference[rows] - pedestal[rows]
        noise[rows] = np.sqrt((frames[0].variance[rows] + np.maximum(photons, 0.0)) * excess)
    return reference, noise


def _lower_middle(values: Sequence[FloatArray]) -> FloatArray:
    """Median of an odd, lower middle of an even number of arrays, pixel by pixel."""
    if len(values) == 2:
        return np.minimum(values[0], values[1])
    if len(values) == 3:
        low, high = np.minimum(values[0], values[1]), np.maximum(values[0], values[1])
        return np.maximum(low, np.minimum(high, values[2]))
    middle = (len(values) - 1) // 2
    return np.asarray(np.partition(np.stack(values), middle, axis=0)[middle])


def _exceeding(electrons: Image, reference: Image, noise: Image, sigma: float) -> IntArray:
    """Flat indices of pixels more than `sigma` above the reference."""
    found = []
    for start in range(0, electrons.shape[0], ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        found.append(np.flatnonzero(electrons[rows] - reference[rows] > sigma * noise[rows]) + start * electrons.shape[1])
    return np.concatenate(found)


def _around(pixels: IntArray, shape: tuple[int, int]) -> IntArray:
    """Flat indices of the eight neighbours of every pixel."""
    if not pixels.size:
        return pixels
    y, x = np.divmod(pixels, shape[1])
    dy, dx = (offset.ravel() for offset in np.mgrid[-1:2, -1:2])
    rows, columns = np.clip(y[:, None] + dy, 0, shape[0] - 1), np.clip(x[:, None] + dx, 0, shape[1] - 1)
    return np.unique(rows * shape[1] + columns)


def _touches(pixels: IntArray, hits: BoolImage) -> BoolArray:
    """Whether each pixel has a hit among its neighbours."""
    y, x = np.divmod(pixels, hits.shape[1])
    touched = np.zeros(pixels.size, dtype=bool)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            touched |= hits[np.clip(y + dy, 0, hits.shape[0] - 1), np.clip(x + dx, 0, hits.shape[1] - 1)]
    return touched


def _reflected(index: IntArray, length: int) -> IntArray:
    """Indices past an end are mirrored at it, so that an edge pixel is not its own neighbour."""
    return (length - 1) - np.abs((length - 1) - np.abs(index))


def _strips(flat_index: IntArray, shape: tuple[int, int]) -> tuple[IntArray, IntArray]:
    """Flat indices of the strips of 2 `STRIP_HALF_PX` + 1 pixels through each pixel, along y and along x; each (n, strip)."""
    y, x = np.divmod(flat_index, shape[1])
    step = np.arange(-STRIP_HALF_PX, STRIP_HALF_PX + 1)
    along_y = _reflected(y[:, None] + step, shape[0]) * shape[1] + x[:, None]
    along_x = y[:, None] * shape[1] + _reflected(x[:, None] + step, shape[1])
    return along_y, along_x


def _confirm(candidates: IntArray, electrons: Image, reference: Image, noise: Image, sigma: FloatArray, pedestal: Image | None) -> IntArray:
    """Keep the candidates that stand out of the difference that their neighbours show as well."""
    if not candidates.size:
        return candidates
    level, values = reference.reshape(-1), electrons.reshape(-1)
    shared = np.max([np.abs(np.median(values[strip] - level[strip], axis=1)) for strip in _strips(candidates, electrons.shape)], axis=0)
    light = level[candidates] - (0.0 if pedestal is None else pedestal.reshape(-1)[candidates])
    limit = sigma * noise.reshape(-1)[candidates] + 1.5 * shared + SOURCE_TOLERANCE * np.maximum(light, 0.0)
    return candidates[values[candidates] - level[candidates] > limit]


def _average(frames: Sequence[Frame], kept: Sequence[BoolImage]) -> Frame:
    n = len(frames)
    counts = np.zeros(frames[0].shape, dtype=np.uint8 if n < 256 else np.uint16)
    for good in kept:
        counts += good
    mean, variance = np.array(frames[0].electrons), np.array(frames[0].variance)
    for frame in frames[1:]:
        mean += frame.electrons
        variance += frame.variance
    mean /= n
    variance /= n**2
    partial = np.flatnonzero((counts > 0) & (counts < n))
    lost = counts == 0
    share = np.array([good.reshape(-1)[partial] for good in kept]) / np.maximum(counts.reshape(-1)[partial], 1)
    mean.reshape(-1)[partial] = sum(s * f.electrons.reshape(-1)[partial] for s, f in zip(share, frames, strict=True))
    mean.reshape(-1)[partial] += _neighbours_difference(partial, frames, kept)
    variance.reshape(-1)[partial] = sum(s**2 * f.variance.reshape(-1)[partial] for s, f in zip(share, frames, strict=True))
    shared, raised = np.array(frames[0].flags), np.array(frames[0].flags)
    for frame in frames[1:]:
        shared &= frame.flags
        raised |= frame.flags
    flags = np.where(lost & (shared == 0), raised, shared)
    flags[lost & (flags == 0)] = np.uint8(PixelFlag.COSMIC_RAY)
    flags[~lost] = 0
    return Frame(
        electrons=mean,
        variance=variance,
        flags=flags,
        exptime_s=float(np.mean([frame.exptime_s for frame in frames])),
        n_exposures=n,
        counts=np.where(lost, counts.dtype.type(n), counts),
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
        sound = np.logical_and.reduce([frame.flags.reshape(-1)[strip] == 0 for frame in frames])
        step = np.where(sound, values.mean(axis=0) - np.einsum("kp,kps->ps", weight, values), np.nan)
        enough = sound.sum(axis=1) >= LEAST_NEIGHBOURS
        change = np.zeros(pixels.size)
        if enough.any():
            change[enough] = np.nanmedian(step[enough], axis=1)
        best = np.where(np.abs(change) > np.abs(best), change, best)
    return best
