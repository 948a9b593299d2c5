"""What is used, and said, when header and pixels do not agree about the noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.datamodel.calibrations import Masters
from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.frame import Frame
from soxspipe.reductions.stare.noise import judge_noise

SHAPE = (320, 500)


def detector(read_noise_e: float, gain: float = 1.25) -> Detector:
    return Detector(
        science_columns=(0, SHAPE[1]), science_rows=(0, SHAPE[0]), gain_e_per_adu=gain, read_noise_e=read_noise_e,
        gain_source="ESO DET OUT1 CONAD", read_noise_source="ESO DET OUT1 RON",
    )  # fmt: skip


def frame(electrons: np.ndarray, exptime_s: float = 900.0) -> Frame:
    return Frame(electrons=electrons, variance=np.zeros(SHAPE), flags=np.zeros(SHAPE, np.uint8), exptime_s=exptime_s)


def judge(electrons: np.ndarray, used: Detector, masters: Masters = Masters()):  # noqa: B008 - a frozen value
    return judge_noise([frame(electrons)], ["a.fits"], used, masters, np.ones(SHAPE, dtype=bool))


def test_pixels_that_agree_leave_the_header_its_word() -> None:
    found = judge(3.9 * np.random.default_rng(1).normal(size=SHAPE), detector(3.8))
    assert found.exposures[0].used_e == 3.8
    assert found.warnings == ()


def test_a_wrong_read_noise_is_corrected_and_said() -> None:
    found = judge(8.0 * np.random.default_rng(2).normal(size=SHAPE), detector(3.8))
    assert found.exposures[0].used_e == pytest.approx(8.0, rel=0.02)
    assert len(found.warnings) == 1
    assert "not the 3.8 e- of ESO DET OUT1 RON" in found.warnings[0]


def test_gain_and_its_inverse_cannot_be_swapped_unseen() -> None:
    adu = 3.04 * np.random.default_rng(3).normal(size=SHAPE)  # 3.8 e- at the true 1.25 e-/ADU
    found = judge(0.8 * adu, detector(3.8, gain=0.8))
    assert any("gain and its inverse seem to be swapped" in warning for warning in found.warnings)
    assert judge(1.25 * adu, detector(3.8)).warnings == ()


def test_a_swap_is_seen_where_it_leaves_hardly_any_noise() -> None:
    """7.3 e- at 2.3 e-/ADU are 3.17 ADU; with 1 / 2.3 they look like 1.38 e-."""
    found = judge(7.3 / 2.3**2 * np.random.default_rng(7).normal(size=SHAPE), detector(7.3, gain=1 / 2.3))
    assert any("with a gain of 2.3 e-/ADU" in warning and "swapped" in warning for warning in found.warnings)
    assert found.exposures[0].used_e == 7.3


def test_a_header_that_states_far_too_much_noise_does_not_stand_against_the_detector_file() -> None:
    """A card of 16 e- for a detector of 3.8: pixels that show 3.8 are believed, without a file that knows better they are not."""
    pixels = 3.8 * np.random.default_rng(8).normal(size=SHAPE)
    assert judge(pixels, replace(detector(16.0), usual_read_noise_e=3.8)).exposures[0].used_e == pytest.approx(3.8, rel=0.02)
    assert judge(pixels, detector(16.0)).exposures[0].used_e == 16.0


def test_a_level_above_the_masters_without_shot_noise_is_no_light() -> None:
    """A master bias of 375 e- that holds 300 ADU leaves 75 e- everywhere; so much light would scatter by 8.7 e-, the pixels do by 3.8."""
    rng = np.random.default_rng(5)
    found = judge(75.0 + 3.8 * rng.normal(size=SHAPE), detector(3.8))
    assert found.offset_e == pytest.approx(75.0, abs=1.0)  # of the dimmer half of the blocks
    (said,) = found.warnings
    assert "lie 75 e- above bias and dark" in said
    assert "BUNIT" in said
    lit = judge(rng.poisson(75.0, SHAPE) + 3.8 * rng.normal(size=SHAPE), detector(3.8))
    assert lit.offset_e == 0.0
    assert lit.warnings == ()


def test_a_level_of_the_dark_without_shot_noise_is_recognised() -> None:
    """31 e- of level in frame and dark, read noise 7.3 e-: no shot noise of the level is seen, and none is counted."""
    rng = np.random.default_rng(4)
    dark = frame(31.0 + 0.5 * rng.normal(size=SHAPE), exptime_s=300.0)
    masters = Masters(dark=dark, dark_scales_with_time=False)
    found = judge(31.0 + 7.3 * rng.normal(size=SHAPE), detector(7.3), masters)
    assert found.quiet_level_e == pytest.approx(31.0, abs=1.5)
    assert found.warnings == ()
    with_charge = judge(rng.poisson(31.0, SHAPE) + 7.3 * rng.normal(size=SHAPE), detector(7.3), masters)
    assert with_charge.quiet_level_e == pytest.approx(0.0, abs=1.5)
    assert with_charge.warnings == ()
