"""What a reduction made as curves of a hundred points, spectrum or response, for the night's page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.flags import MASKED
from soxspipe.errors import InputError
from soxspipe.io.fits import open_fits
from soxspipe.io.fits_columns import read_table

CurveRecord: TypeAlias = dict[str, Any]
"""``low_nm``, ``high_nm`` and ``values``: equally spaced means, None where there is no good sample."""

POINTS = 120
"""As many as a thumbnail of 160 px can show."""
REFERENCE_NM: Mapping[str, float] = {"UVB": 450.0, "VIS": 600.0, "NIR": 1250.0}
"""Where sky and zero point are read: in the continuum, far from strong sky lines and telluric bands."""

SKY_HALF_WIDTH_NM = 10.0
"""Wide enough for a median that single lines do not move."""
LIGHT_ANGSTROM_PER_S = 2.998e18
"""Speed of light."""
AB_ZERO = -48.6
"""AB magnitude of 1 erg/s/cm2/Hz (Oke & Gunn 1983)."""

FLUXES = ("FLUX_CALIBRATED", "FLUX_COUNTS")
RESPONSE_HDU = "RESPONSE_SAMPLED"


def spectrum_curve(path: Path) -> CurveRecord | None:
    """The final spectrum in a few points, telluric bands included; None if the file holds none.

    Parameters
    ----------
    path : Path
        Flux-calibrated or merged spectrum.
    """
    for table in _tables(path).values():
        flux = next((table[name] for name in FLUXES if name in table), None)
        if flux is not None and "WAVE" in table:
            good = np.isfinite(flux) & ((table["QUAL"] & int(MASKED)) == 0 if "QUAL" in table else True)
            return curve_of(table["WAVE"], flux, good)
    return None


def response_curve(path: Path) -> CurveRecord | None:
    """A response in a few points; None if the file holds no sampled one."""
    table = _tables(path).get(RESPONSE_HDU)
    if table is None or not {"WAVE", "RESPONSE"} <= table.keys():
        return None
    return curve_of(table["WAVE"], table["RESPONSE"], np.isfinite(table["RESPONSE"]) & (table["RESPONSE"] > 0))


def sky_rate(path: Path, arm: str, exptime_s: float) -> float | None:
    """Sky in electrons per second and pixel at the arm's reference wavelength; None if the merged spectrum does not hold it."""
    for table in _tables(path).values():
        if {"WAVE", "SKY_COUNTS"} <= table.keys() and arm in REFERENCE_NM and exptime_s > 0:
            near = np.abs(table["WAVE"] - REFERENCE_NM[arm]) < SKY_HALF_WIDTH_NM
            values = table["SKY_COUNTS"][near & np.isfinite(table["SKY_COUNTS"])]
            return float(np.median(values)) / exptime_s if values.size else None
    return None


def zero_point(response: CurveRecord | Mapping[str, Any] | None, arm: str) -> float | None:
    """AB magnitude of a source that gives one electron per second and pixel at the arm's reference wavelength."""
    if not response or arm not in REFERENCE_NM:
        return None
    low, high, values = float(response["low_nm"]), float(response["high_nm"]), response["values"]
    place = int((REFERENCE_NM[arm] - low) / (high - low) * len(values)) if high > low else -1
    value = values[place] if 0 <= place < len(values) else None
    if value is None or value <= 0:
        return None
    per_hz = value * (10.0 * REFERENCE_NM[arm]) ** 2 / LIGHT_ANGSTROM_PER_S
    return -2.5 * math.log10(per_hz) + AB_ZERO


def curve_of(wavelength_nm: NDArray[Any], values: NDArray[Any], good: NDArray[np.bool_], points: int = POINTS) -> CurveRecord | None:
    """Medians in equal steps of wavelength, which single bad samples do not move; None without a good sample."""
    if not good.any():
        return None
    low, high = float(np.min(wavelength_nm[good])), float(np.max(wavelength_nm[good]))
    place = np.clip(((wavelength_nm - low) / max(high - low, 1e-9) * points).astype(int), 0, points - 1)
    middles: list[float | None] = []
    for point in range(points):
        here = values[good & (place == point)]
        middles.append(float(f"{np.median(here):.4g}") if here.size else None)
    return {"low_nm": round(low, 2), "high_nm": round(high, 2), "values": middles}


def _tables(path: Path) -> Mapping[str, Mapping[str, NDArray[Any]]]:
    """Tables of a file by name."""
    try:
        file = open_fits(path)
        return {hdu.name or str(place): read_table(file, hdu) for place, hdu in enumerate(file.tables)}
    except InputError:
        return {}
