"""Bias, dark, photon noise and flat, worked by hand on a few pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.frames.detrend import (
    Pedestal,
    add_photon_noise,
    bad_in_masters,
    defects_of_flat,
    detrend,
    divide_by_flat,
    exposures,
    make_pedestal,
    of_sky,
    pedestal_level,
    subtract_pedestal,
)
from soxspipe.datamodel.calibrations import DarkLaw, Masters
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import Frame

SHAPE = (4, 5)


def frame(level: float, variance: float = 4.0, *, exptime_s: float = 100.0, n: int = 1, bad: tuple[int, int] | None = None) -> Frame:
    flags = np.zeros(SHAPE, dtype=np.uint8)
    if bad is not None:
        flags[bad] = PixelFlag.BAD
    return Frame(electrons=np.full(SHAPE, level), variance=np.full(SHAPE, variance), flags=flags, exptime_s=exptime_s, n_exposures=n)


def test_nothing_to_subtract() -> None:
    pedestal = make_pedestal(100.0, Masters(), SHAPE)
    for array in (pedestal.electrons, pedestal.variance, pedestal.dark_photons, pedestal.bad):
        np.testing.assert_array_equal(array, np.zeros(SHAPE))


def test_bias_alone() -> None:
    pedestal = make_pedestal(100.0, Masters(bias=frame(300.0, 0.5, bad=(1, 2))), SHAPE)
    np.testing.assert_array_equal(pedestal.electrons, 300.0)
    np.testing.assert_array_equal(pedestal.variance, 0.5)
    np.testing.assert_array_equal(pedestal.dark_photons, 0.0)
    assert pedestal.bad[1, 2]
    assert pedestal.bad.sum() == 1


@pytest.mark.parametrize("exptime", [100.0, 100.4])
def test_a_dark_of_the_same_exposure_time_holds_the_bias(exptime: float) -> None:
    pedestal = make_pedestal(exptime, Masters(bias=frame(300.0, 0.5), dark=frame(330.0, 2.0)), SHAPE)
    np.testing.assert_array_equal(pedestal.electrons, 330.0)
    np.testing.assert_array_equal(pedestal.variance, 2.0)
    np.testing.assert_array_equal(pedestal.dark_photons, 30.0)


def test_another_exposure_time_scales_the_dark_without_its_bias() -> None:
    pedestal = make_pedestal(200.0, Masters(bias=frame(300.0, 0.5), dark=frame(330.0, 2.0)), SHAPE)
    np.testing.assert_allclose(pedestal.electrons, 300.0 + 2 * 30.0)
    # dark scaled by 2: 4 x 2.0; the bias enters as 1 - 2 = -1: 0.5
    np.testing.assert_allclose(pedestal.variance, 8.5)
    np.testing.assert_allclose(pedestal.dark_photons, 60.0)


def test_a_dark_without_bias_is_scaled_as_it_is() -> None:
    pedestal = make_pedestal(50.0, Masters(dark=frame(30.0, 2.0)), SHAPE)
    np.testing.assert_allclose(pedestal.electrons, 15.0)
    np.testing.assert_allclose(pedestal.variance, 0.5)


def test_negative_dark_has_no_shot_noise() -> None:
    np.testing.assert_array_equal(make_pedestal(100.0, Masters(dark=frame(-3.0)), SHAPE).dark_photons, 0.0)


def test_subtraction_adds_the_masters_errors_and_the_darks_shot_noise() -> None:
    pedestal = make_pedestal(100.0, Masters(bias=frame(300.0, 0.5), dark=frame(330.0, 2.0, bad=(0, 0))), SHAPE)
    light = subtract_pedestal(frame(500.0, 25.0, n=3), pedestal)
    np.testing.assert_array_equal(light.electrons, 170.0)
    np.testing.assert_allclose(light.variance, 25.0 + 2.0 + 30.0 / 3)
    assert light.flags[0, 0] == PixelFlag.BAD
    assert light.flags[1, 1] == 0


def test_exposures_are_those_that_survived() -> None:
    assert exposures(frame(1.0, n=3)) == 3.0
    counts = np.full(SHAPE, 2, dtype=np.uint8)
    stacked = Frame(
        electrons=np.ones(SHAPE),
        variance=np.ones(SHAPE),
        flags=np.zeros(SHAPE, dtype=np.uint8),
        exptime_s=1.0,
        n_exposures=3,
        counts=counts,
    )
    np.testing.assert_array_equal(exposures(stacked), 2)


def test_photon_noise_counts_light_and_not_its_absence() -> None:
    np.testing.assert_allclose(add_photon_noise(frame(90.0, 4.0, n=3)).variance, 4.0 + 30.0)
    np.testing.assert_allclose(add_photon_noise(frame(-90.0, 4.0)).variance, 4.0)


def test_photon_noise_is_counted_on_smoothed_light() -> None:
    electrons = np.zeros((5, 5))
    electrons[2, 2] = 900.0
    spike = Frame(electrons=electrons, variance=np.zeros((5, 5)), flags=np.zeros((5, 5), dtype=np.uint8), exptime_s=1.0)
    expected = np.zeros((5, 5))
    expected[1:4, 1:4] = 100.0
    np.testing.assert_allclose(add_photon_noise(spike).variance, expected)


def test_division_by_the_flat() -> None:
    divided = divide_by_flat(frame(100.0, 16.0), frame(0.5, 1e-4, bad=(3, 4)))
    np.testing.assert_allclose(divided.electrons, 200.0)
    np.testing.assert_allclose(divided.variance, 16.0 / 0.25 + 100.0**2 * 1e-4 / 0.5**4)
    assert divided.flags[3, 4] == PixelFlag.BAD
    assert divided.flags[0, 0] == 0


def test_a_flat_that_is_not_five_sigma_above_zero_is_flagged_a_low_one_is_not() -> None:
    weak = divide_by_flat(frame(100.0), frame(0.04, 0.01**2))
    assert (weak.flags == PixelFlag.LOW_FLAT).all()
    np.testing.assert_array_equal(weak.electrons, 0.0)
    low = divide_by_flat(frame(100.0), frame(0.04, 0.001**2))
    assert (low.flags == 0).all()
    np.testing.assert_allclose(low.electrons, 2500.0)


def test_everything_in_one_call() -> None:
    masters = Masters(bias=frame(300.0, 0.5), flat=frame(0.5, 0.0))
    calibrated = detrend(frame(400.0, 25.0), masters)
    np.testing.assert_allclose(calibrated.electrons, 200.0)
    np.testing.assert_allclose(calibrated.variance, (25.0 + 0.5 + 100.0) / 0.25)
    np.testing.assert_allclose(detrend(frame(400.0, 25.0), masters, use_flat=False).electrons, 100.0)
    np.testing.assert_allclose(detrend(frame(400.0, 25.0), Masters()).electrons, 400.0)


def test_inputs_are_not_touched() -> None:
    science, masters = frame(400.0, 25.0), Masters(bias=frame(300.0, 0.5, bad=(1, 1)), flat=frame(0.01, 1.0))
    detrend(science, masters)
    np.testing.assert_array_equal(science.electrons, 400.0)
    np.testing.assert_array_equal(science.variance, 25.0)
    np.testing.assert_array_equal(science.flags, 0)


@pytest.mark.parametrize(("bias", "dark"), [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("exptime_s", [100.0, 200.0])
def test_level_and_bad_pixels_of_the_pedestal_alone(bias: bool, dark: bool, exptime_s: float) -> None:
    masters = Masters(bias=frame(300.0, 0.5, bad=(1, 2)) if bias else None, dark=frame(330.0, 2.0, bad=(0, 0)) if dark else None)
    pedestal = make_pedestal(exptime_s, masters, SHAPE)
    np.testing.assert_array_equal(np.broadcast_to(pedestal_level(exptime_s, masters), SHAPE), pedestal.electrons)
    np.testing.assert_array_equal(bad_in_masters(masters, SHAPE), pedestal.bad)
    assert pedestal.bad.sum() == bias + dark


def test_a_dark_that_does_not_grow_with_time_is_subtracted_as_it_is() -> None:
    """300 s under 900 s: scaling would take 93 e- of a level of 31 e-."""
    masters = Masters(dark=frame(31.0, 2.0, exptime_s=300.0), dark_scales_with_time=False)
    pedestal = make_pedestal(900.0, masters, SHAPE)
    np.testing.assert_array_equal(pedestal.electrons, 31.0)
    np.testing.assert_array_equal(pedestal.variance, 2.0)


def test_a_dark_with_level_and_rate_serves_any_time() -> None:
    """Level 20 e-, 0.1 e-/s: 110 e- at 900 s, of which 90 have shot noise; at its own 300 s the dark itself is taken."""
    law = DarkLaw(level=np.full(SHAPE, 20.0), rate=np.full(SHAPE, 0.1))
    masters = Masters(dark=frame(50.5, 2.0, exptime_s=300.0), dark_law=law, dark_scales_with_time=False)
    pedestal = make_pedestal(900.0, masters, SHAPE)
    np.testing.assert_allclose(pedestal.electrons, 110.0, rtol=1e-6)
    np.testing.assert_allclose(pedestal.dark_photons, 90.0, rtol=1e-6)
    np.testing.assert_array_equal(make_pedestal(300.0, masters, SHAPE).electrons, 50.5)


def test_a_level_without_shot_noise_adds_none() -> None:
    masters = Masters(dark=frame(31.0, 2.0), dark_scales_with_time=False, quiet_level_e=30.0)
    np.testing.assert_allclose(make_pedestal(100.0, masters, SHAPE).dark_photons, 1.0)


def test_photons_are_counted_over_all_integrations() -> None:
    """Two exposures of four integrations: an eighth of the photon noise of one."""
    stack = replace(frame(80.0, 0.0, n=2), integrations=4.0)
    assert exposures(stack) == 8.0
    np.testing.assert_allclose(add_photon_noise(stack).variance, 10.0)


def test_the_noise_of_an_off_frame_does_not_favour_pixels_that_came_out_low() -> None:
    """Weights by the pixels' own counts lift a mean of differences by the variance over the mean variance; by their neighbours' they do not."""
    rng = np.random.default_rng(7)
    counts = rng.poisson(50.0, (400, 40)).astype(np.float64)
    own = Pedestal(electrons=counts, variance=counts + 9.0, dark_photons=counts, bad=np.zeros(counts.shape, dtype=bool))
    seen = rng.poisson(50.0, counts.shape) - counts

    def mean(pedestal: Pedestal) -> float:
        return float(np.average(seen, weights=1.0 / (9.0 + pedestal.variance + pedestal.dark_photons)))

    assert mean(own) > 0.5
    assert abs(mean(of_sky(own))) < 0.25


def test_a_hot_pixel_of_an_off_frame_keeps_its_own_noise() -> None:
    variance = np.full((3, 30), 60.0)
    variance[1, 10] = 5000.0
    steady = of_sky(Pedestal(electrons=variance, variance=variance, dark_photons=variance, bad=np.zeros(variance.shape, dtype=bool)))
    assert steady.variance[1, 10] == 5000.0
    np.testing.assert_allclose(np.delete(steady.variance[1], 10), 60.0)


@pytest.mark.parametrize(("share", "expected"), [(0.05, True), (0.5, False)])
def test_defects_of_a_flat_are_few(share, expected):
    flags = np.zeros((10, 20), dtype=np.uint8)
    flags.reshape(-1)[: int(share * flags.size)] = 1
    flat = Frame(electrons=np.ones(flags.shape), variance=np.ones(flags.shape), flags=flags, exptime_s=1.0)
    np.testing.assert_array_equal(defects_of_flat(flat, flags.shape), (flags != 0) & expected)
    assert not defects_of_flat(None, flags.shape).any()
