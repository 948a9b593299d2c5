"""B-splines against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import BSpline

from soxspipe.numerics.splines import bspline_basis, bspline_matrix, clamped_knots, horner, spline_space

RNG = np.random.default_rng(3)
UNEVEN = np.sort(np.concatenate([[0.0, 50.0], RNG.uniform(0, 50, 30), 20.0 + RNG.uniform(0, 0.02, 6)]))
"""Break points, a handful of which are a thousand times closer than the rest."""


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("inner", [np.linspace(0.0, 50.0, 21), UNEVEN], ids=["regular", "uneven"])
def test_basis_is_scipys(degree: int, inner: np.ndarray) -> None:
    knots = clamped_knots(inner, degree)
    x = np.concatenate([RNG.uniform(0, 50, 10_000), [0.0, 50.0], inner])  # more points than are done at once
    np.testing.assert_allclose(bspline_matrix(x, knots, degree), BSpline.design_matrix(x, knots, degree).toarray(), atol=1e-12)


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("inner", [np.linspace(0.0, 50.0, 21), UNEVEN], ids=["regular", "uneven"])
def test_pieces_are_the_polynomials_of_scipys_splines(degree: int, inner: np.ndarray) -> None:
    space = spline_space(clamped_knots(inner, degree), degree)
    coefficients = RNG.normal(size=space.n_splines)
    expected = BSpline(space.knots, coefficients, degree)
    x = np.concatenate([RNG.uniform(-1.0, 51.0, 2000), inner])
    np.testing.assert_allclose(space.evaluate(x, coefficients), expected(x), rtol=1e-8, atol=1e-8)
    piece, t = space.locate(x)
    polynomials = space.polynomials(coefficients)
    slope = horner(polynomials[1:] * np.arange(1, degree + 1)[:, None] * space.per_unit, piece, t)
    size = np.abs(expected.derivative()(x)).max()
    np.testing.assert_allclose(slope, expected.derivative()(x), rtol=1e-6, atol=1e-9 * size)


def test_pieces_hold_their_points() -> None:
    space = spline_space(clamped_knots(UNEVEN, 3), 3)
    x = RNG.uniform(0, 50, 2000)
    piece, t = space.locate(x)
    assert (space.left[piece] <= x + 1e-12).all()
    assert (x < space.right[piece]).all()
    assert ((t >= 0) & (t <= 1)).all()
    np.testing.assert_array_equal(space.locate(np.array([-3.0, 53.0]))[0], [0, space.n_pieces - 1])


def test_pieces_of_no_length_hold_nothing() -> None:
    space = spline_space(clamped_knots(np.array([0.0, 1.0, 1.0, 1.0, 1.0, 2.0]), 2), 2)
    assert np.isfinite(space.powers).all()
    assert not np.isin(space.locate(np.linspace(0, 2, 101))[0], np.flatnonzero(space.right <= space.left)).any()


def test_clamped_splines_sum_to_one_and_pass_through_their_ends() -> None:
    knots = clamped_knots(np.array([0.0, 1.0, 4.0]), 2)
    np.testing.assert_array_equal(knots, [0, 0, 0, 1, 4, 4, 4])
    _, values = bspline_basis(np.array([0.0, 0.3, 3.9]), knots, 2)
    np.testing.assert_allclose(values.sum(axis=0), 1.0)
    space = spline_space(knots, 2)
    assert space.evaluate(np.array([[0.0]]), np.array([7.0, 1.0, 1.0, 1.0])).shape == (1, 1)
    assert space.evaluate(np.array([0.0]), np.array([7.0, 1.0, 1.0, 1.0]))[0] == pytest.approx(7.0)
