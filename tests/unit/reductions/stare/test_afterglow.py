"""What is said of charge that stayed."""

from __future__ import annotations

import pytest

from soxspipe.algorithms.frames.persistence import Persistence
from soxspipe.qc.exposures import measure_afterglow
from soxspipe.reductions.stare.afterglow import afterglow_words, significant_share

NOTHING, LITTLE, MUCH = (Persistence(share=share, error=0.0006) for share in (0.0025, 0.004, 0.0102))


def test_the_worst_exposure_is_named_with_its_share_and_error() -> None:
    (said,) = afterglow_words(["a.fits", "b.fits", "c.fits"], [None, LITTLE, MUCH])
    assert said.startswith("c.fits: 1.0 +- 0.1 % of the charge of the exposure before it")


def test_noise_is_not_said() -> None:
    assert significant_share(NOTHING) == 0.0  # 4.2 sigma
    assert significant_share(LITTLE) == 0.004
    assert not list(afterglow_words(["a.fits", "b.fits"], [None, NOTHING]))
    assert not list(afterglow_words(["a.fits"], [None]))


def test_the_metric_is_the_largest_share_and_is_absent_where_nothing_was_measured() -> None:
    assert measure_afterglow([None, 0.0, 0.004])[0].value == pytest.approx(0.004)
    assert measure_afterglow([None]) == ()
