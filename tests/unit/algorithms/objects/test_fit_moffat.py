"""The Moffat of an object's image, solved together with the illumination of the slit that its wings took part in."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.objects.fit_moffat import SLOPE, MoffatFit, fit_moffat
from soxspipe.algorithms.objects.moffat import Moffat
from soxspipe.algorithms.objects.profile_cells import Cells

HALF_SLIT = 5.5
TRUE = Moffat(fwhm_arcsec=1.5, slope=SLOPE, beta=2.3, pivot_nm=700.0)
START = Moffat(fwhm_arcsec=1.6, slope=SLOPE, beta=3.5, pivot_nm=700.0)
GAMMA = np.array([0.004, -0.006])
SKY_ERROR = np.array([0.01, 0.01])


def cells(*, sky: float, noise: float, place: float = 0.0, seed: int = 0) -> Cells:
    """Light of a star in a sky of `sky` times its light per arcsec, whose illumination was taken wrong by `GAMMA`."""
    reach = np.arange(-HALF_SLIT, HALF_SLIT, 0.1) + 0.05
    distance = np.tile(reach - place, (24, 1))
    wave, pixel = np.linspace(500.0, 900.0, 24), np.full(24, 0.28)
    x = (distance + place) / HALF_SLIT
    wrong = sky * (GAMMA[0] * x + GAMMA[1] * (1.5 * x**2 - 0.5))
    value = TRUE(distance, wave[:, None], pixel[:, None]) + wrong + 0.01
    return Cells(
        value=value + noise * np.random.default_rng(seed).normal(size=value.shape),
        weight=np.full(value.shape, noise**-2.0),
        distance=distance,
        wavelength_nm=wave,
        pixel_arcsec=pixel,
        sky=np.full(24, sky),
        trace_arcsec=np.full(24, place),
    )


def fitted(light: Cells, sky_error: np.ndarray | None = SKY_ERROR) -> MoffatFit:
    return fit_moffat(light, START, HALF_SLIT, sky_error)


def test_wings_and_illumination_are_told_apart_where_the_light_shows_them() -> None:
    found = fitted(cells(sky=1.0, noise=0.002))
    assert found.moffat.beta == pytest.approx(2.3, abs=0.03)
    assert found.illumination_change == pytest.approx(GAMMA, abs=0.001)


def test_what_the_illumination_explains_is_off_the_cells() -> None:
    light = cells(sky=1.0, noise=0.002)
    left = fitted(light).cells.value - TRUE(light.distance, light.wavelength_nm[:, None], light.pixel_arcsec[:, None])
    assert left.mean(axis=0) == pytest.approx(np.full(left.shape[1], 0.01), abs=0.003)


def test_an_illumination_without_error_is_held() -> None:
    assert fitted(cells(sky=1.0, noise=0.002), None).illumination_change.size == 0


def test_a_dark_sky_shows_no_illumination() -> None:
    assert np.abs(fitted(cells(sky=1e-6, noise=0.002)).illumination_change).max() < 1e-4


def test_the_flux_error_holds_what_the_sky_may_have_taken() -> None:
    """By how much a fit of profile and constant misses the flux, and what is said of it."""
    said = {sky: fitted(cells(sky=sky, noise=0.1)).flux_error for sky in (0.1, 10.0)}
    assert said[10.0] > 1.5 * said[0.1]


def test_the_exponents_of_many_faint_stars_scatter_as_their_fluxes_are_said_to() -> None:
    def flux(moffat: Moffat) -> np.ndarray:
        x = np.arange(-HALF_SLIT, HALF_SLIT, 0.02)
        light = moffat(x, 700.0, 0.02)
        return light / light.mean() - 1.0

    true, pulls = flux(TRUE), []
    for seed in range(40):
        found = fitted(cells(sky=0.5, noise=0.02, seed=seed))
        own = flux(found.moffat)
        pulls.append((float(own @ true / (own @ own)) - 1.0) / found.flux_error)
    assert 0.6 < np.sqrt(np.mean(np.square(pulls))) < 1.4


def test_an_object_at_the_end_of_the_slit_is_less_certain() -> None:
    middle, end = (fitted(cells(sky=0.5, noise=0.002, place=place)).flux_error for place in (0.0, 5.0))
    assert end > max(3.0 * middle, 0.004)
