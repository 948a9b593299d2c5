"""Which exposures agree within their noise, so that their pixels may be averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.exposures.quick_look import QuickLook
from soxspipe.datamodel.arrays import FloatArray

SIGMAS = 4.0
"""A difference smaller than this many of its errors is none."""
SHIFT_ARCSEC = 0.1
"""Smaller motions widen the image by less than a per cent and move lines, through their tilt, by less than 0.1 px."""
WIDTH_SHARE = 0.10
"""Images that differ less in width share one mean profile without loss of signal-to-noise."""
LIGHT_SHARE = 0.05
"""With throughputs that differ less, equal weights lose less than 0.1 per cent of the signal-to-noise."""
TIME_SHARE = 0.01
"""Shutters differ by milliseconds; nothing that needs scaling is as near as this."""
LINES_PX = 0.1
"""Sky lines that lie closer together are as sharp in the mean."""
TURNED_DEG = 10.0
"""Over a larger turn of the rotator the slit's image has not one place (published for the instrument)."""
SEEN_SIGMA = 8.0
"""An object that stands out less does not tell where it is."""
LARGEST_PX = 8
"""More than flexure moves a spectrum within an observation block."""
LEAST_ROWS = 20
"""In which both exposures have sky: fewer hold no line and what is beside it."""
ROUNDS = 6
"""A shift of a few pixels is reached in two or three; ends a search that does not converge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One exposure against another: position (arcsec), lines (px, with error), throughput and width as ratios, and whether they agree."""

    position_arcsec: float
    lines_px: float
    lines_error_px: float
    throughput: float
    width: float
    agrees: bool


def difference(look: QuickLook, reference: QuickLook, *, read_noise_e: float, same_time: bool) -> Difference:
    """Hold one quick look against another.

    Parameters
    ----------
    look, reference : QuickLook
        Of two exposures of one set.
    read_noise_e : float
        Of one exposure.
    same_time : bool
        Whether exposure time and number of integrations are equal.
    """
    lines, lines_error = line_shift(look.strips, reference.strips, read_noise_e)
    seen = min(look.significance, reference.significance) >= SEEN_SIGMA or max(look.significance, reference.significance) >= 3 * SEEN_SIGMA
    position = look.position_arcsec - reference.position_arcsec
    throughput, width = look.throughput / reference.throughput, look.width_arcsec / reference.width_arcsec
    apart = abs(lines) > max(LINES_PX, SIGMAS * lines_error) or not same_time
    if seen:
        position_error = float(np.hypot(look.position_error, reference.position_error))
        light_error = float(np.hypot(look.throughput_error, reference.throughput_error)) / abs(reference.throughput)
        width_error = float(np.hypot(look.width_error, reference.width_error)) / abs(reference.width_arcsec)
        apart |= not abs(position) <= max(SHIFT_ARCSEC, SIGMAS * position_error)
        apart |= not abs(throughput - 1.0) <= max(LIGHT_SHARE, SIGMAS * light_error)
        apart |= not abs(width - 1.0) <= max(WIDTH_SHARE, SIGMAS * width_error)
    return Difference(
        position_arcsec=position, lines_px=lines, lines_error_px=lines_error, throughput=throughput, width=width, agrees=not apart
    )


def group_exposures(
    looks: Sequence[QuickLook],
    noises_e: Sequence[float],
    times: Sequence[tuple[float, float]],
    rotator_deg: Sequence[float | None] | None = None,
) -> list[list[int]]:
    """Sort exposures into groups that agree with their first member.

    Parameters
    ----------
    looks : sequence of QuickLook
        Of every exposure.
    noises_e : sequence of float
        Read noise of each.
    times : sequence of tuple of float
        Time of one integration (s), and number of integrations.
    rotator_deg : sequence of float or None
        Angle of the rotator in each, None where it is not known.

    Returns
    -------
    list of list of int
        Indices of the exposures of each group, in order.
    """
    groups: list[list[int]] = []
    for number, look in enumerate(looks):
        for group in groups:
            first = group[0]
            same = abs(times[number][0] / times[first][0] - 1.0) <= TIME_SHARE and times[number][1] == times[first][1]
            same &= rotator_deg is None or not TURNED_DEG < angle_between(rotator_deg[number], rotator_deg[first]) < np.inf
            if same and difference(look, looks[first], read_noise_e=noises_e[number], same_time=True).agrees:
                group.append(number)
                break
        else:
            groups.append([number])
    return groups


def angle_between(one: float | None, other: float | None) -> float:
    """Degrees between two angles, 0 to 180; infinite if either is unknown."""
    return float("inf") if one is None or other is None else abs((one - other + 180.0) % 360.0 - 180.0)


def line_shift(strips: Sequence[FloatArray], reference: Sequence[FloatArray], read_noise_e: float) -> tuple[float, float]:
    """Motion of the sky lines along the dispersion between two exposures (px, positive towards larger pixels), and its error.

    Returns
    -------
    shift, error : float
        0 and infinity where the sky has no lines.
    """
    shift, error = _whole_pixels(strips, reference), float("inf")
    for _ in range(ROUNDS):
        up = down = 0.0
        for strip, other in zip(strips, reference, strict=True):
            slope_power, slope_step = _one_step(strip, other, shift, read_noise_e)
            up += slope_step
            down += slope_power
        if down <= 0:
            return 0.0, float("inf")
        step, error = up / down, 1.0 / float(np.sqrt(down))
        shift = float(np.clip(shift + step, -LARGEST_PX, LARGEST_PX))
        if abs(step) < 0.1 * error:
            break
    return shift, error


def _whole_pixels(strips: Sequence[FloatArray], reference: Sequence[FloatArray]) -> float:
    """Whole pixels by which the lines of all orders correlate best."""
    lags = np.arange(-LARGEST_PX, LARGEST_PX + 1)
    total = np.zeros(lags.size)
    for strip, other in zip(strips, reference, strict=True):
        here, there = (_lines(values) for values in (strip, other))
        if here.size > 4 * LARGEST_PX:
            inner = slice(LARGEST_PX, here.size - LARGEST_PX)
            total += [float(np.dot(here[inner], np.roll(there, lag)[inner])) for lag in lags]
    return float(lags[np.argmax(total)]) if total.any() else 0.0


def _lines(strip: FloatArray) -> FloatArray:
    """Square root of the light above its median, which keeps one line, or one cosmic ray, from deciding alone."""
    known = np.where(np.isfinite(strip), strip, np.nanmedian(strip) if np.isfinite(strip).any() else 0.0)
    return np.asarray(np.sqrt(np.maximum(known - np.median(known), 0.0)))


def _one_step(strip: FloatArray, other: FloatArray, shift: float, read_noise_e: float) -> tuple[float, float]:
    """Power of the slope, and its product with what is left, after `other` has been moved by `shift` and scaled."""
    x = np.arange(other.size, dtype=np.float64)
    known = np.isfinite(other)
    use = np.isfinite(strip) & known
    if use.sum() < LEAST_ROWS:
        return 0.0, 0.0
    moved = np.interp(x - shift, x[known], other[known])
    slope = -np.gradient(moved)  # of the model against its shift
    variance = 2.0 * (read_noise_e**2 + np.maximum(moved, 0.0))
    weight = np.where(use, 1.0 / variance, 0.0)
    data = np.where(use, strip, 0.0)
    for _ in range(2):
        mean_model, mean_data = (float(np.sum(weight * values) / np.sum(weight)) for values in (moved, data))
        power = float(np.sum(weight * (moved - mean_model) ** 2))
        scale = float(np.sum(weight * (moved - mean_model) * (data - mean_data))) / power if power > 0 else 1.0
        left = data - mean_data - scale * (moved - mean_model)
        weight = np.where(np.abs(left) < 5.0 * np.sqrt(variance) + 0.3 * np.abs(data), weight, 0.0)  # cosmic rays
        if not weight.any():
            return 0.0, 0.0
    slope = scale * (slope - float(np.sum(weight * slope) / np.sum(weight)))
    return float(np.sum(weight * slope**2)), float(np.sum(weight * slope * left))
