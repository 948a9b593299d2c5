"""Names of orders for people."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.results import make_arm


@pytest.mark.parametrize(
    ("orders", "said"),
    [
        ([12], "order 12"),
        ([12, 11], "orders 11, 12"),
        ([10, 11, 12], "orders 10 to 12"),
        ([11, 13, 15, 16, 17, 20, 21], "orders 11, 13, 15 to 17, 20, 21"),
    ],
)
def test_orders_in_a_row_are_said_by_their_ends(orders: list[int], said: str) -> None:
    assert replace(make_arm("NIR"), bands={}).named(orders) == said


def test_bands_are_said_by_their_names() -> None:
    assert make_arm("VIS").named([1, 2, 4]) == "orders r, u, i"
