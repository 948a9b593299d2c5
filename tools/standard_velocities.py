"""Velocities of hydrogen lines in the library spectra of the standards: python tools/standard_velocities.py [NAME ...].

A spectrum whose wavelengths are all in air shows one velocity in all its lines; one part in vacuum would differ by 82 km/s.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from soxspipe.numerics.air import hydrogen_lines_air_nm

LIBRARY = Path(__file__).resolve().parents[1] / "src/soxspipe/instruments/static/standards.npz"
LIGHT_KM_S = 299792.458
SERIES = {"H alpha-delta": (2, range(3, 7)), "Paschen": (3, range(5, 10)), "Brackett": (4, range(7, 14))}
SHALLOWEST = 0.03


def line_velocity(wave: np.ndarray, flux: np.ndarray, line_nm: float) -> float:
    """Velocity (km/s) about which a line is symmetric; NaN where it is too shallow, coarsely sampled or not covered."""
    half = line_nm * 0.003
    near = np.abs(wave - line_nm) < 2 * half
    if near.sum() < 12 or wave[near][0] > line_nm - 1.5 * half or wave[near][-1] < line_nm + 1.5 * half:
        return np.nan
    x, y = wave[near] - line_nm, flux[near]
    side = np.abs(x) > 1.3 * half
    depth = 1.0 - y / np.polyval(np.polyfit(x[side], y[side], 1), x)
    if depth[np.abs(x) < 0.4 * half].max(initial=0.0) < SHALLOWEST:
        return np.nan
    reach, shift = np.linspace(0.0, half, 200), np.linspace(-0.0012, 0.0012, 481) * line_nm
    cost = [np.sum((np.interp(s + reach, x, depth) - np.interp(s - reach, x, depth)) ** 2) for s in shift]
    best = int(np.argmin(cost))
    return float(shift[best] / line_nm * LIGHT_KM_S) if 0 < best < shift.size - 1 else np.nan


def main(names: list[str]) -> None:
    """Print the median velocity of each series, star by star."""
    with np.load(LIBRARY) as library:
        known = sorted(key.removeprefix("wavelength/") for key in library.files if key.startswith("wavelength/"))
        for name in names or known:
            wave, flux = library[f"wavelength/{name}"], library[f"flux/{name}"].astype(float)
            shown = []
            for series, (lower, uppers) in SERIES.items():
                velocities = np.array([line_velocity(wave, flux, float(line)) for line in hydrogen_lines_air_nm(lower, uppers)])
                seen = velocities[np.isfinite(velocities)]
                shown.append(f"{series} {np.median(seen):+5.0f} km/s ({seen.size} lines)" if seen.size else f"{series} -")
            print(f"{name:16s}", " | ".join(shown))


if __name__ == "__main__":
    main(sys.argv[1:])
