"""ADU to electrons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.frames.prepare import expose, orient_and_trim, prepare
from soxspipe.datamodel.dead_lines import DeadLines
from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import RawFrame
from soxspipe.datamodel.observation import Observation


def detector(**values: object) -> Detector:
    facts = {"science_columns": (1, 4), "science_rows": (0, 2), "gain_e_per_adu": 2.0, "read_noise_e": 3.0} | values
    return Detector(**facts)  # type: ignore[arg-type]


def raw(adu: np.ndarray) -> RawFrame:
    return RawFrame(adu=adu, observation=Observation(arm="NIR", kind="OBJECT", exptime_s=60.0))


def test_electrons_and_read_noise() -> None:
    adu = np.arange(8, dtype=np.uint16).reshape(2, 4)
    frame = prepare(raw(adu), detector(), np.zeros((2, 3), dtype=bool))
    np.testing.assert_array_equal(frame.electrons, [[2, 4, 6], [10, 12, 14]])
    np.testing.assert_array_equal(frame.variance, 9.0)
    np.testing.assert_array_equal(frame.flags, 0)
    assert frame.electrons.dtype == np.float64
    assert frame.exptime_s == 60.0


@pytest.mark.parametrize(("turns", "expected"), [(1, [[3, 7], [2, 6]]), (2, [[7, 6], [3, 2]]), (3, [[4, 0], [5, 1]])])
def test_turns_are_counter_clockwise_and_come_before_the_trim(turns: int, expected: list[list[int]]) -> None:
    adu = np.arange(8).reshape(2, 4)
    np.testing.assert_array_equal(
        orient_and_trim(adu, detector(quarter_turns=turns, science_columns=(0, 2), science_rows=(0, 2))), expected
    )


def test_area_is_given_unbinned() -> None:
    adu = np.arange(12).reshape(3, 4)
    kept = orient_and_trim(adu, detector(science_columns=(2, 7), science_rows=(1, 6), binning=(2, 2)))
    np.testing.assert_array_equal(kept, adu[0:3, 1:3])


def test_reasons_are_flagged_apart() -> None:
    adu = np.array([[0.0, 10.0, np.nan, 200.0], [0.0, np.inf, 5.0, 199.0]])
    bad = np.array([[True, False, False], [False, False, False]])
    frame = prepare(raw(adu), detector(saturation_adu=200.0), bad)
    np.testing.assert_array_equal(
        frame.flags, [[PixelFlag.BAD, PixelFlag.NOT_FINITE, PixelFlag.SATURATED], [PixelFlag.NOT_FINITE | PixelFlag.SATURATED, 0, 0]]
    )
    assert np.isfinite(frame.electrons).all()
    assert frame.electrons[0, 1] == 0.0


def test_dead_lines_are_bad_pixels_of_their_exposure() -> None:
    bad, dead = (
        np.zeros((2, 3), dtype=bool),
        (DeadLines(axis=0, first=1, stop=2, beside_e=9.0), DeadLines(axis=1, first=0, stop=1, beside_e=9.0)),
    )
    frame = prepare(replace(raw(np.zeros((2, 4))), dead=dead), detector(), bad)
    np.testing.assert_array_equal(frame.flags, np.uint8(PixelFlag.BAD) * np.array([[1, 0, 0], [1, 1, 1]]))
    assert not bad.any()


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_parts_of_an_exposure_are_parts_of_the_frame(turns: int, dtype: type) -> None:
    rng = np.random.default_rng(turns)
    adu = rng.integers(0, 250, (30, 40)).astype(dtype)
    if dtype is np.float32:
        adu[rng.random(adu.shape) < 0.05] = np.nan
    facts = detector(quarter_turns=turns, science_columns=(3, 25), science_rows=(2, 24), saturation_adu=200.0)
    bad = rng.random((22, 22)) < 0.1
    frame = prepare(raw(adu), facts, bad)
    pixels = (rng.integers(0, 22, (3, 50)), rng.integers(0, 22, (3, 50)))
    for where in (slice(5, 12), pixels):
        part, expected = expose(raw(adu), facts, bad).part(where), frame.part(where)
        np.testing.assert_array_equal(part.electrons, expected.electrons)
        np.testing.assert_array_equal(part.flags, expected.flags)
        np.testing.assert_array_equal(np.broadcast_to(part.variance, part.flags.shape), expected.variance)


def test_input_is_not_touched() -> None:
    adu = np.array([[1.0, 2.0, np.nan, 4.0], [1.0, 2.0, 3.0, 4.0]])
    before = adu.copy()
    prepare(raw(adu), detector(), np.zeros((2, 3), dtype=bool))
    np.testing.assert_array_equal(adu, before)


def test_a_raw_frame_too_small_for_the_science_area_is_refused() -> None:
    with pytest.raises(ValueError, match=r"3 x 2 px does not hold the science area up to 4 x 2"):
        prepare(raw(np.zeros((2, 3))), detector(), np.zeros((2, 3), dtype=bool))


def test_a_bad_pixel_map_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="bad-pixel map has shape"):
        prepare(raw(np.zeros((2, 4))), detector(), np.zeros((2, 4), dtype=bool))


def test_read_noise_of_a_mean_of_integrations() -> None:
    """Read noise 3 e- in each of four integrations: variance 9 / 4."""
    frame_of_four = RawFrame(adu=np.zeros((2, 4)), observation=Observation(arm="VIS", kind="OBJECT", exptime_s=10.0, integrations=4))
    frame = prepare(frame_of_four, detector(), np.zeros((2, 3), dtype=bool))
    np.testing.assert_allclose(frame.variance, 9.0 / 4.0)
    assert frame.integrations == 4
