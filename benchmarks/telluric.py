"""Residuals of the telluric correction against line-by-line air: ``python benchmarks/telluric.py [other]``; about two minutes of CPU.

A smooth target with broad features at S/N 100 per sample, under 1 to 6 mm of water and air mass 1 to 2, corrected by standards at S/N 300:
two under different air, or the one nearest in water; target and standard differ in resolution (R = 4200 to 5200, the seeing) and by 0.3
samples in place.  rms of the transmission found over the true one less 1, in per cent, without the samples' own noise, and the scatter of the
corrected flux in its errors (chi).

The constants of the fit were chosen on this air.  ``other`` judges them on air that nothing was chosen on: lines of other strengths and widths,
other water, air masses, resolution and shift, and white dwarfs with lines of their own as standards.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypeAlias

import numpy as np
from response_air import seen_air
from scipy.ndimage import gaussian_filter1d

from soxspipe.algorithms.spectra.telluric import correct_telluric
from soxspipe.algorithms.spectra.telluric_bands import band_index
from soxspipe.algorithms.spectra.telluric_template import reference_from_standard
from soxspipe.datamodel.spectrum import FluxedSpectrum
from soxspipe.datamodel.telluric import TelluricReference
from soxspipe.io import static

GRIDS = {"VIS": (640.0, 850.0, 0.02), "NIR": (797.0, 2034.0, 0.06)}
Sight: TypeAlias = tuple[float, float, float]
"""Air mass, water in mm, resolving power."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Kind of air, both standards (library star, or None for one without features), air masses and water of the targets, resolving powers, shift."""

    kind: str
    pair: tuple[Sight, Sight]
    stars: tuple[str | None, str | None]
    airmasses: tuple[float, ...]
    waters: tuple[float, ...]
    powers: tuple[float, ...]
    shift_px: float

    def targets(self, water_mm: float) -> list[Sight]:
        """All targets under as much water."""
        return [(airmass, water_mm, power) for airmass in self.airmasses for power in self.powers]


SCENES = {
    "own": Scene(
        kind="own", pair=((1.1, 1.5, 4600.0), (1.7, 4.5, 4600.0)), stars=(None, None),
        airmasses=(1.0, 1.4, 2.0), waters=(1.0, 2.5, 6.0), powers=(4200.0, 5200.0), shift_px=0.3,
    ),
    "other": Scene(
        kind="other", pair=((1.05, 4.2, 4900.0), (1.9, 1.4, 4400.0)), stars=("GD153", "FEIGE110"),
        airmasses=(1.0, 1.3, 1.9), waters=(1.0, 1.8, 3.5, 6.0), powers=(4000.0, 5400.0), shift_px=-0.6,
    ),
}  # fmt: skip


@lru_cache(maxsize=64)
def air(arm: str, sight: Sight, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Wavelengths and transmission."""
    low, high, step = GRIDS[arm]
    wave = np.arange(low, high, step)
    return wave, seen_air(arm, *sight, kind)[-wave.size :]


def observed(wave: np.ndarray, flux: np.ndarray, snr: float, seed: int) -> FluxedSpectrum:
    """A spectrum with noise."""
    error = np.full(wave.size, 1.0 / snr)
    noise = error * np.random.default_rng(seed).normal(size=wave.size)
    return FluxedSpectrum(wavelength_nm=wave, flux=flux + noise, error=error, quality=np.zeros(wave.size, int))


def reference(arm: str, scene: Scene, number: int) -> TelluricReference:
    """A standard; a library star is seen at the instrument's resolution and expected as the library has it."""
    (airmass, water_mm, power), name = scene.pair[number], scene.stars[number]
    wave, through = air(arm, scene.pair[number], scene.kind)
    expected = np.ones(wave.size)
    if name is not None:
        star, _ = static.find_standard(name, None, None)
        expected = np.interp(wave, star.wavelength_nm, star.flux)
        expected = expected / np.median(expected)
    light = gaussian_filter1d(expected, float(np.median(wave)) / power / 2.3548 / (wave[1] - wave[0]))
    seen = observed(wave, light * through, 300.0 / float(np.median(light)), number + 1)
    return reference_from_standard(seen, expected, star=name or f"star {number}", airmass=airmass, water_mm=water_mm)


def residuals(arm: str, scene: Scene, references: list[TelluricReference], target: Sight, seed: int) -> tuple[float, float, float]:
    """Error of the transmission where it is above 0.5 and 0.2 to 0.5, per cent, and chi."""
    wave, through = air(arm, target, scene.kind)
    through = np.interp(wave + scene.shift_px * (wave[1] - wave[0]), wave, through)
    continuum = 1.0 + 0.2 * np.sin(wave / 40.0)
    found = correct_telluric(observed(wave, continuum * through, 100.0, seed), references, airmass=target[0], lines=static.read_air_lines())
    inside = (band_index(wave) >= 0) & (through < 0.98) & ~found.saturated
    ratio = found.transmission / np.maximum(through, 1e-6) - 1.0
    shallow, deep = inside & (through > 0.5), inside & (through > 0.2) & (through < 0.5)
    pull = ((found.flux - continuum) / np.maximum(found.error, 1e-12))[shallow | deep]
    above, between = (100.0 * float(np.sqrt(np.mean(ratio[part] ** 2))) if part.any() else float("nan") for part in (shallow, deep))
    return above, between, float(pull.std())


def _unlike(water_mm: float, star: TelluricReference) -> float:
    """How far a standard's water is from that above a target at air mass 1.4."""
    return float(abs(np.log((star.water_mm or 1.0) * star.airmass / (1.4 * water_mm))))


def main(scene: Scene) -> None:
    """Print one line a target's water, for both arms and both choices of standards."""
    print("arm  standards  water/mm   rms % above 0.5 (largest)   0.2 to 0.5 (largest)   chi")
    for arm in GRIDS:
        both = [reference(arm, scene, number) for number in (0, 1)]
        for name in ("two", "one"):
            for water in scene.waters:
                nearest = [min(both, key=partial(_unlike, water))]
                chosen = both if name == "two" else nearest
                rows = np.array([residuals(arm, scene, chosen, target, 10 + k) for k, target in enumerate(scene.targets(water))])
                rms, worst = np.sqrt(np.nanmean(rows[:, :2] ** 2, axis=0)), np.nanmax(rows[:, :2], axis=0)
                print(
                    f"{arm}  {name:9s}  {water:8.1f}   {rms[0]:13.2f} ({worst[0]:.2f})   {rms[1]:17.2f} ({worst[1]:.2f})"
                    f"   {rows[:, 2].min():.2f} to {rows[:, 2].max():.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main(SCENES["other" if "other" in sys.argv[1:] else "own"])
