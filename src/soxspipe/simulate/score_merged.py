"""The merged spectrum against the truth."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.simulate.simulation import Score
from soxspipe.simulate.statistics import median, robust_std, running_median, share_per_1000

_CALIBRATION_WIDTH = 201
"""Averages the noise of the ratio, not the calibration."""
_BLOCK = 400
"""Samples over which noise is steady."""
_LONGEST_LAG = 9
"""More than products hold."""


def score_merged(table: Mapping[str, FloatArray], truth: Mapping[int, Mapping[str, FloatArray]]) -> Score:
    """Score a merged spectrum (columns WAVE, FLUX_COUNTS, VARIANCE and, if there, CORR_LAG<k>).

    Returns
    -------
    dict
        Bias, errors (also after rebinning to 1 nm), outliers, wavelength shift against the true spectrum, and the range delivered.
    """
    wave, flux, variance = (np.asarray(table[name], dtype=np.float64) for name in ("WAVE", "FLUX_COUNTS", "VARIANCE"))
    light, snr, step, order = follow_truth(wave, flux, truth, "OBJ_FLAT")
    good = np.isfinite(light) & (snr > 1.5) & np.isfinite(flux) & (flux != 0)
    if not good.any():
        return {"rows": float(wave.size), "delivered": _delivered(wave, flux, truth)}
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(good, flux / light, np.nan)
        expected = light * running_median(ratio, _CALIBRATION_WIDTH)
        residual = flux - expected
        z = residual / (light / snr)
        chi = residual / np.sqrt(np.abs(variance))
    shift, shift_error, blocks = _wavelength_shift(
        wave, expected, residual, light / np.maximum(snr, 1e-6), step, order, good & (np.abs(z) < 6)
    )
    return {
        "rows": float(wave.size),
        "bias_pct": 100.0 * (median(ratio) - 1.0),
        "chi_std": robust_std(chi[good]),
        "chi_std_1nm": robust_std(np.array(binned_pulls(table, wave, residual, variance, good, width_nm=1.0))),
        "outliers_per_1000": share_per_1000(np.abs(z[good]) > 6.0),
        "wavelength_shift_px": shift,
        "wavelength_shift_error_px": shift_error,
        "wavelength_blocks": float(blocks),
        "delivered": _delivered(wave, flux, truth),
    }


def follow_truth(
    wave: FloatArray, values: FloatArray, truth: Mapping[int, Mapping[str, FloatArray]], column: str
) -> tuple[FloatArray, FloatArray, FloatArray, IntArray]:
    """Truth at each wavelength from that order which the values follow most closely.

    Returns
    -------
    light, snr, step : ndarray, shape (n,)
        The column, the ideal signal-to-noise and nm per pixel; NaN where no order reaches.
    order : ndarray of int, shape (n,)
        -1 where no order reaches.
    """
    light, snr, step = (np.full(wave.shape, np.nan) for _ in range(3))
    order, smallest = np.full(wave.shape, -1), np.full(wave.shape, np.inf)
    smooth = running_median(values, 31)
    for number, true in truth.items():
        rising = np.argsort(true["WAVE"])
        x = true["WAVE"][rising]
        here = np.interp(wave, x, true[column][rising], left=np.nan, right=np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = np.abs(np.log(np.clip(smooth / np.where(here > 0, here, np.nan), 1e-3, 1e3)))
            nearer = distance < smallest
        smallest[nearer], order[nearer], light[nearer] = distance[nearer], number, here[nearer]
        snr[nearer] = np.interp(wave, x, true["SNR_IDEAL"][rising])[nearer]
        step[nearer] = np.interp(wave, x, true["PIXSCALE_NM"][rising])[nearer]
    return light, snr, step, order


def binned_pulls(
    table: Mapping[str, FloatArray], wave: FloatArray, residual: FloatArray, variance: FloatArray, good: BoolArray, *, width_nm: float
) -> list[float]:
    """Residuals summed in bins over their predicted error; the columns CORR_LAG<k> count if they are there."""
    lags = [(k, np.nan_to_num(np.asarray(table[f"CORR_LAG{k}"], np.float64))) for k in range(1, _LONGEST_LAG) if f"CORR_LAG{k}" in table]
    sigma = np.sqrt(np.abs(variance))
    edges = np.searchsorted(wave, np.arange(wave[0], wave[-1], width_nm))
    pulls = []
    for start, stop in itertools.pairwise(edges):
        if stop - start < 5 or not good[start:stop].all():
            continue
        total = float(np.sum(variance[start:stop]))
        for k, correlation in lags:
            pair = correlation[start:stop] * sigma[start:stop]
            total += 2.0 * float(np.sum(pair[:-k] * sigma[start:stop][k:]))
        if total > 0:
            pulls.append(float(np.sum(residual[start:stop])) / np.sqrt(total))
    return pulls


def _wavelength_shift(
    wave: FloatArray, expected: FloatArray, residual: FloatArray, noise: FloatArray, step: FloatArray, order: IntArray, use: BoolArray
) -> tuple[float, float, int]:
    """Mean shift in pixels, its error, and how many blocks had structure enough to measure it."""
    slope = np.gradient(expected, wave)
    shifts, weights = [], []
    for start in range(0, wave.size - _BLOCK, _BLOCK):
        block = np.arange(start, start + _BLOCK)
        block = block[use[block] & np.isfinite(slope[block])]
        if block.size < _BLOCK // 2:
            continue
        block = block[order[block] == np.bincount(order[block]).argmax()]
        weight = 1.0 / noise[block] ** 2
        change = slope[block] - np.average(slope[block], weights=weight)
        information = float(np.sum(weight * change**2))
        pixel = float(np.median(step[block]))
        if block.size >= _BLOCK // 2 and information > 0 and 1.0 / np.sqrt(information) < 0.35 * pixel:
            shifts.append(-float(np.sum(weight * change * residual[block])) / information / pixel)
            weights.append(information * pixel**2)
    if not shifts:
        return float("nan"), float("nan"), 0
    return float(np.average(shifts, weights=weights)), float(1.0 / np.sqrt(np.sum(weights))), len(shifts)


def _delivered(wave: FloatArray, flux: FloatArray, truth: Mapping[int, Mapping[str, FloatArray]]) -> float:
    """Share of the recorded wavelengths with a value within 0.15 nm."""
    recorded = np.unique(np.round(np.concatenate([true["WAVE"] for true in truth.values()]), 2))
    there = wave[np.isfinite(flux) & (flux != 0)]
    if there.size < 2:
        return 0.0
    above = np.clip(np.searchsorted(there, recorded), 1, there.size - 1)
    return float(np.mean(np.minimum(np.abs(there[above] - recorded), np.abs(there[above - 1] - recorded)) < 0.15))
