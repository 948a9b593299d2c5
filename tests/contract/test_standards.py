"""Library spectra are in air from end to end: hydrogen lines of all series stand at one velocity."""

from __future__ import annotations

import importlib.util
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from soxspipe.numerics.air import hydrogen_lines_air_nm

TOOL = Path(__file__).parents[2] / "tools/standard_velocities.py"
SPEC = importlib.util.spec_from_file_location("standard_velocities", TOOL)
assert SPEC is not None
assert SPEC.loader is not None
TOOLS = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(TOOLS)


def median_velocity(name: str, lower: int, uppers: range) -> float:
    with np.load(str(resources.files("soxspipe.instruments.static") / "standards.npz")) as library:
        wave, flux = library[f"wavelength/{name}"], library[f"flux/{name}"].astype(float)
    found = [TOOLS.line_velocity(wave, flux, float(line)) for line in hydrogen_lines_air_nm(lower, uppers)]
    return float(np.nanmedian(found))


@pytest.mark.parametrize("name", ["CS_HD009051", "CS_HD031128", "CS_HD111980", "CS_HD160617", "CS_HD185975", "CS_HD200654", "CS_HD205905"])
def test_infrared_and_optical_parts_agree(name: str) -> None:
    # vacuum instead of air would be 82 km/s; the lines, sampled at 1.5 nm, tell to about 15
    assert abs(median_velocity(name, 4, range(7, 14)) - median_velocity(name, 2, range(3, 7))) < 30.0
