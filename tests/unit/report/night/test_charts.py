"""Small charts of the night's page."""

from __future__ import annotations

import math
import re

import pytest

from soxspipe.report.night.charts import chart, thumbnail
from soxspipe.report.night.content import Curve


def curve(n: int = 120) -> Curve:
    values = tuple(None if place % 40 == 7 else 1e-16 * (1.5 + math.sin(place / 9)) for place in range(n))
    return Curve(low_nm=350.0, high_nm=850.0, values=values)


def test_a_thumbnail_breaks_at_gaps_and_stays_in_its_box() -> None:
    drawn = thumbnail(curve(), "x")
    assert drawn is not None
    assert drawn.count("<polyline") == 4  # gaps at 7, 47 and 87
    heights = [float(y) for y in re.findall(r",([\d.]+)", drawn)]
    assert 0.0 <= min(heights) <= max(heights) <= 40.0
    assert thumbnail(Curve(low_nm=1, high_nm=2, values=(None, None)), "x") is None


@pytest.mark.parametrize(("xs", "ys"), [([1.0], [5.0]), ([1.0, 2.0], [0.0, 0.0]), ([3.0, 3.0], [1e-17, 2e-17]), ([0.0, 9.0], [-1e6, 1e6])])
def test_axes_have_a_few_round_ticks_whatever_the_values(xs: list[float], ys: list[float]) -> None:
    drawn = chart("t", "x", "y", [("", xs, ys)], dots=True)
    assert 4 <= drawn.count("<text") - 2 <= 14
    assert drawn.count("<circle") == len(xs)


def test_the_acceptable_range_is_a_band_where_it_is_near() -> None:
    assert 'class="band"' in chart("t", "x", "y", [("", [1.0, 2.0], [3.0, 4.0])], limits=(2.0, 5.0))
    assert "nothing was measured" in chart("t", "x", "y", [("", [], [])])
