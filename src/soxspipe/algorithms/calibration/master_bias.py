"""Master bias: the mean of bias frames, their read noise and structure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from soxspipe.algorithms.calibration.combine import NoiseModel, combine
from soxspipe.algorithms.calibration.frame_noise import FrameNoise, measure_frames
from soxspipe.algorithms.settings import AlgorithmSettings
from soxspipe.datamodel.arrays import BoolImage, FlagArray, Image
from soxspipe.datamodel.raw_calibration import BadPixel, RawCalibration

BLOCK_PX = 5
"""As the reference averages: what repeats from pixel to pixel is noise, patterns are wider."""
FOURIER_CLIP = 100.0
"""Holds back a single wild pixel, which would fill the whole transform, and no pattern."""


class FrameClipSettings(AlgorithmSettings):
    """Settings of the combination of bias and dark frames."""

    stacked_clipping_sigma: float = Field(
        5.0,
        ge=3.0,
        description="Leave out a pixel of one frame that differs from the others by more than this many sigma of expected noise.",
    )
    stacked_clipping_iterations: int = Field(
        3, ge=0, le=50, description="0 combines without rejection; more than one round is never needed."
    )
    frame_clipping_sigma: float = Field(
        4.5, ge=2.0, le=100.0, description="A pixel whose dark level or rate is above its surroundings by more than this many sigma is hot."
    )
    frame_clipping_iterations: int = Field(3, ge=0, le=50, description="Accepted but has no effect: single frames are not clipped.")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MasterBias:
    """A master bias.

    Attributes
    ----------
    electrons, variance : ndarray of float32, shape (ny, nx)
        Level that every frame holds, and its variance.
    reasons : ndarray of uint8, shape (ny, nx)
        `BadPixel` bits.
    frames : FrameNoise
        Levels and read noise of the frames.
    frame_names : tuple of str
        Frames combined.
    n_rejected : int
        Pixels of single frames left out.
    slope_x, slope_y : float
        Gradient of the master along columns (rows) of one number, electrons per pixel.
    pattern : float
        Largest over the frames of the ratio of scatter to typical size of the Fourier transform: 1.2 for noise without pattern.
    """

    electrons: Image
    variance: Image
    reasons: FlagArray
    frames: FrameNoise
    frame_names: tuple[str, ...]
    n_rejected: int
    slope_x: float
    slope_y: float
    pattern: float


def make_master_bias(frames: Sequence[RawCalibration], static_bad: BoolImage, settings: FrameClipSettings) -> MasterBias:
    """Combine bias frames.

    Parameters
    ----------
    frames : sequence of RawCalibration
        At least two.
    static_bad : ndarray of bool, shape (ny, nx)
        Pixels that are known to be bad.
    settings : FrameClipSettings
        Limits.

    Returns
    -------
    MasterBias

    Raises
    ------
    AlgorithmError
        If frames are copies of each other or none agree.
    """
    measured = measure_frames(frames)
    used = [frames[i] for i in measured.kept]
    combined = combine(
        used,
        NoiseModel(read_e=measured.noise_e, photons=False),
        clip_sigma=clip_limit(settings),
        offsets_e=measured.offsets(frames[0].detector.shape[0]),
    )
    reasons = combined.reasons | static_bad * np.uint8(BadPixel.STATIC)
    slope_x, slope_y = mean_slopes(combined.electrons, reasons == 0)
    return MasterBias(
        electrons=combined.electrons,
        variance=combined.variance,
        reasons=reasons,
        frames=measured,
        frame_names=tuple(frame.name for frame in used),
        n_rejected=combined.n_rejected,
        slope_x=slope_x,
        slope_y=slope_y,
        pattern=max(fourier_pattern(frame) for frame in used),
    )


def clip_limit(settings: FrameClipSettings) -> float:
    """Limit of rejection in sigma; without rounds there is none."""
    return settings.stacked_clipping_sigma if settings.stacked_clipping_iterations else 1e9


def mean_slopes(image: Image, good: BoolImage) -> tuple[float, float]:
    """Slopes along x and y of straight lines through the means of columns and of rows, electrons per pixel; bad pixels left out."""
    return _slope(image, good, 0), _slope(image, good, 1)


def _slope(image: Image, good: BoolImage, axis: int) -> float:
    number = good.sum(axis=axis)
    mean = np.einsum("yx,yx->" + "xy"[axis], image, good, dtype=np.float64) / np.maximum(number, 1)
    found = number > 0
    position = np.arange(mean.size)[found]
    return float(np.polynomial.polynomial.polyfit(position, mean[found], 1)[1]) if position.size > 1 else 0.0


def fourier_pattern(frame: RawCalibration) -> float:
    """Scatter over typical size of the Fourier transform of a frame averaged in blocks of 5 x 5 pixels."""
    ny, nx = (length // BLOCK_PX * BLOCK_PX for length in frame.detector.shape)
    strips = []
    for start in range(0, ny, 16 * BLOCK_PX):
        rows = frame.electrons(start, min(start + 16 * BLOCK_PX, ny))[:, :nx]
        strips.append(rows.reshape(-1, BLOCK_PX, nx // BLOCK_PX, BLOCK_PX).mean(axis=(1, 3)))
    blocks = np.nan_to_num(np.concatenate(strips).astype(np.float64))
    blocks = np.clip(blocks, *(np.median(blocks) + FOURIER_CLIP * blocks.std() * np.array([-1.0, 1.0])))
    size = np.abs(np.fft.rfft2(blocks - blocks.mean())).ravel()[1:]
    typical = float(np.median(size))
    return float(np.sqrt(np.mean(size**2)) / typical) if typical > 0 else 0.0
