"""How bright a flat is along the orders' centres."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.calibration.combine_flats import combine_lamp, level_of, light_and_drift
from soxspipe.algorithms.calibration.flat_layout import Layout
from soxspipe.algorithms.calibration.flat_settings import FlatSettings
from soxspipe.errors import AlgorithmError
from support.flats import B, two_orders
from support.raw_calibrations import in_memory


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


def test_light_and_drift_of_flats_are_told_apart():
    # frames l F + d with F = 1000 at the centres and 20 in the gaps (scattered light), l = 0.9, 1.0, 1.1 and d = -40, 10, 30
    light, drift = np.array([0.9, 1.0, 1.1]), np.array([-40.0, 10.0, 30.0])
    lit, dark = ([np.full(50, level * one + more) for one, more in zip(light, drift, strict=True)] for level in (1000.0, 20.0))
    levels, found = light_and_drift(lit, dark)
    np.testing.assert_allclose(found, drift, atol=1e-9)
    np.testing.assert_allclose(levels / levels.mean(), light, atol=1e-12)


def test_without_contrast_there_is_no_drift():
    levels, drift = light_and_drift([np.full(9, 5.0), np.full(9, 7.0)], [np.full(9, 5.0), np.full(9, 7.0)])
    assert levels.tolist() == [5.0, 7.0]
    assert drift.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("full_well", [None, 16000.0])
def test_wells_that_are_full_below_the_known_level_are_told(full_well: float | None) -> None:
    edges, _, _ = two_orders()
    centres = {n: (B, 0.5 * (low + high)) for n, (low, high) in edges.items()}
    images = [np.minimum(two_orders(seed)[1], full_well or np.inf) for seed in (1, 2, 3)]
    frames = [in_memory(image, name=f"flat_{i}.fits") for i, image in enumerate(images)]
    frames = [replace(frame, detector=replace(frame.detector, saturation_adu=65535.0)) for frame in frames]
    layout = Layout("y", 1, 1, centres, 16.0)
    if full_well is None:
        assert combine_lamp("QTH", frames, None, layout, 5.0, FlatSettings()).levels_e.size == 3
    else:
        with pytest.raises(AlgorithmError, match="the detector is saturated"):
            combine_lamp("QTH", frames, None, layout, 5.0, FlatSettings())
