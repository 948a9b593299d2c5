"""The air: refraction, seeing, and the star's image through the slit."""

import numpy as np
import pytest

from soxspipe.simulate.atmosphere import (
    gaussian_through_slit,
    moffat_alpha,
    moffat_through_slit,
    refraction_arcsec,
    seeing_fwhm,
    slit_share,
)


def test_blue_light_is_lifted_more():
    lift = refraction_arcsec(np.array([400.0, 550.0, 900.0]), reference_nm=550.0, airmass=1.5)
    assert lift[0] > lift[1] == 0.0 > lift[2]
    assert 0.5 < lift[0] < 1.5
    assert np.all(refraction_arcsec(np.array([400.0]), reference_nm=550.0, airmass=1.0) == 0.0)


def test_seeing_is_better_in_the_red():
    fwhm = seeing_fwhm(np.array([500.0, 1600.0]), 1.0)
    assert fwhm[0] == pytest.approx(1.0)
    assert fwhm[1] == pytest.approx(3.2**-0.2)


def test_moffat_core_radius_gives_the_width():
    alpha = float(moffat_alpha(np.array(0.9), 3.5))
    assert (1 + (0.45 / alpha) ** 2) ** -3.5 == pytest.approx(0.5)


@pytest.mark.parametrize("half_width", [0.3, 1.0, 5.0])
def test_slit_share_is_the_integral_of_the_star_in_two_dimensions(half_width):
    beta, step = 3.5, 0.02
    y, x = np.meshgrid(np.arange(-40, 40, step * 5), np.arange(-half_width, half_width, step) + step / 2, indexing="ij")
    inside = np.sum((beta - 1) / np.pi * (1 + x**2 + y**2) ** -beta) * step * step * 5
    assert slit_share(half_width, beta) == pytest.approx(inside, rel=0.02)
    assert moffat_through_slit(half_width, beta).passed == slit_share(half_width, beta)


@pytest.mark.parametrize("image", [moffat_through_slit(1.2, 3.5), gaussian_through_slit(1.2)])
def test_light_along_and_across_the_slit_is_normalised(image):
    assert image.cumulative[0] == pytest.approx(0.0, abs=1e-9)
    assert image.cumulative[-1] == pytest.approx(1.0)
    assert np.all(np.diff(image.cumulative) >= 0)
    assert np.sum(image.across) == pytest.approx(1.0)
    assert 0.5 < image.passed < 1.0
