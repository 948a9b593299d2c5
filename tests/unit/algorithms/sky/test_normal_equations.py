"""Normal equations of a sky model."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.sky.normal_equations import regularised


def test_the_ridge_leaves_a_well_measured_matrix_alone() -> None:
    band = np.stack([np.full(50, 4.0), np.full(50, 1.0), np.zeros(50), np.zeros(50)])
    np.testing.assert_allclose(regularised(band), band, atol=1e-5)
    np.testing.assert_array_equal(band[0], 4.0)


@pytest.mark.parametrize("size", [1, 4, 12, 20])
def test_a_spline_of_few_pieces_is_tied_as_well(size: int) -> None:
    band = np.zeros((4, size))
    band[0] = 4.0
    band[0, size // 2] = 0.0  # no data
    tied = regularised(band)
    assert tied.shape == band.shape
    assert np.all(tied[0] > 0)
    np.testing.assert_allclose(tied[0], band[0], atol=1e-5)
