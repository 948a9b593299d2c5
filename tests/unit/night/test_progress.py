"""How far a night is."""

from __future__ import annotations

import pytest

from soxspipe.night.graph import build_graph
from soxspipe.night.progress import Course
from soxspipe.night.state import Outcome
from support.night_headers import whole_night
from support.nights import planned


def test_time_left_is_the_work_left_over_the_workers() -> None:
    nodes = build_graph(planned(whole_night()))
    course = Course(workers=2)
    course.plan(nodes)
    assert course.standing().left_s is None
    course.count(Outcome(name="x", verb="mdark", seconds=4.0))
    standing = course.standing()
    assert (standing.done, standing.total, standing.by_verb["mdark"]) == (1, 26, (1, 3))
    assert standing.left_s == pytest.approx(25 * 4.0 / 2)
