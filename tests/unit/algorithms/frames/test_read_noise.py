"""Noise of unlit pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.frames.read_noise import MARGIN_PX, far_from_orders, measure_unlit_noise, unlit_pixels
from soxspipe.datamodel.calibrations import Masters
from soxspipe.datamodel.frame import Frame
from soxspipe.numerics.packed import pack
from support.orders import make_geometry

SHAPE = (320, 500)
UNLIT = np.ones(SHAPE, dtype=bool)
FAR = pack(UNLIT)


def frame(electrons: np.ndarray, variance: float = 0.0, integrations: float = 1.0, exptime_s: float = 100.0) -> Frame:
    return Frame(
        electrons=electrons,
        variance=np.full(SHAPE, variance),
        flags=np.zeros(SHAPE, np.uint8),
        exptime_s=exptime_s,
        integrations=integrations,
    )


@pytest.mark.parametrize("integrations", [1.0, 4.0])
def test_read_noise_of_one_integration_under_scattered_light_and_stripes(integrations: float) -> None:
    rng = np.random.default_rng(3)
    light = np.linspace(0.0, 20.0, SHAPE[1])[None, :] * np.ones(SHAPE)
    stripes = 5.0 * rng.normal(size=(SHAPE[0], 1))
    electrons = rng.poisson(light * integrations) / integrations + stripes + 8.0 / np.sqrt(integrations) * rng.normal(size=SHAPE)
    noise = measure_unlit_noise(frame(electrons, integrations=integrations), Masters(), UNLIT)
    assert noise is not None
    assert noise.read_noise_e() == pytest.approx(8.0, rel=0.02)
    assert noise.agrees(8.0)
    assert not noise.agrees(7.3)


def test_masters_bring_noise_of_their_own_and_hot_pixels_do_not_count() -> None:
    rng = np.random.default_rng(4)
    electrons = 7.3 * rng.normal(size=SHAPE)
    electrons[rng.random(SHAPE) < 0.005] += 3000.0
    dark = frame(4.0 * rng.normal(size=SHAPE), variance=16.0)
    noise = measure_unlit_noise(frame(electrons), Masters(dark=dark), UNLIT)
    assert noise is not None
    assert noise.masters == pytest.approx(16.0)
    assert noise.read_noise_e(0.0) == pytest.approx(7.3, rel=0.03)


def test_numbers_rounded_to_whole_adu_are_measured_right() -> None:
    rng = np.random.default_rng(5)
    electrons = 3.0 * np.rint(rng.normal(size=SHAPE) * 3.9 / 3.0)
    noise = measure_unlit_noise(frame(electrons), Masters(), UNLIT)
    assert noise is not None
    assert noise.read_noise_e() == pytest.approx(np.hypot(3.9, 3.0 / np.sqrt(12.0)), rel=0.02)


def test_too_few_pixels_measure_nothing() -> None:
    assert measure_unlit_noise(frame(np.zeros(SHAPE)), Masters(), np.zeros(SHAPE, dtype=bool)) is None


def test_few_defects_of_the_flat_are_no_unlit_pixels_and_a_flat_that_flags_all_between_the_orders_is_not_believed() -> None:
    flat = frame(np.ones(SHAPE))
    flags = np.zeros(SHAPE, np.uint8)
    flags[16, 30] = 1
    few = unlit_pixels(FAR, replace(flat, flags=flags))
    assert not few[16, 30]
    assert few.sum() == few[::8].size - 1
    assert unlit_pixels(FAR, replace(flat, flags=np.ones(SHAPE, np.uint8)))[::8].all()


def test_pixels_far_from_orders_keep_their_distance_in_every_direction() -> None:
    geometry = make_geometry(numbers=(11,), n_b=200, bend=0.0, spacing=60)
    far = far_from_orders(geometry).rows(slice(None))
    assert far.shape == geometry.shape
    lit = geometry.dispersion_map.order > 0
    y, x = np.nonzero(lit)
    distance = np.array([np.min(np.maximum(np.abs(y - row), np.abs(x - column))) for row, column in np.ndindex(far.shape)])
    np.testing.assert_array_equal(far.ravel(), distance > MARGIN_PX)
    assert far_from_orders(geometry) is far_from_orders(geometry)
