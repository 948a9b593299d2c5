"""Least squares without negative unknowns."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.numerics.not_negative import not_negative


def test_unknowns_are_not_negative() -> None:
    normal, right = np.array([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), np.array([4.0, -3.0, -3.0])
    assert not_negative(normal, right, free=1).tolist() == pytest.approx([2.0, 0.0, -3.0])
