"""Half the slit's length as an order table has it."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.calibration.flat_layout import make_layout
from soxspipe.datamodel.geometry import OrderPolynomial, OrderTable


def level(a_px: float) -> OrderPolynomial:
    return OrderPolynomial(coefficients=np.array([[a_px]]))


@pytest.mark.parametrize(
    ("low", "high", "half"), [(80.0, 120.0, 20.0), (120.0, 80.0, 20.0), (100.0, 100.0, None), (98.0, 102.0, None), (None, None, None)]
)
def test_edges_may_have_changed_places_but_not_lie_on_each_other(low: float | None, high: float | None, half: float | None) -> None:
    table = OrderTable(
        dispersion_axis="y", orders=(4,), b_min={4: 0.0}, b_max={4: 299.0}, centre=level(100.0),
        low=None if low is None else level(low), high=None if high is None else level(high),
    )  # fmt: skip
    assert make_layout(table, (300, 200), (1, 1)).half_slit_px == half


def test_edges_are_binned() -> None:
    table = OrderTable(
        dispersion_axis="y", orders=(4,), b_min={4: 0.0}, b_max={4: 299.0}, centre=level(100.0), low=level(80.0), high=level(120.0)
    )
    assert make_layout(table, (300, 100), (2, 1)).half_slit_px == 10.0
