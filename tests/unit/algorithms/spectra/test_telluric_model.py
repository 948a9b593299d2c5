"""Growth from lists of lines: against lines that are known, against the simulator's air, and where the lists do not match."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from soxspipe.algorithms.spectra.telluric_bands import BANDS, band_index
from soxspipe.algorithms.spectra.telluric_model import with_model
from soxspipe.algorithms.spectra.telluric_template import Change, Template, grown, make_template
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.telluric import AirLines, TelluricReference
from soxspipe.io import static
from soxspipe.simulate.telluric import TelluricSpecies

WAVE = np.arange(1140.0, 1300.0, 0.06)
OXYGEN, WATER = (next(n for n, band in enumerate(BANDS) if band.start_nm == start) for start in (1245.0, 1160.0))
START_NM, FINE = 1120.0, 200_000.0
SIZE = int(np.log(1320.0 / START_NM) * FINE)
AIRMASS, WATER_MM, POWER = 1.2, 2.0, 4600.0
ERROR = 0.002


def lines(seed: int) -> AirLines:
    """Water up to 1238 nm and, with lines of oxygen among it, from 1245 nm on."""
    rng, wave = np.random.default_rng(seed), START_NM * np.exp(np.arange(SIZE) / FINE)
    water, mixed = (np.zeros(SIZE) for _ in range(2))
    water[rng.integers(0, SIZE, 900)] = 10.0 ** rng.uniform(0.5, 2.5, 900)
    mixed[rng.integers(0, SIZE, 300)] = 10.0 ** rng.uniform(0.5, 2.0, 300)
    water, mixed = (gaussian_filter1d(one, 3.0) for one in (water, np.where(wave > 1245.0, mixed, 0.0)))
    return AirLines(start_nm=START_NM, samples_per_e_fold=FINE, water=water, mixed=mixed)


def seen(air: AirLines, water: float, mixed: float) -> FloatArray:
    """At the samples, for amounts in the line of sight."""
    sharp = np.exp(-water * air.water - mixed * air.mixed)
    blurred = gaussian_filter1d(sharp, FINE / POWER / 2.3548)
    return np.interp(np.log(WAVE / START_NM) * FINE, np.arange(SIZE), blurred)


def standard(air: AirLines, shift_px: int = 0) -> Template:
    inside = band_index(WAVE) >= 0
    noise = ERROR * np.random.default_rng(1).normal(size=WAVE.size)
    through = np.roll(seen(air, WATER_MM * AIRMASS, AIRMASS), shift_px) + noise
    reference = TelluricReference(
        star="star",
        wavelength_nm=WAVE,
        transmission=np.where(inside, through, 1.0),
        variance=np.where(inside, ERROR**2, 0.0),
        airmass=AIRMASS,
    )
    return make_template(reference, WAVE)


@pytest.mark.parametrize(
    "change", [Change(log_water=1.0, log_mixed=0.0, saturation=1.0), Change(log_water=-0.6, log_mixed=0.5, saturation=1.0)]
)
@pytest.mark.parametrize("band", [WATER, OXYGEN])
def test_depths_grow_as_those_of_the_lines(band: int, change: Change) -> None:
    """With another amount of water than is expected, half a resolution element of resolving power, and noise."""
    air = lines(3)
    template = with_model(standard(air), air)
    inside = (template.band == band) & template.modelled
    first, other = (
        seen(air, WATER_MM * AIRMASS, AIRMASS),
        seen(air, WATER_MM * AIRMASS * np.exp(change.log_water), AIRMASS * np.exp(change.log_mixed)),
    )
    depth, _ = grown(template, inside, -np.log(first[inside]), change)
    told = other[inside] > 0.2
    assert told.sum() > 200
    assert np.sqrt(np.mean((np.exp(-depth) / other[inside] - 1.0)[told] ** 2)) < (0.003 if band == WATER else 0.02)


def test_lines_that_are_shifted_match_and_lines_elsewhere_do_not() -> None:
    air = lines(3)
    assert with_model(standard(air, shift_px=2), air).modelled[np.isin(band_index(WAVE), [WATER, OXYGEN])].all()
    plain = standard(air)
    assert with_model(plain, lines(4)) is plain


def test_bands_that_the_lists_do_not_cover_are_left() -> None:
    air = lines(3)
    part = AirLines(start_nm=START_NM, samples_per_e_fold=FINE, water=air.water[: SIZE // 2], mixed=air.mixed[: SIZE // 2])
    template = with_model(standard(air), part)
    assert not template.modelled[template.band == OXYGEN].any()
    assert np.isnan(template.growth[:, template.band == OXYGEN]).all()


def test_the_shipped_lists_match_air_of_another_source() -> None:
    """In the visual: cross sections of another package, with a grid and a column of their own."""
    start, resolution, depths = static.read_telluric_species()
    species = TelluricSpecies(start_nm=start, samples_per_e_fold=resolution, depth=depths)
    wave = np.arange(700.0, 850.0, 0.04)
    fine = np.arange(699.0, 851.0, 0.003)
    inside = band_index(wave) >= 0

    def through(airmass: float, water_mm: float) -> FloatArray:
        sharp = species.transmission(fine, airmass=airmass, water_mm=water_mm)
        return np.interp(wave, fine, gaussian_filter1d(sharp, 770.0 / 4500.0 / 2.3548 / 0.003))

    dry, wet = through(1.1, 1.5), through(1.1, 6.0)
    reference = TelluricReference(
        star="star", wavelength_nm=wave, transmission=dry, variance=np.where(inside, 1e-6, 0.0), airmass=1.1, water_mm=1.5
    )
    template = with_model(make_template(reference, wave), static.read_air_lines())
    water = template.modelled & (template.band == 7)
    assert template.modelled[(wave > 808.0) & (wave < 850.0)].all()
    depth, _ = grown(template, water, -np.log(dry[water]), Change(log_water=float(np.log(4.0)), log_mixed=0.0, saturation=1.0))
    assert np.sqrt(np.mean((np.exp(-depth) / wet[water] - 1.0) ** 2)) < 0.01
