"""Levels and noise of raw frames, measured on a sample of rows before they are combined; frames that disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.calibration.frame_shape import CELLS, Cells, OddParts, odd_part, row_drift
from soxspipe.datamodel.arrays import FloatArray, IntArray
from soxspipe.datamodel.raw_calibration import RawCalibration
from soxspipe.errors import AlgorithmError
from soxspipe.numerics.medians import quick_mad_sigma, quick_median

SAMPLE_ROWS = 96
"""Rows of the sample: two hundred thousand pixels of a whole detector, which give the noise of five frames to 0.1 %."""

ROWS_TOGETHER = 4
"""Neighbouring rows are read together; four of them make one read of the file."""
CLIP_SIGMA = 5.0
"""Leaves out cosmic rays and hot pixels; of normal noise, one pixel in 1.7 million."""
ROUNDS = 3
"""From a robust start the second round changes nothing but by outliers, the third confirms it."""

LEVEL_SIGMA = 3.0
"""A frame whose level is further than this many read noises from the others' is not of their kind; levels drift by a fraction of one."""

SCATTER_RATIO = 1.25
"""A frame whose scatter about the others is larger by this factor holds something that they do not."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameNoise:
    """What the frames of one set show.

    Attributes
    ----------
    kept : tuple of int
        Frames that agree.
    rejected : mapping-like tuple of (int, str)
        Frames that do not, and why.
    level_e : ndarray, shape (n,)
        Median level of every frame.
    offset_e : ndarray, shape (n,)
        Level of each frame against the mean of those kept, measured pixel by pixel.
    noise_e : float
        Noise of one frame in ordinary pixels, from differences of frames.
    quadrant_noise_e : ndarray, shape (2, 2)
        The same by quarters of the detector.
    scatter_e : float
        Scatter of single frames, fixed pattern included.
    border_level_e, border_noise_e : float
        Level and noise (from differences) of the columns beside the science area; NaN where there are none that live.
    border_drift_e : ndarray, shape (n,)
        Level of each frame's border against their mean; zeros where there is none.
    drift_rows : ndarray of int, shape (m,)
        Middle rows of the groups of `row_drift_e`.
    row_drift_e : ndarray or None, shape (n, m)
        By how much the level moves within each frame, against the mean frame; None where it does not.
    """

    kept: tuple[int, ...]
    rejected: tuple[tuple[int, str], ...]
    level_e: FloatArray
    offset_e: FloatArray
    noise_e: float
    quadrant_noise_e: FloatArray
    scatter_e: float
    border_level_e: float
    border_noise_e: float
    border_drift_e: FloatArray
    drift_rows: IntArray
    row_drift_e: FloatArray | None = None

    @property
    def drift_within_e(self) -> float:
        """Largest range of the level within a kept frame, against their mean."""
        return 0.0 if self.row_drift_e is None else float(np.ptp(self.row_drift_e[list(self.kept)], axis=1).max())

    def offsets(self, n_rows: int) -> FloatArray:
        """What has to be taken off every row of the kept frames to bring them to their mean, electrons, shape (kept, n_rows) or (kept, 1)."""
        kept = list(self.kept)
        level = self.offset_e[kept][:, None]
        if self.row_drift_e is None:
            return level
        rows = np.arange(n_rows)
        return level + np.stack([np.interp(rows, self.drift_rows, drift) for drift in self.row_drift_e[kept]])


def measure_frames(frames: Sequence[RawCalibration]) -> FrameNoise:
    """Measure levels and noise of frames of one kind and exposure time.

    Parameters
    ----------
    frames : sequence of RawCalibration
        At least two.

    Returns
    -------
    FrameNoise
        Noise from differences of frames, in which fixed pattern, dark level and bias structure cancel.

    Raises
    ------
    AlgorithmError
        If all frames are the same, or no two agree.

    Notes
    -----
    In the difference of two frames with offsets taken out, ordinary pixels have twice the variance of one.  Pixels in which the mean
    frame is far from typical (hot ones, with their photon noise) and differences beyond 5 sigma (cosmic rays) are left out.  Numbers that
    were rounded to ADU are too coarse for a median absolute deviation; a clipped standard deviation is not.
    """
    rows = sample_rows(frames[0].detector.shape[0])
    sample = np.stack([read_sample(frame, rows) for frame in frames])
    _require_different(frames, sample)
    level = sample_levels(sample)
    border = _measure_border(frames)
    moved, odd = _shapes(sample)
    if moved is not None:
        sample = sample - np.repeat(moved, ROWS_TOGETHER, axis=1)[..., None]
        _, odd = _shapes(sample)
    kept, rejected = _agreeing(frames, sample, odd, level, border.levels_e - border.levels_e.mean())
    if len(kept) < 2:
        raise AlgorithmError(f"no two of the {len(frames)} frames agree: {'; '.join(reason for _, reason in rejected)}")
    used = sample[list(kept)]
    mean = used.mean(axis=0)
    ordinary = _ordinary(mean)
    offset = np.array([clipped_mean((frame - mean)[ordinary]) for frame in sample])
    offset -= offset[list(kept)].mean()
    differences = [used[i] - used[i + 1] for i in range(len(kept) - 1)]
    border_level = float(border.levels_e[list(kept)].mean())
    return FrameNoise(
        kept=kept,
        rejected=rejected,
        level_e=level,
        offset_e=offset,
        noise_e=_difference_noise(differences, ordinary),
        quadrant_noise_e=_quadrant_noise(differences, ordinary),
        scatter_e=float(np.mean([clipped_std((frame - np.median(frame[ordinary]))[ordinary]) for frame in used])),
        border_level_e=border_level if border.lives else float("nan"),
        border_noise_e=border.noise_e,
        border_drift_e=border.levels_e - border_level,
        drift_rows=rows + (ROWS_TOGETHER - 1) // 2,
        row_drift_e=None if moved is None else moved - moved[list(kept)].mean(axis=0),
    )


def sample_rows(n_rows: int) -> IntArray:
    """Starts of groups of rows, spread over the detector."""
    groups = max(1, min(SAMPLE_ROWS, n_rows) // ROWS_TOGETHER)
    return np.unique(np.linspace(0, max(n_rows - ROWS_TOGETHER, 0), groups).astype(np.int64))


def read_sample(frame: RawCalibration, starts: IntArray) -> FloatArray:
    """The rows of a sample, electrons, shape (rows, nx)."""
    n_rows = frame.detector.shape[0]
    return np.concatenate([frame.electrons(int(start), min(int(start) + ROWS_TOGETHER, n_rows)) for start in starts])


def sample_levels(samples: Sequence[FloatArray] | FloatArray) -> FloatArray:
    """Median of each sample."""
    return np.array([quick_median(values[np.isfinite(values)]) for values in samples])


def level_offsets(frames: Sequence[RawCalibration]) -> FloatArray:
    """Level of each frame against their mean, electrons, shape (n,)."""
    rows = sample_rows(frames[0].detector.shape[0])
    level = sample_levels([read_sample(frame, rows) for frame in frames])
    return np.asarray(level - level.mean())


def clipped_std(values: FloatArray) -> float:
    """Standard deviation with values beyond `CLIP_SIGMA` left out, in up to `ROUNDS` rounds from a robust start; NaN without values."""
    finite = values[np.isfinite(values)]
    if finite.size < 2:
        return float("nan")
    centre, sigma = quick_median(finite), quick_mad_sigma(finite)
    if sigma == 0:
        centre, sigma = float(finite.mean()), float(finite.std())
    for _ in range(ROUNDS):
        inside = finite[np.abs(finite - centre) <= CLIP_SIGMA * max(sigma, 1e-6)]
        if inside.size < 2:
            break
        centre, sigma = float(inside.mean(dtype=np.float64)), float(inside.std(dtype=np.float64))
    return sigma


def clipped_mean(values: FloatArray) -> float:
    """Mean with values beyond `CLIP_SIGMA` left out; NaN without values."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return float("nan")
    sigma, centre = clipped_std(finite), quick_median(finite)
    inside = finite[np.abs(finite - centre) <= CLIP_SIGMA * max(sigma, 1e-6)] if np.isfinite(sigma) else finite
    return float(inside.mean(dtype=np.float64)) if inside.size else centre


@dataclass(frozen=True, slots=True)
class _Border:
    """Columns beside the science area: level of each frame (zeros where there are none that live) and noise."""

    levels_e: FloatArray
    noise_e: float

    @property
    def lives(self) -> bool:
        return self.noise_e > 0


def _measure_border(frames: Sequence[RawCalibration]) -> _Border:
    """Levels and noise of the columns beside the science area; none where they are missing or dead (constant)."""
    none = _Border(np.zeros(len(frames)), float("nan"))
    borders = [frame.border() for frame in frames]
    if borders[0].size < 1000 or any(border.shape != borders[0].shape for border in borders):
        return none
    noise = _difference_noise([borders[i] - borders[i + 1] for i in range(len(borders) - 1)], np.ones(borders[0].shape, dtype=bool))
    return _Border(np.array([clipped_mean(border) for border in borders]), noise) if noise > 0 else none


def _require_different(frames: Sequence[RawCalibration], sample: FloatArray) -> None:
    for i in range(len(frames)):
        for j in range(i + 1, len(frames)):
            if np.array_equal(sample[i], sample[j], equal_nan=True):
                raise AlgorithmError(
                    f"{frames[i].name} and {frames[j].name} hold the same numbers; every frame is needed once, and a copy says nothing about noise"
                )


def _rough_noise(sample: FloatArray) -> float:
    """Noise of a pixel from the difference of two frames, within groups of rows of which a drift makes no noise."""
    difference = sample[0, ::ROWS_TOGETHER] - sample[1, ::ROWS_TOGETHER]
    difference = difference - np.median(np.nan_to_num(difference), axis=1, keepdims=True)
    return clipped_std(difference) / np.sqrt(2.0)


def _shapes(sample: FloatArray) -> tuple[FloatArray | None, OddParts]:
    """Drift within the frames of a sample, and their odd parts; none of either where a sample is too small to tell."""
    n, rows, columns = sample.shape
    if rows % ROWS_TOGETHER or rows < 2 * ROWS_TOGETHER or columns < CELLS:
        return None, OddParts.none(n)
    noise = _rough_noise(sample)
    cells = Cells.of(sample, noise, ROWS_TOGETHER)
    return row_drift(cells, noise), odd_part(cells, noise)


def _agreeing(
    frames: Sequence[RawCalibration],
    sample: FloatArray,
    odd: OddParts,
    level: FloatArray,
    drift: FloatArray,
) -> tuple[tuple[int, ...], tuple[tuple[int, str], ...]]:
    """Frames that agree with the median frame in level, scatter and all their parts, and the others with the reason; two are never judged.

    A level that moves with the border's (`drift`) is the read-out's and agrees.
    """
    n = len(frames)
    if n == 2:
        return (0, 1), ()
    flat = sample.reshape(n, -1)
    if np.ptp(level - drift) < np.ptp(level):
        flat, level = flat - drift[:, None], level - drift
    middle = np.median(flat, axis=0)
    scatter = np.array([clipped_std(values - middle) for values in flat])
    typical, usual = float(np.median(level)), float(np.median(scatter))
    rejected = []
    for i in range(n):
        if abs(level[i] - typical) > LEVEL_SIGMA * usual * np.sqrt(n / (n - 1.0)):
            rejected.append((i, f"{frames[i].name}: its level is {level[i]:.1f} electrons, that of the others {typical:.1f}"))
        elif scatter[i] > SCATTER_RATIO * usual:
            rejected.append((i, f"{frames[i].name}: it scatters by {scatter[i]:.1f} electrons about the others, they by {usual:.1f}"))
        elif odd.light_e[i]:
            shape = frames[i].detector.shape
            y, x = int(sample_rows(shape[0])[odd.place[i][0]]), int((odd.place[i][1] + 0.5) * shape[1] / CELLS)
            rejected.append((i, f"{frames[i].name}: about ({x}, {y}) it holds {odd.light_e[i]:+.1f} electrons against the others"))
    out = {i for i, _ in rejected}
    return tuple(i for i in range(n) if i not in out), tuple(rejected)


def _ordinary(mean: FloatArray) -> FloatArray:
    """Pixels whose mean over the frames is within 5 sigma of the typical one."""
    finite = mean[np.isfinite(mean)]
    centre, sigma = quick_median(finite), clipped_std(finite)
    return np.asarray(np.abs(mean - centre) <= CLIP_SIGMA * max(sigma, 1e-6))


def _difference_noise(differences: Sequence[FloatArray], ordinary: FloatArray) -> float:
    """Noise of one frame: root mean square of the clipped standard deviations of the differences, over the square root of two."""
    variances = [clipped_std(difference[ordinary]) ** 2 for difference in differences]
    return float(np.sqrt(np.mean(variances) / 2.0))


def _quadrant_noise(differences: Sequence[FloatArray], ordinary: FloatArray) -> FloatArray:
    """The same by quarters of the detector, shape (2, 2)."""
    ys, xs = (_halves(length) for length in ordinary.shape)
    return np.array([[_difference_noise([d[y, x] for d in differences], ordinary[y, x]) for x in xs] for y in ys])


def _halves(n: int) -> tuple[slice, slice]:
    return slice(0, n // 2), slice(n // 2, n)
