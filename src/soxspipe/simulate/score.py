"""How far the products of a reduction are from the truth of the scene they were made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation

from soxspipe.datamodel.arrays import BoolImage, FloatArray, Image, IntArray
from soxspipe.simulate.score_flux import score_efficiency, score_flux
from soxspipe.simulate.score_merged import score_merged
from soxspipe.simulate.simulation import Score, Truth
from soxspipe.simulate.statistics import (
    clipped_rms,
    inverse,
    median,
    median_error,
    robust_std,
    running_median,
    share_per_1000,
)

_CALIBRATION_WIDTH = 201
"""Averages the noise of the ratio, not the calibration."""
_MATCH_NM = 5.0
"""A sample is held against the nearest row of the truth; further than this there is none."""
_FEWEST_ROWS = 50
"""A scatter of fewer is not known to 10 %."""
_OUTLIER_SIGMA = 6.0
"""None of a spectrum's samples is as far off by chance."""
_LEAST_FLAT = 0.02
"""Below it no light comes through: such pixels are rightly flagged."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Extracted:
    """The table of extracted orders; arrays of shape (n,).

    Attributes
    ----------
    b_px, a_px : ndarray
        Dispersion pixel and trace.
    wavelength_nm : ndarray
        nm, air.
    flux, variance, boxcar : ndarray
        Optimal sum, its variance, aperture sum; electrons.
    """

    b_px: FloatArray
    a_px: FloatArray
    wavelength_nm: FloatArray
    flux: FloatArray
    variance: FloatArray
    boxcar: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Products:
    """Products of a reduction as far as they are there.

    Attributes
    ----------
    orders, orders_unflattened : Extracted or None
        Extracted orders.
    sky_subtracted, flagged : ndarray or None, shape (ny, nx)
        Sky-subtracted image (flattened electrons) and its quality plane (non-zero is bad).
    merged, fluxed, efficiency : mapping of str to ndarray
        Columns of the tables by their names in the files; empty if the product is missing.
    """

    orders: Extracted | None = None
    orders_unflattened: Extracted | None = None
    sky_subtracted: Image | None = None
    flagged: BoolImage | None = None
    merged: Mapping[str, FloatArray]
    fluxed: Mapping[str, FloatArray]
    efficiency: Mapping[str, FloatArray]


def score(products: Products, truth: Truth, standard: Truth | None = None) -> Score:
    """Score everything that a reduction made.

    Parameters
    ----------
    products : Products
        What was made.
    truth : Truth
        Of the scene.
    standard : Truth or None
        Of the standard whose response was used: slit losses differ with the seeing, and a flux calibration cannot know them.

    Returns
    -------
    dict
        Groups of figures; a missing product scores None.
    """
    by_order = split_orders(truth)
    return {
        "scene": {
            key.lower(): value for key, value in truth.header.items() if key in ("ARM", "KIND", "TARGET", "EXPTIME", "NFRAMES", "SEEING")
        }
        | {"ideal_snr_median": median(truth.orders["SNR_IDEAL"])},
        "orders": None if products.orders is None else score_orders(products.orders, by_order, flattened=True),
        "orders_unflattened": None
        if products.orders_unflattened is None
        else score_orders(products.orders_unflattened, by_order, flattened=False),
        "sky": None
        if products.sky_subtracted is None or products.flagged is None
        else score_sky(products.sky_subtracted, products.flagged, truth),
        "merged": score_merged(products.merged, by_order) if products.merged else None,
        "flux": score_flux(products.fluxed, truth, standard, by_order) if products.fluxed else None,
        "efficiency": score_efficiency(products.efficiency, truth, by_order) if products.efficiency else None,
    }


def split_orders(truth: Truth) -> dict[int, dict[str, FloatArray]]:
    """Rows of the truth table ORDERS, by order."""
    numbers = truth.orders["ORDER"]
    return {int(n): {name: values[numbers == n] for name, values in truth.orders.items()} for n in np.unique(numbers)}


def score_orders(extracted: Extracted, truth: Mapping[int, Mapping[str, FloatArray]], *, flattened: bool) -> Score:
    """Score extracted orders against the true electrons, wavelength and trace.

    Notes
    -----
    A slowly varying calibration factor (running median of extracted over true, 201 rows) is measured as the bias and taken out before the
    noise is judged, so that the two do not mix.  ``z`` is the error in units of the ideal noise, ``chi`` in units of the reported one.
    """
    order = match_orders(extracted.b_px, extracted.wavelength_nm, truth)
    pooled: dict[str, list[FloatArray]] = {name: [] for name in ("ratio", "snr", "z", "chi", "wavelength", "trace")}
    per_order: Score = {}
    for number, true in truth.items():
        rows = np.flatnonzero(order == number)
        share = rows.size / max(true["WAVE"].size, 1)
        if rows.size < _FEWEST_ROWS:
            per_order[str(number)] = {"rows": float(rows.size), "delivered": share}
            continue
        figures, samples = _score_order(extracted, rows[np.argsort(extracted.b_px[rows])], true, "OBJ_FLAT" if flattened else "OBJ_E")
        per_order[str(number)] = figures | {"delivered": share}
        for name, values in samples.items():
            pooled[name].append(values)
    if not pooled["z"]:
        return {"per_order": per_order}
    ratio, z, chi, wavelength, trace = (np.concatenate(pooled[name]) for name in ("ratio", "z", "chi", "wavelength", "trace"))
    judged = [entry for entry in per_order.values() if isinstance(entry, dict) and np.isfinite(_number(entry.get("bias_pct")))]
    biases = [entry["bias_pct"] for entry in judged]
    return {
        "samples": float(z.size),
        "bias_pct": 100.0 * (median(ratio) - 1.0),
        "bias_error_pct": 100.0 * median_error(np.concatenate(pooled["snr"])),
        "bias_error_pct_worst_order": max((_number(entry.get("bias_error_pct")) for entry in judged), default=float("nan")),
        "bias_pct_worst_order": max((_number(b) for b in biases), key=abs, default=float("nan")),
        "snr_ratio": inverse(robust_std(z)),
        "snr_ratio_rms": inverse(clipped_rms(z, 50.0)),
        "chi_std": robust_std(chi),
        "outliers_per_1000": share_per_1000(np.abs(z) > _OUTLIER_SIGMA),
        "wavelength_error_px": median(wavelength),
        "wavelength_scatter_px": robust_std(wavelength),
        "trace_error_rms_px": float(np.sqrt(np.nanmean(trace**2))),
        "trace_error_px": median(trace),
        "delivered": float(np.mean([_number(entry["delivered"]) for entry in per_order.values() if isinstance(entry, dict)])),
        "per_order": per_order,
    }


def match_orders(b_px: FloatArray, wavelength_nm: FloatArray, truth: Mapping[int, Mapping[str, FloatArray]]) -> IntArray:
    """Order of each row, from its pixel and wavelength; labels on disk are not trusted.  -1 where none fits within 5 nm."""
    best, distance = np.full(b_px.shape, -1), np.full(b_px.shape, np.inf)
    for number, true in truth.items():
        expected = np.interp(b_px, true["DISP_PIX"], true["WAVE"], left=np.nan, right=np.nan)
        with np.errstate(invalid="ignore"):
            nearer = np.abs(expected - wavelength_nm) < distance
        best[nearer], distance[nearer] = number, np.abs(expected - wavelength_nm)[nearer]
    best[distance > _MATCH_NM] = -1
    return best


def score_sky(image: Image, flagged: BoolImage, truth: Truth) -> Score:
    """Score the sky-subtracted image: what is left besides the object, in units of the true noise."""
    images, offset = truth.images, float(truth.header["OFFSET"])
    flat, target, sky = (images[name].astype(np.float64) for name in ("FLAT", "OBJECT", "SKY"))
    slit, inside = images["SLIT"].astype(np.float64), np.isfinite(images["ORDER"])
    struck, bad = images["CRMASK"] > 0, images["BADMASK"] > 0
    noise = np.sqrt(np.where(images["VARIANCE"] > 0, images["VARIANCE"], np.inf))
    lit = flat > _LEAST_FLAT
    usable = inside & ~bad & ~binary_dilation(struck) & ~flagged & (np.abs(slit) < 5.3) & lit & np.isfinite(image)
    left = np.where(usable, (np.nan_to_num(image) * flat - target) / noise, np.nan)
    distance, height = np.abs(slit - offset), sky / noise
    others = images.get("OTHERS")
    lonely = usable if others is None else usable & (others < 0.2 * noise)
    beside, under = lonely & (distance > 2.2), lonely & (distance < 1.0)
    sound = inside & (np.abs(slit) < 5.5) & ~bad
    hit = sound & (images["CRMASK"] > _OUTLIER_SIGMA) & (distance < 1.5)
    return {
        "beside": _residuals(left[beside]),
        "between_lines": _residuals(left[beside & (height < 5.0)]),
        "bright_lines": _residuals(left[beside & (height > 15.0)]),
        "under": _residuals(left[under]),
        "under_bright_lines": _residuals(left[under & (height > 15.0)]),
        "cosmic_rays_flagged": float(np.mean(flagged[hit])) if truth.header["NFRAMES"] == 1 and hit.any() else None,
        "good_pixels_flagged": float(np.mean(flagged[sound & lit & ~binary_dilation(struck | bad)])),
    }


def _score_order(extracted: Extracted, rows: IntArray, true: Mapping[str, FloatArray], column: str) -> tuple[Score, dict[str, FloatArray]]:
    b = extracted.b_px[rows]

    def at(name: str) -> FloatArray:
        return np.asarray(np.interp(b, true["DISP_PIX"], true[name]))

    light, snr, step = at(column), at("SNR_IDEAL"), at("PIXSCALE_NM")
    flux, variance = extracted.flux[rows], extracted.variance[rows]
    good = (snr > 1.0) & np.isfinite(flux) & (light > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(good, flux / light, np.nan)
        factor = running_median(ratio, _CALIBRATION_WIDTH) if good.any() else np.ones_like(light)
        z = (flux - light * factor) / (light / snr)
        chi = (flux - light * factor) / np.sqrt(np.abs(variance))
    wavelength = (extracted.wavelength_nm[rows] - at("WAVE")) / step
    trace = extracted.a_px[rows] - at("TRACE")
    samples = {"ratio": ratio[good], "snr": snr[good], "z": z[good], "chi": chi[good], "wavelength": wavelength, "trace": trace}
    figures: Score = {
        "rows": float(rows.size),
        "gaps": 1.0 - rows.size / (float(np.ptp(b)) + 1.0),
        "ideal_snr": median(snr),
        "bias_pct": 100.0 * (median(ratio) - 1.0),
        "bias_error_pct": 100.0 * median_error(snr[good]),
        "snr_ratio": inverse(robust_std(z[good])),
        "chi_std": robust_std(chi[good]),
        "wavelength_error_px": median(wavelength),
        "trace_error_px": median(trace),
    }
    return figures, samples


def _residuals(left: FloatArray) -> Score | None:
    if left.size < _FEWEST_ROWS:
        return None
    return {"pixels": float(left.size), "median": median(left), "robust": robust_std(left), "rms": clipped_rms(left, 100.0)}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
