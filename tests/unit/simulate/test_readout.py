"""Levels that the read-out adds."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.simulate.detector import stream
from soxspipe.simulate.readout import CHANNELS, read_out_pattern
from soxspipe.simulate.scene import Scene


def test_pattern_of_the_read_out() -> None:
    scene = Scene(channel_offsets_e=20.0, stripes_e=5.0, odd_even_e=2.0)
    pattern = read_out_pattern(scene, (2040, 2040), stream(1, "pattern"))
    channels = pattern.mean(axis=0)
    assert np.unique(np.round(channels, 6)).size == CHANNELS
    assert channels.std() == pytest.approx(20.0, rel=0.4)
    rows = pattern.mean(axis=1)
    assert rows[1::2].mean() - rows[::2].mean() == pytest.approx(2.0, abs=0.7)
    assert rows.std() == pytest.approx(5.0, rel=0.1)


def test_rows_of_their_own_level_and_odd_columns() -> None:
    scene = Scene(arm="VIS", row_levels_e=3.0, odd_even_columns_e=-2.0)
    pattern = read_out_pattern(scene, (4096, 10), stream(1, "pattern"))
    assert pattern[:, 0].std() == pytest.approx(3.0, rel=0.05)
    assert np.diff(pattern[:, :2], axis=1) == pytest.approx(-2.0)


def test_a_part_of_the_detector_is_higher_than_the_rest() -> None:
    scene = Scene(arm="VIS", step_e=6.0, step_from=(0.5, 0.25))
    pattern = read_out_pattern(scene, (8, 4), stream(1, "pattern"))
    expected = np.zeros((8, 4))
    expected[2:, 2:] = 6.0
    np.testing.assert_array_equal(pattern, expected)


def test_an_ordinary_read_out_adds_nothing() -> None:
    assert not read_out_pattern(Scene(), (5, 5), stream(1, "pattern")).any()
