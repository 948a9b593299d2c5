"""The scale between the flats of two lamps, worked by hand."""

import numpy as np
import pytest

from soxspipe.algorithms.calibration.lamp_scale import HALF_WINDOW_PX, OrderJoin, OrderLight, order_joins, second_lamp_scale
from soxspipe.io.arc_lines import read_arc_prediction
from soxspipe.io.static import read_spectral_format

B = np.arange(200.0)


def light(first, second, spectrum):
    values = np.stack([np.full(B.size, first), np.full(B.size, second)])
    return OrderLight(b_px=B, light=values, variance=values.copy(), spectrum=spectrum)


def test_the_scale_is_the_ratio_of_the_lamps_in_both_orders_at_the_join():
    orders = {2: light(100.0, 400.0, 1), 3: light(900.0, 3600.0, 0)}
    assert second_lamp_scale([OrderJoin(orders=(2, 3), b_px=(150.0, 20.0))], orders) == pytest.approx(0.25)


def test_only_light_near_the_join_counts():
    values = np.stack([np.where(np.abs(B - 100) <= HALF_WINDOW_PX, 100.0, 1e6), np.full(B.size, 50.0)])
    bent = OrderLight(b_px=B, light=values, variance=values, spectrum=1)
    found = second_lamp_scale([OrderJoin(orders=(2, 3), b_px=(100.0, -500.0))], {2: bent, 3: light(1.0, 1.0, 0)})
    assert found == pytest.approx(2.0)


@pytest.mark.parametrize("orders", [{2: light(100.0, 400.0, 1)}, {2: light(100.0, 400.0, 1), 3: light(9.0, 36.0, 1)}])
def test_without_two_orders_of_different_lamps_there_is_no_scale(orders):
    assert second_lamp_scale([OrderJoin(orders=(2, 3), b_px=(150.0, 20.0))], orders) is None


def test_a_lamp_that_is_not_seen_there_gives_no_scale():
    orders = {2: light(1e-3, 400.0, 1), 3: light(1e-3, 3600.0, 0)}
    assert second_lamp_scale([OrderJoin(orders=(2, 3), b_px=(150.0, 20.0))], orders) is None


def test_orders_of_the_vis_arm_meet_inside_the_wavelengths_of_both():
    prediction = read_arc_prediction("SOXS", "VIS")
    joins = {join.orders: join.b_px for join in order_joins(prediction, "y")}
    formats = {entry.order: entry.full_nm for entry in read_spectral_format("SOXS", "VIS").orders}
    assert len(joins) == 3
    for (blue, red), places in joins.items():
        assert formats[blue][0] < formats[red][0]
        assert all(-100 < place < 4200 for place in places)
