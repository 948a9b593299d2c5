"""Where the whole pattern of an order's sky lines fits the list: a shift, a slope and a bend, several candidates.

The order is cut into pieces.  In each, the correlation r of sky and list at a shift gives the gain ``-n/2 log(1 - r^2)`` in log
likelihood (n independent samples, height of the lines unknown); a candidate is a parabola in dispersion that gathers much of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.sky.wavelengths.sky_spectrum import STEP_PX, LineShape, SkySpectrum, listed_sky
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.numerics.medians import quick_median, quick_percentile

COARSE_STEPS = 2
"""Twice as coarse as the spectrum: still five steps within a line."""
COARSE_PX = COARSE_STEPS * STEP_PX
SEARCH_PX = 8.6
"""Shifts up to 8 px were asked for; a little more, so that one at the end of the range is a maximum."""

BENT_PX = 2.0
"""An order's ends may lie this much beyond the search range."""

MOST_PIECES = 7
"""A tilt and a bend need no more pieces of an order than this."""
SHORTEST_PIECE_PX = 40.0
"""Several lines and the whole search range lie in such a piece."""

SHIFTS_PX = COARSE_PX * np.arange(-round(SEARCH_PX / COARSE_PX), round(SEARCH_PX / COARSE_PX) + 1)
"""Shifts that are tried, px."""
SLOPE_OF, BEND_OF = (grid.ravel() for grid in np.meshgrid(np.arange(-2.5, 2.51, 0.25), np.arange(-2.0, 2.01, 0.5), indexing="ij"))
"""Slope and bend of the parabolas that are tried, px."""

SLOPE_PRIOR_PX = 1.0
"""Flexure shifts, and tilts little: about a pixel from end to end."""
BEND_PRIOR_PX = 0.7
"""Orders are seldom sloped or bent by more: SOXS order 10 is by 2 px (see the instrument facts in docs/algorithms.md)."""

SAMPLE_PX = 2.5
"""Independent samples lie this far apart."""

LEAST_GAIN = 12.0
"""Pure noise tried at some 10^4 parabolas reaches 9."""

APART_WIDTHS, APART_SHARE = 0.6, 0.7
"""Another candidate lies so many half widths of a line off in most pieces: one nearer, or one that crosses the best, is a worse form of it."""

NEARLY_AS_GOOD = 0.7
"""Of the best: lines of each candidate are measured, and decide."""
MOST_CANDIDATES = 4
"""More than a pattern repeats; bounds the time."""
BRIGHT_PERCENTILE = 98.0
"""Of sky and list, which bring both to one scale: bright lines, but not a single one."""
LINEAR_SIGMA = 3.0
"""Above it brightness counts as its logarithm: a few bright lines must not outvote all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A parabola of shifts, ``shift + slope x + bend (x^2 - 1/3)`` px with x from -1 to 1, and its gain in log likelihood."""

    shift_px: float
    slope_px: float
    bend_px: float
    gain: float

    def at(self, x: FloatArray) -> FloatArray:
        """Shift at scaled positions, px."""
        return self.shift_px + self.slope_px * x + self.bend_px * (x**2 - 1.0 / 3.0)


def find_candidates(spectrum: SkySpectrum, shape: LineShape, start_px: float = 0.0) -> list[Candidate]:
    """Parabolas at which the list fits the sky, best first; none if nothing does.

    Parameters
    ----------
    spectrum : SkySpectrum
        Sky and lines of an order.
    shape : LineShape
        Line-spread function.
    start_px : float
        Shift around which to search.
    """
    gains = piece_gains(spectrum, shape, start_px)
    if gains.size == 0:
        return []
    total, paths = _all_parabolas(gains)
    least = max(LEAST_GAIN, NEARLY_AS_GOOD * float(total.max()))
    free = total >= least
    found: list[Candidate] = []
    while free.any() and len(found) < MOST_CANDIDATES:
        which, k = np.unravel_index(int(np.argmax(np.where(free, total, -np.inf))), total.shape)
        here = paths[which] + SHIFTS_PX[k]
        found.append(
            Candidate(
                shift_px=float(SHIFTS_PX[k]) + start_px,
                slope_px=float(SLOPE_OF[which]),
                bend_px=float(BEND_OF[which]),
                gain=float(total[which, k]),
            )
        )
        apart = np.abs(paths[:, None, :] + SHIFTS_PX[:, None] - here) > APART_WIDTHS * shape.half_px
        free &= apart.mean(axis=2) >= APART_SHARE
    return found


def best_gain(spectrum: SkySpectrum, shape: LineShape) -> float:
    """Largest gain at one shift for the whole order: how well a line-spread function suits the sky."""
    gains = piece_gains(spectrum, shape, 0.0)
    return float(gains.sum(axis=0).max()) if gains.size else 0.0


def piece_gains(spectrum: SkySpectrum, shape: LineShape, start_px: float) -> FloatArray:
    """Gain in log likelihood of every piece at every shift, shape (n_pieces, n_shifts), the middle one at `start_px`; empty for a stub."""
    reach = round((SEARCH_PX + BENT_PX) / COARSE_PX)
    margin = (reach + 1) * COARSE_PX + abs(start_px)
    sky, noise = spectrum.sky[::COARSE_STEPS], spectrum.noise[::COARSE_STEPS]
    listed = listed_sky(spectrum, shape, margin)
    first = round((margin - reach * COARSE_PX - start_px) / STEP_PX)
    listed = listed[first : first + (sky.size + 2 * reach) * COARSE_STEPS : COARSE_STEPS]
    n_pieces = min(MOST_PIECES, int(sky.size * COARSE_PX / SHORTEST_PIECE_PX))
    n_each = sky.size // max(n_pieces, 1)
    if n_pieces == 0 or listed.size < sky.size + 2 * reach:
        return np.zeros((0, 0))
    level = LINEAR_SIGMA * quick_median(noise)
    height = quick_percentile(sky, BRIGHT_PERCENTILE) / max(quick_percentile(listed, BRIGHT_PERCENTILE), 1e-30)
    seen, expected = compressed(sky, level), compressed(listed * max(height, 0.0), level)
    here = seen[: n_pieces * n_each].reshape(n_pieces, n_each)
    here = here - here.mean(axis=1, keepdims=True)
    stretches = expected[n_each * np.arange(n_pieces)[:, None] + np.arange(n_each + 2 * reach)]
    mean, square = _window_means(stretches, n_each), _window_means(stretches**2, n_each)
    spread = np.sqrt(np.maximum(square - mean**2, 1e-30) * np.mean(here**2, axis=1, keepdims=True))
    product = np.array([np.correlate(stretch, own, mode="valid") for stretch, own in zip(stretches, here, strict=True)])
    alike = np.clip(product / n_each / np.maximum(spread, 1e-30), 0.0, 0.999)
    # a line seen d px above its place matches the list moved by +d, which is the window that begins d earlier
    return -0.5 * n_each * COARSE_PX / SAMPLE_PX * np.log(1.0 - alike[:, ::-1] ** 2)


def _window_means(values: FloatArray, width: int) -> FloatArray:
    """Mean of every window of `width` samples of each row."""
    total = np.pad(np.cumsum(values, axis=1), [(0, 0), (1, 0)])
    return (total[:, width:] - total[:, :-width]) / width


def compressed(values: FloatArray, level: float) -> FloatArray:
    """Linear below `level`, growing as the square root above, so that the brightest lines do not decide alone."""
    return np.sign(values) * level * (np.sqrt(1.0 + 2.0 * np.abs(values) / max(level, 1e-30)) - 1.0)


def _all_parabolas(gains: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Sum over pieces for every parabola, shape (n_parabolas, n_shifts), and the parabolas at the pieces, shape (n_parabolas, n_pieces)."""
    n_pieces, n_shifts = gains.shape
    x = (2.0 * np.arange(n_pieces) + 1.0 - n_pieces) / n_pieces
    paths = SLOPE_OF[:, None] * x + BEND_OF[:, None] * (x**2 - 1.0 / 3.0)
    offset = np.rint(paths / COARSE_PX).astype(np.int64)
    places = n_shifts // 2 + np.rint(SHIFTS_PX / COARSE_PX).astype(np.int64)
    total = np.zeros((paths.shape[0], SHIFTS_PX.size))
    for piece in range(n_pieces):
        total += gains[piece].take(np.clip(places + offset[:, piece, None], 0, n_shifts - 1))
    total -= 0.5 * ((SLOPE_OF / SLOPE_PRIOR_PX) ** 2 + (BEND_OF / BEND_PRIOR_PX) ** 2)[:, None]
    return total, paths
