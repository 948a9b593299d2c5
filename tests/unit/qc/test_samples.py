"""Gaps between samples of a trace, worked by hand."""

import numpy as np
import pytest

from soxspipe.qc.samples import measure_gaps


def test_the_longest_stretch_of_each_order():
    order = np.array([4, 4, 4, 4, 4, 5, 5, 5])
    b_px = np.array([0.0, 10.0, 20.0, 30.0, 40.0, 100.0, 150.0, 200.0])
    used = np.array([True, True, False, False, True, False, False, False])
    four, five = measure_gaps(order, b_px, used, "abcdef".__getitem__)
    assert (four.name, four.order, four.value) == ("SAMPLES GAP MAX Oe", "e", pytest.approx(0.75))  # 10 to 40 of 40
    assert five.value == 1.0  # none at all


def test_ends_count():
    (gap,) = measure_gaps(np.ones(3, dtype=int), np.array([0.0, 60.0, 100.0]), np.array([False, True, True]), str)
    assert gap.value == pytest.approx(0.6)
