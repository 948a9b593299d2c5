"""Optical depths of the air's molecules from lists of lines in the format of HITRAN, summed over a column of layers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

REFERENCE_K, SECOND_RADIATION_CM_K = 296.0, 1.4387769
"""Temperature of the lists, and hc/k."""
STANDARD_HPA = 1013.25
REACH_PER_CM, FAINTEST = 25.0, 1e-4
"""Wings end there, as in the usual codes, or where they are no longer seen."""
LISTS = "src/antaress/ANTARESS_corrections/Telluric_processing/Input_files_statics/Molecules"
"""Where antaress 1.1.9 keeps them."""
SURFACE_HPA = 770.0
"""La Silla."""
MOLECULES = {"H2O": 3.343e21, "O2": 3.42e24, "CO2": 3.42e24 / 0.2095 * 4.2e-4, "CH4": 3.42e24 / 0.2095 * 1.9e-6}
"""Above one cm2 of La Silla at air mass 1; water: for 1 mm; oxygen is 0.2095 of the air."""
MASSES = {"H2O": 18.0, "O2": 32.0, "CO2": 44.0, "CH4": 16.0}
PARTITION_POWER = {"H2O": 1.5, "O2": 1.0, "CO2": 1.0, "CH4": 1.5}
"""Of temperature in the rotational partition function: 1 for linear molecules, 1.5 for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Pressure, temperature, and the molecules above one cm2."""

    pressure_hpa: float
    temperature_k: float
    molecules: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Places (per cm, vacuum), strengths (cm a molecule, 296 K), half widths in air (per cm and atm), lower energies (per cm),
    exponents of temperature and shifts by pressure; shape (n,) each."""

    place: np.ndarray
    strength: np.ndarray
    half_width: np.ndarray
    energy: np.ndarray
    exponent: np.ndarray
    shift: np.ndarray

    def part(self, low: float, high: float) -> Lines:
        """Lines between two places."""
        inside = (self.place >= low) & (self.place < high)
        return Lines(**{name: getattr(self, name)[inside] for name in COLUMNS})


COLUMNS = {"place": (3, 15), "strength": (15, 25), "half_width": (35, 40), "energy": (45, 55), "exponent": (55, 59), "shift": (59, 67)}
"""Characters of a line that hold each number (HITRAN's format since 2004)."""


def read_lines(path: Path) -> Lines:
    """All lines of a file."""
    rows = path.read_text(encoding="ascii").splitlines()
    return Lines(**{name: np.array([float(row[first:last]) for row in rows]) for name, (first, last) in COLUMNS.items()})


def joined(*parts: Lines) -> Lines:
    """Lines of several lists one behind the other."""
    return Lines(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS})


def layers(surface_hpa: float, surface_k: float, scale_power: float, molecules: float, number: int = 6) -> list[Layer]:
    """Layers of equal numbers of molecules whose column goes as pressure to a power; the temperature falls by 6.5 K a km to 217 K."""
    middle = surface_hpa * ((np.arange(number) + 0.5) / number) ** (1.0 / scale_power)
    temperature = np.maximum(surface_k * (middle / surface_hpa) ** 0.19, 217.0)
    return [
        Layer(pressure_hpa=float(p), temperature_k=float(t), molecules=molecules / number) for p, t in zip(middle, temperature, strict=True)
    ]


def column_depth(species: str, lines: Lines, column: list[Layer], wavenumber: np.ndarray) -> np.ndarray:
    """Optical depth at falling wavenumbers (per cm, vacuum), shape of these."""
    total = np.zeros(wavenumber.size)
    for layer in column:
        places, areas, widths = _in_layer(species, lines, layer)
        peaks = areas / (np.pi * widths)
        reach = np.minimum(REACH_PER_CM, widths * np.sqrt(np.maximum(peaks / FAINTEST - 1.0, 0.0)))
        firsts, lasts = np.searchsorted(-wavenumber, -(places + reach)), np.searchsorted(-wavenumber, -(places - reach))
        for place, peak, width, first, last in zip(places, peaks, widths, firsts, lasts, strict=True):
            total[first:last] += peak / (1.0 + ((wavenumber[first:last] - place) / width) ** 2)
    return total


def _in_layer(species: str, lines: Lines, layer: Layer) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places, optical depths times width, and half widths of Lorentzians as wide as the Voigt profiles (Olivero & Longbothum 1977)."""
    ratio, pressure = REFERENCE_K / layer.temperature_k, layer.pressure_hpa / STANDARD_HPA
    place = lines.place + lines.shift * pressure
    lorentz = lines.half_width * pressure * ratio**lines.exponent
    doppler = 3.581e-7 * place * np.sqrt(layer.temperature_k / MASSES[species])
    width = 0.5346 * lorentz + np.sqrt(0.2166 * lorentz**2 + doppler**2)
    boltzmann = np.exp(-SECOND_RADIATION_CM_K * lines.energy * (1.0 / layer.temperature_k - 1.0 / REFERENCE_K))
    return place, layer.molecules * lines.strength * ratio ** PARTITION_POWER[species] * boltzmann, width
