"""Pack optical depths of the air for the telluric correction: python tools/make_air_lines.py FOLDER.

FOLDER is the unpacked source of antaress 1.1.9 (PyPI, LGPL-3.0-or-later), which carries lists of lines of HITRAN 2020 (Gordon et al. 2022,
JQSRT, 277, 107949): water, oxygen, carbon dioxide and methane to 1800 nm; water between 799 and 900 nm is of HITRAN 2016.  Columns are those
above La Silla.  Writes ``src/soxspipe/instruments/static/air_lines.npz``; the same input gives the same bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from hitran_lines import LISTS, MOLECULES, SURFACE_HPA, Lines, column_depth, joined, layers, read_lines

from soxspipe.numerics.air import air_to_vacuum

TARGET = Path(__file__).resolve().parents[1] / "src/soxspipe/instruments/static/air_lines.npz"
RANGE_NM, SAMPLES_PER_E_FOLD = (625.0, 1802.0), 200_000.0
SURFACE_K, WATER_POWER = 285.0, 4.0
"""At La Silla; water's scale height is a quarter of the air's."""
NEAR, FAR = (0.0, 11_100.0), (12_510.0, 17_000.0)
"""Wavenumbers (per cm) of the lists for the near infrared and for the visual."""


def main(source: Path) -> None:
    """Write the archive."""
    wave = RANGE_NM[0] * np.exp(np.arange(int(np.log(RANGE_NM[1] / RANGE_NM[0]) * SAMPLES_PER_E_FOLD)) / SAMPLES_PER_E_FOLD)
    wavenumber = 1e7 / air_to_vacuum(wave)
    depth = {}
    for species, molecules in MOLECULES.items():
        column = layers(SURFACE_HPA, SURFACE_K, WATER_POWER if species == "H2O" else 1.0, molecules)
        depth[species] = column_depth(species, lines_of(species, source / LISTS), column, wavenumber)
    arrays = {
        "grid": np.array([RANGE_NM[0], SAMPLES_PER_E_FOLD]),
        "mixed": packed(depth["O2"] + depth["CO2"] + depth["CH4"]),
        "water": packed(depth["H2O"]),
    }
    np.savez_compressed(TARGET, **arrays)
    print(f"{TARGET.name}: {wave.size} samples, {TARGET.stat().st_size} bytes")


def lines_of(species: str, folder: Path) -> Lines:
    """All lines of a molecule."""
    near, far = folder / species / "NIRPS/HITRAN2020", folder / species / "ESPRESSO/HITRAN2020"
    parts = [read_lines(next(near.glob("*_9000_18000.txt"))).part(*NEAR)]
    if species == "H2O":
        parts.append(read_lines(folder / species / "CARMENES_VIS/H2_16O__5000_9800.txt").part(NEAR[1], FAR[0]))
    if species in ("H2O", "O2"):
        parts.append(read_lines(next(far.glob("*_3700_8000.txt"))).part(*FAR))
    return joined(*parts)


def packed(depth: np.ndarray) -> np.ndarray:
    """Three digits are enough, and nothing below 1e-4 is seen."""
    return np.where(depth < 1e-4, 0.0, depth).astype(np.float16)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
