"""B-splines against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import BSpline

from soxspipe.algorithms.splines import (
    basis_and_slopes,
    bspline_basis,
    bspline_matrix,
    clamped_knots,
    evaluate,
    find_pieces,
)

RNG = np.random.default_rng(3)
UNEVEN = np.sort(np.concatenate([[0.0, 50.0], RNG.uniform(0, 50, 30), 20.0 + RNG.uniform(0, 0.02, 6)]))
"""Break points, a handful of which are a thousand times closer than the rest."""


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("inner", [np.linspace(0.0, 50.0, 21), UNEVEN], ids=["regular", "uneven"])
def test_basis_is_scipys(degree: int, inner: np.ndarray) -> None:
    knots = clamped_knots(inner, degree)
    x = np.concatenate([RNG.uniform(0, 50, 10_000), [0.0, 50.0], inner])  # more points than are done at once
    np.testing.assert_allclose(bspline_matrix(x, knots, degree), BSpline.design_matrix(x, knots, degree).toarray(), atol=1e-12)


@pytest.mark.parametrize("degree", [2, 3])
def test_points_outside_continue_the_end_pieces(degree: int) -> None:
    knots = clamped_knots(np.linspace(0.0, 10.0, 8), degree)
    coefficients = RNG.normal(size=knots.size - degree - 1)
    x = np.array([-0.7, 10.4])
    np.testing.assert_allclose(evaluate(x, knots, coefficients, degree), BSpline(knots, coefficients, degree)(x), rtol=1e-10)


def test_slopes_are_the_derivative_of_the_values() -> None:
    knots = clamped_knots(UNEVEN, 3)
    x = RNG.uniform(0, 50, 500)
    first, values, slopes = basis_and_slopes(x, knots, 3)
    coefficients = RNG.normal(size=knots.size - 4)
    spline = BSpline(knots, coefficients, 3)
    around = coefficients[first + np.arange(4)[:, None]]
    np.testing.assert_allclose(np.sum(around * values, axis=0), spline(x), rtol=1e-9, atol=1e-9)
    expected = spline.derivative()(x)
    np.testing.assert_allclose(np.sum(around * slopes, axis=0), expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max())


def test_slopes_are_left_out_unless_asked_for() -> None:
    _, _, slopes = basis_and_slopes(np.array([1.0, 2.0]), clamped_knots(np.linspace(0, 5, 6), 3), 3, with_slopes=False)
    assert slopes.size == 0


def test_pieces_hold_their_points() -> None:
    knots = clamped_knots(UNEVEN, 3)
    x = RNG.uniform(0, 50, 2000)
    piece = find_pieces(x, knots, 3)
    assert (knots[piece] <= x + 1e-12).all()
    assert (x < knots[piece + 1]).all()
    np.testing.assert_array_equal(find_pieces(np.array([-3.0, 53.0]), knots, 3), [3, knots.size - 5])


def test_clamped_splines_sum_to_one_and_pass_through_their_ends() -> None:
    knots = clamped_knots(np.array([0.0, 1.0, 4.0]), 2)
    np.testing.assert_array_equal(knots, [0, 0, 0, 1, 4, 4, 4])
    _, values = bspline_basis(np.array([0.0, 0.3, 3.9]), knots, 2)
    np.testing.assert_allclose(values.sum(axis=0), 1.0)
    assert evaluate(np.array([[0.0]]), knots, np.array([7.0, 1.0, 1.0, 1.0]), 2).shape == (1, 1)
    assert evaluate(np.array([0.0]), knots, np.array([7.0, 1.0, 1.0, 1.0]), 2)[0] == pytest.approx(7.0)
