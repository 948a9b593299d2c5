"""Absorption of the air: each species on its own, and against the independent model atmosphere."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.io import static
from soxspipe.simulate.telluric import TelluricSpecies

WAVE = np.arange(620.0, 2100.0, 0.005)


@pytest.fixture(scope="module")
def species() -> TelluricSpecies:
    start, resolution, depths = static.read_telluric_species()
    return TelluricSpecies(start_nm=start, samples_per_e_fold=resolution, depth=depths)


def mean(values: np.ndarray, low: float, high: float) -> float:
    return float(values[(low < WAVE) & (high > WAVE)].mean())


def test_water_and_oxygen_go_their_own_ways(species: TelluricSpecies) -> None:
    dry, wet = (species.transmission(WAVE, airmass=1.2, water_mm=mm) for mm in (1.0, 6.0))
    high = species.transmission(WAVE, airmass=2.4, water_mm=0.5)
    assert mean(dry, 759.0, 770.0) == pytest.approx(mean(wet, 759.0, 770.0), abs=0.002)  # the A band is oxygen
    assert mean(wet, 931.0, 982.0) < mean(dry, 931.0, 982.0) - 0.1  # the band at 940 nm is water
    assert mean(high, 931.0, 982.0) == pytest.approx(mean(dry, 931.0, 982.0), abs=1e-6)  # the same water in the beam
    assert mean(high, 759.0, 770.0) < mean(dry, 759.0, 770.0) - 0.05
    assert dry[(WAVE > 760) & (WAVE < 761)].min() < 0.01


@pytest.mark.parametrize(
    ("low", "high"),
    [(903, 931), (931, 982), (1107, 1163), (1290, 1340), (1340, 1480), (1568, 1585), (1640, 1700), (1785, 1980), (1980, 2032)],
)
def test_agrees_with_the_model_atmosphere_at_its_water(species: TelluricSpecies, low: float, high: float) -> None:
    # ATRAN (Lord 1992), air mass 1.5, 1.6 mm, Mauna Kea; below 1800 nm an independent source for the same bands
    wave, transmission = static.read_telluric_transmission()
    ours = species.transmission(WAVE, airmass=1.5, water_mm=1.6)
    assert mean(ours, low, high) == pytest.approx(float(transmission[(wave > low) & (wave < high)].mean()), abs=0.04)


def test_clear_where_no_species_absorbs(species: TelluricSpecies) -> None:
    clear = species.transmission(WAVE, airmass=2.0, water_mm=6.0)
    for low, high in ((662, 685), (745, 757), (850, 870), (1030, 1050)):
        assert mean(clear, low, high) > 0.995
    assert np.all(species.transmission(np.array([400.0, 2300.0]), airmass=2.0, water_mm=6.0) == 1.0)


def test_other_lines_keep_their_mean_strength_and_grow_otherwise(species: TelluricSpecies) -> None:
    other = species.with_other_lines(strength_scatter=0.5, half_width_samples=1.0, seed=1)
    water = slice(40_000, 44_000)  # 913 to 950 nm
    assert other.depth["H2O"][water].sum() == pytest.approx(species.depth["H2O"][water].sum(), rel=0.2)
    assert np.corrcoef(other.depth["H2O"][water], species.depth["H2O"][water])[0, 1] < 0.95
    assert np.array_equal(species.with_other_lines(strength_scatter=0.0, half_width_samples=0.0, seed=1).depth["O2"], species.depth["O2"])
    once, again = (species.with_other_lines(strength_scatter=0.5, half_width_samples=0.0, seed=3).depth["O2"] for _ in range(2))
    assert np.array_equal(once, again)
