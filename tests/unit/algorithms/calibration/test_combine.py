"""Combination that loses nothing."""

import numpy as np
import pytest

from soxspipe.algorithms.calibration.combine import NoiseModel, combine
from soxspipe.datamodel.raw_calibration import BadPixel
from support.raw_calibrations import in_memory, noisy

NOISE = NoiseModel(read_e=5.0, photons=False)


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_noise_is_that_of_a_mean(n):
    made = combine(noisy(n, shape=(400, 500)), NOISE, clip_sigma=5.0)
    expected = 5.0 / np.sqrt(n)
    assert made.electrons.std() == pytest.approx(expected, rel=0.006)
    assert np.sqrt(made.variance).mean() == pytest.approx(expected, rel=1e-4)
    assert np.count_nonzero(made.reasons) == 0


@pytest.mark.parametrize("n", [2, 3, 5])
def test_a_cosmic_ray_costs_one_frame_of_its_pixel(n):
    frames = [np.full((40, 50), 10.0) + 0.1 * i for i in range(n)]
    frames[1][7, 9] += 300.0
    made = combine([in_memory(frame) for frame in frames], NOISE, clip_sigma=5.0)
    others = [10.0 + 0.1 * i for i in range(n) if i != 1]
    assert made.electrons[7, 9] == pytest.approx(np.mean(others), abs=1e-5)
    assert made.variance[7, 9] == pytest.approx(25.0 / (n - 1), rel=1e-5)
    assert made.n_rejected == 1
    assert made.reasons[7, 9] == 0


def test_a_pixel_that_jumps_is_unstable_and_says_so_in_its_error():
    frames = [np.full((40, 50), 10.0) for _ in range(6)]
    for i in (0, 2, 4):
        frames[i][3, 4] += 200.0
    made = combine([in_memory(frame) for frame in frames], NOISE, clip_sigma=5.0)
    assert made.reasons[3, 4] == BadPixel.UNSTABLE
    assert made.variance[3, 4] > 100.0**2 / 6


def test_a_hot_pixel_has_the_noise_of_its_charge_and_is_no_outlier():
    rng = np.random.default_rng(3)
    frames = [5.0 * rng.normal(size=(60, 80)) for _ in range(5)]
    for frame in frames:
        frame[10:20, 10:20] += rng.poisson(4000.0, size=(10, 10))
    made = combine([in_memory(frame) for frame in frames], NoiseModel(read_e=5.0, least_e=7.0), clip_sigma=5.0)
    assert made.n_rejected == 0
    np.testing.assert_allclose(made.variance[10:20, 10:20], (4000.0 + 25.0) / 5, rtol=0.1)


def test_flats_of_unequal_level_are_added_up():
    rng = np.random.default_rng(4)
    levels = np.array([0.4, 0.9, 1.7])
    frames = [in_memory(rng.poisson(level * 10000.0, size=(100, 120)) + 5.0 * rng.normal(size=(100, 120))) for level in levels]
    made = combine(frames, NoiseModel(read_e=5.0), clip_sigma=6.0, levels=levels.tolist())
    assert made.electrons.mean() == pytest.approx(10000.0, rel=2e-4)
    assert ((made.electrons - 10000.0) / np.sqrt(made.variance)).std() == pytest.approx(1.0, abs=0.03)
    assert made.n_rejected == 0


def test_what_is_no_number_is_left_out():
    frames = noisy(3, shape=(40, 50))
    arrays = [frame.electrons(0, 40).copy() for frame in frames]
    arrays[0][5, 6] = np.nan
    for array in arrays:
        array[8, 9] = np.nan
    made = combine([in_memory(array) for array in arrays], NOISE, clip_sigma=5.0)
    assert made.electrons[5, 6] == pytest.approx(0.5 * (arrays[1][5, 6] + arrays[2][5, 6]), rel=1e-5)
    assert made.reasons[8, 9] == BadPixel.NOT_FINITE
    assert np.isfinite(made.electrons).all()


def test_inputs_are_not_changed():
    array = np.full((20, 30), 7.0)
    combine([in_memory(array), in_memory(array + 1)], NOISE, clip_sigma=5.0, pedestal=np.full((20, 30), 3.0, np.float32))
    assert (array == 7.0).all()
