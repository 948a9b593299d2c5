"""When light was collected."""

import pytest

from soxspipe.datamodel.observation import Observation, time_span


def seen(mjd: float, exptime_s: float, **more) -> Observation:
    return Observation(arm="NIR", kind="OBJECT", exptime_s=exptime_s, mjd=mjd, **more)


def test_span_of_exposures_hours_apart():
    span = time_span([seen(60000.0, 864.0), seen(60000.2, 2 * 864.0)])
    assert span is not None
    assert span.end == pytest.approx(60000.22)
    assert span.elapsed_s == pytest.approx(0.22 * 86400.0)
    assert span.middle == pytest.approx(60000.11)
    assert span.mean == pytest.approx((60000.005 + 2 * 60000.21) / 3)  # weights as the exposure times


def test_pauses_between_integrations_belong_to_an_exposure():
    span = time_span([seen(60000.0, 432.0, integrations=2, sequence_s=1728.0)])
    assert span is not None
    assert span.end == pytest.approx(60000.02)
    assert span.mean == pytest.approx(60000.01)


def test_no_span_without_a_date():
    assert time_span([seen(60000.0, 1.0), seen(float("nan"), 1.0)]) is None
    assert time_span([]) is None


def test_an_exposure_with_little_light_hardly_moves_the_mean() -> None:
    """Two exposures of 864 s half a day apart, the second with a tenth of the weight: their middles weighed 10 to 1."""
    span = time_span([seen(60000.0, 864.0), seen(60000.5, 864.0)], [10 / 11, 1 / 11])
    assert span is not None
    assert span.mean == pytest.approx(60000.005 + 0.5 / 11)
    assert span.elapsed_s == pytest.approx(44064.0)
