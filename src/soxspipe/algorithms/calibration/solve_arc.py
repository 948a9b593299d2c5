"""From an arc frame to a dispersion solution: find the pattern, measure the images, judge the lines, fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.calibration.arc_image import ArcImage
from soxspipe.algorithms.calibration.arc_settings import ArcSettings
from soxspipe.algorithms.calibration.find_pattern import Pattern, find_pattern
from soxspipe.algorithms.calibration.fit_dispersion import ArcPoints, DispersionFit, fit_dispersion
from soxspipe.algorithms.calibration.fit_pinholes import Companion, Forms, Pinholes, fit_pinholes, measure_forms, upright
from soxspipe.algorithms.calibration.follow_orders import follow_orders
from soxspipe.algorithms.calibration.judge_lines import FLOOR_PX, ImageState, Judged, floor_of, judge_against, judge_images
from soxspipe.algorithms.calibration.predict_lines import ArcLines, ArcPrediction, anchored, pixels_of
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.datamodel.detector import Axis
from soxspipe.datamodel.geometry import DispersionPolynomial
from soxspipe.errors import AlgorithmError

START_SIGMA_PX = 0.8
"""Gaussian width of a pinhole image of 1.7-1.9 px FWHM, as the instrument has them."""
TRUST_OF_DOUBTFUL = 0.5
"""Counts half: some of these lines are right, and the robust fit finds out which."""
ROUGH_DEGREES = {"echelle": (9, 10, 11), "separate": (4, 6, 7)}
"""Degrees of the robust fits, by kind of basis: an order that bends away from the others must be followed to its ends."""
ANCHORED_DEGREES = (3, 4)
"""The same with a first solution: what flexure and the unknown scale of the slit add to it is smooth."""
ROUGH_OFFSET_PX = 1.5
"""Furthest a line may lie from a first, rough solution."""
LEAST_OFFSETS_PX = (0.8, 0.4, 0.15, 0.06)
"""Lines and images closer to the solution are not left out, however small the scatter: in the first rounds because an order that bends away
from the others is not yet followed, in the last because it harms nothing."""
WIDTH_SIGNIFICANCE = 40.0
"""The width of an image is known to about 1 / 40 then; fainter ones add more noise than knowledge."""
MOST_LEAN = 0.6
"""1 / px2: an image of a slit tilted by 20 degrees, none of it blur; beyond, the first order in the lean no longer holds."""
CHOOSING_TURNS = (0, 2)
"""Rounds in which degrees are chosen: with the first lines, and when those that are wrong have gone."""
COMPANION_PX = 5.0
"""More than two full widths: a line further away does not shift this one."""
LINE_SIGMA = 5.0
"""Of two hundred simulated lines further than this from where the others had them, all were blended with lines of no list."""
WORST_SHARE = 0.6
"""A wrong line drags its neighbours along: what is less apart than this beside the worst of its order is judged again without it."""
TURNS_WITHOUT = 4
"""Fits at most; wrong lines that are alone in their order go at once."""
LEAST_LINES = 12
"""Fewer tell a mean and not whether it holds for the order."""
LEAST_PINHOLES = 7
"""Five inner pinholes or more tell a parabola and its continuation."""
DISPLACED_END_PX = 0.2
"""An end pinhole this far off the parabola through the others is half covered; curvature beyond a parabola is ten times less in all five arms."""
LEAST_CONTRAST, LEAST_LIGHT = 1.3, 0.1
"""Light where the pattern lies over other places (1.0-1.2 for lines that are not there), and per image (0.01 without a lamp; 1 for good arcs)."""
ANCHORED_REACH_PX = 2
"""Half the distance between two pinholes, with a first solution to start from: a shift by a whole pinhole cannot be taken for the truth."""


_Boxes = tuple[tuple[int, int, int], tuple[int, int, int]]
"""Degrees in order, wavelength and slit position, of x and y."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArcSolution:
    """Dispersion solution and what it was made from.

    Attributes
    ----------
    lines : ArcLines
        Candidates, shape (n_lines,).
    slit_arcsec : ndarray, shape (n_pinholes,)
        Slit positions of the mask.
    pattern : Pattern
        Motion of the pattern as a whole.
    predicted_x, predicted_y : ndarray, shape (n_lines, n_pinholes)
        Pixels before the frame was seen.
    pinholes : Pinholes
        Images as measured, flattened.
    judged : Judged
        State and errors of every image.
    fit : DispersionFit
        The solution.
    fit_x, fit_y : ndarray, shape (n_lines, n_pinholes)
        Where it has the images.
    """

    lines: ArcLines
    slit_arcsec: FloatArray
    pattern: Pattern
    predicted_x: FloatArray
    predicted_y: FloatArray
    pinholes: Pinholes
    judged: Judged
    fit: DispersionFit
    fit_x: FloatArray
    fit_y: FloatArray

    @property
    def shape(self) -> tuple[int, int]:
        """Lines and pinholes."""
        return self.predicted_x.shape

    @property
    def used(self) -> BoolArray:
        """Images in the final fit."""
        return np.asarray(self.judged.state == ImageState.GOOD)

    @property
    def detected(self) -> BoolArray:
        """Images seen, used or not."""
        return np.asarray((self.judged.state != ImageState.MISSING) & (self.judged.state != ImageState.OUTSIDE))

    @property
    def residual_x(self) -> FloatArray:
        """Measured minus fit, px."""
        return np.asarray(self.pinholes.x.reshape(self.shape) - self.fit_x)

    @property
    def residual_y(self) -> FloatArray:
        """Measured minus fit, px."""
        return np.asarray(self.pinholes.y.reshape(self.shape) - self.fit_y)


def solve_arc(
    image: ArcImage,
    prediction: ArcPrediction,
    lines: ArcLines,
    slit_arcsec: FloatArray,
    settings: ArcSettings,
    *,
    dispersion_axis: Axis,
    start: tuple[DispersionPolynomial, DispersionPolynomial] | None = None,
) -> ArcSolution:
    """Solve an arc frame.

    Parameters
    ----------
    image : ArcImage
        The frame.
    prediction : ArcPrediction
        Geometry as known beforehand.
    lines : ArcLines
        Candidates.
    slit_arcsec : ndarray, shape (n_pinholes,)
        Slit positions of the pinholes that are lit.
    settings : ArcSettings
        How.
    dispersion_axis : {'x', 'y'}
        Of the arm.
    start : tuple of DispersionPolynomial, optional
        A first solution at the slit's centre, x and y: the pattern is then looked for there, and not far away.

    Raises
    ------
    AlgorithmError
        If the pattern of lines is not on the frame, or too few lines are left.
    """
    _require_candidates(lines)
    work = _Work(image=image, prediction=prediction, lines=lines, slit_arcsec=slit_arcsec, settings=settings)
    expected = prediction if start is None else anchored(prediction, *start)
    x0, y0 = work.pixels(expected.x, expected.y)
    order = np.repeat(lines.order, slit_arcsec.size)
    reach = settings.pixel_window_size if start is None else ANCHORED_REACH_PX
    pattern = find_pattern(image, order, x0.ravel(), y0.ravel(), reach, rigid=start is not None)
    _require_on_frame(pattern, lines, reach)
    dx, dy = (motion.reshape(x0.shape) for motion in pattern.motion(order, x0.ravel(), y0.ravel(), image.shape))
    x: FloatArray = x0 + dx
    y: FloatArray = y0 + dy
    if start is None:
        middle = slit_arcsec.size // 2
        trust = np.where(lines.doubtful, TRUST_OF_DOUBTFUL, 1.0)
        followed = follow_orders(image, lines.order, x[:, middle], y[:, middle], trust, dispersion_axis)
        x, y = x + followed.dx[:, None], y + followed.dy[:, None]
    degrees = ROUGH_DEGREES[prediction.basis.kind] if start is None else ANCHORED_DEGREES
    x, y = _roughly(work, expected, degrees, x, y)
    pinholes, judged, fit = _finely(work, x, y)
    fit_x, fit_y = work.pixels(fit.x_polynomial, fit.y_polynomial)
    return ArcSolution(
        lines=lines, slit_arcsec=slit_arcsec, pattern=pattern, predicted_x=x0, predicted_y=y0, pinholes=pinholes, judged=judged, fit=fit,
        fit_x=fit_x, fit_y=fit_y,
    )  # fmt: skip


def _require_candidates(lines: ArcLines) -> None:
    if len(lines) < LEAST_LINES:
        raise AlgorithmError(
            f"{len(lines)} lines of these lamps are expected on the frame, {LEAST_LINES} are needed: are the lamps those of this arm, and is it a "
            "whole frame?"
        )


def _require_on_frame(pattern: Pattern, lines: ArcLines, reach_px: float) -> None:
    if pattern.contrast < LEAST_CONTRAST or pattern.light < LEAST_LIGHT:
        raise AlgorithmError(
            f"the pattern of {len(lines)} arc lines is not on the frame within {reach_px} px of where it is expected: "
            "is the lamp on, and is it the lamp that the header names?"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Work:
    """What every round needs."""

    image: ArcImage
    prediction: ArcPrediction
    lines: ArcLines
    slit_arcsec: FloatArray
    settings: ArcSettings

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.lines), self.slit_arcsec.size

    def pixels(self, x: DispersionPolynomial, y: DispersionPolynomial) -> tuple[FloatArray, FloatArray]:
        """Pixels of all images in a solution."""
        return pixels_of(x, y, self.lines.order[:, None], self.lines.wavelength_nm[:, None], self.slit_arcsec[None, :])

    def points(self, pinholes: Pinholes, judged: Judged, use: BoolArray) -> ArcPoints:
        """The images in `use` as points to be fitted."""
        line, hole = np.nonzero(use)
        return ArcPoints(
            order=self.lines.order[line], wavelength_nm=self.lines.wavelength_nm[line], slit_arcsec=self.slit_arcsec[hole],
            x=pinholes.x.reshape(self.shape)[use], y=pinholes.y.reshape(self.shape)[use],
            x_error=judged.x_error[use], y_error=judged.y_error[use], line=line,
        )  # fmt: skip


def _roughly(work: _Work, expected: ArcPrediction, degrees: tuple[int, ...], x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Places of all images to a few tenths of a pixel: brightest spot nearby, robust fit, again."""
    n = x.size
    none = Companion(dx=np.full(n, np.nan), dy=np.full(n, np.nan))
    for turn, degree in enumerate(degrees):
        start = _brightest(work.image, x.ravel(), y.ravel(), 2 if turn < 2 else 1)
        pinholes = fit_pinholes(work.image, *start, upright(START_SIGMA_PX, n), none)
        judged = judge_images(pinholes, none.dx, work.image.shape, work.shape[1], work.settings)
        near = np.hypot(pinholes.x.reshape(x.shape) - x, pinholes.y.reshape(x.shape) - y) < 2 * ROUGH_OFFSET_PX
        use = (judged.state == ImageState.GOOD) & near
        _require_lines(work, use)
        fit = fit_dispersion(expected.basis, (expected.x, expected.y), work.points(pinholes, judged, use), rough_degree=degree)
        x, y = work.pixels(fit.x_polynomial, fit.y_polynomial)
    return x, y


def _brightest(image: ArcImage, x: FloatArray, y: FloatArray, reach: int) -> tuple[FloatArray, FloatArray]:
    """The most significant pixel near each place."""
    windows = image.significance(x, y, reach).reshape(x.size, -1)
    best = windows.argmax(axis=1)
    size = 2 * reach + 1
    bright = windows[np.arange(x.size), best] > 0
    return np.where(bright, np.rint(x) + best % size - reach, x), np.where(bright, np.rint(y) + best // size - reach, y)


def _finely(work: _Work, x: FloatArray, y: FloatArray) -> tuple[Pinholes, Judged, DispersionFit]:
    """Rounds of measuring, judging and fitting until the same images stay in."""
    forms = upright(START_SIGMA_PX, x.size)
    trusted = ~work.lines.doubtful
    box = None if work.settings.choose_degrees else _box(work)
    known = (work.prediction.x, work.prediction.y)
    before: BoolArray | None = None
    fit: DispersionFit | None = None
    pinholes: Pinholes | None = None
    judged: Judged | None = None
    floors = FLOOR_PX, FLOOR_PX
    for turn in range(work.settings.poly_clipping_iteration_limit):
        if turn < 2:  # a second time with the widths and the neighbours that the first solution tells
            companion, separation = _companions(work.lines.order, x, y)
            pinholes = fit_pinholes(work.image, x.ravel(), y.ravel(), forms, companion)
            forms = _forms(work, pinholes, separation)
        assert pinholes is not None
        alone = judge_images(pinholes, separation, work.image.shape, work.shape[1], work.settings, floors)
        alone.state[_displaced_ends(work, pinholes, alone.state == ImageState.GOOD)] = ImageState.OFF
        dx, dy = pinholes.x.reshape(work.shape) - x, pinholes.y.reshape(work.shape) - y
        if turn == 0:
            far = np.hypot(dx, dy) > ROUGH_OFFSET_PX
            alone.state[far & (alone.state == ImageState.GOOD)] = ImageState.WRONG
        state = judge_against(alone.state, dx, dy, (alone.x_error, alone.y_error), trusted, work.settings, LEAST_OFFSETS_PX[min(turn, 3)])
        judged = Judged(state=state, x_error=alone.x_error, y_error=alone.y_error)
        use = state == ImageState.GOOD
        _require_lines(work, use)
        if before is not None and turn > 3 and np.array_equal(before, use):
            break
        before = use
        chosen = (fit.x.degrees, fit.y.degrees) if fit is not None and turn not in CHOOSING_TURNS and box is None else None
        fit = fit_dispersion(work.prediction.basis, known, work.points(pinholes, judged, use), degrees=chosen, box=box)
        x, y = work.pixels(fit.x_polynomial, fit.y_polynomial)
        floors = _floors(work, pinholes, (x, y), use)
    assert fit is not None
    assert pinholes is not None
    assert judged is not None
    judged, fit = _settled(work, pinholes, judged, (fit.x.degrees, fit.y.degrees), box)
    return pinholes, judged, fit


def _floors(work: _Work, pinholes: Pinholes, solution: tuple[FloatArray, FloatArray], use: BoolArray) -> tuple[float, float]:
    """Scatter of the images in `use` that photon noise does not tell, along x and y."""
    x, y = (
        floor_of(seen.reshape(work.shape) - fitted, error.reshape(work.shape), use)
        for seen, fitted, error in zip((pinholes.x, pinholes.y), solution, (pinholes.x_error, pinholes.y_error), strict=True)
    )
    return x, y


def _settled(
    work: _Work, pinholes: Pinholes, judged: Judged, degrees: tuple[tuple[int, ...], tuple[int, ...]], box: _Boxes | None
) -> tuple[Judged, DispersionFit]:
    """The final fit with its errors; lines that are not where all others have them are left out, the worst of each order first.

    A line at an order's end draws a polynomial to itself and shows no residual, wherever it is: blended with a line of no list, it would
    bend the order.
    """
    state = judged.state.copy()
    for turn in range(TURNS_WITHOUT):
        points = work.points(pinholes, judged, state == ImageState.GOOD)
        fit = fit_dispersion(
            work.prediction.basis, (work.prediction.x, work.prediction.y), points, degrees=degrees, box=box, with_every_term=True
        )  # fmt: skip
        wrong = _standing_out(fit, work.lines.order)
        if not wrong.any() or turn == TURNS_WITHOUT - 1:
            break
        state[wrong[:, None] & (state == ImageState.GOOD)] = ImageState.WRONG
        _require_lines(work, state == ImageState.GOOD)
    return Judged(state=state, x_error=judged.x_error, y_error=judged.y_error), fit


def _standing_out(fit: DispersionFit, order: IntArray) -> BoolArray:
    """Lines further than `LINE_SIGMA` from where the others have them, and among those of their order about the worst, shape (n_lines,)."""
    apart: FloatArray = np.zeros(order.size)
    for axis in (fit.x, fit.y):
        if axis.every is not None:
            apart[axis.every.line] = np.maximum(apart[axis.every.line], np.abs(axis.every.line_sigma))
    worst = np.zeros(int(order.max()) + 1)
    np.maximum.at(worst, order, apart)
    return np.asarray(apart > np.maximum(LINE_SIGMA, WORST_SHARE * worst[order]))


def _box(work: _Work) -> _Boxes:
    """Degrees asked for, of x and y."""
    settings, single = work.settings, work.slit_arcsec.size == 1
    x, y = ((settings.order_deg[k], settings.wavelength_deg[k], 0 if single else settings.slit_deg[k]) for k in range(2))
    return x, y


def _displaced_ends(work: _Work, pinholes: Pinholes, good: BoolArray) -> BoolArray:
    """Images of an end pinhole that lies off the line of the others in all of an order, shape (n_lines, n_pinholes): half covered, it would bend the slit."""
    found = np.zeros(work.shape, dtype=bool)
    n = work.shape[1]
    if n < LEAST_PINHOLES:
        return found
    inner = slice(1, n - 1)
    powers = np.vander(work.slit_arcsec, 3)
    whole = good[:, inner].all(axis=1)
    for end in (0, n - 1):
        share = powers[end] @ np.linalg.pinv(powers[inner])
        apart = [places[:, end] - places[:, inner] @ share for places in (pinholes.x.reshape(work.shape), pinholes.y.reshape(work.shape))]
        for number in np.unique(work.lines.order):
            mine = work.lines.order == number
            use = mine & whole & good[:, end]
            if use.sum() >= LEAST_LINES and max(abs(float(np.median(part[use]))) for part in apart) > DISPLACED_END_PX:
                found[mine, end] = good[mine, end]
    return found


def _companions(order: IntArray, x: FloatArray, y: FloatArray) -> tuple[Companion, FloatArray]:
    """The nearest other line of the order beside each image, and how far away it is; NaN where none is within `COMPANION_PX`."""
    dx, dy, distance = (np.full(x.shape, np.nan) for _ in range(3))
    for number in np.unique(order):
        here = np.flatnonzero(order == number)
        apart_x, apart_y = x[here][None, :, :] - x[here][:, None, :], y[here][None, :, :] - y[here][:, None, :]
        apart = np.hypot(apart_x, apart_y)
        apart[range(here.size), range(here.size)] = np.inf
        nearest = apart.argmin(axis=1)
        rows, holes = np.arange(here.size)[:, None], np.arange(x.shape[1])[None, :]
        close = apart[rows, nearest, holes] < COMPANION_PX
        dx[here] = np.where(close, apart_x[rows, nearest, holes], np.nan)
        dy[here] = np.where(close, apart_y[rows, nearest, holes], np.nan)
        distance[here] = np.where(close, apart[rows, nearest, holes], np.nan)
    return Companion(dx=dx.ravel(), dy=dy.ravel()), distance.ravel()


def _forms(work: _Work, pinholes: Pinholes, separation: FloatArray) -> Forms:
    """Form of all images from smooth surfaces through those of bright ones that stand alone."""
    use = (pinholes.significance > WIDTH_SIGNIFICANCE) & ~np.isfinite(separation) & ~pinholes.saturated & ~pinholes.obstructed
    if use.sum() < LEAST_LINES:
        return pinholes.forms
    ny, nx = work.image.shape
    u, v = 2 * pinholes.x / nx - 1, 2 * pinholes.y / ny - 1
    design = np.stack([np.ones(u.size), u, v, u * u, u * v, v * v], axis=1)
    measured = measure_forms(work.image, pinholes, use)
    widths = []
    for width in (measured.sigma_x, measured.sigma_y):
        middle = float(np.nanmedian(width))
        widths.append(np.clip(_surface(design, width, 0.5 * middle), 0.6 * middle, 1.6 * middle))
    return Forms(sigma_x=widths[0], sigma_y=widths[1], lean=np.clip(_surface(design, measured.lean, MOST_LEAN), -MOST_LEAN, MOST_LEAN))


def _surface(design: FloatArray, values: FloatArray, reach: float) -> FloatArray:
    """Least-squares surface through the finite values that are within `reach` of their median, at all images."""
    fine = np.isfinite(values) & (np.abs(values - np.nanmedian(values)) < reach)
    return np.asarray(design @ np.linalg.lstsq(design[fine], values[fine], rcond=None)[0])


def _require_lines(work: _Work, use: BoolArray) -> None:
    number = int(use.any(axis=1).sum())
    if number < LEAST_LINES:
        raise AlgorithmError(f"{number} of {len(work.lines)} arc lines were found, {LEAST_LINES} are needed for a dispersion solution")
