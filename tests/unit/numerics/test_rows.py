"""Rows that are solved each on its own, against fits of one row at a time."""

import numpy as np
import pytest

from soxspipe.numerics.rows import fit_rows, row_slope


def test_each_row_is_its_own_weighted_fit() -> None:
    rng = np.random.default_rng(4)
    terms, values = rng.normal(size=(5, 40, 3)), rng.normal(size=(5, 40, 2))
    weight = rng.uniform(0.1, 2.0, size=(5, 40))
    found = fit_rows(terms, weight, values, np.zeros((5, 0)))
    for row in range(5):
        root = np.sqrt(weight[row])[:, None]
        expected = np.linalg.lstsq(root * terms[row], root * values[row], rcond=None)[0]
        np.testing.assert_allclose(found[row], expected, rtol=1e-6)


def test_a_prior_holds_the_last_terms_at_zero() -> None:
    """One term, ones of weight 1 and values of 2: 4 * 2 / (4 + 12) with a prior of 12."""
    found = fit_rows(np.ones((2, 4, 1)), np.ones((2, 4)), np.full((2, 4, 1), 2.0), np.array([[0.0], [12.0]]))
    np.testing.assert_allclose(found[:, 0, 0], [2.0, 0.5], rtol=1e-8)


def test_a_row_without_weight_and_terms_that_are_alike_do_no_harm() -> None:
    terms = np.ones((2, 4, 2))
    found = fit_rows(terms, np.array([[0.0] * 4, [1.0] * 4]), np.full((2, 4, 1), 2.0), np.zeros((2, 0)))
    assert np.all(found[0] == 0.0)
    np.testing.assert_allclose((terms[1] @ found[1])[:, 0], 2.0, rtol=1e-6)


@pytest.mark.parametrize("length", [2, 3, 8])
def test_the_slope_of_a_row_is_that_of_numpy(length: int) -> None:
    values = np.random.default_rng(5).normal(size=(4, length))
    np.testing.assert_array_equal(row_slope(values), np.gradient(values, axis=1))
