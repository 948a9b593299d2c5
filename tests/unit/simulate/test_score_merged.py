"""Merged spectra against the truth."""

import numpy as np
import pytest

from soxspipe.simulate.score_merged import binned_pulls


def test_correlated_errors_are_counted_in_bins():
    rng = np.random.default_rng(3)
    n = 20000
    white = rng.normal(size=n + 1)
    residual = (white[1:] + white[:-1]) / np.sqrt(2)
    table = {"CORR_LAG1": np.full(n, 0.5)}
    args = (np.arange(n) * 0.1, residual, np.ones(n), np.ones(n, dtype=bool))
    assert np.std(binned_pulls(table, *args, width_nm=1.0)) == pytest.approx(1.0, abs=0.05)
    assert np.std(binned_pulls({}, *args, width_nm=1.0)) > 1.3
