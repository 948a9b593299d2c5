"""A lamp that is out shows in the lines of its element."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.calibration.arc_settings import ArcSettings
from soxspipe.algorithms.calibration.lamps_seen import LampSeen, lamps_seen
from soxspipe.algorithms.calibration.predict_lines import candidate_lines
from soxspipe.algorithms.calibration.solve_arc import solve_arc
from support.arcs import SHAPE, Motion, paint_arc, small_prediction

PREDICTION = small_prediction()
LINES = candidate_lines(PREDICTION, (), SHAPE)
ONE = np.zeros(1)


@pytest.mark.parametrize("on", [("Ar",), ("Ar", "Ne")])
def test_the_lamp_without_lines_is_out(on: tuple[str, ...]) -> None:
    painted = paint_arc(PREDICTION, candidate_lines(PREDICTION, on, SHAPE), ONE, Motion(dx=1.0, dy=-0.5))
    seen = lamps_seen(solve_arc(painted.image, PREDICTION, LINES, ONE, ArcSettings(), dispersion_axis="x"))
    assert {lamp.element: lamp.out for lamp in seen} == {"Ar": False, "Ne": "Ne" not in on}
    assert all(lamp.expected > 30 for lamp in seen)


def test_few_lines_say_nothing() -> None:
    assert not LampSeen(element="Hg", expected=4, used=0).out
    assert LampSeen(element="Hg", expected=5, used=1).out
    assert not LampSeen(element="Hg", expected=5, used=2).out
