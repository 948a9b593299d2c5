"""The pattern of expected lines, found where the detector has moved it to."""

from __future__ import annotations

import numpy as np

from soxspipe.algorithms.calibration.find_pattern import find_pattern
from soxspipe.algorithms.calibration.predict_lines import candidate_lines, pixels_of
from support.arcs import SHAPE, Motion, add_spots, arc_image, paint_arc, small_prediction

PREDICTION = small_prediction()
LINES = candidate_lines(PREDICTION, (), SHAPE)
ONE = np.zeros(1)


def test_the_pattern_is_found_where_it_was_moved_to() -> None:
    painted = paint_arc(PREDICTION, LINES, ONE, Motion(dx=4.0, dy=-3.0), missing=0.3)
    x, y = pixels_of(PREDICTION.x, PREDICTION.y, LINES.order, LINES.wavelength_nm, np.zeros(len(LINES)))
    found = find_pattern(painted.image, LINES.order, x, y, 8)
    np.testing.assert_allclose(found.shift, (4.0, -3.0), atol=0.4)
    dx, dy = found.motion(LINES.order, x, y, SHAPE)
    assert np.abs(dx - 4.0).max() < 1.1
    assert np.abs(dy + 3.0).max() < 1.1


def test_an_order_off_the_others_is_told() -> None:
    moved = np.where(LINES.order == 12, 5.0, 0.0)
    x, y = pixels_of(PREDICTION.x, PREDICTION.y, LINES.order, LINES.wavelength_nm, np.zeros(len(LINES)))
    image = np.random.default_rng(1).normal(0, 5, SHAPE)
    add_spots(image, x + moved, y, np.full(x.shape, 5000.0))
    found = find_pattern(arc_image(image), LINES.order, x, y, 6)
    assert set(found.order_shift) == {12}
    np.testing.assert_allclose(found.order_shift[12], (5.0 - found.shift[0], -found.shift[1]), atol=0.5)
