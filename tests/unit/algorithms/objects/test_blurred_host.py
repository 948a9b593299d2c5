"""A host galaxy behind seeing and slit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erf

from soxspipe.algorithms.objects.blurred_host import BlurredHost

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


def test_an_unknown_slit_is_one_of_an_arcsec() -> None:
    assert BlurredHost(0.8, 1.0, None).table(4.0) == pytest.approx(BlurredHost(0.8, 1.0, 1.0).table(4.0))
