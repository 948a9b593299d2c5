"""Noise of the masters in exposures that use the same pixels, or not."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from soxspipe.algorithms.exposures.combine import combine_order
from soxspipe.algorithms.exposures.common_noise import common_variance, shared_pixels
from unit.algorithms.exposures.test_align import N, order

WAVE = 600.0 + 0.05 * np.arange(N)


def test_profiles_in_one_place_share_all_pixels_and_far_ones_none() -> None:
    overlap = shared_pixels([0.0, 0.0, 3.0], [1.0, 1.0, 1.0])
    np.testing.assert_allclose(overlap[:2, :2], 1.0)
    assert overlap[0, 2] < 1e-5
    # one sigma of each apart: exp(-1/4)
    assert shared_pixels([0.0, 1.0 / 2.3548], [1.0, 1.0])[0, 1] == pytest.approx(np.exp(-0.25))


def test_exposures_without_a_position_count_as_in_one_place() -> None:
    np.testing.assert_allclose(shared_pixels([np.nan, 0.3], [1.0, 1.0]), 1.0)


def test_noise_of_one_dark_does_not_fall_with_the_number_of_exposures() -> None:
    """Own variance 9 each and 3 of the dark: three exposures have 9 / 3 + 3 = 6 where they share its pixels, (9 + 3) / 3 = 4 elsewhere."""
    spectra = [order(WAVE, np.full(N, 100.0), 12.0)] * 3
    for apart, expected in ((0.0, 6.0), (5.0, 4.0)):
        overlap = shared_pixels([0.0, apart, -apart], [0.9] * 3)
        common = partial(common_variance, np.full((3, N), 3.0), overlap=overlap)
        combined = combine_order(spectra, [np.zeros((3, N))] * 3, [np.ones(N)] * 3, common)
        np.testing.assert_allclose(combined.spectrum.variance, expected, rtol=1e-3)
