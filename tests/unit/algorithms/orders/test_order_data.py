"""An order's pixels, their variance, and the flat where it is faint."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.orders.order_data import FLAT_HALF_WIDTH_PX, steady_flat
from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import Frame
from support.orders import cut_order_data, make_geometry, order_data

GEOMETRY = make_geometry(n_b=60, numbers=(11, 12))
WINDOWS = cut_orders(GEOMETRY)
SHAPE = GEOMETRY.shape


def frame(electrons: np.ndarray | float, variance: float, *, n: int = 1, counts: np.ndarray | None = None) -> Frame:
    return Frame(
        electrons=np.broadcast_to(np.asarray(electrons, dtype=float), SHAPE).copy(), variance=np.full(SHAPE, variance),
        flags=np.zeros(SHAPE, dtype=np.uint8), exptime_s=1.0, n_exposures=n, counts=counts,
    )  # fmt: skip


def test_variance_is_that_of_the_counted_light_divided_by_the_flat() -> None:
    window = WINDOWS[0]
    data = order_data(window, np.zeros(window.index.shape), 30.0, flat=0.5, flat_variance=1e-5, exposures=2)
    light = np.full(window.index.shape, 1000.0)
    # 1000 flattened electrons were counted as 500, a mean of two exposures: (30 + 500 / 2 + 1000^2 1e-5) / 0.25
    np.testing.assert_allclose(data.variance(light)[window.inside], (30.0 + 250.0 + 10.0) / 0.25)
    np.testing.assert_allclose(data.variance(-light)[window.inside], 30.0 / 0.25)


def test_arrays_of_another_shape_are_refused_and_the_right_ones_frozen() -> None:
    data = order_data(WINDOWS[0], np.ones(WINDOWS[0].index.shape), 1.0)
    with pytest.raises(ValueError, match="floor has shape"):
        replace(data, noise=replace(data.noise, floor=np.ones(3)))
    with pytest.raises(ValueError, match="read-only"):
        data.electrons[0, 0] = 5.0


def test_without_a_flat_the_frame_is_cut_as_it_is() -> None:
    image = np.arange(SHAPE[0] * SHAPE[1], dtype=float).reshape(SHAPE)
    for data, window in zip(cut_order_data(frame(image, 9.0, n=4), None, WINDOWS), WINDOWS, strict=True):
        np.testing.assert_array_equal(data.electrons[window.inside], window.cutout(image)[window.inside])
        np.testing.assert_array_equal(data.noise.floor, 9.0)
        np.testing.assert_array_equal(data.flat, 1.0)
        np.testing.assert_array_equal(data.noise.per_square, 0.0)
        np.testing.assert_array_equal(data.noise.per_light, 0.25)
        np.testing.assert_array_equal(data.good, window.inside)


def test_flagged_pixels_are_not_good_and_counts_travel() -> None:
    counts = np.full(SHAPE, 3, dtype=np.uint8)
    counts[WINDOWS[0].index[10, 20] // SHAPE[1], WINDOWS[0].index[10, 20] % SHAPE[1]] = 2
    light = frame(5.0, 1.0, n=3, counts=counts)
    where = np.zeros(SHAPE, dtype=bool)
    where.reshape(-1)[WINDOWS[0].index[5, 20]] = True
    data = cut_order_data(light.flagged(where, PixelFlag.SATURATED), None, WINDOWS)[0]
    assert not data.good[5, 20]
    assert data.good.sum() == WINDOWS[0].inside.sum() - 1
    assert data.noise.per_light[10, 20] == pytest.approx(1 / 2)
    assert data.noise.per_light[11, 20] == pytest.approx(1 / 3)


def test_flat_divides_and_unusable_flat_is_left_out() -> None:
    flat = frame(0.5, 1e-6)
    values = np.array(flat.electrons)
    values.reshape(-1)[WINDOWS[0].index[30:]] = 1e-4  # not 5 sigma above zero, even averaged
    weak = Frame(electrons=values, variance=flat.variance, flags=flat.flags, exptime_s=1.0)
    broken = np.zeros(SHAPE, dtype=bool)
    broken.reshape(-1)[WINDOWS[0].index[5, 20]] = True
    data = cut_order_data(frame(10.0, 4.0), weak.flagged(broken, PixelFlag.BAD), WINDOWS)[0]
    assert data.electrons[15, 20] == pytest.approx(20.0)
    assert data.flat[15, 20] == 0.5
    assert not data.good[5, 20]
    assert not data.good[40:].any()
    np.testing.assert_array_equal(data.electrons[40:], 0.0)
    np.testing.assert_array_equal(data.flat[40:], 1.0)
    assert np.isfinite(data.variance(data.electrons)).all()


def test_a_bright_flat_is_its_own_best_estimate() -> None:
    rng = np.random.default_rng(1)
    flat = 1.0 + 0.01 * rng.normal(size=(80, 6))
    steady, variance = steady_flat(flat, np.full(flat.shape, 1e-5), np.ones(flat.shape, dtype=bool))
    np.testing.assert_array_equal(steady, flat)
    np.testing.assert_array_equal(variance, 1e-5)


def test_a_faint_flat_comes_nearer_to_the_truth_and_knows_by_how_much() -> None:
    rng = np.random.default_rng(2)
    truth = 0.02 * (1.0 + 0.015 * rng.normal(size=(4000, 6)))
    noise = 0.002
    flat = truth + noise * rng.normal(size=truth.shape)
    steady, variance = steady_flat(flat, np.full(flat.shape, noise**2), np.ones(flat.shape, dtype=bool))
    scatter = np.std(steady - truth)
    assert scatter < 0.35 * noise
    assert np.sqrt(np.mean(variance)) == pytest.approx(scatter, rel=0.05)


def test_a_faint_flat_without_neighbours_stays_as_it_is() -> None:
    flat, sound = np.full((40, 1), 0.02), np.zeros((40, 1), dtype=bool)
    sound[10 : 10 + FLAT_HALF_WIDTH_PX - 1] = True
    flat[12] = 0.03
    steady, _ = steady_flat(flat, np.full(flat.shape, 1e-4), sound)
    np.testing.assert_array_equal(steady, flat)


def test_inputs_are_not_touched() -> None:
    light, flat = frame(10.0, 4.0), frame(0.01, 1.0)
    cut_order_data(light, flat, WINDOWS)
    np.testing.assert_array_equal(light.electrons, 10.0)
    np.testing.assert_array_equal(flat.electrons, 0.01)
    np.testing.assert_array_equal(light.flags, 0)
