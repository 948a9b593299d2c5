"""Growth of the telluric bands."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.spectra.telluric_bands import random_band_depth


def test_random_bands_grow_in_proportion_while_weak_and_as_the_root_when_saturated() -> None:
    weak, _ = random_band_depth(np.array([0.001]), 4.0, 1.0)
    deep, slope = random_band_depth(np.array([50.0]), 4.0, 0.1)
    assert weak[0] == pytest.approx(0.004, rel=0.01)
    assert deep[0] == pytest.approx(100.0, rel=0.01)
    ahead, _ = random_band_depth(np.array([50.0 + 1e-4]), 4.0, 0.1)
    assert slope[0] == pytest.approx((ahead[0] - deep[0]) / 1e-4, rel=1e-3)
