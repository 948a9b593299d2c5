"""Simulated lamps through pinholes."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.io.simulated_facts import read_optics
from support.pinholes import PinholeScene, arc_lines, light_places, paint_images, pinhole_flat


def test_an_image_holds_its_light_about_its_place() -> None:
    image = paint_images((40, 50), np.array([20.3]), np.array([15.8]), np.array([1000.0]), 0.75)
    rows, columns = np.mgrid[0:40, 0:50]
    assert image.sum() == pytest.approx(1000.0, rel=1e-6)
    assert (image * columns).sum() / image.sum() == pytest.approx(20.3, abs=1e-4)
    assert (image * rows).sum() / image.sum() == pytest.approx(15.8, abs=1e-4)


def test_missing_unlisted_and_dark_lines() -> None:
    optics = read_optics("SOXS", "VIS")
    waves = np.linspace(540.0, 670.0, 40)
    scene = PinholeScene(missing=0.25, unlisted=0.1, dark_holes={1: (8,)}, off_elements=("Ne",))
    truth = arc_lines(scene, optics, {1: (530.0, 680.0)}, (waves, ("Ar", "Ne") * 20), np.linspace(-5.5, 5.5, 9), 3)
    assert np.all(truth.electrons[truth.slit_arcsec == 5.5] == 0)
    listed = np.unique(truth.wavelength_nm[truth.listed & (truth.electrons > 0)])
    assert 8 <= listed.size <= 20
    assert not np.isin(listed, waves[1::2]).any()  # the lamp that is out
    assert np.unique(truth.wavelength_nm[~truth.listed]).size == 4
    x, y = light_places(optics, 1, truth.wavelength_nm, truth.slit_arcsec)
    np.testing.assert_allclose((truth.x, truth.y), (x, y))


def test_a_pinhole_flat_runs_along_the_slit_centre() -> None:
    optics = read_optics("SOXS", "VIS")
    image = pinhole_flat(optics, {1: (530.0, 680.0)}, 1000.0, 0.8)
    row = 1800
    wave = np.linspace(530, 680, 4000)
    x, y = light_places(optics, 1, wave, np.zeros(4000))
    centre = np.interp(row, y, x)
    assert (image[row] * np.arange(optics.shape[1])).sum() / image[row].sum() == pytest.approx(centre, abs=0.02)
