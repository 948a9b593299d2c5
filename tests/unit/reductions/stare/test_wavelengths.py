"""Arc and exposure: what belongs together, and what the user is told."""

from __future__ import annotations

import math

import pytest

from soxspipe.datamodel.models import OrderShift, WavelengthShift
from soxspipe.datamodel.observation import Arc, Observation
from soxspipe.datamodel.remark import Remark
from soxspipe.instruments.registry import arm
from soxspipe.reductions.stare.wavelengths import is_attached, shift_note, shift_warnings

MINUTE = 1.0 / 1440.0


def seen(mjd: float, rotator_deg: float | None, exptime_s: float = 600.0) -> Observation:
    return Observation(arm="VIS", kind="OBJECT", exptime_s=exptime_s, mjd=mjd, rotator_deg=rotator_deg)


@pytest.mark.parametrize(
    ("arc", "attached"),
    [
        (Arc(mjd=100.0 + 16 * MINUTE, seconds=60.0, rotator_deg=42.0), True),
        (Arc(mjd=100.0 + 18 * MINUTE, seconds=60.0, rotator_deg=42.0), False),
        (Arc(mjd=100.0 - 7.9 * MINUTE, seconds=60.0, rotator_deg=38.0), True),
        (Arc(mjd=100.0, seconds=60.0, rotator_deg=45.1), False),
        (Arc(mjd=100.0, seconds=60.0, rotator_deg=-320.0), True),
        (Arc(mjd=100.0, seconds=60.0), False),
        (Arc(mjd=math.nan, seconds=60.0, rotator_deg=40.0), False),
    ],
)
def test_an_arc_is_attached_within_7_minutes_and_5_degrees(arc: Arc, attached: bool) -> None:
    assert is_attached(arc, [seen(100.0, 40.0)]) is attached


def test_every_exposure_must_have_the_angle() -> None:
    arc = Arc(mjd=100.0, seconds=60.0, rotator_deg=40.0)
    assert not is_attached(arc, [seen(100.0, 40.0), seen(100.01, 60.0)])
    assert not is_attached(arc, [seen(100.0, None)])


def test_the_user_is_told_what_is_not_tied_and_what_follows_a_law() -> None:
    vis = arm("SOXS", "VIS")
    tied = OrderShift(shift_px=1.0, error_px=0.01, coefficients=(1.0,), source="lines", applied=True, n_lines=30)
    law = OrderShift(shift_px=-2.6, error_px=0.96, coefficients=(-2.6,), source="law", applied=True)
    loose = OrderShift(shift_px=math.nan, error_px=math.nan, coefficients=(0.0,), source="none", applied=False, reason="no lines")
    shift = WavelengthShift(orders={1: tied, 2: law, 3: loose, 4: tied})
    said = list(shift_warnings(shift, vis))
    assert said[0] == "wavelengths of order g are those of the arc, not tied to the sky: no lines"
    assert "order u were moved by -2.60 ± 0.96 px" in said[1]
    assert shift_note(shift, vis) == "-2.60 to +1.00 px on 60 lines, not tied: g"
    assert not list(shift_warnings(WavelengthShift(orders={3: loose}, attached=True), vis))
    assert shift_note(None, vis) == "off"


def test_an_arc_beside_the_exposure_is_no_comfort_where_other_orders_moved_against_it() -> None:
    nir = arm("SOXS", "NIR")
    loose = OrderShift(
        shift_px=math.nan,
        error_px=math.nan,
        coefficients=(0.0,),
        source="none",
        applied=False,
        reason="the arc was taken beside the exposure",
    )

    def said(moved_px: float) -> list[str]:
        tied = OrderShift(shift_px=moved_px, error_px=0.01, coefficients=(moved_px,), source="lines", applied=True, n_lines=30)
        return list(shift_warnings(WavelengthShift(orders={10: loose, 11: tied, 12: tied}, attached=True), nir))

    assert said(0.05) == []
    (line,) = said(-5.0)
    assert line.startswith("wavelengths of order 10 are those of the arc, not tied to the sky")
    assert line.endswith("but other orders moved by 5.0 px against it")


def with_others(error_px: float, reason: str = "", *, applied: bool = True) -> OrderShift:
    return OrderShift(shift_px=2.0, error_px=error_px, coefficients=(2.0,), source="neighbours", applied=applied, reason=reason)


def test_orders_that_follow_others_are_named_as_usual_where_these_move_together() -> None:
    (line,) = shift_warnings(
        WavelengthShift(orders={22: with_others(0.04), 23: with_others(0.05), 24: with_others(0.06)}), arm("SOXS", "NIR")
    )
    assert isinstance(line, Remark)
    assert line == "orders 22 to 24 show too few sky lines: wavelengths follow the other orders, which move together, to 0.06 px"
    assert not list(shift_warnings(WavelengthShift(orders={22: with_others(0.04)}, attached=True), arm("SOXS", "NIR")))


def test_orders_that_follow_others_which_stand_apart_are_a_warning() -> None:
    orders = {12: with_others(0.6), 14: with_others(0.9, "its few sky lines contradict the orders beside it", applied=False)}
    said = list(shift_warnings(WavelengthShift(orders=orders), arm("SOXS", "NIR")))
    assert said == [
        "wavelengths of order 12 were moved by +2.00 ± 0.60 px, after the orders beside it: some of which stand apart from the rest",
        "wavelengths of order 14 were not moved, after the orders beside it: its few sky lines contradict the orders beside it",
    ]
    assert not any(isinstance(line, Remark) for line in said)
