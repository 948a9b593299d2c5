"""Pack optical depths of the air's molecules for the simulator: python tools/make_telluric.py TABLE LISTS.

TABLE holds the unpacked wheel of pwv-kpno 1.3.0 (GPL-3.0-or-later), whose cross sections of water vapour and oxygen (300-1200 nm, steps of
5 pm, vacuum, nine pressures) are read as data.  LISTS holds the unpacked source of antaress 1.1.9 (LGPL-3.0-or-later) with lists of lines of
HITRAN 2016, to 1800 nm; the correction's own template is of HITRAN 2020, under other air (`make_air_lines.py`).  Beyond 1800 nm lines are
modelled roughly: carbon dioxide by the rotational structure of linear molecules, water by lines at random places under the envelope of the
model atmosphere of `make_static.py`.
Writes ``src/soxspipe/instruments/static/telluric_species.npz``; the same input gives the same bytes.

Columns above La Silla (770 hPa): 1 mm of water is 3.343e21 molecules per cm2, with a scale height a quarter of the air's; oxygen
3.42e24 per cm2.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from hitran_lines import LISTS, MOLECULES, SURFACE_HPA, column_depth, layers, read_lines

from soxspipe.numerics.air import air_to_vacuum, vacuum_to_air

TARGET = Path(__file__).resolve().parents[1] / "src/soxspipe/instruments/static/telluric_species.npz"
TABLES = Path(__file__).resolve().parents[1] / "src/soxspipe/instruments/static/tables.npz"
PRESSURES_HPA = 1013.25 * 0.891 ** np.arange(9)
"""Of the columns of the table: neighbours differ by 0.891, which their continua, proportional to pressure, show."""
SURFACE_K, WATER_POWER = 278.0, 4.0
"""Of the air; the template's is 7 K warmer, with other layers."""
RESOLVING_STEP = 100_000.0
RANGE_NM, TABLE_END_NM, LISTS_END_NM = (612.0, 2120.0), 1200.0, 1800.0
MODEL_AIRMASS, MODEL_WATER_MM = 1.5, 1.6
BOLTZMANN_CM = 0.695035
"""Boltzmann constant, per cm and K."""
TEMPERATURE_K = 260.0
DEEPEST = 1e4
SEED = 2020
N_WATER_LINES = 9000


def main(table: Path, lists: Path) -> None:
    """Write the archive."""
    wave = RANGE_NM[0] * np.exp(np.arange(int(np.log(RANGE_NM[1] / RANGE_NM[0]) * RESOLVING_STEP)) / RESOLVING_STEP)
    with np.load(TABLES) as tables:
        envelope = tables["telluric/transmission"]
        bands = dict(zip(tables["telluric/names"], tables["telluric/bands"].T, strict=True))
    depths = {name: lists_beyond(lists, name, wave) for name in MOLECULES}
    depths["H2O"] += table_depth(table, "h2o", wave, WATER_POWER) * MOLECULES["H2O"]
    depths["O2"] += table_depth(table, "o2", wave, 1.0) * MOLECULES["O2"]
    depths["CO2"] += carbon_dioxide(wave, envelope, bands)
    depths["H2O"] += water_beyond(wave, envelope, depths)
    arrays = {"wavelength_nm": np.array([RANGE_NM[0], RESOLVING_STEP, wave.size])}
    arrays |= {f"depth/{name}": packed(depth) for name, depth in depths.items()}
    np.savez_compressed(TARGET, **{key: arrays[key] for key in sorted(arrays)})
    print(f"{TARGET.name}: {wave.size} samples, {TARGET.stat().st_size} bytes")


def packed(depth: np.ndarray) -> np.ndarray:
    """Three digits are enough, and nothing below 1e-4 is seen."""
    return np.where(depth < 1e-4, 0.0, np.minimum(depth, DEEPEST)).astype(np.float16)


def table_depth(source: Path, name: str, wave: np.ndarray, exponent: float) -> np.ndarray:
    """Mean cross section over a column that goes as pressure to a power, cm2; 0 beyond the table."""
    table = np.loadtxt(source / f"pwv_kpno/default_atmosphere/{name}cs.txt")
    share = column_shares(exponent)
    return np.interp(wave, vacuum_to_air(1000.0 * table[:, 0]), table[:, 1:] @ share, left=0.0, right=0.0)


def column_shares(exponent: float) -> np.ndarray:
    """Share of the column above La Silla that each pressure of the table stands for."""
    edges = np.concatenate([[np.inf], np.sqrt(PRESSURES_HPA[1:] * PRESSURES_HPA[:-1]), [0.0]])
    above = np.minimum(edges, SURFACE_HPA) / SURFACE_HPA
    return above[:-1] ** exponent - above[1:] ** exponent


def lists_beyond(source: Path, species: str, wave: np.ndarray) -> np.ndarray:
    """From lists of lines between the end of the table and that of the lists, at the zenith (water: per mm); 0 elsewhere."""
    lines = read_lines(next((source / LISTS / species / "NIRPS").glob("*_9000_18000.txt"))).part(0.0, 1e7 / TABLE_END_NM + 30.0)
    column = layers(SURFACE_HPA, SURFACE_K, WATER_POWER if species == "H2O" else 1.0, MOLECULES[species], number=9)
    inside = (wave >= TABLE_END_NM) & (wave < LISTS_END_NM)
    depth = np.zeros_like(wave)
    depth[inside] = column_depth(species, lines, column, 1e7 / air_to_vacuum(wave[inside]))
    return depth


def carbon_dioxide(wave: np.ndarray, envelope: np.ndarray, bands: dict[str, np.ndarray]) -> np.ndarray:
    """The Fermi triad at 2.0 micron, each band scaled to its mean transmission."""
    total = np.zeros_like(wave)
    for origin, band in ((4977.83, "CO2_2010"), (4853.62, "CO2_2060")):
        total += scaled(wave, branches(origin, 0.39022, 0.3871), envelope, bands[band][:2])
    return np.where(wave >= LISTS_END_NM, total, 0.0)


def water_beyond(wave: np.ndarray, envelope: np.ndarray, others: dict[str, np.ndarray]) -> np.ndarray:
    """Lines at random places, strengths over two decades, whose mean transmission is what the other species leave; per mm of water."""
    rng = np.random.default_rng(SEED)
    rest = MODEL_AIRMASS * sum(depth for name, depth in others.items() if name != "H2O")
    wanted = np.interp(wave, *envelope) / np.clip(blurred(np.exp(-rest)), 0.05, 1.0)
    wanted = np.clip(blurred(wanted), 0.02, 0.9999)
    place = np.sort(rng.uniform(TABLE_END_NM, RANGE_NM[1], size=N_WATER_LINES))
    lines = spread(wave, 1e7 / air_to_vacuum(place), 10.0 ** rng.uniform(-2.0, 0.0, size=place.size), 0.05)
    factor = np.ones_like(wave)
    for _ in range(40):
        reached = blurred(np.exp(-factor * lines))
        factor *= np.clip(np.log(wanted) / np.log(np.clip(reached, 1e-4, 1.0 - 1e-9)), 0.5, 2.0)
    return np.where(wave >= LISTS_END_NM, factor * lines, 0.0) / (MODEL_AIRMASS * MODEL_WATER_MM)


def blurred(values: np.ndarray) -> np.ndarray:
    """Running mean over 2 nm at 1 micron."""
    return np.convolve(np.pad(values, 100, mode="edge"), np.ones(201) / 201.0, "valid")


def branches(origin: float, lower: float, upper: float) -> tuple[np.ndarray, np.ndarray]:
    """Places (per cm, vacuum) and relative strengths of the P and R lines of carbon dioxide, whose odd levels are missing."""
    j = np.arange(0, 70, 2)
    m = np.concatenate([-j[j > 0], j + 1])
    start = np.concatenate([j[j > 0], j])
    place = origin + (upper + lower) * m + (upper - lower) * m**2
    return place, np.abs(m) * np.exp(-lower * start * (start + 1) / (BOLTZMANN_CM * TEMPERATURE_K))


def scaled(wave: np.ndarray, lines: tuple[np.ndarray, np.ndarray], envelope: np.ndarray, band_nm: np.ndarray) -> np.ndarray:
    """Optical depth of lines for one air mass, scaled so that the band's mean transmission is that of the model atmosphere."""
    shape = spread(wave, *lines, 0.035)
    inside = (wave > band_nm[0]) & (wave < band_nm[1])
    wanted = float(envelope[1][(envelope[0] > band_nm[0]) & (envelope[0] < band_nm[1])].mean())
    low, high = 1e-6, 1e6
    for _ in range(80):
        factor = np.sqrt(low * high)
        low, high = (factor, high) if np.exp(-MODEL_AIRMASS * factor * shape[inside]).mean() > wanted else (low, factor)
    return factor * shape


def spread(wave: np.ndarray, place_per_cm: np.ndarray, strength: np.ndarray, half_width_per_cm: float) -> np.ndarray:
    """Lorentzian lines on the grid, cut 40 half widths away."""
    wavenumber = 1e7 / air_to_vacuum(wave)
    total = np.zeros_like(wave)
    for centre, height in zip(place_per_cm, strength, strict=True):
        reach = 40.0 * half_width_per_cm
        first, last = np.searchsorted(-wavenumber, [-(centre + reach), -(centre - reach)])
        near = wavenumber[first:last]
        total[first:last] += height / (1.0 + ((near - centre) / half_width_per_cm) ** 2)
    return total


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
