"""What the spectra of standards tell of the lines of the air: how they grow and, under different air, which of them are water's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter1d

from soxspipe.algorithms.spectra.telluric_bands import BANDS, WELL_MIXED
from soxspipe.algorithms.spectra.telluric_lines import Sight, find_lines
from soxspipe.algorithms.spectra.telluric_template import (
    GROWTH_NODES,
    SATURATED_TRANSMISSION,
    SATURATION,
    SATURATION_PRIOR,
    Template,
    two_species_depth,
)
from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.numerics.made_once import once_for_equal

SMALLEST_CHANGE = 0.4
"""Logarithm of the ratio of amounts below which the growth between two standards would be noise, and the random-band model is better."""
WEAK_DEPTH = 0.15
"""Weak absorption grows in proportion to the air; only there do two stars tell how much."""
FEWEST_WEAK = 50
"""Samples with weak lines from which the ratio of water is taken."""
SHARE_SCATTER = 0.3
"""Of water's share of the depth from sample to sample of a band that it shares: single lines are of one gas or the other."""
SHARES = np.linspace(0.0, 1.0, 6)
SATURATIONS = np.linspace(-2.4, 2.4, 9)
"""Of the grid: shares, and logarithms of the depth of saturation over that of the band, three times the scatter either way."""
POOLED_PX = 1.5
"""Samples (sigma of a Gaussian) that decide together, less than the width of the line-spread function in any arm."""
PAIR_FLOOR = 0.01
"""Of transmissions above two standards: seeing and flexure change the shape of their lines."""


def with_others(nearest: Template, others: Sequence[Template]) -> Template:
    """The nearest standard with what others show of its lines.

    Where no list of lines does, the likeliest lines that give all standards, or the one, tell how the depth of each sample grows; in a band
    that water shares, others tell which part of the depth is water's.

    Parameters
    ----------
    nearest : Template
        Of the standard whose air is most like the target's.
    others : sequence of Template
        On the same wavelengths; those under the same air tell nothing.
    """
    pairs = [
        (other, amounts) for other in others if max(map(abs, (amounts := relative_amounts(nearest, other)).values())) > SMALLEST_CHANGE
    ]
    if pairs:
        nearest = replace(nearest, water_share=_water_share(nearest, pairs), paired=True)
    return replace(nearest, growth=_growth(nearest, pairs))


def relative_amounts(first: Template, other: Template) -> Mapping[str, float]:
    """Logarithm of each gas's amount above the second standard over that above the first; water by its weak lines, 0 where they are lost in noise."""
    amounts = dict.fromkeys(WELL_MIXED, float(np.log(other.airmass / first.airmass))) | {"H2O": 0.0}
    depths = [_depth(one.transmission) for one in (first, other)]
    water = np.isin(first.band, [number for number, band in enumerate(BANDS) if band.species == "H2O"])
    weak = water & (0.5 * (depths[0] + depths[1]) < WEAK_DEPTH) & (first.variance > 0) & (other.variance > 0)
    if weak.sum() > FEWEST_WEAK:
        weight = 1.0 / (first.variance[weak] + other.variance[weak])
        total = [float(np.sum(weight * depth[weak])) for depth in depths]
        if min(total) > 3.0 * float(np.sqrt(weight.sum())):
            amounts["H2O"] = float(np.log(total[1] / total[0]))
    return amounts


def _depth(transmission: FloatArray) -> FloatArray:
    return -np.log(np.clip(transmission, 0.5 * SATURATED_TRANSMISSION, 1.5))


def _growth(first: Template, pairs: Sequence[tuple[Template, Mapping[str, float]]]) -> FloatArray:
    """Logarithm of the depth over the first one's at every node of the amount, NaN outside the bands; shape (nodes, n)."""
    growth = np.array(np.broadcast_to(first.growth, (GROWTH_NODES.size, first.band.size)))
    unknown = np.flatnonzero((first.band >= 0) & ~first.modelled)
    if unknown.size:
        part, same = slice(unknown[0], unknown[-1] + 1), dict.fromkeys((*WELL_MIXED, "H2O"), 0.0)
        sights = [_sight(first, first, same, part), *(_sight(first, other, amounts, part) for other, amounts in pairs)]
        told = _growth_of_lines(first.wavelength_nm[part], *sights)
        growth[:, unknown] = told[:, unknown - unknown[0]]
    return growth


@once_for_equal
def _growth_of_lines(wavelength_nm: FloatArray, *sights: FloatArray) -> FloatArray:
    """Growth at every node by the likeliest lines, shape (nodes, n), which takes most of the time of a telluric correction and is the same for all
    targets on one grid; `sights` are transmission, error and logarithm of the amount, shape (3, n), of each standard."""
    seen = [Sight(transmission=transmission, error=error, log_amount=amount) for transmission, error, amount in sights]
    return find_lines(wavelength_nm, seen).growth(GROWTH_NODES)


def _sight(first: Template, one: Template, amounts: Mapping[str, float], part: slice) -> FloatArray:
    """A standard for the search of lines, shape (3, n); `amounts` are logarithms over the first one's, each sample's by the first one's share of water."""
    log_amount, water = np.zeros(first.band.shape), float(np.exp(amounts["H2O"]))
    for number, band in enumerate(BANDS):
        inside = first.band == number
        other = float(np.exp(amounts[band.species]))
        log_amount[inside] = np.log(other + first.water_share[inside] * (water - other))
    error = np.where((first.band >= 0) & ~first.modelled & (one.variance > 0), np.sqrt(one.variance), np.inf)
    return np.stack([one.transmission[part], error[part], log_amount[part]])


def _water_share(first: Template, pairs: Sequence[tuple[Template, Mapping[str, float]]]) -> FloatArray:
    """Water's share of the depth, shape (n,), where bands are shared; elsewhere as it is.

    A mean over a grid of shares and depths of saturation, weighted by how well the transmissions above the other standards follow from the first one's.
    """
    inside = np.isin(first.band, [number for number, band in enumerate(BANDS) if band.is_mixed]) & ~first.modelled
    share = np.array(first.water_share)
    if not inside.any():
        return share
    misfit = np.array([[sum(_misfit(first, *pair, inside, s, w) for pair in pairs) for w in SHARES] for s in SATURATIONS])
    misfit = gaussian_filter1d(misfit, POOLED_PX, axis=2) * (2.0 * np.sqrt(np.pi) * POOLED_PX)
    misfit += (SATURATIONS[:, None, None] / SATURATION_PRIOR) ** 2 + ((SHARES[:, None] - share[inside]) / SHARE_SCATTER) ** 2
    weight = np.exp(-0.5 * (misfit - misfit.min(axis=(0, 1))))
    weight /= weight.sum(axis=(0, 1))
    share[inside] = np.einsum("ijn,j->n", weight, SHARES)
    return share


def _misfit(
    first: Template, other: Template, amounts: Mapping[str, float], inside: BoolArray, log_saturation: float, share: float
) -> FloatArray:
    """Squared residual, in its errors, of the other transmission against what the first one makes of it; 0 where either was not measured."""
    depth, log_mixed = _depth(first.transmission[inside]), float(np.log(other.airmass / first.airmass))
    grown, slope = two_species_depth(depth, share, amounts["H2O"], log_mixed, SATURATION * float(np.exp(log_saturation)))
    expected, seen = np.exp(-grown), other.transmission[inside]
    variance = other.variance[inside] + (expected * slope * np.exp(depth)) ** 2 * first.variance[inside] + PAIR_FLOOR**2
    both = (first.variance[inside] > 0) & (other.variance[inside] > 0) & (seen > 0.5 * SATURATED_TRANSMISSION)
    return np.where(both, (seen - expected) ** 2 / variance, 0.0)
