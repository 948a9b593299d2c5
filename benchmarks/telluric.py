"""Residuals of the telluric correction against line-by-line air: ``python benchmarks/telluric.py``; about a minute of CPU.

A smooth target with broad features at S/N 100 per sample, under 1 to 6 mm of water and air mass 1 to 2, corrected by standards at S/N 300:
two under different air, or the one nearest in water; target and standard differ in resolution (R = 4200 to 5200, the seeing) and by 0.3
samples in place.  rms of the transmission found over the true one less 1, in per cent, without the samples' own noise, and the scatter of the
corrected flux in its errors (chi).
"""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np
from response_air import seen_air

from soxspipe.algorithms.spectra.telluric import correct_telluric
from soxspipe.algorithms.spectra.telluric_bands import band_index
from soxspipe.algorithms.spectra.telluric_template import reference_from_standard
from soxspipe.datamodel.spectrum import FluxedSpectrum
from soxspipe.datamodel.telluric import TelluricReference

GRIDS = {"VIS": (640.0, 850.0, 0.02), "NIR": (797.0, 2034.0, 0.06)}
PAIR = ((1.1, 1.5, 4600.0), (1.7, 4.5, 4600.0))
TARGETS = tuple((airmass, water, power) for airmass in (1.0, 1.4, 2.0) for water in (1.0, 2.5, 6.0) for power in (4200.0, 5200.0))
"""Air mass, water in mm, resolving power."""
SHIFT = 0.3


@lru_cache(maxsize=64)
def air(arm: str, airmass: float, water_mm: float, power: float) -> tuple[np.ndarray, np.ndarray]:
    """Wavelengths and transmission."""
    low, high, step = GRIDS[arm]
    wave = np.arange(low, high, step)
    return wave, seen_air(arm, airmass, water_mm, power)[-wave.size :]


def observed(wave: np.ndarray, flux: np.ndarray, snr: float, seed: int) -> FluxedSpectrum:
    """A spectrum with noise."""
    error = np.full(wave.size, 1.0 / snr)
    noise = error * np.random.default_rng(seed).normal(size=wave.size)
    return FluxedSpectrum(wavelength_nm=wave, flux=flux + noise, error=error, quality=np.zeros(wave.size, int))


def reference(arm: str, airmass: float, water_mm: float, power: float, seed: int) -> TelluricReference:
    """A standard."""
    wave, through = air(arm, airmass, water_mm, power)
    return reference_from_standard(
        observed(wave, through, 300.0, seed), np.ones(wave.size), star=f"X {airmass} w {water_mm}", airmass=airmass, water_mm=water_mm
    )


def residuals(arm: str, references: list[TelluricReference], target: tuple[float, float, float], seed: int) -> tuple[float, float, float]:
    """Error of the transmission where it is above 0.5 and 0.2 to 0.5, per cent, and chi."""
    wave, through = air(arm, *target)
    through = np.interp(wave + SHIFT * (wave[1] - wave[0]), wave, through)
    continuum = 1.0 + 0.2 * np.sin(wave / 40.0)
    found = correct_telluric(observed(wave, continuum * through, 100.0, seed), references, airmass=target[0])
    inside = (band_index(wave) >= 0) & (through < 0.98) & ~found.saturated
    ratio = found.transmission / np.maximum(through, 1e-6) - 1.0
    shallow, deep = inside & (through > 0.5), inside & (through > 0.2) & (through < 0.5)
    pull = ((found.flux - continuum) / np.maximum(found.error, 1e-12))[shallow | deep]
    above, between = (100.0 * float(np.sqrt(np.mean(ratio[part] ** 2))) for part in (shallow, deep))
    return above, between, float(pull.std())


def _unlike(water_mm: float, star: TelluricReference) -> float:
    """How far a standard's water is from that above a target at air mass 1.4."""
    return float(abs(np.log((star.water_mm or 1.0) * star.airmass / (1.4 * water_mm))))


def main() -> None:
    """Print one line a target's water, for both arms and both choices of standards."""
    print("arm  standards  water/mm   rms % above 0.5 (largest)   0.2 to 0.5 (largest)   chi")
    for arm in GRIDS:
        both = [reference(arm, *star, seed) for seed, star in enumerate(PAIR, start=1)]
        for name in ("two", "one"):
            for water in (1.0, 2.5, 6.0):
                nearest = [min(both, key=partial(_unlike, water))]
                chosen = both if name == "two" else nearest
                rows = np.array([residuals(arm, chosen, target, 10 + k) for k, target in enumerate(TARGETS) if target[1] == water])
                rms, worst = np.sqrt(np.nanmean(rows[:, :2] ** 2, axis=0)), np.nanmax(rows[:, :2], axis=0)
                print(
                    f"{arm}  {name:9s}  {water:8.1f}   {rms[0]:13.2f} ({worst[0]:.2f})   {rms[1]:17.2f} ({worst[1]:.2f})"
                    f"   {rows[:, 2].min():.2f} to {rows[:, 2].max():.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
