"""Robust numbers of the scorer."""

import numpy as np
import pytest

from soxspipe.simulate.statistics import clipped_rms, median, median_error, pure_noise, robust_std, running_median, share_per_1000


def test_robust_numbers_tolerate_gaps():
    values = np.array([1.0, 2.0, np.nan, 3.0, 1e9, np.nan])
    assert median(values) == 2.5
    assert np.isnan(robust_std(values))
    assert np.isnan(median(np.array([np.nan])))
    assert clipped_rms(np.array([-1.0, 1.0, -1.0, 1.0, 1e9, -1e9]), 10.0) == pytest.approx(np.sqrt(204 / 6))
    assert share_per_1000(np.array([True, False])) == 500.0
    np.testing.assert_array_equal(running_median(np.array([1.0, np.nan, 1.0]), 3), 1.0)


def test_the_error_of_a_median_of_ratios() -> None:
    """400 ratios of signal-to-noise 10: 1.2533 x 0.1 / 20; deviates of one width have 0.6745 and 1.96 of it as median and 95th percentile."""
    assert median_error(np.full(400, 10.0)) == pytest.approx(1.2533 * 0.1 / 20, rel=1e-4)
    assert pure_noise(np.full(5, 2.0), 50.0) == pytest.approx(2 * 0.6745, rel=0.02)
    assert pure_noise(np.full(5, 2.0), 95.0) == pytest.approx(2 * 1.96, rel=0.02)
