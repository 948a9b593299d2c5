"""Shifts of single sky lines: the list, moved and scaled, fitted to the sky in a window around each strong line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.sky.wavelengths.pattern_search import Candidate
from soxspipe.algorithms.sky.wavelengths.sky_spectrum import STEP_PX, LineShape, SkySpectrum, listed_sky
from soxspipe.datamodel.arrays import FloatArray, IntArray

MOST_LINES = 60
"""The strongest: fainter ones add nothing to the mean and much to the time."""
WINDOW_MARGIN_PX = 2.0
"""Sky on both sides of the line."""
ROUNDS = 4
"""Gauss-Newton from a shift that the whole pattern gave; bounds the time."""
LARGEST_STEP_PX = 0.5
"""Half a line width: a longer step leaves the region where the fit is linear."""
FARTHEST_PX = 1.2
"""From the candidate, whose shifts come in steps of 0.2 px and bends in steps of 0.5."""

LEAST_SNR = 3.0
"""Below it the maximum of noise is taken for the line."""
UNLIKE = 0.2
"""Residual of a window over the height of its line: a neighbour that the list lacks, or a cosmic ray, is more."""

SHAPE_ERROR = 0.3
"""Share of that residual that goes into the line's error: most of it is not a shift."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LineShifts:
    """Lines of one order that look like the list, arrays of shape (n_lines,).

    Attributes
    ----------
    x : ndarray
        Position scaled to -1..1.
    shift_px, error_px : ndarray
        Seen minus listed, and its error.
    snr : ndarray
        Height over noise.
    rank : ndarray of int
        Place of the line among those looked for, by listed strength, 0 for the strongest.
    n_expected : int
        Lines that were looked for.
    """

    x: FloatArray
    shift_px: FloatArray
    error_px: FloatArray
    snr: FloatArray
    rank: IntArray
    n_expected: int


def measure_lines(spectrum: SkySpectrum, shape: LineShape, candidate: Candidate) -> LineShifts:
    """Measure the strongest lines of an order near a candidate.

    Parameters
    ----------
    spectrum : SkySpectrum
        Sky and lines.
    shape : LineShape
        Line-spread function.
    candidate : Candidate
        Where to look.
    """
    half = round((shape.half_px + WINDOW_MARGIN_PX) / STEP_PX)
    listed = listed_sky(spectrum, shape)
    chosen = _strongest(spectrum, candidate, half)
    start = candidate.at(spectrum.scaled(spectrum.position[chosen]))
    middle = np.rint((spectrum.position[chosen] + start - spectrum.grid[0]) / STEP_PX).astype(np.int64)
    windows = middle[:, None] + np.arange(-half, half + 1)
    return _fit_windows(spectrum, listed, windows, chosen, start)


def _strongest(spectrum: SkySpectrum, candidate: Candidate, half: int) -> IntArray:
    """The strongest lines whose windows hardly overlap and lie on the grid."""
    place = np.rint((spectrum.position + candidate.at(spectrum.scaled(spectrum.position)) - spectrum.grid[0]) / STEP_PX).astype(np.int64)
    free = np.ones(spectrum.grid.size, dtype=bool)
    chosen: list[int] = []
    for k in np.argsort(spectrum.strength)[::-1]:
        if len(chosen) == MOST_LINES:
            break
        if half <= place[k] < free.size - half and free[place[k]]:
            free[max(place[k] - half, 0) : place[k] + half + 1] = False
            chosen.append(int(k))
    return np.array(chosen, dtype=np.int64)


def _fit_windows(spectrum: SkySpectrum, listed: FloatArray, windows: IntArray, chosen: IntArray, start: FloatArray) -> LineShifts:
    """Fit ``height x listed(u - shift) + level + slope u`` in every window by Gauss-Newton steps."""
    u, sky = spectrum.grid[windows], spectrum.sky[windows]
    noise = spectrum.noise[windows[:, windows.shape[1] // 2]]
    steep = np.gradient(listed, STEP_PX)
    across = np.broadcast_to(np.linspace(-1.0, 1.0, windows.shape[1]), u.shape)
    shift = start.copy()
    height, residual, shape, slope = np.zeros(start.size), np.zeros(u.shape), np.zeros(u.shape), np.zeros(u.shape)
    normal = np.zeros((start.size, 4, 4))
    for _ in range(ROUNDS):
        shape = np.interp(u - shift[:, None], spectrum.grid, listed)
        slope = -np.interp(u - shift[:, None], spectrum.grid, steep)
        terms = np.stack([shape, slope, np.ones_like(u), across], axis=2)
        turned = terms.transpose(0, 2, 1)
        normal = turned @ terms
        normal += np.eye(4) * (1e-9 * np.trace(normal, axis1=1, axis2=2) + 1e-30)[:, None, None]
        solution = np.linalg.solve(normal, turned @ sky[..., None])[..., 0]
        height = solution[:, 0]
        shift = shift + np.clip(solution[:, 1] / np.where(height > 0, height, np.inf), -LARGEST_STEP_PX, LARGEST_STEP_PX)
        residual = sky - (terms @ solution[..., None])[..., 0]
    moving = np.linalg.inv(normal)[:, 1, 1]
    peak = np.maximum(height * np.ptp(shape, axis=1), 1e-30)
    scatter = np.sqrt(np.mean(residual**2, axis=1))
    # samples of the grid are STEP_PX apart, and `noise` is that of a whole px
    photon = noise * np.sqrt(moving / STEP_PX) / np.maximum(height, 1e-30)
    snr = peak / np.maximum(noise, 1e-30)
    alike = (height > 0) & (snr > LEAST_SNR) & (scatter < UNLIKE * peak + noise) & (np.abs(shift - start) < FARTHEST_PX)
    return LineShifts(
        x=spectrum.scaled(spectrum.position[chosen])[alike],
        shift_px=shift[alike],
        error_px=np.hypot(photon, SHAPE_ERROR * scatter / peak)[alike],
        snr=snr[alike],
        rank=np.flatnonzero(alike),
        n_expected=chosen.size,
    )
