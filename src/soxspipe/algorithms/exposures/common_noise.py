"""Noise that exposures of a set share: that of the masters, which does not fall with their number where they use the same pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soxspipe.algorithms.extraction.horne_extraction import ExtractedOrder
from soxspipe.datamodel.arrays import FloatArray


def masters_variance(order: ExtractedOrder, pedestal_variance: FloatArray) -> FloatArray:
    """Part of the variance of an order's fluxes that comes from bias, dark and flat.

    Parameters
    ----------
    order : ExtractedOrder
        The solution.
    pedestal_variance : ndarray, shape of the window or one number
        Of bias and dark, electrons squared, not flattened.

    Returns
    -------
    ndarray, shape (n_disp,)
        Flattened electrons squared; 0 where nothing was measured.
    """
    use = order.data.good & ~order.rejection.rejected
    weight = np.where(use, order.shares / order.variance, 0.0)
    power = np.sum(weight * order.shares, axis=1)
    light = np.maximum(order.sky, 0.0) + np.maximum(np.nan_to_num(order.flux), 0.0)[:, None] * order.shares
    pixels = np.where(use, pedestal_variance / order.data.flat**2 + order.data.noise.per_square * light**2, 0.0)
    return np.asarray(np.sum(weight**2 * pixels, axis=1) / np.where(power > 0, power, np.inf) ** 2)


def shared_pixels(positions_arcsec: Sequence[float], fwhm_arcsec: Sequence[float]) -> FloatArray:
    """How far pairs of exposures use the same pixels: correlation of Gaussian profiles of their widths, shape (exposures, exposures)."""
    place, width = np.array(positions_arcsec, dtype=np.float64), np.array(fwhm_arcsec, dtype=np.float64) / 2.3548
    squares = width[:, None] ** 2 + width**2
    overlap = np.sqrt(2.0 * width[:, None] * width / squares) * np.exp(-0.5 * (place[:, None] - place) ** 2 / squares)
    return np.where(np.isfinite(overlap), overlap, 1.0)


def common_variance(masters: FloatArray, share: FloatArray, overlap: FloatArray) -> FloatArray:
    """What the masters' noise adds to the variance of a combined spectrum beyond the sum over its exposures.

    Parameters
    ----------
    masters : ndarray, shape (exposures, n)
        Their part of the variance of each exposure.
    share : ndarray, shape (exposures, n)
        Factor with which each exposure's flux enters the sum.
    overlap : ndarray, shape (exposures, exposures)
        As `shared_pixels` gives it.
    """
    error = share * np.sqrt(masters)
    return np.asarray(np.einsum("in,ij,jn->n", error, overlap - np.eye(overlap.shape[0]), error))
