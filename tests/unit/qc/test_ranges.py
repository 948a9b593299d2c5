"""Acceptable ranges: ends, the user's own, and metrics of single orders."""

import pytest

from soxspipe.datamodel.metric import Metric
from soxspipe.qc.ranges import chosen_ranges, with_ranges
from soxspipe.reductions.stare.ranges import BY_ARM


@pytest.mark.parametrize(("number", "flag"), [(0.93, "pass"), (1.0, "pass"), (0.929, "fail"), (float("nan"), "fail"), (None, "fail")])
def test_ends_belong_to_the_range_and_what_was_not_measured_fails(number, flag):
    metric = Metric(name="SAMPLES DET FRAC", value=number)
    (limited,) = with_ranges([metric], BY_ARM["VIS"])
    assert (limited.low, limited.high) == (0.93, 1.0)
    assert limited.flag == flag


def test_the_user_overrides_ranges_in_either_spelling():
    ranges = chosen_ranges(BY_ARM["NIR"], {"snr-median": (1.0, 5.0), "detector_temp": (0.0, 50.0)})
    assert ranges["SNR MEDIAN"] == (1.0, 5.0)
    assert ranges["DETECTOR TEMP"] == (0.0, 50.0)
    assert ranges["N ORDERS"] == (15, 15)


def test_per_order_metrics_do_not_inherit_the_global_range():
    (metric,) = with_ranges([Metric(name="SNR MEDIAN O24", value=1.0, order="24")], BY_ARM["NIR"])
    assert metric.low is None
