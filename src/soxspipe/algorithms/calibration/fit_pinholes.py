"""Centroids of pinhole images by a weighted fit of a Gaussian, all images of a frame at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.calibration.arc_image import CHUNK, ArcImage, cut_windows
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray, freeze

HALF_PX = 4
"""Half width of the windows that are fitted: a pinhole image of 1.7 px FWHM ends 3 px from its centre."""
ROUNDS = 3
"""After each round the light of all other images is taken off again; the third changes a centroid by less than 1e-3 px."""
STEPS = 3
"""Gauss-Newton about doubles the digits at each step: three are enough from half a pixel away."""
LONGEST_STEP_PX = 1.0
"""Half an image's width: a longer step leaves the region where the fit is nearly linear."""
LEAST_SIGMA_PX, MOST_SIGMA_PX = 0.35, 3.0
"""Narrower than a pixel's own blur is a hot pixel, wider than this a blend or scattered light."""
MOMENT_SIGMA_PX = 1.0
"""Width of the weight of moments: that of an image, so that its wings and what is beside it count little."""
SMALLEST_GAIN = 1e-9
"""Below this a parameter is not seen by any pixel, and is held."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forms:
    """Form of each image, shape (n,): Gaussian widths along x and y (px), and how it leans (1 / px2).

    At u, v from its centre the light is that of an upright Gaussian times ``1 + lean u v``: where lines of one wavelength are tilted, so is the
    image of a pinhole, by as much as it is the pinhole's and not the blur's.
    """

    sigma_x: FloatArray
    sigma_y: FloatArray
    lean: FloatArray

    def part(self, use: IntArray) -> Forms:
        """Some of them."""
        return Forms(sigma_x=self.sigma_x[use], sigma_y=self.sigma_y[use], lean=self.lean[use])


def upright(sigma_px: float, n: int) -> Forms:
    """`n` round images of one width."""
    return Forms(sigma_x=np.full(n, sigma_px), sigma_y=np.full(n, sigma_px), lean=np.zeros(n))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pinholes:
    """Pinhole images as fitted, shape (n,) each.

    Attributes
    ----------
    x, y : ndarray
        Centre (px, 0-based).
    x_error, y_error : ndarray
        Their errors from the noise; infinite where nothing was fitted.
    electrons : ndarray
        Light of the image.
    significance : ndarray
        Light over its error.
    chi2 : ndarray
        Reduced chi squared of the window's core.
    forms : Forms
        Widths and lean used.
    saturated, obstructed : ndarray of bool
        A full pixel in the core; a bad pixel, or the frame's edge, in the core.
    """

    x: FloatArray
    y: FloatArray
    x_error: FloatArray
    y_error: FloatArray
    electrons: FloatArray
    significance: FloatArray
    chi2: FloatArray
    forms: Forms
    saturated: BoolArray
    obstructed: BoolArray

    def __post_init__(self) -> None:
        names = ("y", "x_error", "y_error", "electrons", "significance", "chi2", "saturated", "obstructed")
        freeze(self, **dict.fromkeys(("x", *names), self.x.shape))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Companion:
    """The nearest other line of the list beside each image: offset (px; NaN for none), shape (n,) each."""

    dx: FloatArray
    dy: FloatArray


@dataclass(slots=True, kw_only=True, eq=False)
class _State:
    """Parameters of the fits while they are improved: peak, centre, background, peak of the companion; shape (n,) each."""

    peak: FloatArray
    x: FloatArray
    y: FloatArray
    level: FloatArray
    second: FloatArray


def fit_pinholes(image: ArcImage, x: FloatArray, y: FloatArray, forms: Forms, companion: Companion) -> Pinholes:
    r"""Fit every pinhole image, given where it is to about 1 px and how wide it is.

    Parameters
    ----------
    image : ArcImage
        The frame.
    x, y : ndarray, shape (n,)
        Start of the centres, px.
    forms : Forms
        Widths of the images, and how they lean.
    companion : Companion
        A second image that moves with the first, its height free: lines of the list that overlap are fitted as a pair whose distance is known.

    Returns
    -------
    Pinholes

    Notes
    -----
    Gauss-Newton on peak, centre, background and the companion's peak with :math:`w = 1 / (V + \max(m, 0))`, m the model: photon noise taken
    from the data would draw the fit to pixels that are low by chance.
    """
    n = len(x)
    column, row = np.rint(x).astype(int), np.rint(y).astype(int)
    state = _State(peak=np.zeros(n), x=np.array(x, np.float64), y=np.array(y, np.float64), level=np.zeros(n), second=np.zeros(n))
    chunks = [np.arange(i, min(i + CHUNK, n)) for i in range(0, n, CHUNK)]
    errors, chi2 = np.full((n, 3), np.inf), np.full(n, np.nan)
    full, blocked = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    for turn in range(ROUNDS):
        others = _painted(image.shape, state, column, row, forms) if turn else None
        for use in chunks:
            window = _window(image, use, column, row, others, state, forms)
            errors[use], chi2[use], full[use], blocked[use] = _improve(window, state, use, forms.part(use), companion)
    area = 2.0 * np.pi * forms.sigma_x * forms.sigma_y
    lost = ~np.isfinite(errors).all(axis=1) | (np.hypot(state.x - column, state.y - row) > HALF_PX - 0.5)
    errors[lost] = np.inf
    with np.errstate(invalid="ignore", divide="ignore"):
        significance = np.where(lost, 0.0, state.peak / errors[:, 0])
    return Pinholes(
        x=state.x, y=state.y, x_error=errors[:, 1], y_error=errors[:, 2], electrons=state.peak * area, significance=significance, chi2=chi2,
        forms=forms, saturated=full, obstructed=blocked,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Window:
    """Cut-outs about the starts: data without other images, variance, use, and pixel offsets of rows and columns."""

    data: FloatArray
    variance: FloatArray
    good: BoolArray
    saturated: BoolArray
    columns: FloatArray
    rows: FloatArray


def _window(
    image: ArcImage,
    use: IntArray,
    column: IntArray,
    row: IntArray,
    others: FloatArray | None,
    state: _State,
    forms: Forms,
) -> _Window:
    index, inside = cut_windows(image.shape, column[use], row[use], HALF_PX)
    step = np.arange(-HALF_PX, HALF_PX + 1)
    columns, rows = (column[use][:, None] + step).astype(np.float64), (row[use][:, None] + step).astype(np.float64)
    data = image.electrons.reshape(-1).take(index).astype(np.float64)
    more = np.zeros(1)
    if others is not None:
        own = _light(columns - state.x[use][:, None], rows - state.y[use][:, None], forms.part(use))
        more = others.take(index) - own * np.maximum(state.peak[use], 0.0)[:, None, None]
        data = data - more
    flat = np.divmod(index, image.shape[1])
    return _Window(
        data=data, variance=np.asarray(image.variance[flat], np.float64) + np.maximum(more, 0.0), good=inside & image.good.reshape(-1).take(index),
        saturated=inside & image.saturated[flat], columns=columns, rows=rows,
    )  # fmt: skip


def _light(u: FloatArray, v: FloatArray, forms: Forms) -> FloatArray:
    """Images of peak 1 at columns `u` and rows `v` from their centres, shape (n, rows, columns)."""
    across, up = np.exp(-0.5 * (u / forms.sigma_x[:, None]) ** 2), np.exp(-0.5 * (v / forms.sigma_y[:, None]) ** 2)
    leaning = (forms.lean[:, None] * v * up)[:, :, None] * (u * across)[:, None, :]
    return np.asarray(up[:, :, None] * across[:, None, :] + leaning)


def _painted(shape: tuple[int, int], state: _State, column: IntArray, row: IntArray, forms: Forms) -> FloatArray:
    """Light of all images together, flat frame."""
    index, inside = cut_windows(shape, column, row, HALF_PX)
    step = np.arange(-HALF_PX, HALF_PX + 1)
    u, v = ((middle[:, None] + step).astype(np.float64) - at[:, None] for middle, at in ((column, state.x), (row, state.y)))
    light = np.where(inside, np.maximum(state.peak, 0.0)[:, None, None] * _light(u, v, forms), 0.0)
    return np.bincount(index.reshape(-1), light.reshape(-1), minlength=shape[0] * shape[1]).astype(np.float64, copy=False)


def _improve(
    window: _Window, state: _State, use: IntArray, forms: Forms, companion: Companion
) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray]:
    """Gauss-Newton steps for some images; returns errors of peak and centre, chi squared, and whether the core is saturated or obstructed."""
    pair = np.isfinite(companion.dx[use])
    off_x, off_y = np.where(pair, companion.dx[use], 0.0), np.where(pair, companion.dy[use], 0.0)
    inverse: FloatArray = np.zeros((use.size, 5, 5))
    chi2: FloatArray = np.zeros(use.size, dtype=np.float64)
    if not state.peak[use].any():
        _start(window, state, use)
    for _ in range(STEPS):
        design, model, core = _linearised(window, state, use, forms, (pair, off_x, off_y))
        weight = window.good / (window.variance + np.maximum(model, 0.0))
        size = window.data[0].size
        weighted = design * weight.reshape(-1, 1, size)
        normal = weighted @ design.transpose(0, 2, 1)
        rhs = weighted @ (window.data - model).reshape(-1, size, 1)
        free = np.einsum("npp->np", normal)
        stiff = np.where(free > SMALLEST_GAIN, 0.0, 1.0)
        normal[:, range(5), range(5)] += stiff + 1e-9 * free
        inverse = np.linalg.inv(normal)
        inverse *= (1.0 - stiff)[:, :, None] * (1.0 - stiff)[:, None, :]
        step = (inverse @ rhs)[..., 0]
        state.peak[use] += step[:, 0]
        state.x[use] += np.clip(step[:, 1], -LONGEST_STEP_PX, LONGEST_STEP_PX)
        state.y[use] += np.clip(step[:, 2], -LONGEST_STEP_PX, LONGEST_STEP_PX)
        state.level[use] += step[:, 3]
        state.second[use] += step[:, 4]
        number = np.maximum((weight > 0).reshape(use.size, -1).sum(axis=1) - 5, 1)
        chi2 = (weight * (window.data - model) ** 2).sum(axis=(1, 2)) / number
    error: FloatArray = np.sqrt(np.einsum("npp->np", inverse)[:, :3])
    error[error <= 0] = np.inf
    return error, chi2, np.any(window.saturated & core, axis=(1, 2)), np.any(~window.good & core, axis=(1, 2))


def _start(window: _Window, state: _State, use: IntArray) -> None:
    """Background from the window's median, peak from its middle."""
    data = np.where(window.good, window.data, np.median(window.data, axis=(1, 2), keepdims=True))
    state.level[use] = np.median(data, axis=(1, 2))
    middle = slice(HALF_PX - 1, HALF_PX + 2)
    state.peak[use] = np.maximum(data[:, middle, middle].max(axis=(1, 2)) - state.level[use], 1.0)


def _linearised(
    window: _Window, state: _State, use: IntArray, forms: Forms, companion: tuple[BoolArray, FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Derivatives, shape (n, 5, pixels), model, and which pixels make up the core of the image."""
    pair, off_x, off_y = companion
    u, v = window.columns - state.x[use][:, None], window.rows - state.y[use][:, None]
    peak, second = state.peak[use][:, None, None], state.second[use][:, None, None]
    one = _light(u, v, forms)
    along_x, along_y = (peak * part for part in _slopes(one, u, v, forms))
    two = np.zeros_like(one)
    if pair.any():
        beside = forms.part(np.flatnonzero(pair))
        u, v = (u - off_x[:, None])[pair], (v - off_y[:, None])[pair]
        two[pair] = _light(u, v, beside)
        for along, slope in zip((along_x, along_y), _slopes(two[pair], u, v, beside), strict=True):
            along[pair] += second[pair] * slope
    design = np.stack([one, along_x, along_y, np.ones_like(one), two], axis=1)
    model = peak * one + second * two + state.level[use][:, None, None]
    return design.reshape(use.size, 5, -1), model, one > 0.3


def _slopes(light: FloatArray, u: FloatArray, v: FloatArray, forms: Forms) -> tuple[FloatArray, FloatArray]:
    """Growth of images with the place of their centres along x and y, to first order in the lean."""
    lean = forms.lean[:, None]
    x = (u / forms.sigma_x[:, None] ** 2)[:, None, :] - (lean * v)[:, :, None]
    y = (v / forms.sigma_y[:, None] ** 2)[:, :, None] - (lean * u)[:, None, :]
    return light * x, light * y


def measure_forms(image: ArcImage, pinholes: Pinholes, use: BoolArray) -> Forms:
    """Form of the images in `use`, from moments weighted by the image itself; NaN for the others.

    With data D = exp(-r^2/2s^2) and weight exp(-r^2/2w^2) the weighted second moment m obeys 1/m = 1/s^2 + 1/w^2, along each axis alone; the
    mixed moment over the determinant of all three is the lean, which the weight does not change.
    """
    index, inside = cut_windows(image.shape, np.rint(pinholes.x[use]).astype(int), np.rint(pinholes.y[use]).astype(int), HALF_PX)
    data = image.electrons.reshape(-1).take(index).astype(np.float64)
    good = inside & image.good.reshape(-1).take(index)
    border = np.ones(data.shape[1:], dtype=bool)
    border[1:-1, 1:-1] = False
    data = np.where(good, data - np.median(data[:, border], axis=1)[:, None, None], 0.0)
    step = np.arange(-HALF_PX, HALF_PX + 1)
    columns = (np.rint(pinholes.x[use])[:, None] + step - pinholes.x[use][:, None])[:, None, :]
    rows = (np.rint(pinholes.y[use])[:, None] + step - pinholes.y[use][:, None])[:, :, None]
    weight = data * np.exp(-0.5 * (columns**2 + rows**2) / MOMENT_SIGMA_PX**2)
    total = weight.sum(axis=(1, 2))
    with np.errstate(all="ignore"):
        xx, yy, xy = ((weight * product).sum(axis=(1, 2)) / total for product in (columns**2, rows**2, columns * rows))
        sigma_x, sigma_y = (np.sqrt(1.0 / (1.0 / moment - 1.0 / MOMENT_SIGMA_PX**2)) for moment in (xx, yy))
        lean = xy / (xx * yy - xy**2)
        for one in (sigma_x, sigma_y):
            one[~((one > LEAST_SIGMA_PX) & (one < MOST_SIGMA_PX))] = np.nan
    whole = [np.full(pinholes.x.size, np.nan) for _ in range(3)]
    for values, measured in zip(whole, (sigma_x, sigma_y, lean), strict=True):
        values[use] = measured
    return Forms(sigma_x=whole[0], sigma_y=whole[1], lean=whole[2])
