"""What there is to worry about in a spectrum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from soxspipe.datamodel.flags import PixelFlag, SpectrumFlag
from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.models import OrderShift, WavelengthShift
from soxspipe.datamodel.remark import Remark
from soxspipe.report.science import ReportContent
from soxspipe.report.science.judge import judge
from soxspipe.report.verdict import Verdict

Make = Callable[..., ReportContent]


def _with_metric(content: ReportContent, metric: Metric) -> ReportContent:
    others = tuple(entry for entry in content.metrics if entry.name != metric.name)
    return replace(content, reduction=replace(content.reduction, metrics=(*others, metric)))


def test_a_good_reduction_is_called_good(content: Make) -> None:
    verdict = judge(content())
    assert verdict.level == "good"
    assert verdict.worries == ()
    assert verdict.summary.startswith("SN2026abc, NIR arm, one exposure of 300 s: 3 orders flux-calibrated")
    assert "31.4" in verdict.summary


def test_a_metric_out_of_range_is_a_failure_and_named(content: Make) -> None:
    verdict = judge(_with_metric(content(standard=True), Metric(name="EFF MEDIAN", value=0.01, low=0.02, high=0.2)))
    assert verdict.level == "fail"
    assert verdict.worries[0] == "EFF MEDIAN is 0.01, outside 0.02 to 0.2."


def test_no_object_is_a_failure_and_comes_first(content: Make) -> None:
    forced = content(forced=True)
    verdict = judge(_with_metric(forced, Metric(name="SNR MEDIAN", value=0.3, low=7.0)))
    assert verdict.level == "fail"
    assert verdict.worries[0].startswith("No object was found (significance 0.8)")
    assert "upper limit" in verdict.worries[0]


def test_a_position_given_by_the_user_is_not_called_a_miss(content: Make) -> None:
    given = content()
    trace = replace(given.reduction.trace, forced=True)
    assert (
        judge(replace(given, reduction=replace(given.reduction, trace=trace))).worries[0]
        == "The position on the slit was given, not found."
    )


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (Metric(name="SKY CHI LINES", value=1.6), "residuals of 1.60 times the noise"),
        (Metric(name="EMPTY SKY CHI", value=1.2), "Errors are 20% too small"),
        (Metric(name="EMPTY SKY CHI", value=0.8), "Errors are 20% too large"),
        (Metric(name="EMPTY SLIT CHI", value=1.8), "Errors of the flux are 80% too small"),
        (Metric(name="APERTURE LOSS", value=0.3), "30% of the light falls outside"),
    ],
)
def test_metrics_beyond_the_page_are_worries(content: Make, metric: Metric, words: str) -> None:
    verdict = judge(_with_metric(content(), metric))
    assert verdict.level == "check"
    assert words in verdict.advice


def test_a_wavelength_shift_is_a_worry_unless_applied(content: Make) -> None:
    base = content()
    assert base.wavelength_shift is not None
    sound = next(iter(base.wavelength_shift.orders.values()))
    off = replace(sound, shift_px=-0.4, error_px=0.02, applied=False)

    def judged(one: OrderShift) -> Verdict:
        return judge(replace(base, wavelength_shift=WavelengthShift(orders={10: sound, 11: one})))

    assert "order 11 off by -0.40 ± 0.02 px" in judged(off).advice
    assert judged(replace(off, applied=True)).level == "good"
    assert judged(replace(off, error_px=0.3)).level == "good"
    assert judged(replace(off, source="none", shift_px=float("nan"))).level == "good"


def test_orders_that_disagree_are_named(content: Make) -> None:
    base = content()
    joins = tuple(replace(join, scale=1.2 if at == 0 else 1.0) for at, join in enumerate(base.reduction.merged.joins))
    merged = replace(base.reduction.merged, joins=joins)
    advice = judge(replace(base, reduction=replace(base.reduction, merged=merged))).advice
    assert "Orders 12 and 11" in advice
    assert "disagree by 20%" in advice


@pytest.mark.parametrize(("share", "level"), [(0.05, "good"), (0.3, "check"), (0.6, "fail")])
def test_nothing_with_half_of_the_spectrum_missing_is_good(content: Make, share: float, level: str) -> None:
    base = content()
    metrics = [metric for metric in base.reduction.metrics if not metric.name.startswith("NO DATA FRAC")]
    missing = Metric(name="NO DATA FRAC", value=share)
    verdict = judge(replace(base, reduction=replace(base.reduction, metrics=(*metrics, missing))))
    assert verdict.level == level
    assert verdict.title == {"good": "Good", "check": "Look closer", "fail": "Not good"}[level]
    assert (f"{share:.0%} of the spectrum is missing" in verdict.advice) == (level != "good")


def test_an_order_without_data_is_named(content: Make) -> None:
    base = content()
    metrics = [metric for metric in base.reduction.metrics if not metric.name.startswith("NO DATA FRAC")]
    missing = (Metric(name="NO DATA FRAC", value=0.04), Metric(name="NO DATA FRAC O11", value=0.9, order="11"))
    assert "90% of order 11 is missing" in judge(replace(base, reduction=replace(base.reduction, metrics=(*metrics, *missing)))).advice


def test_saturation_is_a_share_of_the_spectrum(content: Make) -> None:
    base = content()
    quality = np.array(base.reduction.merged.quality)
    quality[: quality.size // 10] |= int(SpectrumFlag.SATURATED)
    merged = replace(base.reduction.merged, quality=quality)
    assert "10.0% of the spectrum is saturated" in judge(replace(base, reduction=replace(base.reduction, merged=merged))).advice


@pytest.mark.parametrize(("share", "said"), [(0.005, False), (0.02, True)])
def test_more_rejected_pixels_than_cosmic_rays_strike(content: Make, share: float, said: bool) -> None:
    base = content()
    flags = np.zeros_like(base.reduction.sky_subtracted.flags)
    inside = np.flatnonzero(base.reduction.geometry.dispersion_map.order.reshape(-1) > 0)
    flags.reshape(-1)[inside[: round(share * inside.size)]] = PixelFlag.OUTLIER
    frame = replace(base.reduction.sky_subtracted, flags=flags)
    verdict = judge(replace(base, reduction=replace(base.reduction, sky_subtracted=frame)))
    assert ("2.0% of the pixels in orders were rejected" in verdict.advice) is said
    assert (verdict.level == "good") is not said


def test_missing_calibration_failures_and_warnings_are_told_once(content: Make) -> None:
    base = content()
    bare = replace(
        base, reduction=replace(base.reduction, fluxed=None, response=None), failures={"response": "the star is unknown."}, warnings=("flat missing",) * 2
    )  # fmt: skip
    verdict = judge(bare)
    assert verdict.level == "check"
    assert verdict.worries == ("The step “response” could not be done: the star is unknown.", "Flat missing.")


def test_advice_is_short(content: Make) -> None:
    verdict = judge(replace(content(), warnings=("one", "two", "three", "four")))
    assert verdict.advice == "One. Two. (2 more below.)"


def test_a_remark_is_said_and_is_no_worry(content: Make) -> None:
    verdict = judge(replace(content(), warnings=(Remark("two darks are given; a.fits is used (its exposure time fits best)"),)))
    assert verdict.level == "good"
    assert verdict.worries == ()
    assert verdict.remarks == ("Two darks are given; a.fits is used (its exposure time fits best).",)
