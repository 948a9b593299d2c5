"""One order of a flat taken apart: lamp times blaze along the dispersion, illumination along the slit, response of the pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.numerics.robust import running_mean

ROUNDS = 2
"""Each factor is measured with the others divided out, so twice; the second round starts from nearly flat light."""
ODD = 0.25
"""Pixels whose response is off by more than this are defects and do not take part in smooth curves."""

SLIT_BINS_PER_PX = 1.0
"""The slit function has no detail below a pixel."""
FULLY_LIT_PX = 1.5
"""Distance from the edge from which a pixel is fully lit."""

BLAZE_HALF_PX = 12
"""Blaze times lamp is averaged over twice as many pixels, curvature taken into account."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlatParts:
    """Factors of one order, ``flat = blaze * illumination * response``.

    Attributes
    ----------
    blaze : ndarray, shape (n,)
        Lamp times blaze, electrons.
    slit_px, illumination : ndarray, shape (k,)
        Distance from the slit's middle in units of half its length, and light there, 1 on average.
    response : ndarray, shape (n, m)
        Of the pixels, 1 on average; partly lit pixels hold the share that is lit.  NaN where it is not known.
    lit : ndarray of bool, shape (n, m)
        Fully lit pixels.
    """

    blaze: FloatArray
    slit_px: FloatArray
    illumination: FloatArray
    response: FloatArray
    lit: BoolArray


def take_apart(values: FloatArray, variance: FloatArray, a_px: FloatArray, low: FloatArray, high: FloatArray) -> FlatParts:
    """Take one order of a flat apart.

    Parameters
    ----------
    values, variance : ndarray, shape (n, m)
        Electrons without background and their variance; NaN where bad.
    a_px : ndarray, shape (n, m)
        Slit-axis pixel of each element.
    low, high : ndarray, shape (n,)
        Edges of the slit's image.
    """
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    z = (a_px - middle[:, None]) / half[:, None]
    lit = np.abs(a_px - middle[:, None]) <= (half - FULLY_LIT_PX)[:, None]
    n_bins = max(4, int(2 * float(np.median(half)) * SLIT_BINS_PER_PX))
    place = np.clip(((z + 1.0) * 0.5 * n_bins).astype(np.int64), 0, n_bins - 1)
    centres = (np.arange(n_bins) + 0.5) / n_bins * 2.0 - 1.0
    illumination = np.ones(n_bins)
    usable = lit & np.isfinite(values)
    blaze = _along(values, usable)
    for _ in range(ROUNDS):
        shape = np.interp(z, centres, illumination)
        with np.errstate(invalid="ignore", divide="ignore"):
            relative = values / (blaze[:, None] * shape)
            even = usable & (np.abs(relative - 1.0) < ODD + 5.0 * np.sqrt(variance) / np.maximum(blaze[:, None], 1e-9))
        strong = even & (blaze > 0.1 * np.nanmax(blaze))[:, None]
        weight = np.bincount(place[strong], minlength=n_bins)
        total = np.bincount(place[strong], (values / blaze[:, None])[strong], n_bins)
        known = weight > 0
        if known.sum() > 1:
            illumination = np.interp(centres, centres[known], total[known] / weight[known])
            illumination /= illumination[known].mean()
        blaze = _along(values / np.interp(z, centres, illumination), even)
    with np.errstate(invalid="ignore", divide="ignore"):
        response = values / (blaze[:, None] * np.interp(z, centres, illumination))
    response[~np.isfinite(response)] = np.nan
    return FlatParts(blaze=blaze, slit_px=centres, illumination=illumination, response=response, lit=lit)


def _along(values: FloatArray, use: BoolArray) -> FloatArray:
    """Mean along the slit, smoothed along the dispersion; at least a trace of light, so that it can be divided by."""
    number = use.sum(axis=1)
    mean = np.where(use, values, 0.0).sum(axis=1) / np.maximum(number, 1)
    t = np.arange(mean.size, dtype=np.float64)
    seen = number > 0
    smooth, counted = running_mean(np.where(seen, mean, 0.0), seen, BLAZE_HALF_PX)
    wide, _ = running_mean(smooth, counted > 0, BLAZE_HALF_PX)
    # a running mean bends a curve by half its second derivative; twice the mean minus the mean of means takes that back
    smooth = 2.0 * smooth - wide
    if not (counted > 0).all():
        found = counted > 0
        smooth = np.interp(t, t[found], smooth[found]) if found.any() else np.full(mean.size, 1e-6)
    ends = slice(0, 2 * BLAZE_HALF_PX), slice(mean.size - 2 * BLAZE_HALF_PX, mean.size)
    for end in ends:
        if mean.size > 8 * BLAZE_HALF_PX and seen[end].sum() > 10:
            smooth[end] = np.polynomial.Polynomial.fit(t[end][seen[end]], mean[end][seen[end]], 2)(t[end])
    return np.maximum(smooth, 1e-6)
