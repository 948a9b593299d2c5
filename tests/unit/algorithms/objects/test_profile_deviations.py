"""What the Moffat of an image does not describe, told from what the sky has left in the same rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.objects.moffat import Moffat
from soxspipe.algorithms.objects.profile_cells import CHUNKS, Cells
from soxspipe.algorithms.objects.profile_deviations import REACH_FWHM, UNTOLD, Deviations, fit_deviations, flux_untold

PIXEL, HALF_SLIT = 0.28, 5.5
BASE = Moffat(fwhm_arcsec=1.0, slope=0.0, beta=3.5, pivot_nm=700.0)
WIDER = replace(BASE, fwhm_arcsec=1.1, beta=2.8)
ALONG = np.arange(-4.4, 4.4, 0.02)


def cells(true: Moffat, *, noise: float, left: float = 0.0, seed: int = 1) -> Cells:
    """Two orders of light of a star of unit flux, above a sky that was taken too low by `left` (per arcsec)."""
    distance = np.tile(np.arange(-REACH_FWHM, REACH_FWHM, 0.05) + 0.025, (2 * CHUNKS, 1))
    value = true(distance, 700.0, PIXEL) + left
    rows = distance.shape[0]
    return Cells(
        value=value + noise * np.random.default_rng(seed).normal(size=value.shape),
        weight=np.full(value.shape, noise**-2.0),
        distance=distance,
        wavelength_nm=np.linspace(500.0, 900.0, rows),
        pixel_arcsec=np.full(rows, PIXEL),
        sky=np.full(rows, 0.1),
        trace_arcsec=np.zeros(rows),
    )


def light(found: Cells, degree: int = 2) -> np.ndarray:
    """The image of unit flux on the slit that a fit gives, mean of all rows."""
    image = BASE(ALONG, 700.0, PIXEL) + fit_deviations(found, BASE, degree)(ALONG).mean(axis=0)
    return np.asarray(image / image.mean())


def true_light(true: Moffat) -> np.ndarray:
    image = true(ALONG, 700.0, PIXEL)
    return np.asarray(image / image.mean())


def flux_of(image: np.ndarray, true: np.ndarray) -> float:
    """What an image measures of the flux of another above a constant sky."""
    own = image - 1.0
    return float(own @ (true - 1.0) / (own @ own))


def test_wings_that_the_moffat_lacks_are_not_taken_for_sky() -> None:
    true = true_light(WIDER)
    assert flux_of(true_light(BASE), true) < 0.96
    assert flux_of(light(cells(WIDER, noise=1e-3)), true) == pytest.approx(1.0, abs=0.01)  # the prior of a third holds some back


def test_what_the_sky_has_left_is_no_part_of_the_image() -> None:
    clean, lifted = (light(cells(WIDER, noise=1e-3, left=left)) for left in (0.0, 0.02))
    assert lifted == pytest.approx(clean, abs=0.002 * clean.max())


def test_a_star_that_is_the_moffat_has_no_deviations() -> None:
    assert np.abs(light(cells(BASE, noise=0.02)) - true_light(BASE)).max() < 0.01 * true_light(BASE).max()


def test_a_part_of_what_the_moffat_misses_is_uncertain() -> None:
    seen = cells(WIDER, noise=1e-3)
    found = fit_deviations(seen, BASE, 0)
    image = BASE(ALONG, 700.0, PIXEL) + found(ALONG).mean(axis=0)
    missed = 1.0 - flux_of(true_light(BASE), image / image.mean())
    assert flux_untold(seen, BASE, found, 4.4) == pytest.approx(UNTOLD * missed, rel=0.1)
    none = Deviations(knots=found.knots, coefficients=np.zeros_like(found.coefficients))
    assert flux_untold(seen, BASE, none, 4.4) == 0.0


def test_light_that_an_image_lacks_is_missing_from_the_flux() -> None:
    seen = cells(WIDER, noise=1e-3)
    found = fit_deviations(seen, BASE, 0)
    sunk = Deviations(knots=found.knots, coefficients=np.full_like(found.coefficients, -0.01))
    lacking = np.maximum(0.01 - BASE(ALONG, 700.0, PIXEL), 0.0).sum() * 0.02
    untold = UNTOLD * (1.0 / (1.0 - 0.01 * 8.8) - 1.0)
    assert flux_untold(seen, BASE, sunk, 4.4) == pytest.approx(np.hypot(lacking, untold), rel=0.02)


def test_the_image_ends_at_the_last_knot() -> None:
    beyond = np.array([-1.01, 1.01]) * REACH_FWHM * BASE.width_arcsec
    assert np.array_equal(fit_deviations(cells(WIDER, noise=1e-3), BASE, 0)(beyond), np.zeros((2 * CHUNKS, 2)))
