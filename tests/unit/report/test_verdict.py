"""What the report says first."""

from __future__ import annotations

import pytest

from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.remark import Remark
from soxspipe.report.verdict import as_sentence, judge_calibration, shown_range, shown_value


@pytest.mark.parametrize(
    ("metric", "value", "limits"),
    [
        (Metric(name="A", value=12345), "12 345", ""),
        (Metric(name="A", value=0.123456, unit="px", low=0.0, high=0.5), "0.1235 px", "0 to 0.5"),
        (Metric(name="A", value=None, low=1.0), "not measured", "≥ 1"),
        (Metric(name="A", value=float("nan"), high=2.0), "not measured", "≤ 2"),
        (Metric(name="A", value=15, low=15, high=15), "15", "15"),
    ],
)
def test_values_and_ranges_as_people_write_them(metric: Metric, value: str, limits: str) -> None:
    assert shown_value(metric) == value
    assert shown_range(metric) == limits


INSIDE = Metric(name="RAW RON", value=7.0, unit="electrons", low=0.0, high=15.0, comment="")
OUTSIDE = Metric(name="MASTER RON", value=12.0, unit="electrons", low=0.0, high=10.0, comment="")


def test_nothing_to_say_is_good():
    verdict = judge_calibration([INSIDE], [Remark("one frame was enough")])
    assert (verdict.title, verdict.advice) == ("Good", "Nothing stands out.")
    assert verdict.remarks == ("One frame was enough.",)


def test_a_warning_is_worth_a_look():
    verdict = judge_calibration([INSIDE], ["dark_3.fits: its level is 40.0 electrons"])
    assert (verdict.level, verdict.worries) == ("check", ("dark_3.fits: its level is 40.0 electrons.",))


def test_a_metric_out_of_its_range_comes_first():
    verdict = judge_calibration([INSIDE, OUTSIDE], ["a frame was left out"])
    assert verdict.title == "Not good"
    assert [worry.split()[0] for worry in verdict.worries] == ["MASTER", "A"]
    assert "0 to 10" in verdict.worries[0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("raw_NIR_1.fits: MJD-OBS is missing", "raw_NIR_1.fits: MJD-OBS is missing."),
        ("the gain is missing.", "The gain is missing."),
        ("use_flat is off", "use_flat is off."),
    ],
)
def test_sentences_begin_with_a_capital_but_names_stay(text: str, sentence: str) -> None:
    assert as_sentence(text) == sentence
