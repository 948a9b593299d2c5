"""Centres of pinhole images: their errors, and lines that overlap."""

from __future__ import annotations

import numpy as np

from soxspipe.algorithms.calibration.fit_pinholes import Companion, fit_pinholes, measure_widths
from support.arcs import SHAPE, add_spots, arc_image


def test_centroids_have_their_errors() -> None:
    rng = np.random.default_rng(5)
    x, y = (part.ravel() + rng.uniform(-0.5, 0.5, part.size) for part in np.meshgrid(np.arange(10.0, 410, 16), np.arange(10.0, 290, 16)))
    light = rng.uniform(300, 20000, x.size)
    image = np.zeros(SHAPE)
    add_spots(image, x, y, light)
    noisy = arc_image(rng.poisson(image) + rng.normal(0, 5, SHAPE))
    none, sigma = Companion(dx=np.full(x.size, np.nan), dy=np.full(x.size, np.nan)), np.full(x.size, 0.8)
    found = fit_pinholes(noisy, x + rng.normal(0, 0.4, x.size), y + rng.normal(0, 0.4, x.size), sigma, sigma, none)
    for measured, true, error in ((found.x, x, found.x_error), (found.y, y, found.y_error)):
        pull = (measured - true) / error
        assert abs(pull.mean()) < 0.2
        assert 0.9 < pull.std() < 1.1
    np.testing.assert_allclose(np.median(found.electrons / light), 1.0, atol=0.02)
    widths = measure_widths(noisy, found, found.significance > 60)
    np.testing.assert_allclose([np.nanmedian(width) for width in widths], 0.8, atol=0.02)


def test_overlapping_lines_of_the_list_are_fitted_as_a_pair() -> None:
    image = np.zeros(SHAPE)
    add_spots(image, np.array([100.3, 102.3]), np.array([80.2, 80.2]), np.array([9000.0, 6000.0]))
    noisy = arc_image(np.random.default_rng(1).poisson(image).astype(float))
    sigma = np.full(2, 0.8)
    pair = Companion(dx=np.array([2.0, -2.0]), dy=np.zeros(2))
    found = fit_pinholes(noisy, np.array([100.0, 102.0]), np.array([80.0, 80.0]), sigma, sigma, pair)
    np.testing.assert_allclose(found.x, (100.3, 102.3), atol=0.06)
    np.testing.assert_allclose(found.electrons, (9000.0, 6000.0), rtol=0.1)
