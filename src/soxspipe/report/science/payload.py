"""Numbers for the page's interactive plots: arrays as base64 of little-endian bytes, everything else as JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.datamodel.calibrations import SkyLines
from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.datamodel.spectrum import FluxedSpectrum, MergedSpectrum
from soxspipe.numerics.air import air_to_vacuum
from soxspipe.plots.inputs import FigureInputs
from soxspipe.plots.words import ELECTRONS, FLUX_DENSITY, power_of_ten
from soxspipe.report.science.lines import LINES

Json: TypeAlias = Any
Form: TypeAlias = Literal["line", "dashed", "dots", "area"]
FLAG_TEXT: Mapping[SpectrumFlag, str] = {
    SpectrumFlag.TELLURIC: "telluric band",
    SpectrumFlag.SATURATED: "saturated pixel",
    SpectrumFlag.LOW_RESPONSE: "low response",
    SpectrumFlag.INTERPOLATED: "interpolated",
    SpectrumFlag.PARTIAL_PROFILE: "half of the profile missing",
    SpectrumFlag.NO_DATA: "no data",
    SpectrumFlag.FORCED: "forced extraction",
    SpectrumFlag.EXTRAPOLATED_RESPONSE: "response extrapolated",
    SpectrumFlag.COSMIC_RAY: "cosmic ray rejected",
    SpectrumFlag.WEAK_SKY_MODEL: "weak sky model",
    SpectrumFlag.TELLURIC_SATURATED: "telluric band saturated",
}
NIGHT_SKY_LINES = 80
"""The brightest; more would cover the spectrum."""
CURVE_POINTS = 1500
"""More than a screen has pixels."""


def packed(values: NDArray[Any], kind: Literal["f4", "f8", "i2"] = "f4") -> Json:
    """An array as the page reads it: type, and base64 of its little-endian bytes."""
    return {"t": kind, "d": base64.b64encode(np.ascontiguousarray(values, dtype=f"<{kind}").tobytes()).decode("ascii")}


def as_json(value: Json) -> str:
    """JSON that may stand inside a script element: no character of it can end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return (
        text.replace("&", "\\u0026")
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
    )


def spectrum_payload(reduction: FigureInputs) -> Json:
    """Everything that the interactive spectrum shows.

    Parameters
    ----------
    reduction : FigureInputs
        Uses `merged`, `fluxed`, `telluric_bands`, `sky_lines` and the arm.

    Returns
    -------
    dict
        ``views`` by name with their wavelengths, values, errors and flags; ``joins``, ``bands``, ``lines`` and names.
    """
    merged, arm = reduction.merged, reduction.geometry.arm
    numbers = sorted(int(order) for order in np.unique(merged.order) if order != 0)
    return {
        "views": _views(reduction),
        "flags": {str(int(flag)): text for flag, text in FLAG_TEXT.items()},
        "unfair": int(SpectrumFlag.TELLURIC | SpectrumFlag.LOW_RESPONSE | SpectrumFlag.EXTRAPOLATED_RESPONSE | SpectrumFlag.WEAK_SKY_MODEL),
        "orders": {str(order): arm.label(order) for order in numbers},
        "joins": [round(join.wavelength_nm, 3) for join in merged.joins],
        "bands": _bands(reduction),
        "lines": {name: [[label, round(nm, 4)] for label, nm in lines] for name, lines in LINES.items()},
        "night": _night_lines(reduction.sky_lines, merged.wavelength_nm),
        "correlation": _correlation(merged),
    }


def _views(reduction: FigureInputs) -> Json:
    merged, fluxed, views = reduction.merged, reduction.fluxed, {}
    wave = _axis(merged.wavelength_nm)
    measured = _measured(merged.quality)
    error = np.sqrt(merged.variance)
    quality, order = packed(merged.quality, "i2"), packed(merged.order, "i2")
    if fluxed is not None:
        same = fluxed.wavelength_nm.shape == merged.wavelength_nm.shape and np.array_equal(fluxed.wavelength_nm, merged.wavelength_nm)
        views["flux"] = flux_view(fluxed, order if same else None)
    gap = np.where(measured, 1.0, np.nan)
    views["counts"] = {
        "title": "Counts", "unit": f"{ELECTRONS}{', flat divided out' if merged.flattened else ''}", "wave": wave,
        "value": packed(merged.flux * gap), "error": packed(error * gap), "quality": quality, "order": order,
    }  # fmt: skip
    views["snr"] = {"title": "S/N", "unit": f"signal-to-noise per {_step(merged):g} nm", "from": "counts"}
    views["sky"] = {
        "title": "Sky", "unit": f"sky ({ELECTRONS})", "wave": wave, "value": packed(merged.sky * gap), "error": None, "quality": quality,
        "order": order,
    }  # fmt: skip
    return views


def flux_view(fluxed: FluxedSpectrum, order: Json) -> Json:
    """The calibrated spectrum; `order` as `packed` gives it, None where the orders of its samples are not known."""
    usable = _measured(fluxed.quality) & np.isfinite(fluxed.error)
    exponent = _power(fluxed.flux[usable & ((fluxed.quality & int(SpectrumFlag.TELLURIC)) == 0)])
    scale = np.where(usable, 10.0**-exponent, np.nan)
    return {
        "title": "Flux", "unit": f"flux density ({power_of_ten(exponent)} {FLUX_DENSITY})", "power": exponent, "wave": _axis(fluxed.wavelength_nm),
        "value": packed(fluxed.flux * scale), "error": packed(fluxed.error * scale), "quality": packed(fluxed.quality, "i2"),
        "order": order,
    }  # fmt: skip


def _measured(quality: IntArray) -> BoolArray:
    return (quality & int(SpectrumFlag.NO_DATA)) == 0


def _axis(wavelength_nm: FloatArray) -> Json:
    """A regular grid as start, step and number; any other as its values."""
    if wavelength_nm.size > 2:
        step = float(wavelength_nm[-1] - wavelength_nm[0]) / (wavelength_nm.size - 1)
        if np.allclose(wavelength_nm, wavelength_nm[0] + step * np.arange(wavelength_nm.size), rtol=0, atol=1e-3 * step):
            return {"start": float(wavelength_nm[0]), "step": step, "n": int(wavelength_nm.size)}
    return packed(wavelength_nm, "f8")


def _step(merged: MergedSpectrum) -> float:
    return round(float(merged.wavelength_nm[1] - merged.wavelength_nm[0]), 6) if merged.wavelength_nm.size > 1 else 0.0


def _power(flux: FloatArray) -> int:
    typical = float(np.median(np.abs(flux))) if flux.size else 0.0
    return int(np.floor(np.log10(typical))) if typical > 0 else 0


def _bands(reduction: FigureInputs) -> Json:
    bands = reduction.telluric_bands
    if bands is None:
        return []
    edges = zip(bands.start_nm.tolist(), bands.stop_nm.tolist(), bands.mask_response.tolist(), strict=True)
    return [[start, stop, int(strong)] for start, stop, strong in edges]


def _night_lines(sky_lines: SkyLines | None, wavelength_nm: FloatArray) -> Json:
    """Vacuum wavelengths of the brightest sky lines within the spectrum."""
    if sky_lines is None or wavelength_nm.size == 0:
        return []
    shown = (sky_lines.wavelength_nm > wavelength_nm[0]) & (sky_lines.wavelength_nm < wavelength_nm[-1])
    wave, flux = sky_lines.wavelength_nm[shown], sky_lines.flux[shown]
    brightest = np.sort(wave[np.argsort(flux)[-NIGHT_SKY_LINES:]])
    return [["", round(air_to_vacuum(float(nm)), 4)] for nm in brightest]


def _correlation(merged: MergedSpectrum) -> Json:
    """Median correlation of neighbouring errors, for the error of a smoothed spectrum."""
    measured = _measured(merged.quality)
    return [round(float(np.nan_to_num(np.median(lag[measured]))), 4) if measured.any() else 0.0 for lag in merged.correlation]


def chart(name: str, x_label: str, y_label: str, series: list[Json], **options: Json) -> Json:
    """One small plot: axes, series made by `one_series`, and options that the page knows (``yRange``, ``log``, ``bands``)."""
    return {"name": name, "x": x_label, "y": y_label, "series": series, **options}


def one_series(label: str, colour: str, form: Form, x: FloatArray, y: FloatArray, error: FloatArray | None = None) -> Json:
    """One series of a small plot, sorted by x; values that are not finite are left out."""
    finite = np.isfinite(x) & np.isfinite(y)
    if error is not None:
        finite &= np.isfinite(error)
    at = np.flatnonzero(finite)[np.argsort(x[finite], kind="stable")]
    entry = {"label": label, "colour": colour, "form": form, "x": packed(_distinct(x[at])), "y": packed(y[at])}
    return entry if error is None else {**entry, "error": packed(error[at])}


def thinned(x: FloatArray, y: FloatArray, points: int = CURVE_POINTS) -> tuple[FloatArray, FloatArray]:
    """A long curve averaged to at most `points` points."""
    per_point = max(1, -(-x.size // points))
    n = x.size // per_point * per_point
    return x[:n].reshape(-1, per_point).mean(axis=1), y[:n].reshape(-1, per_point).mean(axis=1)


def _distinct(x: FloatArray) -> FloatArray:
    """Ascending x without equal neighbours in single precision, which the plots join by."""
    single = np.asarray(x, dtype=np.float32)
    for at in np.flatnonzero(np.diff(single) <= 0):
        single[at + 1] = np.nextafter(single[at], np.float32(np.inf))
    return single
