"""Normal equations of a sky model."""

from __future__ import annotations

import numpy as np

from soxspipe.algorithms.sky.normal_equations import regularised


def test_the_ridge_leaves_a_well_measured_matrix_alone() -> None:
    band = np.stack([np.full(50, 4.0), np.full(50, 1.0), np.zeros(50), np.zeros(50)])
    np.testing.assert_allclose(regularised(band), band, atol=1e-5)
    np.testing.assert_array_equal(band[0], 4.0)
