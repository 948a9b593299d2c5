"""Spectra of several exposures → one, by inverse variance, with covariance; what one exposure alone shows bright is a cosmic ray."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.datamodel.spectrum import OrderSpectrum
from soxspipe.numerics.robust import running_median

HIT_SIGMA = 6.0
"""A sample that stands so far above the other exposures is a cosmic ray."""
TOLERANCE = 0.1
"""Share of the light by which exposures may differ at a line: their images and wavelengths are never quite the same."""
ROUNDS = 2
"""In the second, the mean that outliers are held against is free of the worst of them."""
SMOOTH_SAMPLES = 15
"""Wider than a cosmic ray and its blur, narrower than a change of the noise."""
UNLIKE = 1.5
"""A variance this many times that of its neighbours belongs to a sample with masked pixels."""
FLAG_SHARE = 0.1
"""Flags of an exposure count where it has this much of the weight."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CombinedOrder:
    """One order of all exposures.

    Attributes
    ----------
    spectrum : OrderSpectrum
        Their mean.
    covariance : ndarray, shape (n_lags, n)
        Of neighbouring samples.
    share : ndarray, shape (n_exposures, n)
        Weight of each exposure.
    rejected : ndarray of bool, shape (n_exposures, n)
        Samples left out as cosmic rays.
    """

    spectrum: OrderSpectrum
    covariance: FloatArray
    share: FloatArray
    rejected: BoolArray


def combine_order(
    spectra: Sequence[OrderSpectrum],
    covariances: Sequence[FloatArray],
    light: Sequence[FloatArray],
    common: Callable[[FloatArray], FloatArray] | None = None,
) -> CombinedOrder:
    """Combine one order of several exposures.

    Parameters
    ----------
    spectra : sequence of OrderSpectrum
        On the same wavelengths; the first gives pixels and trace.
    covariances : sequence of ndarray, shape (n_lags, n)
        Of neighbouring fluxes.
    light : sequence of ndarray, shape (n,)
        Light t of each exposure over that of the mean exposure that is wanted.
    common : callable or None
        What noise that the exposures share adds to the variance, from the factor of each exposure in the sum, shape (n_exposures, n).

    Returns
    -------
    CombinedOrder

    Notes
    -----
    With :math:`f_k = t_k F`, :math:`F = \\sum w_k f_k / \\sum w_k t_k` and :math:`w_k = t_k / \\sigma_k^2`.  The variance of a sample holds
    the photons of its own flux; weights that follow it would favour samples that fluctuate low.  So the ratio of the exposures'
    variances is smoothed along the order, and only samples with masked pixels keep their own.
    """
    flux, variance = (np.stack([getattr(one, name) for one in spectra]) for name in ("flux", "variance"))
    t = np.stack(light)
    usable = np.isfinite(flux) & np.isfinite(variance) & (variance > 0)
    steady = _steady_variance(variance, usable)
    rejected = np.zeros(usable.shape, dtype=bool)
    for _ in range(ROUNDS):
        rejected |= _rejected(np.where(usable, flux, 0.0), np.where(usable, variance, np.inf), steady, t, usable & ~rejected)
    kept = usable & ~rejected
    weight = np.where(kept, t / steady, 0.0)
    norm = np.sum(weight * t, axis=0)
    measured = norm > 0
    share = weight / np.where(measured, norm, 1.0)
    mean = np.sum(share * np.where(kept, flux, 0.0), axis=0)
    carried = np.sum(share**2 * np.where(kept, variance, 0.0), axis=0)
    if common is not None:
        carried += common(share)
    part = np.where(measured, weight * t / np.where(measured, norm, 1.0), 0.0)
    sums: dict[str, Any] = {name: _mean(spectra, name, share) for name in ("boxcar", "boxcar_robust", "boxcar_restored")}
    means: dict[str, Any] = {
        name: _mean(spectra, name, part) for name in ("sky", "sky_aperture", "profile_fraction", "aperture_fraction", "mean_flat")
    }
    spectrum = replace(
        spectra[0],
        flux=np.where(measured, mean, np.nan),
        variance=np.where(measured, carried, np.inf),
        quality=_quality(spectra, part, rejected, measured),
        **sums,
        **means,
    )
    return CombinedOrder(spectrum=spectrum, covariance=_carried_covariance(covariances, share), share=part, rejected=rejected)


def _carried_covariance(covariances: Sequence[FloatArray], share: FloatArray) -> FloatArray:
    """Covariance of neighbouring samples of the sum, shape (n_lags, n)."""
    n_lags = len(covariances[0])
    carried = np.zeros((n_lags, share.shape[1]))
    for lag in range(1, n_lags + 1):
        pairs = share[:, :-lag] * share[:, lag:] * np.stack([one[lag - 1] for one in covariances])[:, :-lag]
        carried[lag - 1, :-lag] = pairs.sum(axis=0)
    return carried


def _steady_variance(variance: FloatArray, usable: BoolArray) -> FloatArray:
    """Variance whose ratio between exposures is smooth along the order; shape (n_exposures, n)."""
    together = np.mean(np.where(usable, variance, 0.0), axis=0)
    count = usable.sum(axis=0)
    together = np.where(count > 0, together * usable.shape[0] / np.maximum(count, 1), 1.0)
    steady = np.array(variance)
    for own, good, smooth in zip(variance, usable, steady, strict=True):
        if good.sum() < SMOOTH_SAMPLES:
            continue
        ratio = np.where(good, own / together, np.nan)
        known = np.isfinite(ratio)
        filled = np.interp(np.arange(own.size), np.flatnonzero(known), ratio[known])
        typical = running_median(filled, SMOOTH_SAMPLES)
        smooth[:] = np.where(good & (filled < UNLIKE * typical), typical * together, own)
    return np.where(usable, steady, np.inf)


def _rejected(flux: FloatArray, variance: FloatArray, steady: FloatArray, t: FloatArray, kept: BoolArray) -> BoolArray:
    """Samples far above what the other exposures show at the same wavelength."""
    weight = np.where(kept, t / steady, 0.0)
    up, down = weight * flux, weight * t
    others = down.sum(axis=0) - down
    known = kept & (others > 0)
    safe = np.where(known, others, 1.0)
    expected = t * (up.sum(axis=0) - up) / safe
    error = t**2 * ((weight**2 * np.where(kept, variance, 0.0)).sum(axis=0) - weight**2 * np.where(kept, variance, 0.0)) / safe**2
    noise = np.sqrt(np.where(known, variance + error, 1.0))
    height = flux - expected
    return known & (height > HIT_SIGMA * noise + TOLERANCE * np.abs(expected))


def _mean(spectra: Sequence[OrderSpectrum], name: str, share: FloatArray) -> FloatArray:
    return np.asarray(np.sum(share * np.nan_to_num(np.stack([getattr(one, name) for one in spectra])), axis=0))


def _quality(spectra: Sequence[OrderSpectrum], part: FloatArray, rejected: BoolArray, measured: BoolArray) -> IntArray:
    """Flags of the exposures that have weight, cosmic rays between them, NO_DATA where none measured anything."""
    quality = np.zeros(measured.shape, dtype=np.int32)
    for one, share in zip(spectra, part, strict=True):
        quality |= np.where(share > FLAG_SHARE, one.quality & ~int(SpectrumFlag.NO_DATA), 0).astype(np.int32)
    quality |= np.where(rejected.any(axis=0), int(SpectrumFlag.COSMIC_RAY), 0).astype(np.int32)
    return np.asarray(quality | np.where(measured, 0, int(SpectrumFlag.NO_DATA)), dtype=np.int32)
