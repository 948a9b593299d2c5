"""What QC says of the wavelength shift of every order."""

from __future__ import annotations

import math

import pytest

from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.models import OrderShift, ShiftSource, WavelengthShift
from soxspipe.instruments.registry import arm
from soxspipe.qc.wavelength_metrics import measure_order_shifts, measure_wavelength_shift


def shift(source: ShiftSource, shift_px: float, error_px: float, n_lines: int = 0, reason: str = "") -> OrderShift:
    return OrderShift(
        shift_px=shift_px,
        error_px=error_px,
        coefficients=(shift_px,),
        source=source,
        applied=source != "none",
        n_lines=n_lines,
        reason=reason,
    )


def found() -> dict[str, Metric]:
    orders = {
        11: shift("none", math.nan, math.nan, reason="no sky lines were measured"),
        12: shift("lines", 1.0, 0.01, n_lines=20),
        13: shift("neighbours", 1.0, 0.6),
    }
    return {metric.name: metric for metric in measure_order_shifts(WavelengthShift(orders=orders), arm("SOXS", "NIR"), ())}


def test_every_order_has_its_shift_error_and_source() -> None:
    metrics = found()
    assert metrics["WAVE UNTIED"].value == 1
    assert (metrics["WAVE SHIFT O12"].value, metrics["WAVE ERR O12"].value, metrics["WAVE SOURCE O12"].value) == (1.0, 0.01, "lines")
    assert (metrics["WAVE SHIFT O11"].value, metrics["WAVE ERR O11"].value, metrics["WAVE SOURCE O11"].value) == (None, None, "none")
    assert metrics["WAVE SOURCE O11"].comment == "no sky lines were measured"


@pytest.mark.parametrize(("order", "limit"), [(11, None), (12, 0.3), (13, 0.3)])
def test_an_error_has_a_limit_where_lines_or_neighbours_gave_the_shift(order: int, limit: float | None) -> None:
    assert found()[f"WAVE ERR O{order}"].high == limit


def test_without_a_measurement_nothing_is_claimed() -> None:
    assert measure_order_shifts(None, arm("SOXS", "NIR"), ()) == ()
    assert [metric.value for metric in measure_wavelength_shift(None)] == [None, None, None]
