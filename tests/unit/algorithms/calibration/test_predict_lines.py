"""Which lines are expected."""

from __future__ import annotations

from soxspipe.algorithms.calibration.predict_lines import candidate_lines, element_of
from support.arcs import SHAPE, small_prediction

PREDICTION = small_prediction()


def test_lines_of_lamps_that_are_off_are_not_searched_for() -> None:
    some = candidate_lines(PREDICTION, ("Ar",), SHAPE)
    assert set(some.element.tolist()) == {"Ar"}
    assert [element_of(ion) for ion in ("ArII", "HgI", "ThAr", "UNK")] == ["Ar", "Hg", "ThAr", "UNK"]
