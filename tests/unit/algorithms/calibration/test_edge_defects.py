"""Defects under the edge of a slit's image."""

import numpy as np

from soxspipe.algorithms.calibration.edge_defects import BAD_COLUMN_STRETCH, without_defects

ROWS = 10 * BAD_COLUMN_STRETCH
TOLERANCE = np.full(ROWS, 0.1)


def edge(slope):
    """Shares of seven pixels (0 to 6) about an edge that begins at 3.2 and moves by `slope` a row; lit are those below it."""
    pixel = np.tile(np.arange(7), (ROWS, 1))
    beyond = pixel - (3.2 + slope * np.arange(ROWS))[:, None]
    return np.clip(0.5 - beyond, 0.0, 1.0), beyond, pixel


def test_sound_pixels_stay_as_they_are():
    share, beyond, pixel = edge(0.001)
    assert np.array_equal(without_defects(share, TOLERANCE, beyond, pixel), share)


def test_a_dark_pixel_well_within_the_slit_is_given_its_light():
    share, beyond, pixel = edge(0.0)
    share[5, 0] = 0.1
    assert without_defects(share, TOLERANCE, beyond, pixel)[5, 0] == 1.0


def test_a_column_of_half_the_light_along_the_edge_is_left_out_where_it_is_bad_and_two_stretches_around():
    share, beyond, pixel = edge(0.0)  # the edge lights 0.7 of column 3
    share[4 * BAD_COLUMN_STRETCH : 5 * BAD_COLUMN_STRETCH, 3] *= 0.5
    cleaned = without_defects(share, TOLERANCE, beyond, pixel)
    lost = np.flatnonzero(np.isnan(cleaned[:, 3]))
    assert (lost[0], lost[-1]) == (2 * BAD_COLUMN_STRETCH, 7 * BAD_COLUMN_STRETCH - 1)
    assert np.isfinite(np.delete(cleaned, 3, axis=1)).all()


def test_columns_are_not_judged_by_an_edge_that_lies_elsewhere():
    share, beyond, pixel = edge(0.0)
    assert np.isfinite(without_defects(share, TOLERANCE, beyond - 0.4, pixel)[:, 3]).all()
