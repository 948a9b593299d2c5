"""The verdict of a calibration: from ranges and warnings alone."""

from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.remark import Remark
from soxspipe.report.verdict import judge_calibration

INSIDE = Metric(name="RAW RON", value=7.0, unit="electrons", low=0.0, high=15.0, comment="")
OUTSIDE = Metric(name="MASTER RON", value=12.0, unit="electrons", low=0.0, high=10.0, comment="")


def test_nothing_to_say_is_good():
    verdict = judge_calibration([INSIDE], [Remark("one frame was enough")])
    assert (verdict.title, verdict.advice) == ("Good", "Nothing stands out.")
    assert verdict.remarks == ("One frame was enough.",)


def test_a_warning_is_worth_a_look():
    verdict = judge_calibration([INSIDE], ["dark_3.fits: its level is 40.0 electrons"])
    assert (verdict.level, verdict.worries) == ("check", ("Dark_3.fits: its level is 40.0 electrons.",))


def test_a_metric_out_of_its_range_comes_first():
    verdict = judge_calibration([INSIDE, OUTSIDE], ["a frame was left out"])
    assert verdict.title == "Not good"
    assert [worry.split()[0] for worry in verdict.worries] == ["MASTER", "A"]
    assert "0 to 10" in verdict.worries[0]
