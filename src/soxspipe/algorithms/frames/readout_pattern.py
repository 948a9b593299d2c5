"""Level that the read-out of a detector adds to rows and columns, measured where no light falls."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import binary_erosion, gaussian_filter1d

from soxspipe.algorithms.frames.hidden_steps import STEP_REACH_PX, find_hidden_steps
from soxspipe.algorithms.frames.row_noise import excess_variance
from soxspipe.algorithms.frames.unlit_light import ROWS_AT_ONCE, see_unlit
from soxspipe.datamodel.arrays import BoolArray, BoolImage, FloatArray
from soxspipe.datamodel.calibrations import Masters
from soxspipe.datamodel.frame import Exposure, ReadoutPattern
from soxspipe.numerics.medians import quick_mad_sigma, quick_median

SURE_SIGMA = 6.0
"""A pattern is taken off from here on: two thousand columns are tried, and sky lines at the edges of orders are not normal noise."""
OWN_SIGMA = 3.0
"""A step has to stand out of the scatter of its own bands as well, which are few."""
AGREE = 0.85
"""Share of the bands of the detector that have to show a step with one sign: sky lines at the edges of orders are in a few bands alone.
And of the steps of a grid that both halves have to show with one sign."""
LEAST_BANDS = 2
"""One band between orders tells no pattern of the detector from one of the light."""
WELL_KNOWN = 0.9
"""Share of the columns, of those that can be known, that a band has to know to have a voice."""
KNOWN_BANDS = 0.5
"""Share of the bands that have to know a column; orders along the columns cover some in all of them, orders along the rows none in most."""
LEAST_PAIRS = 24
"""Fewer pairs of pixels do not tell two rows, or columns, apart."""
BLOCK_PX = 128
"""Height of a band of rows; columns are halved in blocks of so many that take turns, so that both halves see all of the detector."""
LAGS = range(64, 513, 15)
"""Rows apart that share no high-passed stripe: what they seem to share is chance."""
NEAR_PX = 2
"""The best fit of a step may lie as far from it."""
CHANNEL_PX = (64, 128)
"""Widths of the channels of detectors of 2048 pixels with 32 and 16 outputs."""
LEAST_CHANNELS = 8
"""A grid of fewer lines is not a grid."""
MOST_STEPS = 64
"""Ends the search on a frame that is full of steps: that is not a pattern."""
SMOOTH_ROWS_PX = 30.0
"""Slower changes from row to row are left to the model of scattered light, which follows them."""
ROUGH_CLIP, FINE_CLIP = 12.0, 4.0
"""Differences of neighbours, in sigma: first about nothing (steps are within it), then about the mean of their line."""
MEDIAN_NOISE = 1.2533
"""Error of a median over that of a mean."""
SAMPLE_EVERY = 5
"""A scatter needs no more than one value in five."""
GROUND_EVERY = 8
"""One line in so many of each kind knows its level to a hundredth of the read noise."""
FEW_LEVELS = 4
"""Odd and even lines on both sides of a step."""
ROUGH_LINES = 256
"""So many lines give first means."""


def measure_readout_pattern(exposure: Exposure, masters: Masters, unlit: BoolImage) -> ReadoutPattern | None:
    """Offsets of read-out channels along a row, and of single rows, that pixels without light show beyond doubt; rows with more noise.

    Neighbours are subtracted from each other, so that scattered light enters with its gradient alone, and the differences are averaged
    over a column in bands of rows, and over a row in two halves of the columns, with clipping.  Channels are steps between columns, found
    wherever they are, of the size of the median band, or under an order that runs along the columns.  Rows, odd and even ones among them, are shrunk by the noise of their own
    measurement.  What the bands, or the halves, do not agree on is not a pattern.

    Parameters
    ----------
    exposure : Exposure
        In electrons.
    masters : Masters
        Bias and dark that it still holds.
    unlit : ndarray of bool, shape (ny, nx)
        Pixels far enough from all orders.

    Returns
    -------
    ReadoutPattern or None
        None where nothing is significant; an axis without evidence is left as it is.
    """
    seen = see_unlit(exposure, masters, unlit)
    columns, column_variance = _channels(_across(seen.light, seen.sound))
    along = _along(seen.light, seen.sound)
    steps, step_variance = row_channels(along)
    rows, row_variance = _stripes(along.without(steps))
    rows = rows + np.cumsum(steps) - np.mean(np.cumsum(steps))
    hidden = find_hidden_steps(seen, rows, columns, lambda where: see_unlit(exposure, masters, where))
    columns = columns + sum(step.levels(columns.size) for step in hidden)
    excess = excess_variance(seen, columns)
    if not (columns.any() or rows.any() or excess.any() or hidden):
        return None
    return ReadoutPattern(
        rows=rows - _ground(rows, seen.light, seen.sound),
        columns=columns - _ground(columns, seen.light.T, seen.sound.T),
        variance=column_variance + step_variance + row_variance + sum(step.error_e**2 for step in hidden if step.column is not None),
        excess=excess,
        unplaced_e=max((abs(step.size_e) for step in hidden if step.column is None), default=0.0),
    )


def _ground(levels: FloatArray, light: FloatArray, sound: BoolImage) -> float:
    """The one of a few levels whose lines, along axis 1, lie nearest to bias and dark, and so are right by themselves.

    Where all lines differ, the mean level of the odd or of the even ones, if they do not differ by chance; else 0.
    """
    values, group = np.unique(np.round(levels, 6), return_inverse=True)
    if values.size > FEW_LEVELS:
        group = np.arange(levels.size) % 2
        values = np.array([np.mean(levels[::2]), np.mean(levels[1::2])])
        if abs(values[1] - values[0]) <= SURE_SIGMA * 2.0 * float(np.std(levels)) / np.sqrt(levels.size):
            return 0.0
    lines = [np.flatnonzero(group == k)[::GROUND_EVERY] for k in range(values.size)]
    shown = [light[few][sound[few]].astype(np.float64) for few in lines]
    return float(values[int(np.argmin([abs(quick_median(one)) if one.size else np.inf for one in shown]))])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LineDifferences:
    """Mean difference of every line from the one before it.

    Attributes
    ----------
    mean : ndarray, shape (k, n)
        Of each part of the detector, electrons; 0 where there are fewer than `LEAST_PAIRS`, and for the first line.
    count : ndarray, shape (k, n)
        Pairs of pixels.
    sigma : float
        Scatter of one difference.
    """

    mean: FloatArray
    count: FloatArray
    sigma: float

    @property
    def whole(self) -> FloatArray:
        """Mean of all parts, shape (n,)."""
        return np.asarray((self.mean * self.count).sum(axis=0) / np.maximum(self.count.sum(axis=0), 1.0))

    def without(self, steps: FloatArray) -> LineDifferences:
        """The differences without steps before some lines, shape (n,)."""
        return replace(self, mean=np.where(self.count > 0, self.mean - steps, 0.0))


def _across(light: FloatArray, sound: BoolImage) -> LineDifferences:
    """Mean differences of neighbouring columns, in every band of rows."""
    few = slice(None, None, max(light.shape[0] // ROUGH_LINES, 1))
    sigma, rough = _rough(light[few], sound[few], axis=0)
    total, count = (np.zeros((-(-light.shape[0] // BLOCK_PX), light.shape[1])) for _ in range(2))
    for start in range(0, light.shape[0], ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        step = light[rows, 1:] - light[rows, :-1]
        kept = _kept(step, sound[rows, 1:] & sound[rows, :-1], rough[None, 1:], sigma)
        total[start // BLOCK_PX, 1:] += (step * kept).sum(axis=0)
        count[start // BLOCK_PX, 1:] += kept.sum(axis=0)
    return _line_differences(total, count, sigma)


def _along(light: FloatArray, sound: BoolImage) -> LineDifferences:
    """Mean differences of neighbouring rows, in two halves of the columns."""
    second = np.arange(light.shape[1]) // BLOCK_PX % 2
    half = np.stack([1 - second, second]).astype(np.float32)
    few = slice(None, None, max(light.shape[1] // ROUGH_LINES, 1))
    sigma, rough = _rough(light[:, few], sound[:, few], axis=1)
    total, count = (np.zeros((2, light.shape[0])) for _ in range(2))
    for start in range(1, light.shape[0], ROWS_AT_ONCE):
        rows = slice(start, min(start + ROWS_AT_ONCE, light.shape[0]))
        before = slice(start - 1, rows.stop - 1)
        step = light[rows] - light[before]
        kept = _kept(step, sound[rows] & sound[before], rough[rows, None], sigma)
        total[:, rows] = half @ (step * kept).T
        count[:, rows] = half @ kept.T
    return _line_differences(total, count, sigma)


def _kept(step: FloatArray, pair: BoolImage, centre: FloatArray, sigma: float) -> FloatArray:
    """1 for the differences to be used, 0 for others."""
    return np.asarray((pair & (np.abs(step - centre) < np.float32(FINE_CLIP * sigma))).astype(np.float32))


def _rough(light: FloatArray, sound: BoolImage, axis: int) -> tuple[float, FloatArray]:
    """Scatter of one difference and a first mean for every line, from a part of the pixels; 0 where they are few."""
    lines, use = (light, sound) if axis == 0 else (light.T, sound.T)
    pair = use[:, 1:] & use[:, :-1]
    step = lines[:, 1:] - lines[:, :-1]
    mean = np.zeros(lines.shape[1], dtype=np.float32)
    if np.count_nonzero(pair) < LEAST_PAIRS:
        return 0.0, mean
    sigma = max(quick_mad_sigma(step[pair][::SAMPLE_EVERY].astype(np.float64)), 1e-3)
    kept = pair & (np.abs(step) < ROUGH_CLIP * sigma)
    count = kept.sum(axis=0)
    mean[1:] = np.where(count >= LEAST_PAIRS, (step * kept).sum(axis=0) / np.maximum(count, 1), 0.0)
    return sigma, mean


def _line_differences(total: FloatArray, count: FloatArray, sigma: float) -> LineDifferences:
    known = count >= LEAST_PAIRS
    return LineDifferences(mean=np.where(known, total / np.maximum(count, 1.0), 0.0), count=np.where(known, count, 0.0), sigma=sigma)


def _channels(found: LineDifferences) -> tuple[FloatArray, float]:
    """Level of every column, from the steps that the bands of rows agree on, and the variance of a step."""
    n = found.mean.shape[1]
    bands, known = _well_known(found)
    if n < 4 * STEP_REACH_PX or len(bands) < LEAST_BANDS or np.count_nonzero(known) < LEAST_PAIRS:
        return np.zeros(n), 0.0
    pattern = _odd_even(bands, known)
    bands = bands - known * np.diff(pattern, prepend=pattern[:1])
    sizes = np.stack([_step_sizes(np.cumsum(band)) for band in bands])
    steps = np.zeros(n)
    barred = _beside_gaps(known)
    for _ in range(0 if barred.all() else MOST_STEPS):
        left = sizes - _step_sizes(steps)
        size = np.median(left, axis=0)
        error = max(quick_mad_sigma(size[~barred]), 1e-6)
        place = int(np.argmax(np.where(barred, 0.0, np.abs(size))))
        if barred[place] or abs(size[place]) < SURE_SIGMA * error:
            break
        own_error = MEDIAN_NOISE * quick_mad_sigma(left[:, place]) / np.sqrt(len(bands))
        if abs(size[place]) > OWN_SIGMA * own_error and np.mean(left[:, place] * size[place] > 0) >= AGREE:
            steps[_exact(place, size[place], bands) :] += size[place]
        barred[max(place - NEAR_PX, 0) : place + NEAR_PX + 1] = True
    if not steps.any():
        return pattern, 0.0
    for place in (np.flatnonzero(np.diff(steps)) + 1).tolist():  # once more, now that the neighbours are known
        steps[place:] += np.median(sizes[:, place] - _step_sizes(steps)[place])
    error = quick_mad_sigma(np.median(sizes - _step_sizes(steps), axis=0))
    return pattern + steps - steps.mean(), float(error**2)


def row_channels(found: LineDifferences) -> tuple[FloatArray, float]:
    """Steps between channels that lie along rows, shape (n,), and the variance of what is left of one.

    Single steps do not stand out of rows that differ anyway.  But channels are equally wide: of all places that a grid of their width can
    have, the true one shows steps that both halves of the columns share, nearly all of them.

    Parameters
    ----------
    found : LineDifferences
        Rows against the one before, in two halves of the columns.
    """
    n = found.mean.shape[1]
    best: tuple[FloatArray, float] = (np.zeros(n), 0.0)
    first, second = (_step_sizes(np.cumsum(half)) for half in found.mean)
    # a row without unlit pixels parts the levels on its sides
    known = binary_erosion((found.count > 0).all(axis=0) | (np.arange(n) == 0), np.ones(2 * STEP_REACH_PX + 1))
    strongest = SURE_SIGMA
    for width in CHANNEL_PX:
        if n < LEAST_CHANNELS * width:
            continue
        shared = np.array([np.mean((first * second * known)[phase::width]) for phase in range(width)])
        phase = int(np.argmax(shared))
        # a step is seen from as far as it is measured: places further from the grid show what chance shares
        away = np.abs((np.arange(width) - phase + width // 2) % width - width // 2) > STEP_REACH_PX
        significance = shared[phase] / max(float(np.sqrt(np.mean(np.square(shared[away])))), 1e-9)
        grid = np.arange(n) % width == phase
        # one row of light that both halves see makes a phase stand out; channels show most of their steps in both
        agree = np.count_nonzero((first * second > 0) & grid & known) >= AGREE * np.count_nonzero(grid & known)
        if significance > strongest and agree:
            strongest, best = significance, _grid_steps(found, first, second, grid & known, grid & ~known)
    return best


def _well_known(found: LineDifferences) -> tuple[FloatArray, BoolArray]:
    """Bands of rows that know nearly all columns that can be known, shape (bands, n), and which these columns are.

    An order that runs along the columns covers some of them in all bands.
    """
    known = np.count_nonzero(found.count, axis=0) > KNOWN_BANDS * len(found.count)
    bands = found.mean[np.count_nonzero(found.count[:, known], axis=1) > WELL_KNOWN * np.count_nonzero(known)]
    return bands, known


def _beside_gaps(known: BoolArray) -> BoolArray:
    """True for lines that have an unknown one in the reach of a step; the first line of all is before none, and never known."""
    return ~binary_erosion(known | (np.arange(known.size) == 0), np.ones(2 * STEP_REACH_PX + 1), border_value=1)


def _grid_steps(
    found: LineDifferences, first: FloatArray, second: FloatArray, grid: BoolArray, beside: BoolArray
) -> tuple[FloatArray, float]:
    """Steps at the places of a grid, shrunk by what both halves do not share, and the variance of what is left of one.

    Places `beside` a row without unlit pixels have the difference of their two rows alone.
    """
    shared = float(np.mean((first * second)[grid]))
    noise = float(np.mean(np.square((first - second)[grid]))) / 4.0
    share = shared / (shared + noise)
    steps = np.where(grid, share * _step_sizes(np.cumsum(found.whole)), 0.0)
    return np.where(beside, share * found.whole, steps), share * noise


def _exact(place: int, size: float, bands: FloatArray) -> int:
    """Column, within `NEAR_PX`, before which a step of this sign is largest between two neighbours."""
    near = slice(max(place - NEAR_PX, 1), place + NEAR_PX + 1)
    return near.start + int(np.argmax(np.median(bands[:, near], axis=0) * np.sign(size)))


def _odd_even(bands: FloatArray, known: BoolArray) -> FloatArray:
    """Level of odd lines over even ones, as a pattern about 0; zeros where it is not significant, or not in (nearly) all parts."""
    sign = np.where(np.arange(bands.shape[1]) % 2, 0.5, -0.5)
    turned = (2.0 * bands * sign)[:, known]
    sizes = np.median(turned, axis=1)
    size = float(np.median(sizes))
    # a line is in two differences, so that only half of them are independent
    errors = [MEDIAN_NOISE * quick_mad_sigma(one) * np.sqrt(2.0 / one.size) for one in turned]
    error = max(float(np.sqrt(np.mean(np.square(errors)))), MEDIAN_NOISE * quick_mad_sigma(sizes), 1e-6) / np.sqrt(len(sizes))
    shown = abs(size) > SURE_SIGMA * error and np.mean(sizes * size > 0) >= AGREE
    return size * sign if shown else np.zeros(sign.size)


def _step_sizes(levels: FloatArray) -> FloatArray:
    """Height of a step before every column, least squares of a step on a straight line over `STEP_REACH_PX` on either side; 0 near the ends."""
    reach = STEP_REACH_PX
    x = np.arange(-reach, reach) + 0.5
    design = np.stack([np.ones(2 * reach), x, (x > 0).astype(np.float64)], axis=1)
    weights = np.linalg.pinv(design)[2]
    sizes = np.zeros(levels.size)
    sizes[reach : levels.size - reach + 1] = np.correlate(levels, weights, mode="valid")
    return sizes


def _stripes(found: LineDifferences) -> tuple[FloatArray, float]:
    """Level of every row, odd and even ones first, shrunk by what both halves do not share, and the mean variance of what is then left."""
    known = np.asarray((found.count > 0).all(axis=0))
    if np.count_nonzero(known) < LEAST_PAIRS:
        return np.zeros(known.size), 0.0
    odd_even = _odd_even(found.mean, known)
    first, second = (_clipped(_high_pass(np.cumsum(half) - odd_even)) for half in found.mean)
    shared = float(np.mean(first[known] * second[known]))
    if shared < SURE_SIGMA * _chance(first, second, known):
        return odd_even, 0.0
    noise = float(np.mean(np.square(first[known] - second[known]))) / 4.0  # of the mean of both
    fewness = 1.0 / np.maximum(found.count.sum(axis=0), 1.0)
    share = np.where(known, shared / (shared + noise * fewness / fewness[known].mean()), 0.0)
    rows = share * _clipped(_high_pass(np.cumsum(found.whole) - odd_even))
    return odd_even + rows, float(np.mean(shared * (1.0 - share)))


def _chance(first: FloatArray, second: FloatArray, known: BoolArray) -> float:
    """Root mean square of the mean products of rows far apart; of neighbours, as if all were independent, where there are not enough rows."""
    n = first.size
    products = []
    for lag in LAGS:
        if lag > n // 2:
            break
        pair = known[lag:] & known[:-lag]
        products += [np.mean((first[lag:] * second[:-lag])[pair]), np.mean((second[lag:] * first[:-lag])[pair])] if pair.any() else []
    alone = np.mean(np.square(first[known])) * np.mean(np.square(second[known])) / np.count_nonzero(known)
    return float(np.sqrt(max(np.mean(np.square(products)) if products else 0.0, alone)))


def _high_pass(levels: FloatArray) -> FloatArray:
    return np.asarray(levels - gaussian_filter1d(levels, SMOOTH_ROWS_PX, mode="reflect"))


def _clipped(levels: FloatArray) -> FloatArray:
    """Levels no further from 0 than `ROUGH_CLIP` times their own scatter."""
    limit = ROUGH_CLIP * quick_mad_sigma(levels)
    return np.clip(levels, -limit, limit)
