"""Medians and percentiles at less than numpy's price."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.numerics.medians import quick_percentile


@pytest.mark.parametrize("percent", [0.0, 20.0, 50.0, 98.0, 100.0])
@pytest.mark.parametrize("number", [1, 2, 7, 300])
def test_a_quick_percentile_is_numpys(number: int, percent: float) -> None:
    values = np.random.default_rng(number).normal(size=number)
    assert quick_percentile(values, percent) == pytest.approx(np.percentile(values, percent), rel=1e-12)
