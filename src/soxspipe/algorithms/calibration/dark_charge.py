"""Dark charge of frames of one exposure time, from the asymmetry of its noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soxspipe.algorithms.calibration.combine import ROWS_AT_ONCE
from soxspipe.algorithms.calibration.frame_noise import FrameNoise
from soxspipe.datamodel.raw_calibration import RawCalibration

FEWEST_FRAMES = 3
"""Two frames differ symmetrically, whatever their noise."""
ORDINARY_SIGMA = 3.0
"""Pixels whose mean is further off the typical level are hot or cold."""
LARGEST_DEVIATION_SIGMA = 4.0
"""Of single frames; beyond it are cosmic rays, which are as one-sided as charge is."""
LARGEST_ERROR = 0.02
"""Error of the charge over the square of the noise: the read noise is then known to 1 per cent."""


def charge_by_asymmetry(frames: Sequence[RawCalibration], measured: FrameNoise) -> float | None:
    """Mean dark charge (electrons) of ordinary pixels; None where it is not known well enough to free the read noise of it.

    Parameters
    ----------
    frames : sequence of RawCalibration
        Of one exposure time; those that `measured` keeps are used.
    measured : FrameNoise
        Levels and noise of the frames.

    Notes
    -----
    Read noise is symmetric.  The number of charges is a Poisson number, whose third central moment is its mean.  The unbiased third moment of n
    values, ``n / ((n - 1) (n - 2)) sum (x - mean)^3``, has for noise sigma a variance of ``6 n sigma^6 / ((n - 1) (n - 2))`` in one pixel; four
    million of them tell a charge to 0.6 electrons in three frames of 7 electrons of noise.
    """
    used = [frames[i] for i in measured.kept]
    n_rows = used[0].detector.shape[0]
    offsets = np.broadcast_to(measured.offsets(n_rows).astype(np.float32), (len(used), n_rows))[..., None]
    n = len(used)
    if n < FEWEST_FRAMES:
        return None
    level = float(np.median(measured.level_e[list(measured.kept)]))
    cubes, count = 0.0, 0
    for start in range(0, n_rows, ROWS_AT_ONCE):
        stop = min(start + ROWS_AT_ONCE, n_rows)
        values = [frame.electrons(start, stop) - offset[start:stop] for frame, offset in zip(used, offsets, strict=True)]
        mean = np.mean(values, axis=0)
        quiet = np.abs(mean - level) < ORDINARY_SIGMA * measured.noise_e
        cube, worst = np.zeros_like(mean), np.zeros_like(mean)
        for one in values:
            deviation = one - mean
            square = deviation * deviation
            np.maximum(worst, square, out=worst)
            cube += square * deviation
        quiet &= worst < (LARGEST_DEVIATION_SIGMA * measured.noise_e) ** 2
        cubes += float(cube[quiet].sum(dtype=np.float64))
        count += int(np.count_nonzero(quiet))
    share = (n - 1) * (n - 2)
    error = np.sqrt(6 * n / share * measured.noise_e**6 / max(count, 1))
    return max(cubes / max(count, 1) * n / share, 0.0) if error < LARGEST_ERROR * measured.noise_e**2 else None
