"""Whether flats of one lamp show the same light: another image of the slit in one of them, or a lamp that changes its colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray

LIT_SHARE = 0.1
"""Pixels with this share of the brightest light count as lit: edges of the slit's image among them."""

ODD_SIGMA = 8.0
"""Deviation of a pixel from the median flat that noise does not make; a shift of 0.1 px is 20 sigma at the edges of a usual flat."""

ODD_FRACTION, ODD_RATIO = 0.005, 5.0
"""A flat is another image if more than this share of its lit pixels is odd, and this many times more than in the others: hot, unstable and struck
pixels are a tenth of it, and a shift of 0.2 px makes 5 per cent odd."""

CELL_PX = 64
"""Stretch of a row in which light at the order centres is added up to tell a change of colour from noise; it is smooth over hundreds of pixels."""

FEWEST_PIXELS = 6
"""At the centre of an order in a cell."""

LEAST_COLOUR = 0.003
"""Change that the noise of a pixel (0.5 per cent at 40 000 electrons) does not notice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatAgreement:
    """What flats of one lamp have in common.

    Attributes
    ----------
    kept : tuple of int
        Flats that show one image of the slit.
    rejected : tuple of str
        Why the others do not.
    colour : float
        By how much the light of the flats differs from place to place, a share, one sigma; 0 if it does not.
    unlike : float
        Largest share of lit pixels in which one of those kept differs from their median; 0 if it is no more than defects are.
    """

    kept: tuple[int, ...]
    rejected: tuple[str, ...] = ()
    colour: float = 0.0
    unlike: float = 0.0


def flats_that_agree(
    names: Sequence[str], rows: FloatArray, centres: BoolArray, levels: FloatArray, drift_e: FloatArray, read_noise_e: float
) -> FlatAgreement:
    """Compare flats of one lamp with their median.

    Parameters
    ----------
    names : sequence of str
        Of the flats.
    rows : ndarray, shape (n, m, nx)
        Some rows of each, electrons, background out.
    centres : ndarray of bool, shape (m, nx)
        Pixels about the order centres.
    levels, drift_e : ndarray, shape (n,)
        Light of each flat, and what its read-out adds to every pixel.
    read_noise_e : float
        Of a pixel.

    Returns
    -------
    FlatAgreement
        Two flats are never judged.
    """
    n = len(names)
    if n < 3:
        return FlatAgreement(kept=tuple(range(n)))
    level = (levels / levels.mean())[:, None, None]
    light = np.nan_to_num((rows - drift_e[:, None, None]) / level)
    middle = np.median(light, axis=0)
    lit = middle > LIT_SHARE * np.percentile(middle[centres], 95.0) if centres.any() else np.zeros(middle.shape, dtype=bool)
    variance = (np.maximum(middle, 0.0) * level + read_noise_e**2) / level**2
    colour = _change_of_colour(light - middle, middle, variance, centres & lit)
    limit = ODD_SIGMA * np.sqrt(variance + (colour * middle) ** 2)
    share = (np.abs(light - middle) > limit)[:, lit].mean(axis=1) if lit.any() else np.zeros(n)
    odd = np.array([s > max(ODD_FRACTION, ODD_RATIO * float(np.median(np.delete(share, i)))) for i, s in enumerate(share)])
    odd &= n - odd.sum() >= 2
    unlike = float(share[~odd].max())
    return FlatAgreement(
        kept=tuple(int(i) for i in np.flatnonzero(~odd)),
        rejected=tuple(
            f"{names[i]}: {share[i]:.1%} of its lit pixels differ from the other flats, as if the image of the slit had moved"
            for i in range(n)
            if odd[i]
        ),
        colour=colour,
        unlike=unlike if unlike > ODD_FRACTION else 0.0,
    )


def _change_of_colour(difference: FloatArray, middle: FloatArray, variance: FloatArray, use: BoolArray) -> float:
    """Robust scatter of the relative difference of cells, noise taken off, of the flat that differs most; 0 where it is less than `LEAST_COLOUR`."""
    number = _sum_cells(use.astype(np.float64))
    enough = number >= FEWEST_PIXELS
    if not enough.any():
        return 0.0
    light = _sum_cells(np.where(use, middle, 0.0))[enough]
    change = _sum_cells(np.where(use, difference, 0.0))[:, enough] / light
    noise = np.median(_sum_cells(np.where(use, variance, 0.0))[:, enough] / light**2, axis=1)
    squares = (1.4826 * np.median(np.abs(change), axis=1)) ** 2 - noise
    largest = float(np.sqrt(max(float(squares.max()), 0.0)))
    return largest if largest > LEAST_COLOUR else 0.0


def _sum_cells(values: FloatArray) -> FloatArray:
    """Sums over stretches of `CELL_PX` along the last axis; the rest is left out."""
    width = min(CELL_PX, values.shape[-1])
    cells = values.shape[-1] // width
    return np.asarray(values[..., : cells * width].reshape(*values.shape[:-1], cells, width).sum(axis=-1))
