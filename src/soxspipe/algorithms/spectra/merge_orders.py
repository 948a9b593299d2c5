"""One wavelength grid, inverse-variance mean where orders overlap.

Flattened counts per native pixel are rebinned by overlap: the flat holds the dispersion too, so that neighbouring orders agree in
counts per pixel and not in counts per nm.  Variances and covariances are carried through the same weights, ``C = R V R^T``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.datamodel.spectrum import Join, MergedSpectrum, OrderSpectrum
from soxspipe.errors import AlgorithmError
from soxspipe.numerics.robust import running_mean

N_LAGS = 3
"""Rebinning couples a sample with its next neighbours; further ones are negligible."""
BRIDGE_SAMPLES = 3
"""A gap as narrow as the line-spread function; anything wider is a gap."""
LEAST_COVER = 0.25
"""Of a sample: with less it would stand for its neighbour."""
CLIP_SIGMA = 4.0
"""Orders that disagree more are not averaged: one of them is wrong there."""
STEADY_SAMPLES = 101
"""Weights of orders change with the blaze, not with noise."""
WIDEST_SAMPLE = 3.0
"""In medians: wider samples stand beside a gap of the order."""
BLOCK_SAMPLES, MOST_BLOCKS = 8, 20
"""Samples of a block of the overlap, more than the lags over which samples are correlated; most blocks that it is cut into."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rebinned:
    """One order on the common grid: value, variance, covariance by lag, sky, density, quality, coverage (0..1); shape (n,)."""

    order: int
    flux: FloatArray
    variance: FloatArray
    covariance: FloatArray
    sky: FloatArray
    density: FloatArray
    quality: IntArray
    cover: FloatArray


def merge_orders(
    spectra: Sequence[OrderSpectrum],
    covariances: Sequence[FloatArray] | None,
    step_nm: float,
    *,
    flattened: bool = True,
    best_only: bool = False,
) -> MergedSpectrum:
    """Merge extracted orders.

    Parameters
    ----------
    spectra : sequence of OrderSpectrum
        Ascending wavelength each.
    covariances : sequence of ndarray or None
        Of neighbouring fluxes, shape (n_lags, n) each; None takes samples as independent.
    step_nm : float
        Of the grid, which holds multiples of it.
    flattened : bool
        Whether fluxes are flattened; only recorded.
    best_only : bool
        In overlaps take the order of highest signal-to-noise alone, for counts that are not flattened and so do not agree.

    Returns
    -------
    MergedSpectrum
        From the first to the last wavelength measured; samples that no order covers are bridged over at most `BRIDGE_SAMPLES` and
        flagged INTERPOLATED, or hold 0 with variance 0 and are flagged NO_DATA.

    Raises
    ------
    AlgorithmError
        If no order holds a measured sample.
    """
    measured = [np.isfinite(spectrum.flux) & np.isfinite(spectrum.variance) & (spectrum.variance > 0) for spectrum in spectra]
    if not any(m.any() for m in measured):
        raise AlgorithmError("no order holds a measured sample, so there is nothing to merge")
    low = min(float(s.wavelength_nm[m].min()) for s, m in zip(spectra, measured, strict=True) if m.any())
    high = max(float(s.wavelength_nm[m].max()) for s, m in zip(spectra, measured, strict=True) if m.any())
    first, last = int(np.ceil(low / step_nm - 1e-6)), int(np.floor(high / step_nm + 1e-6))
    if last < first:
        raise AlgorithmError("the orders hold a single measured sample, so there is nothing to merge")
    grid = np.arange(first, last + 1) * step_nm
    lagged = [np.zeros((N_LAGS, s.flux.size)) for s in spectra] if covariances is None else covariances
    rebinned = [
        _rebin(spectrum, good, covariance, grid, step_nm)
        for spectrum, good, covariance in zip(spectra, measured, lagged, strict=True)
        if good.any()
    ]
    return _combine(rebinned, grid, _joins(rebinned, spectra), flattened=flattened, best_only=best_only)


def _edges(spectrum: OrderSpectrum) -> tuple[FloatArray, FloatArray]:
    """Wavelengths (nm) at which samples begin and end: half-way to their neighbours, unless there is a hole in the dispersion map."""
    wave, furthest = spectrum.wavelength_nm, WIDEST_SAMPLE * float(np.median(spectrum.pixel_scale_nm))
    middle = 0.5 * (wave[1:] + wave[:-1])
    low = np.concatenate([[1.5 * wave[0] - 0.5 * wave[1]], middle])
    high = np.concatenate([middle, [1.5 * wave[-1] - 0.5 * wave[-2]]])
    return np.maximum(low, wave - furthest), np.minimum(high, wave + furthest)


def _rebin(spectrum: OrderSpectrum, good: BoolArray, covariance: FloatArray, grid: FloatArray, step: float) -> _Rebinned:
    n_grid = grid.size
    low, high = _edges(spectrum)
    start = np.floor((low - grid[0]) / step + 0.5).astype(np.int64)
    span = int(np.ceil((high - low).max() / step)) + 1
    slots = start[:, None] + np.arange(span)
    left = grid[0] + (slots - 0.5) * step
    overlap = np.clip(np.minimum(high[:, None], left + step) - np.maximum(low[:, None], left), 0.0, None)
    overlap = np.where((slots >= 0) & (slots < n_grid), overlap, 0.0)
    slots = np.clip(slots, 0, n_grid - 1)
    covered = np.where(good[:, None], overlap, 0.0)
    total = np.bincount(slots.ravel(), covered.ravel(), n_grid)
    touched = np.bincount(slots.ravel(), overlap.ravel(), n_grid)
    weight = covered / np.where(total > 0, total, 1.0)[slots]
    flux = np.where(good, spectrum.flux, 0.0)
    variance = np.where(good, spectrum.variance, 0.0)

    def mean(values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(slots.ravel(), (weight * values[:, None]).ravel(), n_grid), dtype=np.float64)

    quality = np.zeros(n_grid, dtype=np.int32)
    for flag in SpectrumFlag:
        if flag is not SpectrumFlag.NO_DATA:
            raised = good & ((spectrum.quality & int(flag)) != 0)
            if raised.any():
                share = np.bincount(slots[raised].ravel(), weight[raised].ravel(), n_grid)
                quality[share > 0.1] |= int(flag)
    by_lag = _covariance(slots, weight, [variance, *[np.where(good, row, 0.0) for row in covariance]], n_grid)
    return _Rebinned(
        order=spectrum.order,
        flux=mean(flux),
        variance=by_lag[0],
        covariance=by_lag[1:],
        sky=mean(np.where(good, spectrum.sky, 0.0)),
        density=mean(np.where(good, spectrum.flux / spectrum.pixel_scale_nm, 0.0)),
        quality=quality,
        cover=np.where(touched > 0, total / np.maximum(touched, 1e-30), 0.0) * (total > LEAST_COVER * step),
    )


def _covariance(slots: IntArray, weight: FloatArray, terms: Sequence[FloatArray], n_grid: int) -> FloatArray:
    """Variance and covariance of grid samples, shape (n_lags + 1, n_grid): row k holds samples i and i + k."""
    result = np.zeros((N_LAGS + 1, n_grid))
    n, span = slots.shape
    for distance, values in enumerate(terms):
        if distance >= n or not values.any():
            continue
        here, there = slice(0, n - distance), slice(distance, n)
        for j in range(span):
            for k in range(span):
                product = weight[here, j] * weight[there, k] * values[here]
                gap = slots[there, k] - slots[here, j]
                for lag in range(N_LAGS + 1):
                    forward = product[gap == lag]
                    if forward.any():
                        result[lag] += np.bincount(slots[here, j][gap == lag], forward, n_grid)
                    if distance:
                        backward = product[gap == -lag]
                        if backward.any():
                            result[lag] += np.bincount(slots[there, k][gap == -lag], backward, n_grid)
    return result


def _combine(
    rebinned: Sequence[_Rebinned], grid: FloatArray, joins: tuple[Join, ...], *, flattened: bool, best_only: bool
) -> MergedSpectrum:
    n = grid.size
    usable = np.stack([(r.cover > 0) & (r.variance > 0) for r in rebinned])
    weight = np.stack(
        [np.where(u, r.cover / np.where(r.variance > 0, r.variance, 1.0), 0.0) for u, r in zip(usable, rebinned, strict=True)]
    )
    strongest = np.argmax(np.stack([w * _steady_light(r) for w, r in zip(weight, rebinned, strict=True)]) if best_only else weight, axis=0)
    if best_only:
        weight = np.where(np.arange(len(rebinned))[:, None] == strongest, weight, 0.0)
    total = weight.sum(axis=0)
    share = weight / np.where(total > 0, total, 1.0)
    flux = sum((s * r.flux for s, r in zip(share, rebinned, strict=True)), np.zeros(n))
    sky = sum((s * r.sky for s, r in zip(share, rebinned, strict=True)), np.zeros(n))
    density = sum((s * r.density for s, r in zip(share, rebinned, strict=True)), np.zeros(n))
    variance = sum((s**2 * r.variance for s, r in zip(share, rebinned, strict=True)), np.zeros(n))
    correlation = _correlation(rebinned, share, variance)
    quality: IntArray = np.zeros(n, dtype=np.int32)
    for s, r in zip(share, rebinned, strict=True):
        quality |= np.where(s > 0.1, r.quality, 0).astype(np.int32)
    missing = total <= 0
    flux, variance, sky, density, quality = _bridge(missing, flux, variance, sky, density, quality)
    order = np.where(missing, 0, np.array([r.order for r in rebinned])[strongest])
    return MergedSpectrum(
        wavelength_nm=grid,
        flux=flux,
        variance=variance,
        sky=sky,
        density=density,
        correlation=np.clip(correlation, -1.0, 1.0),
        order=order,
        quality=quality,
        joins=joins,
        flattened=flattened,
    )


def _correlation(rebinned: Sequence[_Rebinned], share: FloatArray, variance: FloatArray) -> FloatArray:
    """Correlation of each sample of the mean with the next ones, shape (n_lags, n)."""
    n = variance.size
    correlation = np.zeros((N_LAGS, n))
    for lag in range(1, N_LAGS + 1):
        together = np.zeros(n)
        for s, r in zip(share, rebinned, strict=True):
            together[:-lag] += s[:-lag] * s[lag:] * r.covariance[lag - 1][:-lag]
        scale = np.sqrt(variance[:-lag] * variance[lag:])
        correlation[lag - 1, :-lag] = np.where(scale > 0, together[:-lag] / np.where(scale > 0, scale, 1.0), 0.0)
    return correlation


def _steady_light(rebinned: _Rebinned) -> FloatArray:
    """Square of the order's flux, averaged over `STEADY_SAMPLES`: with 1 / variance, by how much its signal-to-noise leads."""
    measured = (rebinned.cover > 0)[:, None]
    mean, _ = running_mean(rebinned.flux[:, None], measured, STEADY_SAMPLES // 2)
    return np.square(np.maximum(mean[:, 0], 0.0))


def _bridge(
    missing: BoolArray, flux: FloatArray, variance: FloatArray, sky: FloatArray, density: FloatArray, quality: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, IntArray]:
    """Interpolate over short gaps and flag them; longer ones are left empty and flagged."""
    if not missing.any() or missing.all():
        return flux, variance, sky, density, quality
    x = np.arange(missing.size)
    known = np.flatnonzero(~missing)
    after = np.searchsorted(known, x)
    gap = known[np.minimum(after, known.size - 1)] - known[np.maximum(after - 1, 0)] - 1
    short = missing & (gap <= BRIDGE_SAMPLES)
    filled = [np.where(short, np.interp(x, known, values[known]), values) for values in (flux, sky, density)]
    spread = np.where(short, 4.0 * np.interp(x, known, variance[known]), variance)
    flagged = quality | np.where(short, int(SpectrumFlag.INTERPOLATED), 0) | np.where(missing & ~short, int(SpectrumFlag.NO_DATA), 0)
    return filled[0], spread, filled[1], filled[2], flagged.astype(np.int32)


def _joins(rebinned: Sequence[_Rebinned], spectra: Sequence[OrderSpectrum]) -> tuple[Join, ...]:
    """Joins between neighbours in wavelength, with the flux ratio measured where both are covered."""
    by_order = {r.order: r for r in rebinned}
    middle = {s.order: float(np.median(s.wavelength_nm)) for s in spectra if s.order in by_order}
    sequence = sorted(middle, key=lambda order: middle[order])
    ends = {s.order: (float(s.wavelength_nm[0]), float(s.wavelength_nm[-1])) for s in spectra if s.order in by_order}
    joins = []
    for blue, red in pairwise(sequence):
        scale, error = _ratio(by_order[blue], by_order[red])
        joins.append(
            Join(blue_order=blue, red_order=red, wavelength_nm=0.5 * (ends[blue][1] + ends[red][0]), scale=scale, scale_error=error)
        )
    return tuple(joins)


def _ratio(blue: _Rebinned, red: _Rebinned) -> tuple[float, float]:
    """Flux of the red order over that of the blue one where both are measured, and its error; 1 and 0 without an overlap.

    The error is that of the data: the overlap is cut into blocks longer than neighbouring samples know of each other, and the ratio is
    measured leaving out one after the other (jackknife).  So noise counts as often as it is independent, and what bends one order against
    the other, at an end or in a telluric band, counts too.
    """
    both = (blue.cover > 0.5) & (red.cover > 0.5) & (blue.variance > 0) & (red.variance > 0)
    ratio, error = 1.0, 0.0
    for _ in range(5):
        found = _ratio_of(blue, red, both, ratio)
        if found is None:
            return 1.0, 0.0
        ratio, error = found
        pull = np.abs(red.flux - ratio * blue.flux) / np.sqrt(np.maximum(red.variance + ratio**2 * blue.variance, 1e-30))
        both &= pull < CLIP_SIGMA
    return ratio, max(error, _jackknife(blue, red, both, ratio))


def _ratio_of(blue: _Rebinned, red: _Rebinned, both: BoolArray, ratio: float) -> tuple[float, float] | None:
    """One round from an earlier ratio: the ratio and its error for independent samples; None with too few, or no light.

    Both are noisy, so the light common to them, and not the blue flux alone, is what they are held against: noise would lower the ratio.
    """
    if both.sum() < 5:
        return None
    of_blue, of_red, noise = _against_common_light(blue, red, both, ratio)
    power = float(of_blue.sum())
    sure = power - float(noise.sum())  # without the noise in it
    if power <= 0 or sure <= 0:
        return None
    found = float(of_red.sum()) / power
    return found, float(np.sqrt(np.sum((of_red - found * of_blue) ** 2))) / sure


def _against_common_light(blue: _Rebinned, red: _Rebinned, both: BoolArray, ratio: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Samples of blue and red times the light common to them, weighted, and what noise adds to the first; shape (n,) each."""
    b, r, vb, vr = blue.flux[both], red.flux[both], blue.variance[both], red.variance[both]
    weight = 1.0 / (vr + ratio**2 * vb)
    light = weight * (vr * b + ratio * vb * r)
    return weight * light * b, weight * light * r, weight**2 * vr * vb


def _jackknife(blue: _Rebinned, red: _Rebinned, both: BoolArray, ratio: float) -> float:
    """Error of the ratio from what leaving out each block of the overlap does to it; 0 with fewer than three blocks."""
    n = int(both.sum())
    n_blocks = min(MOST_BLOCKS, n // BLOCK_SAMPLES)
    if n_blocks < 3:
        return 0.0
    start = np.arange(n_blocks) * (n // n_blocks) + np.minimum(np.arange(n_blocks), n % n_blocks)  # the first ones are longer by a sample
    blocks = np.add.reduceat(_against_common_light(blue, red, both, ratio), start, axis=1)
    of_blue, of_red, noise = blocks.sum(axis=1)[:, None] - blocks
    usable = (of_blue > 0) & (of_blue > noise)
    without = of_red[usable] / of_blue[usable]
    if without.size < 3:
        return 0.0
    return float(np.sqrt((without.size - 1) * np.var(without)))
