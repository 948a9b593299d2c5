"""Dark charge from the asymmetry of its noise, on frames whose charge is known."""

import numpy as np
import pytest

from soxspipe.algorithms.calibration.dark_charge import charge_by_asymmetry
from soxspipe.algorithms.calibration.frame_noise import measure_frames
from soxspipe.algorithms.calibration.master_bias import FrameClipSettings
from soxspipe.algorithms.calibration.master_dark import make_master_dark
from support.raw_calibrations import in_memory

SHAPE = (400, 600)


def darks(n, charge, read_noise, seed=1, shape=SHAPE):
    """Frames of a pedestal that differs from pixel to pixel, charge, read noise and a few cosmic rays."""
    rng = np.random.default_rng(seed)
    pedestal = 20.0 + rng.normal(size=shape)
    frames = [pedestal + rng.poisson(charge, shape) + read_noise * rng.normal(size=shape) for _ in range(n)]
    for frame in frames:
        frame[rng.integers(0, shape[0], 40), rng.integers(0, shape[1], 40)] += rng.uniform(20, 3000, 40)
    return [in_memory(frame, name=f"dark_{k}.fits") for k, frame in enumerate(frames)]


@pytest.mark.parametrize("charge", [0.0, 3.0])
def test_the_charge_is_found(charge):
    frames = darks(10, charge, 3.0)
    found = charge_by_asymmetry(frames, measure_frames(frames))
    # 6 n / ((n - 1) (n - 2)) = 0.83; noise^6 = 12^3 at most: 0.08 electrons over a quarter of a million pixels
    assert found == pytest.approx(charge, abs=0.25)


def test_the_read_noise_of_one_exposure_time_is_freed_of_it():
    frames = darks(10, 3.0, 3.0)
    master = make_master_dark(frames, np.zeros(SHAPE, dtype=bool), FrameClipSettings())
    assert master.charge_known
    assert master.read_noise_e == pytest.approx(3.0, rel=0.02)
    assert master.frames[0].noise_e == pytest.approx(np.sqrt(12.0), rel=0.01)


def test_a_small_detector_or_two_frames_do_not_tell():
    few = darks(3, 3.0, 10.0, shape=(60, 80))
    assert charge_by_asymmetry(few, measure_frames(few)) is None
    two = darks(2, 3.0, 3.0)
    assert charge_by_asymmetry(two, measure_frames(two)) is None
