"""Steps between columns whose edge lies under an order: unlit pixels on both sides show their size, the order's own pixels their place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from soxspipe.algorithms.frames.unlit_light import UnlitLight
from soxspipe.datamodel.arrays import BoolArray, BoolImage, FloatArray
from soxspipe.numerics.medians import quick_mad_sigma
from soxspipe.numerics.robust import row_median, running_median

BAND_PX = 128
"""Scattered light changes little over so many rows."""
EVERY_ROW = 4
"""One row in so many knows the level of a gap of 40 columns in a band to a fifth of an electron."""
KNOWN_ROWS = 0.5
"""Share of these rows in which a column has to be unlit."""
STEP_REACH_PX = 14
"""On either side of a step; channels are wider, scattered light is straight over as much.  So near to an order no step is told by unlit pixels
alone."""
REACH_PX = 60
"""Columns on either side that tell the level: over more, scattered light is no parabola."""
LEAST_COLUMNS = 12
"""On either side."""
LEAST_PART = 4
"""Bands of a part of the rows in which a step may be another one."""
LEAST_BANDS = 8
"""Fewer do not tell what grows with the light from what does not."""
LIGHT_SHARE = 0.1
"""Scattered light that is no parabola across an order makes a step of some such share of its level: a Gaussian of 128 px has 5 %."""
SURE_SIGMA = 6.0
"""Orders of thousands of frames are looked at."""
LEAST_E = 1.0
"""A smaller step changes no spectrum by more than its error."""
AGREE = 0.85
"""Share of the bands that show the step with its sign."""
PART_OF_LIGHT = 3.0 * LIGHT_SHARE
"""What changes along the rows by less than this share of the light may be the light."""
PLACE_SIGMA = 5.0
"""Above the scatter of the other columns: a hundred are tried."""
PLACE_RATIO = (0.5, 1.6)
"""What the order's own pixels show at the edge, over the step of the unlit ones; stars in the way change it."""
AROUND_PX = 13
"""Columns around an edge that tell how light changes there: stars and the slit's ends are spread over more."""

LitLight = Callable[[BoolImage], UnlitLight]
"""Gives the light of some pixels, on orders as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenStep:
    """A step between two gaps.

    Attributes
    ----------
    size_e, error_e : float
        Of the columns behind it over those before.
    column : int or None
        First column behind it; None where the pixels on the order do not show it, or it is not the same in all rows.
    """

    size_e: float
    error_e: float
    column: int | None

    def levels(self, nx: int) -> FloatArray:
        """What it adds to every column, shape (nx,); nothing where its place is not known."""
        return np.zeros(nx) if self.column is None else self.size_e * (np.arange(nx) >= self.column)


class _Across(NamedTuple):
    """Size of a step and its error, and whether it is one of a part of the rows alone."""

    size_e: float
    error_e: float
    in_part: bool = False


NOTHING = _Across(0.0, np.inf)


def find_hidden_steps(seen: UnlitLight, rows: FloatArray, columns: FloatArray, lit: LitLight) -> tuple[HiddenStep, ...]:
    """Steps across every order that runs along the columns, where they are beyond doubt.

    On either side of an order the level of unlit columns is a parabola, which is scattered light, and a step.  A step of the read-out is
    the same in all rows, whatever light falls on them; what grows with the light is none.

    Parameters
    ----------
    seen : UnlitLight
        Of one exposure.
    rows, columns : ndarray, shape (ny,), (nx,)
        Levels that are known already.
    lit : callable
        The light of the exposure in pixels of a mask, shape (ny, nx), on orders as well; asked for only where there is a step.
    """
    levels, known = _band_levels(seen, rows, columns)
    if len(levels) < LEAST_BANDS:
        return ()
    found = []
    for first, stop in _hidden(known):
        around = slice(first - REACH_PX, stop + REACH_PX)
        step = _step_across(levels, known, around, (first, stop))
        if abs(step.size_e) <= max(SURE_SIGMA * step.error_e, LEAST_E):
            continue
        column = None if step.in_part else _edge(slice(first - AROUND_PX, stop + AROUND_PX), step.size_e, seen.light.shape, lit)
        if column is not None:  # its size once more, now that the columns beside the order tell it as well
            step = _step_across(levels, known, around, (column, column))
        found.append(HiddenStep(size_e=step.size_e, error_e=step.error_e, column=column))
    return tuple(found)


def _band_levels(seen: UnlitLight, rows: FloatArray, columns: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Median light of every column in bands of rows, shape (bands, nx), without the pattern, and columns that are known in all of them."""
    few = slice(None, None, EVERY_ROW)
    light, sound = seen.light[few] - rows[few, None] - columns, seen.sound[few]
    n = BAND_PX // EVERY_ROW
    bands = [slice(start, start + n) for start in range(0, len(light) - n + 1, n)]
    known = np.array([np.mean(sound[band], axis=0) > KNOWN_ROWS for band in bands]).reshape(-1, light.shape[1])
    levels = np.array([row_median(light[band].T.astype(np.float64), sound[band].T) for band in bands]).reshape(-1, light.shape[1])
    return levels, np.asarray(known.all(axis=0))


def _hidden(known: BoolArray) -> Iterator[tuple[int, int]]:
    """First column and the one behind the last of every stretch that holds an order, with `STEP_REACH_PX` on either side."""
    places = np.flatnonzero(known)
    for before, after in pairwise(places.tolist()):
        if after - before > STEP_REACH_PX:
            yield before + 1 - STEP_REACH_PX, after + STEP_REACH_PX


def _step_across(levels: FloatArray, known: BoolArray, around: slice, within: tuple[int, int]) -> _Across:
    """The step that lies within some columns, of which none is looked at; none where few columns tell it, or bands disagree."""
    first, stop = within
    places = np.arange(known.size)
    before = known & (places >= around.start) & (places < first)
    after = known & (places >= stop) & (places < around.stop)
    if min(np.count_nonzero(before), np.count_nonzero(after)) < LEAST_COLUMNS:
        return NOTHING
    use = np.flatnonzero(before | after)
    x = (use - 0.5 * (first + stop)) / REACH_PX
    design = np.stack([np.ones(use.size), x, x**2, after[use]], axis=1)
    sizes = levels[:, use] @ np.linalg.pinv(design)[3]
    light = np.maximum(levels[:, use].mean(axis=1), 0.0)
    change, change_error = _of_a_part(sizes, light)
    if abs(change) > max(SURE_SIGMA * change_error, LEAST_E, PART_OF_LIGHT * float(light.max())):
        return _Across(change, change_error, in_part=True)
    (_, size), (_, error) = _fit_steps(sizes, [light, np.ones(sizes.size)], _scatter(sizes))
    return _Across(float(size), float(error)) if np.mean(sizes * size > 0) >= AGREE else NOTHING


def _fit_steps(sizes: FloatArray, terms: list[FloatArray], sigma: float) -> tuple[FloatArray, FloatArray]:
    """Least squares of the steps of all bands, of scatter `sigma`, and errors; the first term is their light, whose share is some `LIGHT_SHARE`."""
    design = np.stack(terms, axis=1)
    normal = design.T @ design / sigma**2
    normal[0, 0] += 1.0 / LIGHT_SHARE**2
    covariance = np.linalg.inv(normal)
    return covariance @ (design.T @ sizes) / sigma**2, np.sqrt(np.diag(covariance))


def _of_a_part(sizes: FloatArray, light: FloatArray) -> tuple[float, float]:
    """By how much the step that is not light is another one from some band on, where it is most so, and the error."""
    best = (0.0, np.inf)
    for start in range(LEAST_PART, sizes.size - LEAST_PART + 1):
        terms = [light, np.ones(sizes.size), (np.arange(sizes.size) >= start).astype(np.float64)]
        values, _ = _fit_steps(sizes, terms, _scatter(sizes))
        values, errors = _fit_steps(sizes, terms, _scatter(sizes - np.stack(terms, axis=1) @ values))
        if abs(values[2]) * best[1] > abs(best[0]) * errors[2]:
            best = (float(values[2]), float(errors[2]))
    return best


def _scatter(values: FloatArray) -> float:
    return max(quick_mad_sigma(values), 1e-3)


def _edge(part: slice, size: float, shape: tuple[int, int], lit: LitLight) -> int | None:
    """The column, of some, that is higher than the one before it by about the step, in the median row, where one alone is."""
    start = max(part.start, 0)
    part = slice(start, part.stop)
    there = np.zeros(shape, dtype=bool)
    there[:, part] = True
    seen = lit(there)
    light, sound = seen.light[:, part], seen.sound[:, part]
    rises = row_median((light[:, 1:] - light[:, :-1]).T.astype(np.float64), (sound[:, 1:] & sound[:, :-1]).T)
    out = (rises - running_median(rises, AROUND_PX)) * np.sign(size)
    best = int(np.argmax(out))
    low, high = PLACE_RATIO
    if out[best] < PLACE_SIGMA * quick_mad_sigma(out) or not low < out[best] / abs(size) < high:
        return None
    return start + best + 1
