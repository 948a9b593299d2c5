"""Edges of the slit's image in every order, measured on a flat with the shape that they have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.legendre import legvander

from soxspipe.algorithms.calibration.edge_defects import without_defects
from soxspipe.datamodel.arrays import BoolArray, BoolImage, FloatArray, Image, IntArray
from soxspipe.datamodel.detector import Axis
from soxspipe.numerics.medians import quick_mad_sigma
from soxspipe.numerics.robust import row_median, running_mean

CHUNKS = 24
"""Stretches of an order in which the edges are first looked for."""

CENTRE_PX = 5
"""Pixels to either side of the centre that certainly are lit."""

INSIDE_PX, LIT_PX, OUTSIDE_PX, DARK_PX = 3, 7, 3, 3
"""From an edge inwards: first pixel that is fully lit, and how many of them give the level; outwards: the same for no light."""
LEVEL_PX = INSIDE_PX + (LIT_PX + 1) // 2
"""From an edge inwards to the middle of the pixels that give the level."""

SMOOTH_PX = 8
"""Levels to either side of an edge are averaged over twice as many neighbours along the dispersion: gaps change much more slowly, and so does the
light near an edge against that of its row.  The light itself does not: it rises tenfold over 60 px where a filter or dichroic begins."""

MIDDLE_PX = 9
"""The light of a row is that of so many pixels to either side of the slit's middle: their median adds a tenth to the error of an edge."""

DARK_RUN_PX = 5
"""Width of darkness that is a gap between orders (13 px and more) and no dead column."""

LARGEST_SHARE = 2.0
"""Light near an edge against that of the row's middle is never more; where there is only noise their ratio can be anything.

The slit's ends differ by some per cent, and by a third where a tilted slit meets a steep rise."""

LEAST_SNR = 5.0
"""Contrast over noise of a single pixel without which a column does not show the edge."""

LEAST_COLUMNS = 60
"""Fewer columns do not hold the parabola that the edges of a whole order need."""
LENGTH_DEGREE = 4
"""The length of the slit's image changes smoothly: the fitted geometries of all five arms need no more to 0.02 px."""
COARSE_CLIP_SIGMA, LEAST_CLIP_PX = 10.0, 0.02
"""Clipping while the polynomial is still too stiff, and what is never clipped."""
SPAN_OF_DEGREE, SPAN_OF_PARABOLA = 0.75, 0.4
"""An edge seen over less than the first share of its order is fitted by degree 2 alone, over less than the second by a constant distance from
the centre, which can be continued."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderEdges:
    """The slit's image in one order, binned pixels.

    Attributes
    ----------
    order : int
        Order number.
    b_px : ndarray of int, shape (n,)
        Dispersion pixels of the order.
    centre, low, high : ndarray, shape (n,)
        Slit-axis pixel of the order's centre as it was given, and of both edges as fitted.
    measured_low, measured_high : ndarray, shape (n,)
        As measured; NaN where they were not.
    rms_px : float
        Of the measured about the fitted edges.
    lit : bool
        False for orders without light, whose edges are those of their neighbours at the centre that was given.
    """

    order: int
    b_px: IntArray
    centre: FloatArray
    low: FloatArray
    high: FloatArray
    measured_low: FloatArray
    measured_high: FloatArray
    rms_px: float
    lit: bool

    @property
    def half_px(self) -> FloatArray:
        """Half of the slit's length."""
        return 0.5 * (self.high - self.low)

    @property
    def middle(self) -> FloatArray:
        """Middle between the edges."""
        return 0.5 * (self.high + self.low)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Strip:
    """An order cut out of an image along its centre, dispersion along axis 0.

    Attributes
    ----------
    a_start : ndarray of int, shape (n,)
        Slit-axis pixel of the first column.
    values : ndarray, shape (n, m)
        Pixels; NaN where they are bad or beyond the detector.
    variance : ndarray, shape (n, m)
        Their variance.
    """

    a_start: IntArray
    values: FloatArray
    variance: FloatArray


def cut_strip(
    image: Image, variance: Image | None, bad: BoolImage | None, b_px: IntArray, centre: FloatArray, half_px: int, axis: Axis
) -> Strip:
    """Cut out the pixels within `half_px` of an order's centre; without a variance the values stand in its place."""
    n_a = image.shape[0 if axis == "x" else 1]
    a_start = np.rint(centre).astype(np.int64) - half_px
    a = a_start[:, None] + np.arange(2 * half_px + 1)[None, :]
    beyond = (a < 0) | (a >= n_a)
    a = np.clip(a, 0, n_a - 1)
    place = a * image.shape[1] + b_px[:, None] if axis == "x" else b_px[:, None] * image.shape[1] + a
    values = image.reshape(-1).take(place).astype(np.float32, copy=False)
    values[beyond if bad is None else beyond | bad.reshape(-1).take(place)] = np.nan
    return Strip(a_start=a_start, values=values, variance=values if variance is None else variance.reshape(-1).take(place))


def measure_edges(
    image: Image,
    variance: Image,
    bad: BoolImage,
    centres: Mapping[int, tuple[IntArray, FloatArray]],
    axis: Axis,
    *,
    half_slit_px: float,
    degree: int,
    clip_sigma: float,
) -> dict[int, OrderEdges]:
    """Measure both edges of every order.

    Parameters
    ----------
    image, variance : ndarray, shape (ny, nx)
        Flat in electrons without bias or dark, and its variance.
    bad : ndarray of bool, shape (ny, nx)
        Pixels to leave out.
    centres : mapping of int to (ndarray of int, ndarray)
        Dispersion pixels and slit-axis pixel of the centre, per order.
    axis : {'x', 'y'}
        Dispersion axis.
    half_slit_px : float
        About half of the slit's length.
    degree : int
        Of the polynomial along the dispersion.
    clip_sigma : float
        Columns further than this from it are left out.

    Returns
    -------
    dict of int to OrderEdges

    Notes
    -----
    In one column let L be the level just inside an edge, carried on to it by the slope of the light along the slit, and S that just outside.
    The sum of (F - S) / (L - S) over the pixels from well inside to well outside is the number of lit pixels: it gives the place at which
    the light falls to half for any symmetric blur, exactly, whatever part of it a pixel holds.  Lower and upper edge are fitted through middle and length of the slit, relative to the centre that was given.
    """
    found = {}
    for order, (b_px, centre) in centres.items():
        strip = cut_strip(image, variance, bad, b_px, centre, int(np.ceil(half_slit_px)) + 16, axis)
        found[order] = _measure_order(order, b_px, centre, strip, half_slit_px, degree, clip_sigma)
    return _borrow_lengths(found)


def _measure_order(
    order: int, b_px: IntArray, centre: FloatArray, strip: Strip, half_slit_px: float, degree: int, clip_sigma: float
) -> OrderEdges:
    offset = centre - strip.a_start
    low, high = _first_edges(strip, offset, half_slit_px)
    nowhere = np.full(b_px.size, np.nan)
    if not (np.isfinite(low).any() and np.isfinite(high).any()):
        return OrderEdges(order=order, b_px=b_px, centre=centre, low=centre - half_slit_px, high=centre + half_slit_px,
                          measured_low=nowhere, measured_high=nowhere, rms_px=float("nan"), lit=False)  # fmt: skip
    fitted_low, fitted_high, rms = low, high, float("nan")
    measured_low = measured_high = nowhere
    for settled in (False, True):  # the second time from where the first has found the edges
        guesses = fitted_low - strip.a_start, fitted_high - strip.a_start
        light = _row_light(strip, guesses)
        lit = _lit_level(strip, guesses[0], -1, light), _lit_level(strip, guesses[1], 1, light)
        slope = _slope_across(guesses, lit)
        low_column, high_column = (
            _edge_columns(strip, guess, level, slope, side, settled=settled)
            for guess, level, side in zip(guesses, lit, (-1, 1), strict=True)
        )
        measured_low, measured_high = strip.a_start + low_column, strip.a_start + high_column
        fit = _fit_edges(b_px, centre, measured_low, measured_high, degree, clip_sigma)
        if fit is None:
            return OrderEdges(order=order, b_px=b_px, centre=centre, low=centre - half_slit_px, high=centre + half_slit_px,
                              measured_low=nowhere, measured_high=nowhere, rms_px=float("nan"), lit=False)  # fmt: skip
        fitted_low, fitted_high, rms = fit
    return OrderEdges(order=order, b_px=b_px, centre=centre, low=fitted_low, high=fitted_high,
                      measured_low=measured_low, measured_high=measured_high, rms_px=rms, lit=True)  # fmt: skip


def _first_edges(strip: Strip, offset: FloatArray, half_slit_px: float) -> tuple[FloatArray, FloatArray]:
    """Rough edges (slit-axis pixel of the frame) from median profiles of stretches of the order, joined by straight lines; NaN without light."""
    n, m = strip.values.shape
    pieces = np.array_split(np.arange(n), min(CHUNKS, max(1, n // 8)))
    places, lows, highs = [], [], []
    centre_column = (m - 1) // 2
    for rows in pieces:
        part = strip.values[rows]
        part = part[:: max(1, rows.size // 24)]
        finite = np.isfinite(part)
        known = finite.any(axis=0)
        profile = row_median(part.T, finite.T)
        level = float(np.median(profile[centre_column - CENTRE_PX : centre_column + CENTRE_PX + 1]))
        noise = float(np.sqrt(np.median(strip.variance[rows[::8]]) / max(part.shape[0], 1)))
        dark = float(np.min(profile[known])) if known.any() else 0.0
        if level - dark < 4 * LEAST_SNR * noise:
            continue
        below = profile < 0.5 * (level + dark)
        left = np.flatnonzero(_dark_run(below[:centre_column][::-1])[::-1])
        right = np.flatnonzero(_dark_run(below[centre_column:]))
        if left.size and right.size and 0.6 < (right[0] + centre_column - left[-1]) / (2 * half_slit_px) < 1.5:
            places.append(float(np.mean(rows)))
            middle = rows[rows.size // 2]
            lows.append(left[-1] + 0.5 - offset[middle] + 0.0)
            highs.append(centre_column + right[0] - 0.5 - offset[middle])
    if not places:
        return np.full(n, np.nan), np.full(n, np.nan)
    at = np.arange(n)
    centre = strip.a_start + offset
    return centre + np.interp(at, places, lows), centre + np.interp(at, places, highs)


def _dark_run(below: BoolArray) -> BoolArray:
    """Where at least `DARK_RUN_PX` dark columns follow, or all that are left: a dead column within the order is not an edge."""
    run = np.ones(below.size, dtype=bool)
    for step in range(DARK_RUN_PX):
        run[: below.size - step] &= below[step:]
    return run & below


def _pixels(strip: Strip, nearest: IntArray, side: int, first: int, count: int) -> FloatArray:
    """Pixels of every row from `first` pixels beyond `nearest` on, outwards; NaN beyond the strip."""
    n, m = strip.values.shape
    columns = nearest[:, None] + side * (first + np.arange(count))[None, :]
    outside = (columns < 0) | (columns >= m)
    return np.where(outside, np.nan, strip.values[np.arange(n)[:, None], np.clip(columns, 0, m - 1)])


def _row_light(strip: Strip, guesses: tuple[FloatArray, FloatArray]) -> FloatArray:
    """Median light of every row about the slit's middle; NaN where there is none."""
    half = max(1, min(MIDDLE_PX, int(0.5 * np.median(guesses[1] - guesses[0])) - INSIDE_PX))
    middle = np.rint(0.5 * (guesses[0] + guesses[1])).astype(np.int64)
    light, known = _middle(_pixels(strip, middle, 1, -half, 2 * half + 1))
    return np.where(known, light, np.nan)


def _lit_level(strip: Strip, guess: FloatArray, side: int, light: FloatArray) -> FloatArray:
    """Light well inside an edge, about `LEVEL_PX` from it: that of its row, times how much of it is found there in this and neighbouring rows."""
    middle, known = _middle(_pixels(strip, np.rint(guess).astype(np.int64), side, -INSIDE_PX - LIT_PX, LIT_PX))
    known &= np.isfinite(light)
    here, found = running_mean(middle, known, SMOOTH_PX)
    usual, _ = running_mean(light, known, SMOOTH_PX)
    share = np.clip(here / np.where(usual > 0, usual, np.inf), 0.0, LARGEST_SHARE)
    return light * np.where(found > 0, share, np.nan)


def _slope_across(guesses: tuple[FloatArray, FloatArray], lit: tuple[FloatArray, FloatArray]) -> FloatArray:
    """Change of the light from pixel to pixel along the slit, from the levels near both edges; 0 where they are too near to each other to tell.

    A tilted slit shows other wavelengths at its ends, whose light differs where blaze and lamp are steep.
    """
    apart = guesses[1] - guesses[0] - 2 * LEVEL_PX
    slope = (lit[1] - lit[0]) / np.maximum(apart, 1.0)
    return np.where((apart >= LIT_PX) & np.isfinite(slope), slope, 0.0)


def _edge_columns(strip: Strip, guess: FloatArray, lit: FloatArray, slope: FloatArray, side: int, *, settled: bool) -> FloatArray:
    """Place of one edge in every column of the strip (column number), from lit pixels near `guess`; NaN where there is no contrast.

    `lit` is the level inside, `slope` its change from pixel to pixel along the slit, by which it is carried on to the edge.
    Once `guess` is `settled`, pixels that are clearly within or beyond the slit and do not look so are defects, and are not counted.
    """
    n, m = strip.values.shape
    nearest = np.rint(guess).astype(np.int64)
    dark = _smooth_level(_pixels(strip, nearest, side, OUTSIDE_PX + 1, DARK_PX))
    across = _pixels(strip, nearest, side, -INSIDE_PX, INSIDE_PX + OUTSIDE_PX + 1)
    beyond = np.arange(-INSIDE_PX, OUTSIDE_PX + 1)
    contrast = lit - dark
    column = np.clip(nearest - side * INSIDE_PX, 0, m - 1)
    noise = np.sqrt(np.maximum(strip.variance[np.arange(n), column], 1e-12))
    with np.errstate(invalid="ignore", divide="ignore"):
        there = contrast[:, None] + side * slope[:, None] * (beyond + LEVEL_PX)
        share: FloatArray = (across - dark[:, None]) / np.where((contrast > LEAST_SNR * noise)[:, None] & (there > 0), there, np.nan)
        if settled:
            steps = nearest[:, None] + side * beyond[None, :]
            share = without_defects(share, LEAST_SNR * noise / contrast, side * (steps - guess[:, None]), strip.a_start[:, None] + steps)
        number = share.sum(axis=1)
        sound = np.isfinite(number) & (number > 0) & (number < INSIDE_PX + OUTSIDE_PX + 1)
    place = nearest + side * (number - INSIDE_PX - 0.5)
    return np.where(sound, place, np.nan)


def _smooth_level(values: FloatArray) -> FloatArray:
    """Median of a few pixels of every column, averaged along the dispersion; NaN where there are none."""
    smooth, found = running_mean(*_middle(values), SMOOTH_PX)
    return np.where(found > 0, smooth, np.nan)


def _middle(values: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Median of a few pixels of every row, and whether half of them or more are known."""
    known = np.isfinite(values)
    return row_median(values, known), known.sum(axis=1) >= max(1, values.shape[1] // 2)


def _fit_edges(
    b_px: IntArray, centre: FloatArray, low: FloatArray, high: FloatArray, degree: int, clip_sigma: float
) -> tuple[FloatArray, FloatArray, float] | None:
    """Both edges along the whole order, through middle (against the centre given) and half length of the slit; None with too few columns.

    Both are fitted together, so that where one edge is not seen the other tells the middle, and the length is that of its neighbours.
    """
    offsets = np.stack([low - centre, high - centre])
    use = np.isfinite(offsets)
    if use.sum(axis=1).min() < min(LEAST_COLUMNS, b_px.size // 2):
        return None
    degree = _degree_for(b_px, np.asarray(use.any(axis=0)), degree)
    of_length = _degree_for(b_px, np.asarray(use.all(axis=0)), min(degree, LENGTH_DEGREE))
    scaled = (2.0 * b_px - b_px[0] - b_px[-1]) / max(float(b_px[-1] - b_px[0]), 1.0)
    fitted, kept = _clipped_fit(legvander(scaled, degree), of_length, offsets, use, clip_sigma)
    rms = float(np.sqrt(np.mean((offsets - fitted)[kept] ** 2)))
    return centre + fitted[0], centre + fitted[1], rms


def _degree_for(b_px: IntArray, seen: BoolArray, degree: int) -> int:
    """Degree that can be continued from where an order is seen to its ends."""
    span = float(np.ptp(b_px[seen])) / max(float(np.ptp(b_px)), 1.0) if seen.any() else 0.0
    return degree if span >= SPAN_OF_DEGREE else min(degree, 2 if span >= SPAN_OF_PARABOLA else 0)


def _clipped_fit(
    powers: FloatArray, of_length: int, offsets: FloatArray, use: BoolArray, clip_sigma: float
) -> tuple[FloatArray, BoolArray]:
    """Polynomials of middle and half length (of degree `of_length`) through both edges, shape (2, n), with clipping; and the columns used."""
    kept = use.copy()
    fitted: FloatArray = np.zeros_like(offsets)
    degree = powers.shape[1] - 1
    for rising in (0, min(1, degree), degree, degree):
        middle, half = powers[:, : rising + 1], powers[:, : min(rising, of_length) + 1]
        design = np.stack([np.concatenate([middle, sign * half], axis=1) for sign in (-1.0, 1.0)])
        some = design[kept]
        fitted = design @ np.linalg.solve(some.T @ some, some.T @ offsets[kept])
        residual = np.where(use, offsets - fitted, np.inf)
        sigma = max(quick_mad_sigma(residual[kept]), 1e-3)
        wide = clip_sigma if rising == degree else COARSE_CLIP_SIGMA
        closer = use & (np.abs(residual) <= wide * sigma + LEAST_CLIP_PX)
        if closer.sum(axis=1).min() <= degree + 1:
            break
        kept = closer
    return fitted, kept


def _borrow_lengths(found: Mapping[int, OrderEdges]) -> dict[int, OrderEdges]:
    """Give orders without light the slit length of the nearest order with light."""
    lit = [edges for edges in found.values() if edges.lit]
    if not lit or len(lit) == len(found):
        return dict(found)
    complete = {}
    for order, edges in found.items():
        if not edges.lit:
            nearest = min(lit, key=lambda other: abs(other.order - order))
            half = float(np.median(nearest.half_px))
            shift = float(np.median(nearest.middle - nearest.centre))
            edges = OrderEdges(order=order, b_px=edges.b_px, centre=edges.centre, low=edges.centre + shift - half,
                               high=edges.centre + shift + half, measured_low=edges.measured_low, measured_high=edges.measured_high,
                               rms_px=edges.rms_px, lit=False)  # fmt: skip
        complete[order] = edges
    return complete
