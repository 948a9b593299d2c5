"""Flux calibration and efficiency against the truth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.simulate.score_merged import follow_truth
from soxspipe.simulate.simulation import Score, Truth
from soxspipe.simulate.statistics import median, percentile, pure_noise, robust_std, running_mean, running_median

CLEAR_TRANSMISSION = 0.97
"""Where the atmosphere hardly absorbs."""
_BIN_NM = {"NIR": 4.0}
"""Some resolution elements, so that noise does not tell."""
_BIN_NM_ELSE = 2.0
"""In the other arms."""
_FAINTEST = 1e-4
"""Of the brightest: fainter is not light."""


def score_flux(
    table: Mapping[str, FloatArray], truth: Truth, standard: Truth | None, by_order: Mapping[int, Mapping[str, FloatArray]]
) -> Score:
    """Score a flux-calibrated spectrum (columns WAVE, FLUX_CALIBRATED and, if there, FLUX_CALIBRATED_ERR).

    The expected flux is the true one times the ratio of the slit losses of target and standard: a pipeline does not know the seeing.
    ``noise`` is what a perfect program would score on ``clear_lines_removed``.
    """
    source = truth.source
    expected = np.asarray(source["FLUX"], dtype=np.float64)
    if standard is not None:
        other = np.interp(source["WAVE"], standard.source["WAVE"], standard.source["SLIT_FRACTION"])
        expected = expected * source["SLIT_FRACTION"] / other
    step = float(np.median(np.diff(source["WAVE"])))
    wave, flux = (np.asarray(table[name], dtype=np.float64) for name in ("WAVE", "FLUX_CALIBRATED"))
    here = np.interp(wave, source["WAVE"], running_mean(expected, int(0.25 / step)))
    width = _BIN_NM.get(str(truth.header["ARM"]), _BIN_NM_ELSE)
    usable = np.isfinite(flux) & (flux != 0) & (here > _FAINTEST * here.max())
    clear = usable & is_clear(wave, truth)
    figures: Score = {
        "noise": _noise(wave, by_order, clear, width),
        "clear": _errors(wave, flux, here, clear, width, robust=False),
        "clear_lines_removed": _errors(wave, flux, here, clear, width, robust=True),
        "everywhere": _errors(wave, flux, here, usable, width, robust=False),
    }
    if "FLUX_CALIBRATED_ERR" in table:
        error = np.asarray(table["FLUX_CALIBRATED_ERR"], dtype=np.float64)
        judged = clear & np.isfinite(error) & (error > 0)
        figures["chi_std"] = robust_std((flux[judged] - here[judged]) / error[judged])
    return figures


def score_efficiency(table: Mapping[str, FloatArray], truth: Truth, by_order: Mapping[int, Mapping[str, FloatArray]]) -> Score:
    """Score an efficiency curve (columns WAVE, EFFICIENCY) outside telluric bands where it exceeds 3 per cent."""
    wave, value = (np.asarray(table[name], dtype=np.float64) for name in ("WAVE", "EFFICIENCY"))
    true, _, _, _ = follow_truth(wave, value, by_order, "EFF_TOTAL")
    use = np.isfinite(true) & np.isfinite(value) & (np.nan_to_num(true) > 0.03) & is_clear(wave, truth)
    if not use.any():
        return {"median_abs_pct": float("nan"), "p95_abs_pct": float("nan")}
    error = 100.0 * (running_median(value[use], 31) / running_median(true[use], 31) - 1.0)
    return {"median_pct": median(error), "median_abs_pct": median(np.abs(error)), "p95_abs_pct": percentile(np.abs(error), 95.0)}


def is_clear(wave: FloatArray, truth: Truth) -> BoolArray:
    """True outside telluric absorption: transmission above 97 per cent in a mean over 3 nm."""
    source = truth.source
    step = float(np.median(np.diff(source["WAVE"])))
    return np.asarray(np.interp(wave, source["WAVE"], running_mean(source["TELLURIC"], int(3.0 / step))) > CLEAR_TRANSMISSION)


def _noise(wave: FloatArray, by_order: Mapping[int, Mapping[str, FloatArray]], use: BoolArray, width_nm: float) -> dict[str, float]:
    """Sizes of the errors, per cent, that photons alone give the medians of bins."""
    # squared signal-to-noise per nm of all orders together
    known = np.zeros(wave.shape)
    for true in by_order.values():
        rising = np.argsort(true["WAVE"])
        per_nm = (true["SNR_IDEAL"] ** 2 / true["PIXSCALE_NM"])[rising]
        known += np.interp(wave, true["WAVE"][rising], per_nm, left=0.0, right=0.0)
    number = np.floor((wave - wave[0]) / width_nm).astype(np.int64)
    sigma = []
    for one in np.unique(number[use]):
        rows = use & (number == one)
        share = rows.sum() / max(np.sum(number == one), 1)
        if rows.sum() >= 10 and known[rows].any():
            sigma.append(100.0 * np.sqrt(np.pi / 2.0) / np.sqrt(float(np.mean(known[rows])) * width_nm * share))
    return {"median_abs_pct": pure_noise(np.array(sigma), 50.0), "p95_abs_pct": pure_noise(np.array(sigma), 95.0)}


def _errors(wave: FloatArray, flux: FloatArray, expected: FloatArray, use: BoolArray, width_nm: float, *, robust: bool) -> dict[str, float]:
    """Errors in bins, per cent: of sums, or of the median sample, which narrow lines do not reach."""
    number = np.floor((wave - wave[0]) / width_nm).astype(np.int64)
    errors = []
    for one in np.unique(number[use]):
        rows = use & (number == one)
        if rows.sum() < 10:
            continue
        ratio = np.median(flux[rows] / expected[rows]) if robust else np.sum(flux[rows]) / np.sum(expected[rows])
        errors.append(100.0 * (float(ratio) - 1.0))
    error = np.array(errors)
    return {
        "bins": float(error.size),
        "median_pct": median(error),
        "median_abs_pct": median(np.abs(error)),
        "p95_abs_pct": percentile(np.abs(error), 95.0),
    }
