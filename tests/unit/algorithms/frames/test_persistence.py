"""Charge that stays on the detector, on small arrays."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.frames.persistence import LEAST_STRUCK, Afterglow, Persistence, measure_persistence
from soxspipe.datamodel.calibrations import Masters
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import Frame

SHAPE = (256, 200)
UNLIT = np.ones(SHAPE, dtype=bool)
UNLIT[100:140] = False  # an order
LEVEL = 20.0 + 0.1 * np.arange(SHAPE[1])


def frame(seed: int, charge: np.ndarray, flags: np.ndarray | None = None) -> Frame:
    electrons = LEVEL + charge + 8.0 * np.random.default_rng(seed).normal(size=SHAPE)
    flags = np.zeros(SHAPE, np.uint8) if flags is None else flags
    return Frame(electrons=electrons, variance=np.full(SHAPE, 64.0), flags=flags, exptime_s=100.0)


def tracks(seed: int, number: int) -> np.ndarray:
    """Cosmic rays of two pixels each, 1000 to 4000 electrons."""
    draw = np.random.default_rng(seed)
    charge = np.zeros(SHAPE)
    y, x = draw.integers(0, SHAPE[0], number), draw.integers(4, SHAPE[1] - 5, number)
    charge[y, x] = charge[y, x + 1] = draw.uniform(1000, 4000, number)
    return charge


def test_the_share_is_found_within_its_error_and_the_error_is_right() -> None:
    pulls = []
    for seed in range(40):
        struck = tracks(seed, 150)
        found = measure_persistence(frame(seed, struck), frame(1000 + seed, 0.01 * struck + tracks(500 + seed, 150)), Masters(), UNLIT)
        assert found is not None
        pulls.append((found.share - 0.01) / found.error)
    assert found.error == pytest.approx(
        np.sqrt(1.5) * 8.0 / (2600.0 * np.sqrt(240)), rel=0.15
    )  # pixel less the mean of two, rms charge, pixels
    assert np.mean(pulls) == pytest.approx(0.0, abs=0.5)
    assert np.std(pulls) == pytest.approx(1.0, abs=0.3)


def test_hot_pixels_are_not_charge_that_stayed() -> None:
    hot, struck = tracks(7, 200), tracks(8, 100)
    found = measure_persistence(frame(1, struck + hot), frame(2, hot), Masters(), UNLIT)
    assert found is not None
    assert abs(found.share) < 4.0 * found.error


def test_flagged_pixels_take_no_part_and_few_measure_nothing() -> None:
    struck = tracks(3, 100)
    flags = np.where(struck > 0, np.uint8(PixelFlag.BAD), np.uint8(0)).astype(np.uint8)
    assert measure_persistence(frame(1, struck, flags), frame(2, 0.05 * struck), Masters(), UNLIT) is None
    assert measure_persistence(frame(1, tracks(4, LEAST_STRUCK // 4)), frame(2, np.zeros(SHAPE)), Masters(), UNLIT) is None
    assert isinstance(measure_persistence(frame(1, struck), frame(2, np.zeros(SHAPE)), Masters(), UNLIT), Persistence)


def test_the_afterglow_is_a_share_of_the_charge_above_the_pedestal_in_rows_and_in_single_pixels() -> None:
    light = np.arange(np.prod(SHAPE), dtype=float).reshape(SHAPE)
    flags = np.zeros(SHAPE, np.uint8)
    flags[3, 4] = PixelFlag.NOT_FINITE
    before = Frame(electrons=light + 50.0, variance=np.ones(SHAPE), flags=flags, exptime_s=100.0)
    dark = Frame(electrons=np.full(SHAPE, 50.0), variance=np.ones(SHAPE), flags=np.zeros(SHAPE, np.uint8), exptime_s=100.0)
    for masters in (Masters(dark=dark), Masters(offset_e=50.0)):
        glow = Afterglow(share=0.02, before=before, masters=masters)
        np.testing.assert_allclose(glow.at(slice(10, 12)), 0.02 * light[10:12])
        for where in ((np.array([5, 7]), np.array([1, 2])), (np.array([[5], [7]]), np.array([[1, 2]]))):
            np.testing.assert_allclose(glow.at(where), 0.02 * light[where])
        assert glow.at((np.array([3]), np.array([4]))) == 0.0  # nothing is known of it
