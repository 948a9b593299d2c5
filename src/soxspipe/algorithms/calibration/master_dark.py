"""Master dark: level of one exposure time, and level and rate from several; hot pixels by level or rate, unstable ones by scatter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import chdtri

from soxspipe.algorithms.calibration.combine import CHANCE, Combined, NoiseModel, combine
from soxspipe.algorithms.calibration.dark_charge import charge_by_asymmetry
from soxspipe.algorithms.calibration.frame_noise import FrameNoise, clipped_mean, measure_frames
from soxspipe.algorithms.calibration.master_bias import FrameClipSettings, clip_limit
from soxspipe.datamodel.arrays import BoolImage, FlagArray, Image
from soxspipe.datamodel.raw_calibration import BadPixel, RawCalibration
from soxspipe.errors import AlgorithmError
from soxspipe.numerics.medians import quick_mad_sigma

PHOTON_SIGMA = 3.0
"""A pixel's charge adds photon noise if it is this many sigma above the typical level."""

SURROUNDINGS_PX = 16
"""Side of the blocks whose medians are the surroundings of a pixel: glow is smoother than that, hot pixels are much smaller."""

THINNING = 17
"""Every so many pixels are enough to measure the scatter of a detector."""

LEAST_SPAN = 1.5
"""Longest over shortest exposure time from which a rate may be measured."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DarkLine:
    """Level and rate of every pixel, ``dark(t) = level + rate t``; float32, shape (ny, nx).

    Attributes
    ----------
    level_e, rate_e_per_s : ndarray
        Electrons at no exposure time, and electrons per second.
    level_variance, rate_variance, covariance : ndarray
        Of the two, and between them.
    times_s : tuple of float
        Exposure times behind them.
    """

    level_e: Image
    rate_e_per_s: Image
    level_variance: Image
    rate_variance: Image
    covariance: Image
    times_s: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MasterDark:
    """A master dark.

    Attributes
    ----------
    electrons, variance : ndarray of float32, shape (ny, nx)
        Electrons of one frame of `exptime_s`, and their variance.
    exptime_s : float
        Exposure time.
    line : DarkLine or None
        Level and rate, if several exposure times were given.
    reasons : ndarray of uint8, shape (ny, nx)
        `BadPixel` bits.
    frames : tuple of FrameNoise
        One for each exposure time; that of `exptime_s` first.
    frame_names : tuple of str
        Frames combined, of every time.
    n_frames : int
        Frames in `electrons`.
    n_rejected : int
        Pixels of single frames left out.
    read_noise_e : float
        Without the noise of the dark charge, if that is known (several times, living reference pixels, or three frames of a large detector);
        else with it.
    charge_known : bool
        Whether it is.
    """

    electrons: Image
    variance: Image
    exptime_s: float
    line: DarkLine | None
    reasons: FlagArray
    frames: tuple[FrameNoise, ...]
    frame_names: tuple[str, ...]
    n_frames: int
    n_rejected: int
    read_noise_e: float
    charge_known: bool


class _Set(NamedTuple):
    """Frames of one exposure time, measured and combined."""

    exptime_s: float
    measured: FrameNoise
    combined: Combined
    frame_names: tuple[str, ...]


def make_master_dark(frames: Sequence[RawCalibration], static_bad: BoolImage, settings: FrameClipSettings) -> MasterDark:
    """Combine darks of one or several exposure times.

    Parameters
    ----------
    frames : sequence of RawCalibration
        At least two of every exposure time.
    static_bad : ndarray of bool, shape (ny, nx)
        Pixels that are known to be bad.
    settings : FrameClipSettings
        Limits.

    Returns
    -------
    MasterDark
        Its electrons are those of the time with most frames, of the longest among equals.

    Raises
    ------
    AlgorithmError
        If an exposure time has one frame only, frames are copies of each other, or none agree.
    """
    sets = [_combine_set(group, settings) for group in by_exposure_time(frames)]
    main = sets[0]
    line = _fit_line(sets) if len(sets) > 1 and max(s.exptime_s for s in sets) >= LEAST_SPAN * min(s.exptime_s for s in sets) else None
    reasons = static_bad * np.uint8(BadPixel.STATIC)
    for entry in sets:
        reasons = reasons | entry.combined.reasons
    if line is not None and len(sets) > 2:
        reasons |= _bends(sets, line) * np.uint8(BadPixel.UNSTABLE)
    judged = (main.combined.electrons, main.combined.variance) if line is None else (line.rate_e_per_s, line.rate_variance)
    reasons |= find_hot(*judged, sigma=settings.frame_clipping_sigma) * np.uint8(BadPixel.HOT)
    read_noise, known = _read_noise(sets, line, frames)
    return MasterDark(
        electrons=main.combined.electrons,
        variance=main.combined.variance,
        exptime_s=main.exptime_s,
        line=line,
        reasons=reasons,
        frames=tuple(entry.measured for entry in sets),
        frame_names=tuple(name for entry in sets for name in entry.frame_names),
        n_frames=main.combined.n_frames,
        n_rejected=sum(entry.combined.n_rejected for entry in sets),
        read_noise_e=read_noise,
        charge_known=known,
    )


def by_exposure_time(frames: Sequence[RawCalibration]) -> list[list[RawCalibration]]:
    """Frames in groups of one exposure time: the largest group first, of equal ones that of the longest time.

    Raises
    ------
    AlgorithmError
        If a group has one frame.
    """
    groups: dict[float, list[RawCalibration]] = {}
    for frame in frames:
        groups.setdefault(round(frame.exptime_s, 3), []).append(frame)
    for seconds, group in groups.items():
        if len(group) < 2:
            raise AlgorithmError(f"{group[0].name} is the only dark of {seconds:g} s; two or more of an exposure time are needed")
    return sorted(groups.values(), key=lambda group: (-len(group), -group[0].exptime_s))


def find_hot(electrons: Image, variance: Image, *, sigma: float) -> BoolImage:
    """Pixels above their surroundings by more than `sigma` times the noise, their own or the typical scatter of all, whichever is larger."""
    above = electrons - surroundings(electrons)
    typical = max(quick_mad_sigma(above.ravel()[::THINNING]), 1e-9)
    # a hot pixel's own photon noise is no reason to believe it less than an ordinary pixel's
    quiet = float(np.median(variance.ravel()[::THINNING]))
    return np.asarray(above > np.float32(sigma * max(typical, np.sqrt(quiet))))


def surroundings(image: Image) -> Image:
    """Medians of blocks of `SURROUNDINGS_PX`, joined linearly and continued to the borders; shape of `image`."""
    side = min(SURROUNDINGS_PX, *image.shape)
    n_y, n_x = (length // side for length in image.shape)
    blocks = image[: n_y * side, : n_x * side].reshape(n_y, side, n_x, side)[:, ::2].transpose(0, 2, 1, 3).reshape(n_y, n_x, -1)
    level = np.partition(blocks, blocks.shape[-1] // 2, axis=-1)[..., blocks.shape[-1] // 2]
    along_x = _joined(level.T, image.shape[1], side).T
    return _joined(along_x, image.shape[0], side)


def _joined(level: Image, length: int, side: int) -> Image:
    """Values at the middle of blocks along axis 0, joined by straight lines that go on beyond the first and the last."""
    if level.shape[0] == 1:
        return np.repeat(level, length, axis=0)
    place = (np.arange(length) - 0.5 * (side - 1)) / side
    low = np.clip(np.floor(place).astype(np.int64), 0, level.shape[0] - 2)
    share = (place - low).astype(np.float32)[:, None]
    return np.asarray(level[low] + share * (level[low + 1] - level[low]))


def _combine_set(group: Sequence[RawCalibration], settings: FrameClipSettings) -> _Set:
    measured = measure_frames(group)
    used = [group[i] for i in measured.kept]
    noise = NoiseModel(
        read_e=measured.noise_e,
        floor_e=float(np.mean(measured.level_e[list(measured.kept)])),  # offsets bring all frames to their mean
        least_e=PHOTON_SIGMA * measured.noise_e / np.sqrt(len(used)),
    )
    offsets = measured.offsets(group[0].detector.shape[0])
    combined = combine(used, noise, clip_sigma=clip_limit(settings), offsets_e=offsets)
    return _Set(group[0].exptime_s, measured, combined, tuple(frame.name for frame in used))


def _fit_line(sets: Sequence[_Set]) -> DarkLine:
    """Straight line through the means of several times in every pixel, with the weights of ordinary pixels.

    Weights that are the same in all pixels keep level and rate linear in the data, so that noise does not bias them.
    """
    times = np.array([entry.exptime_s for entry in sets])
    weight = np.array([len(entry.frame_names) / entry.measured.noise_e**2 for entry in sets])
    design = np.stack([np.ones_like(times), times], axis=1)
    solve = np.linalg.inv(design.T @ (weight[:, None] * design)) @ (design.T * weight)
    level, rate, level_var, rate_var, covariance = (np.zeros(sets[0].combined.electrons.shape, np.float32) for _ in range(5))
    for (for_level, for_rate), entry in zip(solve.T.astype(np.float32), sets, strict=True):
        level += for_level * entry.combined.electrons
        rate += for_rate * entry.combined.electrons
        level_var += for_level**2 * entry.combined.variance
        rate_var += for_rate**2 * entry.combined.variance
        covariance += for_level * for_rate * entry.combined.variance
    return DarkLine(
        level_e=level,
        rate_e_per_s=rate,
        level_variance=level_var,
        rate_variance=rate_var,
        covariance=covariance,
        times_s=tuple(float(t) for t in sorted(times)),
    )


def _bends(sets: Sequence[_Set], line: DarkLine) -> BoolImage:
    """Pixels whose dark is not a straight line in time."""
    chi2 = np.zeros(line.level_e.shape, np.float32)
    for entry in sets:
        residual = entry.combined.electrons - line.level_e - line.rate_e_per_s * np.float32(entry.exptime_s)
        chi2 += residual**2 / entry.combined.variance
    return np.asarray(chi2 > np.float32(chdtri(len(sets) - 2, CHANCE)))


def _read_noise(sets: Sequence[_Set], line: DarkLine | None, frames: Sequence[RawCalibration]) -> tuple[float, bool]:
    """Read noise without the noise of the dark charge where that is known, and whether it is."""
    if line is not None:
        rate = max(clipped_mean(line.rate_e_per_s.ravel()[::THINNING]), 0.0)
        freedom = np.array([len(entry.frame_names) - 1 for entry in sets])
        squares = np.array([entry.measured.noise_e**2 - rate * entry.exptime_s for entry in sets])
        mean = float((squares * freedom).sum() / freedom.sum())
        if mean > 0:
            return float(np.sqrt(mean)), True
    main = sets[0].measured
    charge: float | None = clipped_mean(sets[0].combined.electrons.ravel()[::THINNING]) - main.border_level_e
    if charge is None or not np.isfinite(charge):  # no living pixels beside the science area
        charge = charge_by_asymmetry(by_exposure_time(frames)[0], main)
    if charge is not None and 0 <= charge < 0.5 * main.noise_e**2:
        return float(np.sqrt(main.noise_e**2 - charge)), True
    return main.noise_e, False
