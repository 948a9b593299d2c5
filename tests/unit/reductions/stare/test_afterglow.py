"""What is said of charge that stayed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from soxspipe.algorithms.frames.persistence import Persistence
from soxspipe.algorithms.frames.prepare import RawExposure
from soxspipe.datamodel.calibrations import Masters
from soxspipe.datamodel.detector import Detector
from soxspipe.qc.exposures import measure_afterglow
from soxspipe.reductions.stare.afterglow import afterglow_words, significant_share, without_afterglow

NOTHING, LITTLE, MUCH = (Persistence(share=share, error=0.0006) for share in (0.0025, 0.004, 0.0102))


def test_the_worst_exposure_is_named_with_its_share_and_error() -> None:
    (said,) = afterglow_words(["a.fits", "b.fits", "c.fits"], [None, LITTLE, MUCH])
    assert said.startswith("c.fits: 1.0 +- 0.1 % of the charge of the exposure before it")


def test_each_exposure_is_freed_of_the_whole_charge_of_the_one_before_it_in_time() -> None:
    """Three exposures, the last of the list the first in time: wells keep a share of what they held, not of what light brought."""
    detector = Detector(science_columns=(0, 4), science_rows=(0, 4), gain_e_per_adu=2.0, read_noise_e=3.0)
    kept = [
        RawExposure(adu=np.full((4, 4), level), bad_pixels=np.zeros((4, 4), bool), detector=detector, exptime_s=100.0)
        for level in (201.0, 302.01, 100.0)
    ]
    inputs = SimpleNamespace(by_time=lambda _numbers: [2, 0, 1], masters=Masters())
    share = Persistence(share=0.01, error=0.0005)
    cleaned = without_afterglow(kept, [share, share, None], inputs)  # type: ignore[arg-type]  # all of the inputs that is looked at
    levels = [float(one.part(slice(0, 1)).electrons[0, 0]) / detector.gain_e_per_adu for one in cleaned]
    assert levels == pytest.approx([200.0, 300.0, 100.0])
    untouched = without_afterglow(kept, [NOTHING, None, None], inputs)  # type: ignore[arg-type]
    assert all(one is other for one, other in zip(untouched, kept, strict=True))


def test_noise_is_not_said() -> None:
    assert significant_share(NOTHING) == 0.0  # 4.2 sigma
    assert significant_share(LITTLE) == 0.004
    assert not list(afterglow_words(["a.fits", "b.fits"], [None, NOTHING]))
    assert not list(afterglow_words(["a.fits"], [None]))


def test_the_metric_is_the_largest_share_and_is_absent_where_nothing_was_measured() -> None:
    assert measure_afterglow([None, 0.0, 0.004])[0].value == pytest.approx(0.004)
    assert measure_afterglow([None]) == ()
