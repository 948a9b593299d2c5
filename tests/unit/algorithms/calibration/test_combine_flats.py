"""How bright a flat is along the orders' centres."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.calibration.combine_flats import level_of


@pytest.mark.parametrize(
    ("sample", "level"),
    [
        ([100.0, 1000.0, 900.0, 1100.0, 10.0], 1000.0),  # what lies below a third of the brightest is the blaze's end
        ([-30.0, -20.0, -10.0], -20.0),  # no light: below the background in every pixel
        ([np.nan, np.nan], 0.0),
        ([], 0.0),
    ],
)
def test_level_of_a_lamp(sample: list[float], level: float) -> None:
    assert level_of(np.array(sample)) == level
