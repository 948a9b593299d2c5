"""Edges of the slit on a flat."""

import numpy as np
import pytest

from soxspipe.algorithms.calibration.slit_edges import measure_edges
from support.flats import N_A, N_B, B, two_orders


@pytest.mark.parametrize("axis", ["y", "x"])
@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_edges_have_their_true_shape(axis, shift):
    edges, image, variance = two_orders()
    centres = {n: (B, 0.5 * (low + high) + shift) for n, (low, high) in edges.items()}
    planes = (image, variance, np.zeros(image.shape, dtype=bool))
    planes = tuple(plane.T for plane in planes) if axis == "x" else planes
    found = measure_edges(*planes, centres, axis, half_slit_px=16.0, degree=5, clip_sigma=4.0)
    for number, (low, high) in edges.items():
        for fitted, true in ((found[number].low, low), (found[number].high, high)):
            assert np.mean(fitted - true) == pytest.approx(0.0, abs=0.03)
            assert np.std(fitted - true) < 0.03


def test_an_order_without_light_has_the_length_of_its_neighbour():
    edges, image, variance = two_orders()
    image[:, :75] = 3.0 * np.random.default_rng(2).normal(size=(N_B, 75))
    centres = {n: (B, 0.5 * (low + high)) for n, (low, high) in edges.items()}
    found = measure_edges(image, variance, np.zeros(image.shape, dtype=bool), centres, "y", half_slit_px=16.0, degree=5, clip_sigma=4.0)
    assert not found[5].lit
    assert found[6].lit
    assert np.median(found[5].half_px) == pytest.approx(np.median(found[6].half_px))


def test_bad_columns_do_not_move_edges():
    edges, image, variance = two_orders()
    bad = np.zeros(image.shape, dtype=bool)
    bad[:, 40] = True
    image[:, 40] = 1e6
    found = measure_edges(
        image, variance, bad, {5: (B, 0.5 * (edges[5][0] + edges[5][1]))}, "y", half_slit_px=15.0, degree=5, clip_sigma=4.0
    )
    assert np.abs(found[5].low - edges[5][0]).max() < 0.1


def test_dead_columns_that_nobody_knows_of_are_no_edges():
    # a cold column runs along the dispersion and crosses the order as it bends: half of the order once had its edge there
    edges, image, variance = two_orders()
    image[:, 49:51] *= 0.02
    found = measure_edges(
        image,
        variance,
        np.zeros(image.shape, dtype=bool),
        {5: (B, 0.5 * (edges[5][0] + edges[5][1]))},
        "y",
        half_slit_px=15.0,
        degree=5,
        clip_sigma=4.0,
    )
    assert np.abs(found[5].low - edges[5][0]).max() < 0.3
    assert np.abs(found[5].high - edges[5][1]).max() < 0.3


@pytest.mark.parametrize("column", [36, 38, 40])
def test_a_cold_column_that_an_edge_crosses_does_not_move_it(column):
    # a column with a third of its light once moved the edge by up to 0.8 px over half of the order
    edges, image, variance = two_orders(level=600.0)
    image[:, column] *= 0.3
    centre = 0.5 * (edges[5][0] + edges[5][1])
    sound = np.zeros(image.shape, dtype=bool)
    found = measure_edges(image, variance, sound, {5: (B, centre)}, "y", half_slit_px=15.0, degree=5, clip_sigma=4.0)[5]
    assert np.std(found.low - edges[5][0]) < 0.05
    assert np.abs(found.low - edges[5][0]).max() < 0.2


def test_light_that_changes_along_the_slit_does_not_move_edges():
    # a tilted slit shows other wavelengths at its ends; 2 per cent from pixel to pixel moved both edges by half a pixel
    edges, image, variance = two_orders()
    low, high = edges[5]
    image *= 1.0 + 0.02 * (np.arange(N_A)[None, :] - 0.5 * (low + high)[:, None])
    sound = np.zeros(image.shape, dtype=bool)
    found = measure_edges(image, variance, sound, {5: (B, 0.5 * (low + high))}, "y", half_slit_px=15.0, degree=5, clip_sigma=4.0)[5]
    assert np.mean(found.low - low) == pytest.approx(0.0, abs=0.05)
    assert np.mean(found.high - high) == pytest.approx(0.0, abs=0.05)


def test_light_that_rises_steeply_along_the_order_does_not_move_edges():
    # where a dichroic begins, light rises tenfold over 60 px: levels averaged over 17 px drew both edges inwards by 0.2 px there
    edges, image, variance = two_orders(level=30000.0)
    rise = 1.0 / (1.0 + np.exp((60.0 - B) / 5.0))
    image *= rise[:, None]
    low, high = edges[5]
    sound = np.zeros(image.shape, dtype=bool)
    found = measure_edges(image, variance, sound, {5: (B, 0.5 * (low + high))}, "y", half_slit_px=15.0, degree=5, clip_sigma=4.0)[5]
    steep = (rise > 0.01) & (rise < 0.3)
    assert np.nanmedian(found.measured_low[steep] - low[steep]) == pytest.approx(0.0, abs=0.05)
    assert np.nanmedian(found.measured_high[steep] - high[steep]) == pytest.approx(0.0, abs=0.05)


def test_a_column_that_begins_to_be_bad_at_an_edge_does_not_move_it():
    # never wholly within the slit, it looked as if the edge were 0.4 px further in over a sixth of the order
    edges, image, variance = two_orders(level=3000.0)
    low, high = edges[5]
    column = int(np.ceil(low.min()))
    begins = int(np.argmin(low)) - 40
    image[begins : begins + 100, column] *= 0.4
    sound = np.zeros(image.shape, dtype=bool)
    found = measure_edges(image, variance, sound, {5: (B, 0.5 * (low + high))}, "y", half_slit_px=15.0, degree=5, clip_sigma=4.0)[5]
    assert np.std(found.low - low) < 0.03
    assert np.abs(found.low - low).max() < 0.1


def test_edges_seen_over_a_small_part_keep_their_distance_from_the_centre():
    edges, image, variance = two_orders()
    image[:420] = 3.0 * np.random.default_rng(3).normal(size=(420, N_A))
    centre = 0.5 * (edges[6][0] + edges[6][1])
    found = measure_edges(
        image, variance, np.zeros(image.shape, dtype=bool), {6: (B, centre)}, "y", half_slit_px=16.0, degree=5, clip_sigma=4.0
    )
    assert np.abs(found[6].middle - centre).max() < 0.3
