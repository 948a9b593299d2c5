"""A point source of any shape along the slit, and what a host beside it promises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.objects.slit_model import SlitModel, sersic
from soxspipe.algorithms.objects.slit_rows import BIN_ARCSEC, REACH_ARCSEC, SlitRows

CENTRES = (np.arange(round(2 * REACH_ARCSEC / BIN_ARCSEC)) + 0.5) * BIN_ARCSEC - REACH_ARCSEC
COLOUR = np.linspace(0.8, 1.2, 8)


def star(fwhm: float, beta: float, places: tuple[tuple[float, float], ...] = ((0.0, 1.0),)) -> np.ndarray:
    """Light of a star whose width goes as wavelength to the -0.2 and that stood at several places, shape (rows, bins)."""
    alpha = fwhm * COLOUR[:, None] ** -0.2 / (2 * np.sqrt(2 ** (1 / beta) - 1))
    return np.asarray(sum(share * (1 + ((CENTRES - at) / alpha) ** 2) ** -beta for at, share in places))


def rows(light: np.ndarray, *, error: float = 1.0, seed: int = 1) -> SlitRows:
    noise = np.random.default_rng(seed).normal(0.0, error, light.shape)
    return SlitRows(
        light=light + noise,
        weight=np.full(light.shape, error**-2.0),
        distance_arcsec=np.broadcast_to(CENTRES, light.shape),
        sky=np.full(COLOUR.size, 50.0),
        colour=COLOUR,
        pixel_arcsec=0.25,
    )


@pytest.mark.parametrize("beta", [2.2, 3.0, 4.5])
def test_a_plain_star_needs_no_host(beta: float) -> None:
    model = SlitModel(rows(2000.0 * star(0.9, beta)), 0.9, 1.0)
    fit = model.start()
    assert fit.misfit < 1.2 * model.weight.size
    assert model.promise(fit, 4.0) < 15.0


@pytest.mark.parametrize("shape", [(-0.1, -0.2, 3.0, 0.0), (0.1, 0.3, 2.0, 1.5)])
def test_slopes_of_the_star_are_its_differences(shape: tuple[float, ...]) -> None:
    model = SlitModel(rows(2000.0 * star(0.9, 3.0)), 0.9, 1.0)
    fit = replace(model.start(), shape=np.array(shape))
    moffats, slopes = model.moffats_and_slopes(fit)
    np.testing.assert_array_equal(moffats, model.moffats(fit.shape))
    np.testing.assert_allclose(model.moffats(fit.shape, fit.shares), moffats @ fit.shares, atol=1e-14)
    for slope, step in zip(slopes, 1e-5 * np.eye(4), strict=True):
        below, above = (model.moffats(fit.shape + sign * step, fit.shares) for sign in (-1.0, 1.0))
        np.testing.assert_allclose(slope, (above - below) / 2e-5, atol=1e-8)


def test_an_exponent_beyond_its_limit_stands_still() -> None:
    model = SlitModel(rows(2000.0 * star(0.9, 3.0)), 0.9, 1.0)
    fit = replace(model.start(), shape=np.array([-0.1, -0.2, 1.4, 1.0]))
    _, slopes = model.moffats_and_slopes(fit)
    below = COLOUR < 1.0  # 1.4 is the least exponent
    np.testing.assert_array_equal(slopes[2:, below], 0.0)
    assert np.all(np.any(slopes[2:, ~below] != 0.0, axis=2))


@pytest.mark.parametrize("places", [((-0.3, 0.5), (0.5, 0.3), (0.9, 0.2)), ((0.0, 0.7), (1.1, 0.3))])
def test_a_smeared_star_is_a_star(places: tuple[tuple[float, float], ...]) -> None:
    model = SlitModel(rows(2000.0 * star(0.9, 2.8, places)), 1.0, 1.0)
    fit = model.start()
    assert fit.misfit < 1.5 * model.weight.size
    assert fit.shares.sum() == pytest.approx(1.0)
    assert fit.shares.min() >= 0.0


def test_a_host_promises_what_noise_does_not() -> None:
    """A disc of a tenth of the star's peak against the 15 that plain stars stay below."""
    alone = 2000.0 * star(0.9, 2.7)
    galaxy = 200.0 * np.broadcast_to(np.exp(-0.5 * (CENTRES / (0.42466 * 3.5)) ** 2), alone.shape)
    model = SlitModel(rows(alone + galaxy), 0.95, 0.5)
    assert model.promise(model.start(), 4.0) > 30.0


def test_a_star_drawn_out_over_two_arcsec_is_as_narrow_as_the_seeing() -> None:
    """Begun from images of usual width, the fit ended at two wide ones; a narrow one over five places saves four fifths of the misfit."""
    trail = tuple((at, 1.0 / 40) for at in np.linspace(-0.975, 0.975, 40))
    model = SlitModel(rows(2000.0 * star(0.8, 2.7, trail)), 2.0, 1.0)
    fit = model.start()
    assert 2.0 * np.exp(fit.shape[0]) == pytest.approx(0.8, abs=0.1)
    assert fit.misfit < 1.5 * model.weight.size


def test_rows_without_data_are_passed_over() -> None:
    whole = rows(2000.0 * star(0.9, 3.0))
    empty = SlitRows(
        light=np.where(np.arange(8)[:, None] < 2, 0.0, whole.light),
        weight=np.where(np.arange(8)[:, None] < 2, 0.0, whole.weight),
        distance_arcsec=whole.distance_arcsec,
        sky=whole.sky,
        colour=whole.colour,
        pixel_arcsec=0.25,
    )
    model = SlitModel(empty, 0.9, 1.0)
    assert model.n_rows == 6
    assert np.isfinite(model.start().misfit)


def test_half_of_a_sersic_galaxy_lies_within_its_diameter() -> None:
    radius = np.arange(0.0, 60.0, 0.002)
    ring = sersic(radius, 4.0, 1.0, 1e-6) * radius
    assert ring[radius <= 2.0].sum() / ring.sum() == pytest.approx(0.5, abs=0.01)
