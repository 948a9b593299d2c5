"""What is said of a read-out pattern."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.datamodel.frame import ReadoutPattern
from soxspipe.datamodel.remark import Remark
from soxspipe.qc.exposures import measure_readout_pattern
from soxspipe.reductions.stare.patterns import pattern_words

BOTH = ReadoutPattern(rows=np.array([3.0, -3.0]), columns=np.array([4.0, -4.0]), variance=0.25)
ROWS = ReadoutPattern(rows=np.array([3.0, -3.0]), columns=np.zeros(2), variance=0.25)


def test_one_line_gives_the_sizes_in_electrons() -> None:
    assert pattern_words(["a.fits"], [None], 7.3) == ()
    assert pattern_words(["a.fits", "b.fits"], [BOTH, None], 7.3) == (
        "a.fits: offsets of channels of 4.0 e- and stripes of 3.0 e- (rms), as unlit pixels show them, were taken off; "
        "0.5 e- is added to the error",
    )
    (several,) = pattern_words(["a.fits", "b.fits"], [ROWS, ROWS], 7.3)
    assert several.startswith("a.fits and 1 more: stripes of 3.0 e- (rms)")


def test_a_pattern_within_a_fifth_of_the_read_noise_is_a_remark() -> None:
    assert not isinstance(pattern_words(["a.fits"], [ROWS], 14.9)[0], Remark)
    assert isinstance(pattern_words(["a.fits"], [ROWS], 15.1)[0], Remark)


def test_the_metric_is_that_of_the_worst_exposure_and_0_without_a_pattern() -> None:
    size, error = measure_readout_pattern([None, ROWS, BOTH])
    assert size.value == pytest.approx(5.0)
    assert error.value == pytest.approx(0.5)
    assert [metric.value for metric in measure_readout_pattern([None])] == [0.0, 0.0]
