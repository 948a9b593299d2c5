"""A star whose image no formula holds, and a host of another colour beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.objects.blurred_host import BlurredHost
from soxspipe.algorithms.objects.slit_model import SlitModel
from soxspipe.algorithms.objects.slit_rows import BIN_ARCSEC, REACH_ARCSEC, SlitRows
from soxspipe.algorithms.objects.star_and_host import HostFit, StarAndHost

CENTRES = (np.arange(round(2 * REACH_ARCSEC / BIN_ARCSEC)) + 0.5) * BIN_ARCSEC - REACH_ARCSEC
COLOUR = np.linspace(0.7, 1.3, 16)
BLUE_STAR = 3000.0 * COLOUR**-3.0
FWHM, BETA = 0.9, 3.0
DISC = BlurredHost(FWHM, 1.0, 1.0, BETA)


def image(change: float = 0.0) -> np.ndarray:
    """A Moffat whose width goes as seeing does, brighter by a part of its peak 2 arcsec from the middle, shape (rows, bins)."""
    distance = CENTRES * COLOUR[:, None] ** 0.2
    moffat = (1.0 + (2.0 ** (1.0 / BETA) - 1.0) * (2.0 * distance / FWHM) ** 2) ** -BETA
    return np.asarray(moffat + change * np.exp(-0.5 * ((distance - 2.0) / 0.3) ** 2))


def rows(light: np.ndarray, *, error: float = 2.0, seed: int = 3) -> SlitRows:
    noise = np.random.default_rng(seed).normal(0.0, error, light.shape)
    return SlitRows(
        light=light + noise,
        weight=np.full(light.shape, error**-2.0),
        distance_arcsec=np.broadcast_to(CENTRES, light.shape),
        sky=np.full(COLOUR.size, 50.0),
        colour=COLOUR,
        pixel_arcsec=0.25,
    )


def fitted(light: np.ndarray) -> tuple[StarAndHost, HostFit, HostFit]:
    """The model, a point source alone, and one with a host."""
    data = rows(light)
    model, star = StarAndHost(data, FWHM, DISC), SlitModel(data, FWHM).start()
    return model, model.alone(star), model.with_host(star, 3.5, (0.0,))[0]


@pytest.mark.parametrize(("size", "place"), [(3.5, 0.0), (2.5, 1.0)])
def test_a_red_host_under_a_blue_star_is_told_from_its_wings(size: float, place: float) -> None:
    own, host = BLUE_STAR[:, None] * image(), 400.0 * DISC(CENTRES - place, size) * np.ones_like(COLOUR)[:, None]
    model, alone, both = fitted(own + host)
    assert alone.misfit - both.misfit > 200.0
    assert model.own_light(both) == pytest.approx(own.sum(), rel=0.03)
    least, most = model.own_light_range(both, 9.0)
    assert least < own.sum() < most
    assert model.host_light(both) == pytest.approx(host.sum(), rel=0.15)
    assert both.host is not None
    assert np.exp(both.host[0]) == pytest.approx(size, rel=0.25)


def test_what_the_formula_misses_of_a_star_is_in_its_image_and_no_host() -> None:
    model, alone, both = fitted(BLUE_STAR[:, None] * image(change=0.003))
    middle, sides = model.image(alone)[7], np.array([np.argmin(np.abs(CENTRES - side)) for side in (-2.0, 2.0)])
    assert middle[sides[1]] - middle[sides[0]] == pytest.approx(0.003, abs=0.0012)
    assert alone.misfit < 1.1 * model.weight.size
    assert alone.misfit - both.misfit < 10.0


def test_every_start_ends_where_chi_squared_is_least() -> None:
    light = BLUE_STAR[:, None] * (image() + 1.5 * DISC(CENTRES, 3.0) * COLOUR[:, None])
    data = rows(light)
    model, star = StarAndHost(data, FWHM, DISC), SlitModel(data, FWHM).start()
    first, second = model.with_host(star, 3.5, (0.0,))
    assert second.misfit - first.misfit < 0.5
    assert model.own_light(first) == pytest.approx(model.own_light(second), rel=0.01)


def test_chi_squared_of_the_rows_is_that_of_the_fit_but_for_the_shapes() -> None:
    own, host = BLUE_STAR[:, None] * image(), 400.0 * DISC(CENTRES, 3.5) * np.ones_like(COLOUR)[:, None]
    host[8:] = 0.0
    model, alone, both = fitted(own + host)
    gain = model.misfit_of_rows(alone) - model.misfit_of_rows(both)
    assert 0.0 < both.misfit - model.misfit_of_rows(both).sum() < 30.0
    assert gain[:8].sum() > 3.0 * gain[8:].sum()


def test_noise_lets_a_host_gain_little() -> None:
    """Its light follows the star's: there are four parameters for noise to use, not one in every row."""
    model, alone, both = fitted(BLUE_STAR[:, None] * image())
    assert alone.misfit - both.misfit < 10.0
    assert model.host_light(both) < 0.03 * model.own_light(both)


def test_light_of_a_host_departs_from_a_power_law_by_a_third() -> None:
    jagged = np.where(np.arange(COLOUR.size) % 2, 1.25, 0.75)[:, None]
    own, host = BLUE_STAR[:, None] * image(), 500.0 * DISC(CENTRES, 3.5) * jagged
    model, _, both = fitted(own + host)
    np.testing.assert_allclose(both.peak[1::2].sum() / both.peak[::2].sum(), 1.25 / 0.75, rtol=0.15)
    assert model.own_light(both) == pytest.approx(own.sum(), rel=0.03)


def test_a_trace_that_a_host_draws_aside_is_followed() -> None:
    """The star a twentieth of its width off the trace at the red end, where the host is bright."""
    moved = 0.05 * FWHM * (COLOUR - COLOUR.min())[:, None] / np.ptp(COLOUR)
    host = 400.0 * COLOUR[:, None] ** 2 * DISC(CENTRES - 0.8, 3.0)
    slope = np.gradient(image(), BIN_ARCSEC, axis=1)
    own = BLUE_STAR[:, None] * image()
    model, _, both = fitted(own + BLUE_STAR[:, None] * moved * slope + host)
    assert model.own_light(both) == pytest.approx(own.sum(), rel=0.03)
    assert both.misfit < 1.3 * model.weight.size


def test_errors_can_be_enlarged() -> None:
    data = rows(BLUE_STAR[:, None] * image())
    usual, larger = StarAndHost(data, FWHM, DISC), StarAndHost(data, FWHM, DISC, scatter=4.0)
    np.testing.assert_allclose(4.0 * larger.weight, usual.weight)
    star = SlitModel(data, FWHM).start()
    assert usual.scatter(replace(usual.alone(star), misfit=4.0 * (usual.weight.size - 64))) == pytest.approx(4.0)
    assert usual.scatter(replace(usual.alone(star), misfit=10.0)) == 1.0


def test_without_a_host_there_is_no_light_of_one() -> None:
    model, alone, _ = fitted(BLUE_STAR[:, None] * image())
    assert alone.host is None
    assert model.host_light(alone) == 0.0
    assert model.own_light(alone) == pytest.approx(BLUE_STAR @ image().sum(axis=1), rel=0.005)


def test_heights_in_other_rows_are_those_of_the_shape_that_was_found() -> None:
    host = 400.0 * COLOUR[:, None] * DISC(CENTRES, 3.5)
    light = BLUE_STAR[:, None] * image() + host
    _, _, both = fitted(light)
    other = StarAndHost(rows(2.0 * light, seed=4), FWHM, DISC)
    np.testing.assert_allclose(other.heights(both), 2.0 * both.peak, rtol=0.15)


def test_light_at_the_end_of_the_slit_is_no_host() -> None:
    light = BLUE_STAR[:, None] * image()
    light[:, CENTRES < -2.0] = 0.0
    light[:, (CENTRES > -2.0) & (CENTRES < -1.7)] += 100.0
    data = rows(light)
    ended = replace(data, weight=np.where(CENTRES < -2.0, 0.0, data.weight))
    model = StarAndHost(ended, FWHM, DISC)
    star = SlitModel(ended, FWHM).start()
    assert np.all(model.weight[:, CENTRES < -1.5] == 0.0)
    assert np.all(model.weight[:, CENTRES > -1.3] > 0.0)
    assert model.alone(star).misfit - model.with_host(star, 3.5, (0.0,))[0].misfit < 10.0
