"""Shapes of stars and galaxies: smeared images keep their light and centre, galaxies theirs, and the slit's ends may move."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.simulate.atmosphere import gaussian_through_slit, moffat_through_slit
from soxspipe.simulate.scene import Scene
from soxspipe.simulate.slit_images import image_motion, sersic_through_slit, smear


@pytest.mark.parametrize(
    "shape",
    [{"image_trail_arcsec": 1.2}, {"image_tail_arcsec": -0.5}, {"image_hump_arcsec": 0.8, "image_hump_share": 0.3}],
)
def test_a_smeared_image_keeps_its_light_and_its_centre(shape: dict[str, float]) -> None:
    star = moffat_through_slit(1.0, 3.5)
    smeared = smear(star, *image_motion(Scene(**shape)), 0.6)
    light, before = np.diff(smeared.cumulative), np.diff(star.cumulative)
    middle = 0.5 * (star.z[1:] + star.z[:-1])
    assert light.sum() == pytest.approx(1.0, abs=1e-9)
    assert float(np.sum(light * middle)) == pytest.approx(0.0, abs=2e-3)
    assert float(np.sum(light * middle**2)) > 1.05 * float(np.sum(before * middle**2))


def test_a_trail_widens_by_its_variance() -> None:
    star = moffat_through_slit(1.0, 6.0)
    smeared = smear(star, *image_motion(Scene(image_trail_arcsec=2.0)), 1.0)
    middle = 0.5 * (star.z[1:] + star.z[:-1])
    more = float(np.sum((np.diff(smeared.cumulative) - np.diff(star.cumulative)) * middle**2))
    assert more == pytest.approx(2.0**2 / 12.0, rel=0.02)


def test_a_plain_scene_has_one_place() -> None:
    place, share = image_motion(Scene())
    assert place.tolist() == [0.0]
    assert share.tolist() == [1.0]


def test_a_sersic_galaxy_of_index_a_half_is_a_gaussian() -> None:
    seeing, size = 0.8, 3.0
    # a Moffat of high exponent is a Gaussian too; widths add in quadrature
    galaxy = sersic_through_slit(0.5, 0.5 * size, 0.5, seeing, 20.0)
    sigma = np.hypot(seeing, size) / 2.354820045
    gauss = gaussian_through_slit(0.5 / sigma)
    assert galaxy.passed == pytest.approx(gauss.passed, rel=0.02)
    assert np.interp(1.0, galaxy.z, galaxy.cumulative) == pytest.approx(np.interp(1.0 / sigma, gauss.z, gauss.cumulative), abs=5e-3)


def test_half_of_a_galaxys_light_lies_within_its_radius() -> None:
    wide_open = sersic_through_slit(20.0, 1.5, 1.0, 0.3, 3.5)
    assert wide_open.passed == pytest.approx(1.0, abs=0.01)
    # a disc seen whole: |slit position| < R holds more than the circle does, and less than everything
    inside = np.interp(1.5, wide_open.z, wide_open.cumulative) - np.interp(-1.5, wide_open.z, wide_open.cumulative)
    assert 0.55 < inside < 0.75
