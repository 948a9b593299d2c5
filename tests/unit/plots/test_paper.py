"""Limits, places and layers of a panel."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.plots.paper import Areas, Axis, Line, Panel, Picture, Segments
from soxspipe.plots.show_image import palette


def panel() -> Panel:
    return Panel(rect=(0.0, 0.0, 1.0, 1.0))


def test_limits_that_nobody_set_hold_what_is_drawn() -> None:
    drawn = panel()
    drawn.plot(np.array([1.0, np.nan, 3.0]), np.array([0.0, 5.0, 10.0]), color="#000000")
    assert drawn.xaxis.view == (1.0, 3.0)
    assert drawn.yaxis.view == pytest.approx((-0.5, 10.5))
    drawn.set_ylim(2.0, 4.0)
    assert drawn.yaxis.view == (2.0, 4.0)


def test_limits_of_nothing_and_of_one_value() -> None:
    assert Axis().view == (0.0, 1.0)
    one = panel()
    one.axhline(4.0, color="#000000", lw=1.0)
    assert one.yaxis.view == (2.0, 6.0)


def test_places_are_shares_of_the_axis() -> None:
    assert Axis(limits=(10.0, 30.0)).place(np.array([10.0, 25.0])).tolist() == [0.0, 0.75]
    logs = Axis(limits=(1.0, 100.0), logarithmic=True).place(np.array([10.0, 0.0, -1.0, np.nan]))
    assert logs[0] == pytest.approx(0.5)
    assert np.all(logs[1:3] < -100.0)
    assert np.isnan(logs[3])


def test_a_filling_breaks_where_it_is_not_known() -> None:
    drawn = panel()
    drawn.fill_between(np.arange(6.0), 0.0, np.array([1.0, 2.0, np.nan, 4.0, 5.0, 6.0]), color="#000000")
    (areas,) = drawn.marks
    assert isinstance(areas, Areas)
    assert areas.outlines[0].tolist() == [[0.0, 0.0], [1.0, 0.0], [1.0, 2.0], [0.0, 1.0]]
    assert len(areas.outlines) == 2


def test_pictures_lie_under_areas_and_areas_under_lines() -> None:
    drawn = panel()
    drawn.plot(np.arange(2.0), np.arange(2.0), color="#000000")
    drawn.fill_between(np.arange(2.0), 0.0, np.arange(2.0), color="#000000")
    drawn.marks.append(Segments(ends=np.zeros((1, 2, 2)), color="#000000", width=1.0, under=True))
    drawn.imshow(np.zeros((2, 2), np.uint8), palette("gray_r", 16), (0.0, 1.0, 0.0, 1.0))
    assert [type(mark) for mark in drawn.layers()] == [Picture, Areas, Segments, Line]
