"""Tell pinhole images that can be used from those that cannot, and say why: all images of a line together."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from soxspipe.algorithms.calibration.arc_settings import ArcSettings
from soxspipe.algorithms.calibration.fit_pinholes import Pinholes
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.numerics.robust import mad_sigma, row_median

DOUBTFUL_OFFSET_PX = 0.25
"""A line whose identification is in doubt must be closer to the solution than this: one wrong line in twenty is by chance, on 5 px between lines."""
BLEND_PX = 1.0
"""Two lines of the list closer than this are one image."""
WIDEST_ERROR_PX = 0.4
"""A fit that is no better than this says less than the solution without it."""
FLOOR_PX = 0.004
"""Scatter of centroids that photon noise does not tell (unequal response of the pixels), where the frame does not tell it."""
FLOOR_LIMITS_PX = (0.001, 0.02)
"""No fit of a Gaussian to pixels is better than the first; more than the second is no response of pixels, but a fit that does not hold."""
BRIGHT_PX = 0.01
"""Images with photon noise below this show the floor, which is a fifth of it or more."""
DARK = 0.3
"""Share of the lines that show an image at a pinhole that is dark; what they show are other lines."""
LEAST_BRIGHT = 100
"""The scatter of as many is known to a tenth, and the floor, where it is half of that scatter, to a third."""
FLOOR_TRIALS = 25
"""Steps of an eighth, finer than the floor is known."""


class ImageState(IntEnum):
    """What was found at the place of a pinhole image."""

    GOOD = 0
    MISSING = 1
    SATURATED = 2
    BLENDED = 3
    OFF = 4
    WRONG = 5
    OUTSIDE = 6
    INCOMPLETE = 7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """State of every image, shape (n_lines, n_pinholes), and the errors (px) with which good ones enter the fit."""

    state: IntArray
    x_error: FloatArray
    y_error: FloatArray


def judge_images(
    pinholes: Pinholes,
    separation: FloatArray,
    shape: tuple[int, int],
    n_pinholes: int,
    settings: ArcSettings,
    floors_px: tuple[float, float] = (FLOOR_PX, FLOOR_PX),
) -> Judged:
    """Judge images by themselves.

    Parameters
    ----------
    pinholes : Pinholes
        As fitted, lines x pinholes flattened.
    separation : ndarray, shape (n,)
        Distance (px) to the nearest other line of the list; NaN for none.
    shape : tuple of int
        Rows and columns of the frame.
    n_pinholes : int
        Images per line.
    settings : ArcSettings
        Least significance.
    floors_px : tuple of float
        Scatter of x and y that photon noise does not tell; part of the errors.
    """
    state = np.zeros(pinholes.x.size, dtype=np.int64)
    outside = (pinholes.x < 1) | (pinholes.x > shape[1] - 2) | (pinholes.y < 1) | (pinholes.y > shape[0] - 2)
    faint = pinholes.significance < settings.pinhole_detection_thres_sigma
    wide = (pinholes.x_error > WIDEST_ERROR_PX) | (pinholes.y_error > WIDEST_ERROR_PX)
    for where, why in (
        (wide, ImageState.BLENDED),
        (separation < BLEND_PX, ImageState.BLENDED),
        (pinholes.saturated, ImageState.SATURATED),
        (faint, ImageState.MISSING),
        (outside, ImageState.OUTSIDE),
    ):
        state[where] = why
    errors = zip((pinholes.x_error, pinholes.y_error), floors_px, strict=True)
    x_error, y_error = (np.hypot(error, floor).reshape(-1, n_pinholes) for error, floor in errors)
    return Judged(state=state.reshape(-1, n_pinholes), x_error=x_error, y_error=y_error)


def floor_of(offset: FloatArray, error: FloatArray, good: BoolArray) -> float:
    """Scatter of centroids beyond photon noise (px), by how the bright images of each line scatter about their mean.

    Parameters
    ----------
    offset : ndarray, shape (n_lines, n_pinholes)
        Measured minus solution along one axis, px.
    error : ndarray, shape (n_lines, n_pinholes)
        Photon noise of it, px.
    good : ndarray of bool, shape (n_lines, n_pinholes)
        Images to be used.

    Returns
    -------
    float
        The floor under which scatter and errors agree; `FLOOR_PX` if too few images are bright, or lines have one pinhole.
    """
    count = np.maximum(good.sum(axis=1, keepdims=True), 1)
    use = good & (error < BRIGHT_PX) & (count > 2)
    if use.sum() < LEAST_BRIGHT:
        return FLOOR_PX
    mean = np.where(good, offset, 0.0).sum(axis=1, keepdims=True) / count
    inside = ((offset - mean) / np.sqrt(1.0 - 1.0 / np.maximum(count, 2)))[use]
    trials = np.geomspace(*FLOOR_LIMITS_PX, FLOOR_TRIALS)
    scatter = np.array([mad_sigma(inside / np.hypot(error[use], trial)) for trial in trials])
    return float(np.interp(-1.0, -scatter, trials))


def judge_against(
    state: IntArray,
    dx: FloatArray,
    dy: FloatArray,
    errors: tuple[FloatArray, FloatArray],
    trusted: BoolArray,
    settings: ArcSettings,
    least_px: float,
) -> IntArray:
    """Judge images by their offsets from a solution, shape (n_lines, n_pinholes); first lines as a whole, then single images.

    Parameters
    ----------
    state : ndarray of int, shape (n_lines, n_pinholes)
        As judged by themselves.
    dx, dy : ndarray, shape (n_lines, n_pinholes)
        Measured minus solution, px.
    errors : tuple of ndarray
        Errors of x and y.
    trusted : ndarray of bool, shape (n_lines,)
        False for lines whose identification is in doubt.
    settings : ArcSettings
        Limits in sigma, and fewest images of a line; that of a mask whose pinholes are all lit.
    least_px : float
        Offsets below this are no reason to leave anything out.
    """
    state = state.copy()
    fewest = max(min(settings.mph_line_set_min, state.shape[1]) - _dark_pinholes(state), 1)
    good = state == ImageState.GOOD
    offsets = [row_median(d, good) for d in (dx, dy)]
    wrong = np.zeros(len(state), dtype=bool)
    for offset, error in zip(offsets, errors, strict=True):
        enough = good.sum(axis=1) >= fewest
        expected = np.sqrt(np.where(good, error**2, 0.0).sum(axis=1)) / np.maximum(good.sum(axis=1), 1)
        reference = offset[enough & trusted] if (enough & trusted).sum() > 5 else offset[enough]
        spread = mad_sigma(reference - np.median(reference)) if reference.size > 2 else 0.0
        scatter = np.hypot(spread, expected)
        wrong |= np.abs(offset) > np.maximum(settings.poly_clipping_set_offset_sigma * scatter, least_px)
        wrong |= ~trusted & (np.abs(offset) > max(DOUBTFUL_OFFSET_PX, least_px))
    state[wrong[:, None] & good] = ImageState.WRONG
    good = state == ImageState.GOOD
    for d, offset, error in zip((dx, dy), offsets, errors, strict=True):
        inside = d - offset[:, None] if state.shape[1] > 2 else d
        spread = mad_sigma((inside / error)[good]) if good.sum() > 5 else 1.0
        limit = settings.poly_fitting_residual_clipping_sigma * max(spread, 1.0) * error
        state[good & (np.abs(inside) > np.maximum(limit, least_px))] = ImageState.OFF
    few = (state == ImageState.GOOD).sum(axis=1) < fewest
    state[few[:, None] & (state == ImageState.GOOD)] = ImageState.INCOMPLETE
    return state


def _dark_pinholes(state: IntArray) -> int:
    """Number of pinholes that no line shows, though it shows most others: that is no fault of the lines."""
    seen = (state != ImageState.MISSING) & (state != ImageState.OUTSIDE)
    shown = seen.sum(axis=1) > state.shape[1] / 2
    return int((seen[shown].mean(axis=0) < DARK).sum()) if shown.any() else 0
