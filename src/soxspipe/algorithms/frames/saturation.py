"""Raw level at which the wells of a detector are full, found in the frames themselves."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.arrays import BoolImage, FloatArray, Image

LOWEST_ADU = 15_000.0
"""Wells are never full below this."""
LOW_SHARE = 0.3
"""Of the highest level: what is fainter is not looked at."""
TOP_SHARE = 0.7
"""A plateau stands above this share of the highest level."""
BESIDE = 0.5
"""Full wells stand side by side along both axes; of the pixels of a plateau at least this share has such a neighbour on each."""
BIN_SHARE = 0.005
"""Width of a bin over its level; the wells of one detector differ by about as much."""
LEAST_PIXELS = 40
"""Fewer pixels are not a plateau: hot pixels and cosmic rays."""
STANDS_OUT = 6.0
"""The highest bin of a plateau holds so many times as many pixels as the bins below it; that of a blaze function 3 times at most."""
SHARP_STANDS_OUT = 10.0
"""The highest bin of a plateau at one sharp level over the bins below: three times what a blaze function does."""
SHARP_EDGE = 3.0
"""Two bins below a sharp level there are no more pixels than so many times the usual number."""
EDGE_SHARE = 0.05
"""A plateau ends where a bin holds less than this share of its highest one."""
WIDEST_BINS = 24
"""Wells that differ by more than 12 % are not a plateau."""
BELOW_BINS = 40
"""Bins below a plateau that it is held against: 20 % of its level."""
SHARE_ABOVE = 0.2
"""Of the pixels of the plateau, more lie above it only if it is none."""


def find_full_well(adu: Image, limit_adu: float | None = None) -> float | None:
    """Raw level from which pixels are saturated because their wells are full.

    Light piles up at the level of full wells: many pixels within a per cent, few above, few just below.

    Parameters
    ----------
    adu : ndarray, shape (ny, nx)
        Turned and trimmed.
    limit_adu : float or None
        Of the converter; what reaches it is known to be saturated and left out.

    Returns
    -------
    float or None
        Lower edge of the plateau; None where there is none.
    """
    below_limit = adu if limit_adu is None else adu[adu < limit_adu]
    high = float(np.max(below_limit, initial=0.0, where=np.isfinite(below_limit)))
    if high < LOWEST_ADU:
        return None
    with np.errstate(invalid="ignore"):
        bright = below_limit[below_limit > LOW_SHARE * high].astype(np.float64)
    if bright.size < LEAST_PIXELS:
        return None
    counts, edges = _histogram(bright)
    peak = int(np.argmax(np.where(edges[:-1] > TOP_SHARE * high, counts, 0)))
    if _is_sharp(counts, peak):
        return float(edges[peak - 1])
    first = last = peak
    while first > 0 and counts[first - 1] > EDGE_SHARE * counts[peak]:
        first -= 1
    while last + 1 < counts.size and counts[last + 1] > EDGE_SHARE * counts[peak]:
        last += 1
    pile, above = counts[first : last + 1].sum(), counts[last + 1 :].sum()
    below = counts[max(first - BELOW_BINS, 0) : first]
    usual = float(below.mean()) if below.size else 0.0
    narrow = last + 1 - first <= WIDEST_BINS
    if not narrow or pile < LEAST_PIXELS or counts[peak] < STANDS_OUT * usual or above > SHARE_ABOVE * pile:
        return None
    level = float(edges[max(first - 1, 0)])
    return level if _is_wide(adu >= level) else None


def _is_sharp(counts: FloatArray, peak: int) -> bool:
    """Whether pixels pile up at one level, which light does not do: photon noise and pixel response spread it over several bins.

    Such a plateau need not be wide on the detector: of a narrow core that is just full, few pixels have a full one beside them.
    """
    below = counts[max(peak - 1 - BELOW_BINS, 0) : max(peak - 1, 0)]
    if not below.size:
        return False
    usual, pile = float(below.mean()), float(counts[peak - 1 : peak + 2].sum())
    edge = below[-1] <= EDGE_SHARE * counts[peak] + SHARP_EDGE * usual
    return bool(
        edge and pile >= LEAST_PIXELS and counts[peak] >= SHARP_STANDS_OUT * usual and counts[peak + 2 :].sum() <= SHARE_ABOVE * pile
    )


def _is_wide(full: BoolImage) -> bool:
    """Whether most of the pixels have one of their kind beside them along both axes: the core of an unsaturated star is a pixel wide."""
    number = max(int(np.count_nonzero(full)), 1)
    return all(np.count_nonzero(_beside_another(full, axis)) >= BESIDE * number for axis in (0, 1))


def without_single(full: BoolImage) -> BoolImage:
    """Full wells beside another one: single ones are hot pixels and cosmic rays, not light of object or sky."""
    return _beside_another(full, 0) | _beside_another(full, 1)


def _beside_another(full: BoolImage, axis: int) -> BoolImage:
    """Those that have one of their kind beside them along an axis."""
    turned = np.moveaxis(full, axis, 0)
    beside = np.zeros(turned.shape, dtype=bool)
    beside[1:] = turned[:-1]
    beside[:-1] |= turned[1:]
    return np.moveaxis(beside & turned, 0, axis)


def _histogram(bright: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Pixels in bins of equal ratio from half the highest level up."""
    high = float(bright.max()) * (1.0 + BIN_SHARE)
    low = float(bright.min())
    edges = np.geomspace(low, high, max(int(np.log(high / low) / BIN_SHARE), 2) + 1)
    counts, _ = np.histogram(bright, edges)
    return counts.astype(np.float64), edges
