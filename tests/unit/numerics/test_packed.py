"""Masks of one bit a pixel."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.numerics.packed import pack


@pytest.mark.parametrize("columns", [8, 13, 1])
def test_rows_come_back_as_they_were(columns: int) -> None:
    mask = np.random.default_rng(1).random((9, columns)) < 0.4
    packed = pack(mask)
    assert packed.shape == mask.shape
    assert packed.bits.nbytes == 9 * -(-columns // 8)
    for rows in (slice(None), slice(2, 5), slice(None, None, 4), slice(7, 99)):
        np.testing.assert_array_equal(packed.rows(rows), mask[rows])


def test_what_is_unpacked_may_be_changed() -> None:
    packed = pack(np.ones((2, 3), dtype=bool))
    packed.rows(slice(None))[:] = False
    assert packed.rows(slice(None)).all()
    assert not packed.bits.flags.writeable
