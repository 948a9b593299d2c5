"""Cells, the continuum through the air, and emission lines that the air cannot have made."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.spectra.telluric_cells import Splines, emission_lines, make_cells
from soxspipe.algorithms.spectra.telluric_template import make_template
from soxspipe.datamodel.spectrum import FluxedSpectrum
from soxspipe.datamodel.telluric import TelluricReference
from soxspipe.numerics.splines import bspline_basis, clamped_knots

WAVE = np.arange(640.0, 740.0, 0.04)
AIR = 1.0 - 0.7 * np.exp(-0.5 * ((WAVE - 720.0) / 2.0) ** 2)
REFERENCE = TelluricReference(star="star", wavelength_nm=WAVE, transmission=AIR, variance=np.full(WAVE.size, 1e-6), airmass=1.2)
ERROR = 0.05


def target(lines: float) -> FluxedSpectrum:
    flux = (1.0 + lines * np.exp(-0.5 * ((WAVE - 656.3) / 0.15) ** 2)) * AIR
    noise = ERROR * np.random.default_rng(4).normal(size=WAVE.size)
    return FluxedSpectrum(wavelength_nm=WAVE, flux=flux + noise, error=np.full(WAVE.size, ERROR), quality=np.zeros(WAVE.size, int))


def test_a_line_above_the_light_around_is_found_and_light_between_bands_is_none() -> None:
    template = make_template(REFERENCE, WAVE)
    found = emission_lines(target(5.0), template, 1.0)
    assert np.all(found[np.abs(WAVE - 656.3) < 0.4])
    assert not np.any(found[np.abs(WAVE - 656.3) > 1.0])
    assert not np.any(emission_lines(target(0.0), template, 1.0))


def test_means_of_cells_and_their_variance() -> None:
    used = (WAVE > 650.0) & (WAVE < 660.0)
    cells = make_cells(WAVE, used, 2.0)
    assert cells.mean(WAVE)[1] == pytest.approx(WAVE[cells.sample[cells.cell == 1]].mean())
    assert cells.mean_variance(np.ones(WAVE.size))[1] == pytest.approx(2.0 / cells.count[1])


def test_the_continuum_is_found_through_the_air() -> None:
    knots = clamped_knots(np.linspace(WAVE[0], WAVE[-1], 12), 3)
    first, values = bspline_basis(WAVE, knots, 3)
    smooth = 1.0 + 0.01 * (WAVE - 690.0) + 1e-4 * (WAVE - 690.0) ** 2
    found = Splines(first=first, values=values, n_splines=knots.size - 4).fitted(smooth * AIR, AIR, np.full(WAVE.size, 20.0))
    assert found == pytest.approx(smooth, rel=1e-6)
