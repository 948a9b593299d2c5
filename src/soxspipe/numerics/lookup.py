"""Values of tables between their places."""

from __future__ import annotations

from soxspipe.datamodel.arrays import FloatArray, IntArray


def between(table: FloatArray, left: IntArray, share: FloatArray) -> FloatArray:
    """Values of a table, shape (m,), between the places `left` and the next ones, which have `share` (0 to 1) of it; shape of `left`."""
    value, beside = table.take(left), table[1:].take(left)
    value *= 1.0 - share
    beside *= share
    value += beside
    return value
