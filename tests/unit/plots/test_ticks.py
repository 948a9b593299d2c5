"""Ticks by hand: round steps, decimals, powers of ten, logarithms."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.plots.ticks import EvenTicks, LogTicks, NamedTicks


@pytest.mark.parametrize(
    ("low", "high", "most", "numbers"),
    [
        (0.0, 10.0, 5, ("0", "2", "4", "6", "8", "10")),
        (0.0, 1.0, 4, ("0.00", "0.25", "0.50", "0.75", "1.00")),
        (-3.0, 3.0, 6, ("−3", "−2", "−1", "0", "1", "2", "3")),
        (0.0, 1e5, 2, ("0", "50000", "100000")),
        (0.0, 4e7, 4, ("0", "1×10⁷", "2×10⁷", "3×10⁷", "4×10⁷")),
        (0.0, 3e-6, 3, ("0", "1×10⁻⁶", "2×10⁻⁶", "3×10⁻⁶")),
        (1000.2, 1000.9, 4, ("1000.2", "1000.4", "1000.6", "1000.8")),
        (5.0, 5.0, 4, ("5",)),
    ],
)
def test_even_ticks(low: float, high: float, most: int, numbers: tuple[str, ...]) -> None:
    values, written = EvenTicks(most=most).between(low, high)
    assert written == numbers
    assert np.all((values >= low - 1e-9) & (values <= high + 1e-9))


def test_an_axis_that_falls_has_the_ticks_of_one_that_rises() -> None:
    assert EvenTicks(most=4).between(8.0, 0.0)[1] == ("0", "2", "4", "6", "8")


@pytest.mark.parametrize(
    ("low", "high", "numbers"),
    [
        (1.0, 100.0, ("1", "2", "5", "10", "20", "50", "100")),
        (1e-6, 1.0, ("10⁻⁶", "10⁻⁵", "10⁻⁴", "0.001", "0.01", "0.1", "1")),
        (2e5, 8e5, ("2×10⁵", "3×10⁵", "5×10⁵", "7×10⁵")),
    ],
)
def test_logarithmic_ticks(low: float, high: float, numbers: tuple[str, ...]) -> None:
    values, written = LogTicks().between(low, high)
    inside = (values >= low * (1 - 1e-9)) & (values <= high * (1 + 1e-9))
    assert tuple(text for text, shown in zip(written, inside, strict=True) if shown) == numbers


def test_named_ticks_are_as_they_were_given() -> None:
    places, names = NamedTicks(places=[1.0, 2.0], names=["a", "b"]).between(0.0, 9.0)
    assert (places.tolist(), names) == ([1.0, 2.0], ("a", "b"))
