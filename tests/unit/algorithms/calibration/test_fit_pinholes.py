"""Centres of pinhole images: their errors, and lines that overlap."""

from __future__ import annotations

import numpy as np

from soxspipe.algorithms.calibration.fit_pinholes import Companion, Forms, fit_pinholes, measure_forms, upright
from support.arcs import SHAPE, add_spots, arc_image


def test_centroids_have_their_errors() -> None:
    rng = np.random.default_rng(5)
    x, y = (part.ravel() + rng.uniform(-0.5, 0.5, part.size) for part in np.meshgrid(np.arange(10.0, 410, 16), np.arange(10.0, 290, 16)))
    light = rng.uniform(300, 20000, x.size)
    image = np.zeros(SHAPE)
    add_spots(image, x, y, light)
    noisy = arc_image(rng.poisson(image) + rng.normal(0, 5, SHAPE))
    none = Companion(dx=np.full(x.size, np.nan), dy=np.full(x.size, np.nan))
    found = fit_pinholes(noisy, x + rng.normal(0, 0.4, x.size), y + rng.normal(0, 0.4, x.size), upright(0.8, x.size), none)
    for measured, true, error in ((found.x, x, found.x_error), (found.y, y, found.y_error)):
        pull = (measured - true) / error
        assert abs(pull.mean()) < 0.2
        assert 0.9 < pull.std() < 1.1
    np.testing.assert_allclose(np.median(found.electrons / light), 1.0, atol=0.02)
    widths = measure_forms(noisy, found, found.significance > 60)
    np.testing.assert_allclose([np.nanmedian(width) for width in (widths.sigma_x, widths.sigma_y)], 0.8, atol=0.02)
    assert abs(np.nanmedian(widths.lean)) < 0.02


def test_overlapping_lines_of_the_list_are_fitted_as_a_pair() -> None:
    image = np.zeros(SHAPE)
    add_spots(image, np.array([100.3, 102.3]), np.array([80.2, 80.2]), np.array([9000.0, 6000.0]))
    noisy = arc_image(np.random.default_rng(1).poisson(image).astype(float))
    pair = Companion(dx=np.array([2.0, -2.0]), dy=np.zeros(2))
    found = fit_pinholes(noisy, np.array([100.0, 102.0]), np.array([80.0, 80.0]), upright(0.8, 2), pair)
    np.testing.assert_allclose(found.x, (100.3, 102.3), atol=0.06)
    np.testing.assert_allclose(found.electrons, (9000.0, 6000.0), rtol=0.1)


def test_leaning_images_that_overlap_are_not_drawn_apart() -> None:
    # light at u, v of a slit tilted by 0.2: exp(-(u - 0.2 v)^2 / 2 s^2 - v^2 / 2 s^2); to first order a lean of 0.2 / s^2
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    places = np.array([[100.3, 80.2], [102.1, 80.2], [200.4, 150.1]])
    u, v = columns - places[:, 0, None, None], rows - places[:, 1, None, None]
    image = (3000.0 * np.exp(-0.5 * ((u - 0.2 * v) ** 2 + v**2) / 0.8**2)).sum(axis=0)
    none = np.full(3, np.nan)
    frame, start = arc_image(image), (np.rint(places[:, 0]), np.rint(places[:, 1]))
    alone = fit_pinholes(frame, *start, upright(0.8, 3), Companion(dx=none, dy=none))
    measured = measure_forms(frame, alone, np.arange(3) == 2)
    np.testing.assert_allclose(measured.lean[2], 0.2 / 0.8**2, rtol=0.03)
    pair = Companion(dx=np.array([1.8, -1.8, np.nan]), dy=np.array([0.0, 0.0, np.nan]))
    forms = Forms(sigma_x=np.full(3, measured.sigma_x[2]), sigma_y=np.full(3, measured.sigma_y[2]), lean=np.full(3, measured.lean[2]))
    leaning, straight = (fit_pinholes(frame, *start, one, pair) for one in (forms, upright(0.8, 3)))
    assert np.abs(straight.y[:2] - 80.2).min() > 0.03
    assert np.abs(leaning.y[:2] - 80.2).max() < 0.01
    assert np.abs(leaning.x[:2] - places[:2, 0]).max() < 0.02
