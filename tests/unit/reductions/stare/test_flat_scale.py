"""A flat in counts or per cent serves as one near 1."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.datamodel.frame import Frame
from soxspipe.reductions.stare.flat_scale import level_of_flat, scale_flat

SHAPE = (160, 240)
ORDER = np.where(np.arange(SHAPE[1]) % 80 < 40, 11, 0) * np.ones(SHAPE, dtype=int)


def flat(scale: float) -> Frame:
    """Orders at 1 and darkness between them, 1 % of noise, times a number."""
    lit = np.where(ORDER > 0, 1.0, 0.02) * np.random.default_rng(1).normal(1.0, 0.01, SHAPE)
    return Frame(electrons=scale * lit, variance=np.full(SHAPE, (0.01 * scale) ** 2), flags=np.zeros(SHAPE, np.uint8), exptime_s=0.0)


@pytest.mark.parametrize("scale", [30_000.0, 1e-4])
def test_flat_and_its_errors_are_divided_by_its_level(scale: float) -> None:
    scaled, (said,) = scale_flat(flat(scale), ORDER)
    assert scaled is not None
    assert level_of_flat(scaled, ORDER) == pytest.approx(1.0, rel=1e-3)
    np.testing.assert_allclose(np.sqrt(scaled.variance) / scaled.electrons, np.sqrt(flat(1.0).variance) / flat(1.0).electrons, rtol=1e-5)
    assert said.endswith("about 1 is usual; it is divided by that")


@pytest.mark.parametrize("scale", [0.05, 1.0, 90.0])
def test_flats_near_one_stay_as_they_are(scale: float) -> None:
    given = flat(scale)
    assert scale_flat(given, ORDER) == (given, ())


@pytest.mark.parametrize("scale", [1e-30, 1e12])
def test_numbers_that_are_no_flat_are_left_and_said(scale: float) -> None:
    given = flat(scale)
    kept, (said,) = scale_flat(given, ORDER)
    assert kept is given
    assert "off by as much" in said


def test_without_a_flat_or_light_nothing_is_done() -> None:
    dark = Frame(electrons=np.zeros(SHAPE), variance=np.ones(SHAPE), flags=np.zeros(SHAPE, np.uint8), exptime_s=0.0)
    assert scale_flat(None, ORDER) == (None, ())
    assert scale_flat(dark, ORDER) == (dark, ())
