"""A host galaxy behind seeing and slit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import fftconvolve
from scipy.special import erf

from soxspipe.algorithms.objects.blurred_host import BETA, CUSP_ARCSEC, N_STEPS, STEP_ARCSEC, BlurredHost
from soxspipe.algorithms.objects.slit_model import sersic

SHARP = 0.02
"""Arcsec; nothing is blurred."""


def test_a_round_gaussian_through_a_slit_is_a_gaussian_along_it() -> None:
    """Half of the light of a round Gaussian lies within its FWHM; a slit 1 arcsec wide takes the mean over its width."""
    sigma = 3.5 / 2.3548
    through = np.sqrt(2 * np.pi) * sigma * erf(0.5 / sigma / np.sqrt(2))
    x = np.linspace(-5.0, 5.0, 41)
    found = BlurredHost(SHARP, 0.5, 1.0)(x, 3.5)
    np.testing.assert_allclose(found, through * np.exp(-0.5 * (x / sigma) ** 2), atol=0.006)


def test_seeing_widens_a_host_and_a_wider_slit_dims_the_mean() -> None:
    tables = [BlurredHost(seeing, 1.0, 1.0).table(4.0) for seeing in (0.6, 1.6)]
    widths = [float(np.sqrt(np.sum(t * BlurredHost(1.0, 1.0, 1.0).along ** 2) / t.sum())) for t in tables]
    assert widths[1] > widths[0]
    assert tables[1].max() < tables[0].max()
    assert BlurredHost(0.6, 1.0, 5.0).table(4.0).max() < tables[0].max()


def test_a_quarter_of_the_grid_says_what_the_whole_of_it_does() -> None:
    """Galaxy, star and slit on the whole grid, convolved; 4 arcsec within the middle, where the grid's end does not count."""
    host = BlurredHost(0.9, 1.0, 1.2)
    radius = np.hypot(host.along[:, None], host.along)
    star = (1.0 + (2.0 ** (1.0 / BETA) - 1.0) * (2.0 * radius / 0.9) ** 2) ** -BETA
    middle = slice(N_STEPS // 2, N_STEPS // 2 + N_STEPS)
    galaxy = fftconvolve(sersic(radius, 3.0, 1.0, CUSP_ARCSEC), star / star.sum(), mode="full")[middle, middle]
    lit = np.clip((0.6 - np.abs(host.along)) / STEP_ARCSEC + 0.5, 0.0, 1.0)
    near = np.abs(host.along) < 4.0
    np.testing.assert_allclose(host.table(3.0)[near], (galaxy @ lit / lit.sum())[near], rtol=1e-8)


def test_an_unknown_slit_is_one_of_an_arcsec() -> None:
    assert BlurredHost(0.8, 1.0, None).table(4.0) == pytest.approx(BlurredHost(0.8, 1.0, 1.0).table(4.0))
