"""Error of the response of standards under line-by-line air: ``python benchmarks/response_air.py [other]``; about 20 s of CPU.

Four library stars, four shapes of the response, water 1 to 6 mm, air mass 1 to 2, R = 4500 to 6500 (the seeing).  For each stretch of
wavelengths: rms and largest error of the response, in per cent, over samples where more than half of the light passes.

The constants of the fit were chosen on this air.  ``other`` judges them on air that nothing was chosen on: lines of other strengths and widths,
other stars, water and air masses.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d

from soxspipe.algorithms.spectra.response_function import ResponseSettings, fit_response
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.spectrum import MergedSpectrum
from soxspipe.io import static
from soxspipe.simulate.telluric import TelluricSpecies

ARMS = {
    "VIS": (355.0, 850.0, 0.02, 1.0, (355, 600, 685, 742, 772, 784, 807, 850)),
    "NIR": (797.0, 2034.0, 0.06, 2.0, (797, 851, 930, 995, 1160, 1238, 1345, 1500, 1622, 1702, 1785, 1830, 1960, 1990, 2034)),
}
STARS = {"own": ("LTT7987", "EG274", "GD71", "FEIGE110"), "other": ("LTT3218", "GD153", "EG274", "FEIGE110")}
SHAPES: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    lambda w: 0.9 * np.log(w / 1e3) ** 2 - 0.5 * np.log(w / 1e3) + 0.03 * np.sin(w / 55) / (1 + np.exp((w - 1000) / 60)),
    lambda w: 0.9 * np.log(w / 1e3) ** 2 - 0.5 * np.log(w / 1e3),
    lambda w: 0.4 * np.log(w / 1e3) ** 2 - 1.5 * np.log(w / 1e3) + 0.04 * np.sin(w / 90),
    lambda w: 0.4 * np.log(w / 1e3) ** 2 + 0.5 * np.log(w / 1e3) - 1.2 * np.log(w / 1e3) ** 3 - 0.03 * np.sin(w / 120),
)
"""Logarithm of the response."""
AIR = {
    "own": ((1.0, 1.0, 4500.0), (1.0, 2.5, 6500.0), (1.4, 2.5, 4500.0), (1.4, 6.0, 5500.0), (2.0, 6.0, 4500.0), (2.0, 1.5, 5500.0)),
    "other": ((1.1, 1.3, 5000.0), (1.2, 3.2, 4300.0), (1.5, 4.5, 6000.0), (1.7, 1.8, 4700.0), (1.9, 5.5, 5200.0), (1.3, 2.2, 4800.0)),
}
"""Air mass, water in mm, resolving power."""
FINE, SNR, EXPTIME_S = 4e5, 150.0, 100.0


@lru_cache(maxsize=2)
def species(kind: str) -> TelluricSpecies:
    """The molecules' lines as the simulator has them, or others."""
    start, resolution, depths = static.read_telluric_species()
    shipped = TelluricSpecies(start_nm=start, samples_per_e_fold=resolution, depth=depths)
    return shipped if kind == "own" else shipped.with_other_lines(strength_scatter=0.5, half_width_samples=1.0, seed=7)


@lru_cache(maxsize=64)
def seen_air(arm: str, airmass: float, water_mm: float, resolving_power: float, kind: str = "own") -> np.ndarray:
    """Transmission at the instrument's resolution."""
    low, high, step, *_ = ARMS[arm]
    fine = (low - 3) * np.exp(np.arange(int(np.log((high + 3) / (low - 3)) * FINE)) / FINE)
    sharp = species(kind).transmission(fine, airmass=airmass, water_mm=water_mm)
    return np.interp(np.arange(low, high, step), fine, gaussian_filter1d(sharp, FINE / resolving_power / 2.3548))


def relative_error(arm: str, name: str, shape: int, airmass: float, air: np.ndarray, seed: int) -> np.ndarray:
    """Fitted response over the one put in, less 1."""
    low, high, step, bin_nm, _ = ARMS[arm]
    wave = np.arange(low, high, step)
    star, _ = static.find_standard(name, None, None)
    extinction = static.read_extinction("lasilla")
    library = np.interp(wave, star.wavelength_nm, star.flux)
    true = 3e-17 * np.exp(SHAPES[shape](wave))
    above = library / true * EXPTIME_S / extinction.factor(wave, airmass)
    sigma = np.maximum(above * np.sqrt(air) / SNR, 1e-5 * above.max())
    n = wave.size
    merged = MergedSpectrum(
        wavelength_nm=wave, flux=np.random.default_rng(seed).normal(above * air, sigma), variance=sigma**2, sky=np.zeros(n), density=above,
        correlation=np.zeros((3, n)), order=np.ones(n, dtype=int), quality=np.zeros(n, dtype=int), joins=(),
    )  # fmt: skip
    seen = Observation(arm=arm, kind="STD,FLUX", exptime_s=EXPTIME_S, airmass=airmass, binning=(1, 1))
    curve = fit_response(merged, star, seen, extinction, static.read_telluric_bands(), ResponseSettings(), bin_nm=bin_nm)
    return curve.response / true - 1.0


def main(kind: str) -> None:
    """Print one table an arm."""
    for arm, (low, high, step, _, edges) in ARMS.items():
        wave, rms, worst = np.arange(low, high, step), [], []
        for number, star in enumerate(STARS[kind]):
            for k, (airmass, water_mm, resolving_power) in enumerate(AIR[kind]):
                air = seen_air(arm, airmass, water_mm, resolving_power, kind)
                error = 100.0 * relative_error(arm, star, number, airmass, air, 10 * number + k)
                passes = gaussian_filter1d(air, 0.5 / step) > 0.5
                parts = [error[passes & (wave >= a) & (wave < b)] for a, b in pairwise(edges)]
                rms.append([np.sqrt(np.mean(part**2)) if part.size else np.nan for part in parts])
                worst.append([np.abs(part).max() if part.size else np.nan for part in parts])
        print(f"{arm:8s}" + "".join(f"{edge:7d}" for edge in edges))
        print("rms     " + "".join(f"{value:7.2f}" for value in np.sqrt(np.nanmean(np.square(rms), axis=0))))
        print("largest " + "".join(f"{value:7.2f}" for value in np.nanmax(worst, axis=0)))


if __name__ == "__main__":
    main("other" if "other" in sys.argv[1:] else "own")
