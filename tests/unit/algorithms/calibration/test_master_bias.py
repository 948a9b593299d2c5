"""Master bias frames: pulls, patterns and slopes."""

import numpy as np
import pytest

from soxspipe.algorithms.calibration.master_bias import FrameClipSettings, fourier_pattern, make_master_bias, mean_slopes
from soxspipe.datamodel.raw_calibration import BadPixel
from support.raw_calibrations import frames_of, in_memory, no_bad, noisy, pull, simulated, sound

SETTINGS = FrameClipSettings()


@pytest.mark.parametrize("seed", range(1, 9))
def test_bias_pulls(seed):
    made = simulated("VIS", kinds=["bias"], seed=seed)
    frames, truth = frames_of(made, "bias"), made.truth()
    master = make_master_bias(frames, no_bad(frames), SETTINGS)
    use = sound(truth) & (master.reasons == 0)
    assert pull(master.electrons, truth.images["PEDESTAL"], master.variance, use) == pytest.approx(1.0, abs=0.03)
    assert master.frames.noise_e == pytest.approx(np.sqrt(3.8**2), rel=0.01)


def test_slopes_are_those_of_one_pixel_whatever_the_size():
    y, x = np.mgrid[:100, :300]
    assert mean_slopes(0.01 * x - 0.002 * y, np.ones((100, 300), dtype=bool)) == pytest.approx((0.01, -0.002), abs=1e-9)


def test_one_stuck_pixel_does_not_make_a_pattern_or_a_structure():
    frames = noisy(4, shape=(200, 300), level=300.0, sigma=4.0)
    arrays = [frame.electrons(0, 200).copy() for frame in frames]
    for array in arrays:
        array[10, 10] = 60000.0
    master = make_master_bias([in_memory(array) for array in arrays], np.zeros((200, 300), dtype=bool), SETTINGS)
    assert master.frames.noise_e == pytest.approx(4.0, rel=0.01)
    waves = np.sin(np.arange(300) * 0.3)[None, :] * 8.0
    assert fourier_pattern(in_memory(arrays[0] * 0 + 4.0 * np.random.default_rng(1).normal(size=(200, 300)))) == pytest.approx(1.2, abs=0.1)
    assert fourier_pattern(in_memory(frames[0].electrons(0, 200) + waves)) > 3.0


def test_pixels_that_are_known_to_be_bad_stay_so_and_no_others_join_them():
    # the reference replaces the map by a clip of single frames, which loses it and flags the tails of the noise
    frames = noisy(5, shape=(200, 300))
    static = no_bad(frames)
    static[20, 30] = True
    master = make_master_bias(frames, static, SETTINGS)
    assert master.reasons[20, 30] == BadPixel.STATIC
    assert np.count_nonzero(master.reasons) == 1
