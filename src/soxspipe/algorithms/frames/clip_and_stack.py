"""Sigma-clipped combination of exposures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from soxspipe.algorithms.settings import AlgorithmSettings
from soxspipe.datamodel.arrays import BoolArray, FlagArray, FloatArray, Image, IntArray
from soxspipe.datamodel.frame import Exposure, Frame

Scalar = TypeVar("Scalar", bound=np.generic)


class StackSettings(AlgorithmSettings):
    """Settings of `clip_and_stack`."""

    stacked_clipping_sigma: float = Field(
        15.0,
        gt=0,
        description="Reject a pixel of one exposure that differs from the others by more than this many sigma of expected noise.",
    )
    stacked_clipping_iterations: int = Field(
        3, ge=0, le=50, description="Maximum number of rejection rounds when stacking; 0 stacks without rejection."
    )


GROW_SIGMA = 5.0
"""Beside a confirmed hit, what is 5 sigma off belongs to it."""
SOURCE_TOLERANCE = 0.3
"""Seeing and guiding may change the light of a pixel of the object by as much between exposures."""
STRIP_HALF_PX = 7
"""Two seeing widths: a strip reaches from the object to the sky."""
LEAST_NEIGHBOURS = 5
"""A median of fewer is moved by a single other hit."""
PIXELS_AT_ONCE = 1 << 16
"""Few enough for the processor's cache."""
SUSPECTS_AT_ONCE = 1 << 10
"""Strips of all suspects at once would need more memory than the frames."""


def clip_and_stack(exposures: Sequence[Exposure], settings: StackSettings, pedestal: Image | None = None) -> Frame:
    """Average exposures, leaving out pixels that one exposure alone shows bright.

    A pixel of one exposure is compared with the median of all (with the lower of two) *in units of the noise expected there*:
    read noise plus the photons of the reference.  What a whole strip of neighbours along either axis shows too is a change of
    seeing, sky or transparency and is tolerated, as is a share of the reference itself; neighbours of a rejected pixel are
    judged at `GROW_SIGMA`.  Where exposures were rejected, the mean of the others is corrected by the median difference that
    the neighbours show between all exposures and the ones kept.

    Parameters
    ----------
    exposures : sequence of Exposure
        In electrons with read-noise variance, at least one, of one shape; `Frame` is one.
    settings : StackSettings
        Clipping limit in sigma and number of rounds.
    pedestal : ndarray of float, shape (ny, nx), or None
        Electrons that are not photons (the bias), which add no photon noise.

    Returns
    -------
    Frame
        Mean electrons; read-noise variance of the mean; flags of pixels that no exposure delivers; exposures used per pixel.

    Raises
    ------
    ValueError
        If there is no exposure or shapes differ.

    Notes
    -----
    With n exposures of variance V_i the mean has the variance (sum V_i) / n^2.  All pixels are averaged block by block; of the few
    that some exposure might show too bright, all exposures are then looked at.
    """
    if not exposures:
        raise ValueError("there is no frame to stack")
    if len({exposure.shape for exposure in exposures}) > 1:
        raise ValueError(f"frames of different shapes cannot be stacked: {sorted({exposure.shape for exposure in exposures})}")
    if len(exposures) == 1:
        return exposures[0].whole()
    average = _average(exposures, settings, pedestal)
    rejected = _find_rejected(average.suspects, exposures, settings, pedestal)
    for pixels in rejected:
        average.counts.reshape(-1)[pixels] -= 1
    _average_what_is_left(average, rejected, exposures)
    return Frame(
        electrons=average.electrons,
        variance=average.variance,
        flags=average.flags,
        exptime_s=float(np.mean([exposure.exptime_s for exposure in exposures])),
        n_exposures=len(exposures),
        integrations=_integrations(exposures),
        counts=average.counts,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Average:
    """Mean of all exposures and the fields of its frame, shape (ny, nx), and flat indices of pixels that need a closer look."""

    electrons: Image
    variance: Image
    flags: FlagArray
    counts: IntArray
    suspects: IntArray


def _average(exposures: Sequence[Exposure], settings: StackSettings, pedestal: Image | None) -> _Average:
    """Average without rejection; exposures count where they are not flagged, all of them where all are."""
    n, shape = len(exposures), exposures[0].shape
    mean, variance = np.empty(shape), np.empty(shape)
    flags, counts = np.empty(shape, dtype=np.uint8), np.empty(shape, dtype=np.uint8 if n < 256 else np.uint16)
    suspects: list[IntArray] = [np.empty(0, dtype=np.int64)]
    n_rows = max(1, PIXELS_AT_ONCE // shape[1])
    for start in range(0, shape[0], n_rows):
        rows = slice(start, start + n_rows)
        block = _add_up(exposures, rows)
        np.divide(block.total, n, out=mean[rows])
        variance[rows] = block.variance / n**2
        lost = block.counts == 0
        flags[rows] = np.where(block.shared == 0, block.raised, block.shared) * lost
        counts[rows] = np.where(lost, n, block.counts)
        if settings.stacked_clipping_iterations:
            suspects.append(_suspects(block, rows, exposures, settings.stacked_clipping_sigma, pedestal))
    return _Average(electrons=mean, variance=variance, flags=flags, counts=counts, suspects=np.concatenate(suspects))


class _Block(NamedTuple):
    """Sums over the exposures of some rows; flags that all (`shared`) or some (`raised`) have; lowest and highest electrons.

    `variance_of_first` is that of the first exposure alone, by which the noise of one is told.
    """

    total: FloatArray
    variance: FloatArray | float
    variance_of_first: FloatArray | float
    low: FloatArray
    high: FloatArray
    counts: IntArray
    shared: FlagArray
    raised: FlagArray


def _add_up(exposures: Sequence[Exposure], rows: slice) -> _Block:
    electrons, variance_of_first, flags = exposures[0].part(rows)
    variance = variance_of_first
    total, low, high = np.array(electrons), np.array(electrons), np.array(electrons)
    counts = (flags == 0).astype(np.uint16)
    shared, raised = np.array(flags), np.array(flags)
    for exposure in exposures[1:]:
        part = exposure.part(rows)
        total += part.electrons
        variance = variance + part.variance
        np.minimum(low, part.electrons, out=low)
        np.maximum(high, part.electrons, out=high)
        counts += part.flags == 0
        shared &= part.flags
        raised |= part.flags
    return _Block(total, variance, variance_of_first, low, high, counts, shared, raised)


def _suspects(block: _Block, rows: slice, exposures: Sequence[Exposure], sigma: float, pedestal: Image | None) -> IntArray:
    """Flat indices of pixels whose highest value would stand out if the lowest were their level: no others can have a hit."""
    spread = block.high - block.low
    least_noise = _noise(np.zeros(1), block.variance_of_first, exposures, None)
    place = np.flatnonzero(spread > sigma * least_noise)
    index = place + rows.start * spread.shape[1]
    noise = _noise_at(index, block.low.reshape(-1)[place], exposures, pedestal)
    return index[spread.reshape(-1)[place] > sigma * noise]


def _noise(level: FloatArray, variance: FloatArray | float, exposures: Sequence[Exposure], pedestal: FloatArray | None) -> FloatArray:
    """Noise expected in the difference of one exposure from the level of all; rises with the level."""
    photons = level if pedestal is None else level - pedestal
    return np.sqrt((variance + np.maximum(photons, 0.0) / _integrations(exposures)) * (1.0 + 1.0 / len(exposures)))


def _integrations(exposures: Sequence[Exposure]) -> float:
    """Harmonic mean of the integrations, by which the photon noise of the mean of all exposures falls."""
    return len(exposures) / sum(1.0 / exposure.integrations for exposure in exposures)


class _Pixels(NamedTuple):
    """Some pixels in all exposures, shape (n, ...), whether they are of use, and their robust level over the exposures."""

    electrons: FloatArray
    usable: BoolArray
    level: FloatArray


def _pixels(exposures: Sequence[Exposure], index: IntArray) -> _Pixels:
    """The pixels with the flat indices given; the level is the median, with an even number the lower middle, 0 without a usable one."""
    where = np.divmod(index, exposures[0].shape[1])
    parts = [exposure.part(where) for exposure in exposures]
    electrons, usable = np.stack([part.electrons for part in parts]), np.stack([part.flags == 0 for part in parts])
    count = usable.sum(axis=0)
    ranked = np.sort(np.where(usable, electrons, np.inf), axis=0)
    middle = np.take_along_axis(ranked, (np.maximum(count - 1, 0) // 2)[None], axis=0)[0]
    return _Pixels(electrons, usable, np.where(count > 0, middle, 0.0))


def _in_pieces(values: NDArray[Scalar]) -> Iterator[NDArray[Scalar]]:
    return (values[start : start + SUSPECTS_AT_ONCE] for start in range(0, values.size, SUSPECTS_AT_ONCE))


def _find_rejected(suspects: IntArray, exposures: Sequence[Exposure], settings: StackSettings, pedestal: Image | None) -> list[IntArray]:
    """Flat indices, sorted, of rejected pixels per exposure; after the first round only neighbours of rejected pixels are examined."""
    rejected: list[IntArray] = [np.empty(0, dtype=np.int64) for _ in exposures]
    sigma = settings.stacked_clipping_sigma
    candidates = _candidates(suspects, exposures, sigma, pedestal)
    for _ in range(settings.stacked_clipping_iterations):
        found = 0
        for k in range(len(exposures)):
            fresh = np.setdiff1d(candidates[k], rejected[k], assume_unique=True)
            near = np.isin(_square(fresh, exposures[0].shape), rejected[k]).any(axis=1)
            confirmed = _confirm(fresh, k, exposures, np.where(near, min(GROW_SIGMA, sigma), sigma), pedestal)
            rejected[k] = np.union1d(rejected[k], confirmed)
            candidates[k] = np.unique(_square(confirmed, exposures[0].shape))
            found += confirmed.size
        if not found:
            break
    return rejected


def _candidates(suspects: IntArray, exposures: Sequence[Exposure], sigma: float, pedestal: Image | None) -> list[IntArray]:
    """Those of the suspects that lie more than `sigma` above their level, per exposure."""
    found: list[list[IntArray]] = [[np.empty(0, dtype=np.int64)] for _ in exposures]
    for piece in _in_pieces(suspects):
        pixels = _pixels(exposures, piece)
        high = pixels.usable & (pixels.electrons - pixels.level > sigma * _noise_at(piece, pixels.level, exposures, pedestal))
        for k, rows in enumerate(high):
            found[k].append(piece[rows])
    return [np.concatenate(pieces) for pieces in found]


def _noise_at(index: IntArray, level: FloatArray, exposures: Sequence[Exposure], pedestal: Image | None) -> FloatArray:
    where = np.divmod(index, exposures[0].shape[1])
    return _noise(level, exposures[0].part(where).variance, exposures, None if pedestal is None else pedestal[where])


def _square(pixels: IntArray, shape: tuple[int, int]) -> IntArray:
    """Flat indices of every pixel and its eight neighbours, shape (n, 9)."""
    y, x = np.divmod(pixels, shape[1])
    dy, dx = (offset.ravel() for offset in np.mgrid[-1:2, -1:2])
    rows, columns = np.clip(y[:, None] + dy, 0, shape[0] - 1), np.clip(x[:, None] + dx, 0, shape[1] - 1)
    return rows * shape[1] + columns


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


def _confirm(candidates: IntArray, k: int, exposures: Sequence[Exposure], sigma: FloatArray, pedestal: Image | None) -> IntArray:
    """Keep the candidates of exposure `k` that stand out of the difference that their neighbours show as well."""
    confirmed = [np.empty(0, dtype=np.int64)]
    for piece, limit_sigma in zip(_in_pieces(candidates), _in_pieces(sigma), strict=True):
        pixels = _pixels(exposures, piece)
        light = pixels.level if pedestal is None else pixels.level - pedestal.reshape(-1)[piece]
        limit = limit_sigma * _noise_at(piece, pixels.level, exposures, pedestal)
        tolerated = SOURCE_TOLERANCE * np.maximum(light, 0.0)
        height = pixels.electrons[k] - pixels.level
        high = pixels.usable[k] & (height > limit)  # few are, and only they need their neighbours
        shared = _shared_difference(piece[high], k, exposures)
        confirmed.append(piece[high][height[high] > limit[high] + 1.5 * shared + tolerated[high]])
    return np.concatenate(confirmed)


def _shared_difference(index: IntArray, k: int, exposures: Sequence[Exposure]) -> FloatArray:
    """Median difference between exposure `k` and the level in the strips around each pixel, the larger of the two."""
    strips = [_pixels(exposures, strip) for strip in _strips(index, exposures[0].shape)]
    return np.max([np.abs(np.median(strip.electrons[k] - strip.level, axis=1)) for strip in strips], axis=0)


def _average_what_is_left(average: _Average, rejected: Sequence[IntArray], exposures: Sequence[Exposure]) -> None:
    """Average the exposures kept where not all are, into the arrays of `average`."""
    counts = average.counts.reshape(-1)
    for piece in _in_pieces(np.flatnonzero(counts < len(exposures))):
        parts = [exposure.part(np.divmod(piece, exposures[0].shape[1])) for exposure in exposures]
        kept = np.stack([(part.flags == 0) & ~np.isin(piece, pixels) for part, pixels in zip(parts, rejected, strict=True)])
        share = kept / counts[piece]
        mean = sum(s * part.electrons for s, part in zip(share, parts, strict=True))
        average.electrons.reshape(-1)[piece] = mean + _neighbours_difference(piece, kept, exposures)
        average.variance.reshape(-1)[piece] = sum(s**2 * part.variance for s, part in zip(share, parts, strict=True))


def _neighbours_difference(index: IntArray, kept: BoolArray, exposures: Sequence[Exposure]) -> FloatArray:
    """Mean of all exposures minus mean of those kept, as the medians of the strips around the pixels tell; the larger of the two."""
    weight = kept / kept.sum(axis=0)
    best = np.zeros(index.size)
    for strip in _strips(index, exposures[0].shape):
        pixels = _pixels(exposures, strip)
        sound = pixels.usable.all(axis=0)
        step = np.where(sound, pixels.electrons.mean(axis=0) - np.einsum("kp,kps->ps", weight, pixels.electrons), np.nan)
        enough = sound.sum(axis=1) >= LEAST_NEIGHBOURS
        change = np.zeros(index.size)
        if enough.any():
            change[enough] = np.nanmedian(step[enough], axis=1)
        best = np.where(np.abs(change) > np.abs(best), change, best)
    return best
