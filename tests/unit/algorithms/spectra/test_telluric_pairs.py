"""What two standards under different air tell of each other's lines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.spectra.telluric_bands import band_index, random_band_depth
from soxspipe.algorithms.spectra.telluric_pairs import relative_amounts, with_others
from soxspipe.algorithms.spectra.telluric_template import SATURATION, Change, Template, grown, make_template, two_species_depth
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.telluric import TelluricReference

WAVE = np.arange(1702.0, 2034.0, 0.06)
WATER, CARBON_DIOXIDE = 17, 19
"""Bands of water and of carbon dioxide with water."""
LOG_WATER, AIRMASSES = np.log(3.0), (1.1, 1.7)
INSIDE = (band_index(WAVE) == WATER) | (band_index(WAVE) == CARBON_DIOXIDE)
DEPTH = np.where(INSIDE, 0.05 + 0.6 * np.sin(WAVE / 0.7) ** 2, 0.0)
SHARE = np.where(band_index(WAVE) == WATER, 1.0, np.where(np.sin(WAVE / 2.0) > 0.0, 1.0, 0.0))
"""Water's part of the depth: patches of either gas, 6 nm long."""


def template(depth: FloatArray, airmass: float) -> Template:
    reference = TelluricReference(
        star="star", wavelength_nm=WAVE, transmission=np.exp(-depth), variance=np.where(depth > 0, 0.002**2, 0.0), airmass=airmass
    )
    return make_template(reference, WAVE)


@pytest.fixture
def dry() -> Template:
    return template(DEPTH, AIRMASSES[0])


@pytest.fixture
def wet() -> Template:
    depth, _ = two_species_depth(DEPTH, SHARE, LOG_WATER, np.log(AIRMASSES[1] / AIRMASSES[0]), SATURATION)
    return template(depth, AIRMASSES[1])


def test_water_is_told_from_carbon_dioxide_by_how_much_it_changed(dry: Template, wet: Template) -> None:
    found = with_others(dry, [wet])
    shared = (found.band == CARBON_DIOXIDE) & (DEPTH > 0.2)
    assert found.paired
    assert found.water_share[shared & (SHARE == 1.0)].mean() > 0.8
    assert found.water_share[shared & (SHARE == 0.0)].mean() < 0.2
    assert np.all(found.water_share[found.band == WATER] == 1.0)


@pytest.mark.parametrize("log_water", [-0.5, 0.5, 1.0])
def test_depths_grow_as_the_pair_shows(dry: Template, wet: Template, log_water: float) -> None:
    """Depths that saturate twice as deep as expected; they are smooth, so that no lines can tell of what lies far beyond the pair."""
    depth, _ = random_band_depth(DEPTH, 3.0, 2.0 * SATURATION)
    found = with_others(dry, [template(np.where(wet.band == WATER, depth, 0.0), AIRMASSES[1])])
    inside = found.band == WATER
    scale = relative_amounts(dry, wet)["H2O"] / LOG_WATER  # amounts go by the weak lines, which grow a little less than in proportion
    reached, _ = grown(found, inside, DEPTH[inside], Change(log_water=scale * log_water, log_mixed=0.0, saturation=SATURATION))
    true, _ = random_band_depth(DEPTH[inside], float(np.exp(log_water)), 2.0 * SATURATION)
    assert np.sqrt(np.mean((np.exp(true - reached) - 1.0) ** 2)) < 0.03


@pytest.mark.parametrize("others", [[], [template(DEPTH, AIRMASSES[0])]])
def test_a_standard_alone_or_with_its_like_tells_of_lines_and_not_of_gases(dry: Template, others: list[Template]) -> None:
    found = with_others(dry, others)
    assert not found.paired
    assert found.water_share == pytest.approx(dry.water_share)
    assert np.isfinite(found.growth[:, INSIDE]).all()
    assert np.isnan(found.growth[:, ~INSIDE]).all()


def test_in_a_shared_band_each_gas_grows_by_its_own_amount(dry: Template) -> None:
    """The growth of all lines, at the amount that both gases together come to."""
    found = with_others(dry, [])
    inside = found.band == CARBON_DIOXIDE
    water, both = (
        grown(found, inside, DEPTH[inside], Change(log_water=a, log_mixed=b, saturation=1.0))[0] for a, b in ((0.5, 0.0), (0.5, 0.5))
    )
    assert np.all(both > water)
    only_gas = Change(log_water=0.5, log_mixed=0.0, saturation=1.0, more_water=-1.0)
    assert grown(found, inside, DEPTH[inside], only_gas)[0] == pytest.approx(DEPTH[inside], rel=1e-6)
    straight = Change(log_water=0.5, log_mixed=0.5, saturation=1.0, bending=0.0)
    assert grown(found, inside, DEPTH[inside], straight)[0] == pytest.approx(DEPTH[inside] * np.exp(0.5))


def test_amounts_between_standards_are_those_of_air_mass_and_weak_water(dry: Template, wet: Template) -> None:
    amounts = relative_amounts(dry, wet)
    assert amounts["CO2"] == pytest.approx(np.log(1.7 / 1.1))
    assert amounts["H2O"] == pytest.approx(LOG_WATER, abs=0.2)


def test_two_gases_grow_each_by_its_own_amount() -> None:
    weak = np.array([1e-4])
    depth, slope = two_species_depth(weak, 0.25, np.log(4.0), np.log(2.0), 1.0)
    assert depth[0] == pytest.approx(1e-4 * (0.25 * 4.0 + 0.75 * 2.0), rel=1e-3)
    assert slope[0] == pytest.approx(2.5, rel=1e-3)


def test_the_next_target_of_a_night_gets_the_same_growth_to_the_bit(dry: Template, wet: Template) -> None:
    """The search of lines is done once for equal standards."""
    again = with_others(template(DEPTH, AIRMASSES[0]), [replace(wet)])
    np.testing.assert_array_equal(with_others(dry, [wet]).growth, again.growth)
    alone = with_others(dry, []).growth
    assert not np.array_equal(alone, again.growth, equal_nan=True), "other standards, other lines"
