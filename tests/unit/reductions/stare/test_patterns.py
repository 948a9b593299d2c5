"""What is said of a read-out pattern."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.frames.prepare import RawExposure
from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.frame import ReadoutPattern
from soxspipe.datamodel.remark import Remark
from soxspipe.qc.exposures import measure_readout_pattern
from soxspipe.reductions.stare.patterns import pattern_words, without_noisy_rows

BOTH = ReadoutPattern(rows=np.array([3.0, -3.0]), columns=np.array([4.0, -4.0]), variance=0.25, excess=np.zeros(2))
ROWS = ReadoutPattern(rows=np.array([3.0, -3.0]), columns=np.zeros(2), variance=0.25, excess=np.zeros(2))


def test_one_line_gives_the_sizes_in_electrons() -> None:
    assert pattern_words(["a.fits"], [None], 7.3) == ()
    assert pattern_words(["a.fits", "b.fits"], [BOTH, None], 7.3) == (
        "a.fits: offsets of columns of 4.0 e- and offsets of rows of 3.0 e- (rms), as unlit pixels show them, were taken off; "
        "0.5 e- is added to the error",
    )
    (several,) = pattern_words(["a.fits", "b.fits"], [ROWS, ROWS], 7.3)
    assert several.startswith("a.fits and 1 more: offsets of rows of 3.0 e- (rms)")


def test_rows_with_more_noise_are_said_beside_what_was_taken_off() -> None:
    noisy = ReadoutPattern(rows=np.zeros(2), columns=np.zeros(2), variance=0.0, excess=np.array([0.0, 84.0]))
    assert pattern_words(["a.fits"], [noisy], 4.0) == (
        "a.fits: one row is read with more noise than others, as unlit pixels show (10.0 e-); their errors say so",
    )
    both = replace(ROWS, excess=np.array([84.0, 84.0]))
    taken, rows = pattern_words(["a.fits", "b.fits"], [noisy, both], 4.0)
    assert taken.startswith("b.fits: offsets of rows of 3.0 e-")
    assert rows.startswith("a.fits and 1 more: 2 rows are read with more noise")


def test_a_step_that_has_no_place_is_said() -> None:
    step = ReadoutPattern(rows=np.zeros(2), columns=np.zeros(2), variance=0.0, excess=np.zeros(2), unplaced_e=6.0)
    (said,) = pattern_words(["a.fits"], [step], 4.0)
    assert said.startswith("a.fits: unlit pixels on both sides of an order show a step in level of 6.0 e- between columns")


def test_noisy_rows_do_not_tell_the_read_noise() -> None:
    detector = Detector(science_columns=(0, 3), science_rows=(0, 2), gain_e_per_adu=1.0, read_noise_e=3.0)
    bad = np.zeros((2, 3), dtype=bool)
    plain = RawExposure(adu=np.zeros((2, 3)), bad_pixels=bad, detector=detector, exptime_s=1.0, pattern=ROWS)
    assert without_noisy_rows(plain) is plain
    noisy = replace(plain, pattern=replace(ROWS, excess=np.array([0.0, 9.0])))
    assert without_noisy_rows(noisy).bad_pixels.tolist() == [[False] * 3, [True] * 3]


def test_a_pattern_within_a_fifth_of_the_read_noise_is_a_remark() -> None:
    assert not isinstance(pattern_words(["a.fits"], [ROWS], 14.9)[0], Remark)
    assert isinstance(pattern_words(["a.fits"], [ROWS], 15.1)[0], Remark)


def test_the_metric_is_that_of_the_worst_exposure_and_0_without_a_pattern() -> None:
    size, error = measure_readout_pattern([None, ROWS, BOTH])
    assert size.value == pytest.approx(5.0)
    assert error.value == pytest.approx(0.5)
    assert [metric.value for metric in measure_readout_pattern([None])] == [0.0, 0.0]
