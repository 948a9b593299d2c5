"""Bent orders, followed from line to line."""

from __future__ import annotations

import numpy as np

from soxspipe.algorithms.calibration.follow_orders import follow_orders
from soxspipe.algorithms.calibration.predict_lines import candidate_lines, pixels_of
from support.arcs import SHAPE, add_spots, arc_image, small_prediction

PREDICTION = small_prediction()
LINES = candidate_lines(PREDICTION, (), SHAPE)


def test_a_bent_order_is_followed_past_missing_and_unlisted_lines() -> None:
    here = LINES.order == 11
    x, y = pixels_of(PREDICTION.x, PREDICTION.y, LINES.order[here], LINES.wavelength_nm[here], np.zeros(int(here.sum())))
    bend = -5.0 * np.sin(np.pi * np.clip(x / SHAPE[1], 0, 1))
    rng = np.random.default_rng(4)
    light = np.where(rng.random(x.size) < 0.1, 0.0, 6000.0)
    image = rng.normal(0, 5, SHAPE)
    add_spots(image, x + bend, y, light)
    add_spots(image, rng.uniform(0, SHAPE[1], 4), np.full(4, float(np.median(y))), np.full(4, 9000.0))
    found = follow_orders(arc_image(image), LINES.order[here], x, y, np.ones(x.size), "x")
    assert np.mean(np.abs(found.dx - bend)[light > 0] < 2.5) > 0.9  # as near as the next step can reach
