"""Wavelengths whose wells are full are left out as a whole."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.reductions.stare.solve_stack import _without_full_wells
from support.orders import make_geometry, order_data


@pytest.mark.parametrize("rows", [80, 5])
def test_rows_with_full_wells(rows: int) -> None:
    """Three pixels of every fifth or eightieth row of 400 are full."""
    geometry = make_geometry(numbers=(11,), n_b=400, spacing=60)
    (window,) = cut_orders(geometry)
    order = order_data(window, np.full(window.index.shape, 50.0), 25.0)
    flags = np.zeros(geometry.dispersion_map.order.shape, np.uint8)
    full = np.zeros(window.index.shape, dtype=bool)
    middle = np.argmax(window.inside, axis=1) + window.inside.sum(axis=1) // 2
    for row in range(0, 400, 400 // rows):
        full[row, middle[row] - 1 : middle[row] + 2] = True
    full[102, middle[102]] = True  # a hot pixel, beside which the row is sound
    flags.reshape(-1)[window.index[full]] = PixelFlag.SATURATED
    (kept,) = _without_full_wells([order], flags)
    empty = order.good.any(axis=1) & ~kept.good.any(axis=1)
    assert int(empty.sum()) == rows
    np.testing.assert_array_equal(kept.good[~empty], (order.good & ~full)[~empty])
