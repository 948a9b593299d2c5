"""Master darks against the truth of simulated frames."""

import numpy as np
import pytest

from soxspipe.algorithms.calibration.master_bias import FrameClipSettings
from soxspipe.algorithms.calibration.master_dark import by_exposure_time, find_hot, make_master_dark, surroundings
from soxspipe.datamodel.raw_calibration import BadPixel
from soxspipe.errors import AlgorithmError
from support.raw_calibrations import frames_of, in_memory, no_bad, noisy, pull, simulated, sound

SETTINGS = FrameClipSettings()


@pytest.mark.parametrize("seed", range(1, 9))
def test_dark_pulls_defects_and_noise(seed):
    made = simulated("NIR", kinds=["dark"], seed=seed, dark_times_s=[60.0])
    frames, truth = frames_of(made, "dark60"), made.truth()
    master = make_master_dark(frames, no_bad(frames), SETTINGS)
    expected = truth.images["PEDESTAL"] + 60.0 * truth.images["DARKRATE"]
    use = sound(truth) & (master.reasons == 0)
    assert pull(master.electrons, expected, master.variance, use) == pytest.approx(1.0, abs=0.03)
    residual = (master.electrons - expected)[use]
    assert np.std(residual - residual.mean()) <= 1.02 * np.sqrt((7.3**2 + 1.8) / 5)
    above = 60.0 * (truth.images["DARKRATE"] - np.median(truth.images["DARKRATE"])) / np.sqrt(np.median(master.variance))
    hot = (truth.images["HOT"] > 0) & (above > 6.0)
    assert np.mean(master.reasons[hot] > 0) >= 0.98
    assert np.mean(master.reasons[sound(truth)] > 0) <= 0.0005


@pytest.mark.parametrize("seed", [1, 2])
def test_level_and_rate_of_several_times(seed):
    made = simulated("NIR", kinds=["dark"], seed=seed, bias_drift_e=0.0)
    frames, truth = frames_of(made, "dark20", "dark60", "dark300"), made.truth()
    master = make_master_dark(frames, no_bad(frames), SETTINGS)
    assert master.exptime_s == 300.0
    assert master.line is not None
    use = sound(truth) & (master.reasons == 0)
    for values, variance, name in (
        (master.line.level_e, master.line.level_variance, "PEDESTAL"),
        (master.line.rate_e_per_s, master.line.rate_variance, "DARKRATE"),
    ):
        assert pull(values, truth.images[name], variance, use) == pytest.approx(1.0, abs=0.03)
        assert np.mean(values[use] - truth.images[name][use]) == pytest.approx(0.0, abs=4 * np.sqrt(np.median(variance) / use.sum()) + 1e-3)
    assert master.charge_known
    assert master.read_noise_e == pytest.approx(7.3, rel=0.01)
    unstable = truth.images["UNSTABLE"] > 0
    assert np.mean(master.reasons[unstable] & BadPixel.UNSTABLE > 0) > 0.9


def test_the_level_is_not_scaled_with_time():
    """On the NIR detector the level hardly depends on the exposure time: a dark of twice the time is not twice the dark."""
    rng = np.random.default_rng(1)
    frames = [
        in_memory(31.0 + 5.0 * rng.normal(size=(200, 300)), exptime_s=seconds, name=f"{seconds:g}_{i}")
        for seconds in (300.0, 900.0)
        for i in range(3)
    ]
    master = make_master_dark(frames, no_bad(frames), SETTINGS)
    assert np.mean(master.line.level_e) == pytest.approx(31.0, abs=0.2)
    assert np.mean(master.line.rate_e_per_s) == pytest.approx(0.0, abs=5e-4)


def test_groups_by_time_the_largest_first():
    frames = [in_memory(np.zeros((2, 2)), exptime_s=seconds) for seconds in (20.0, 60.0, 60.0, 20.0, 60.0)]
    assert [group[0].exptime_s for group in by_exposure_time(frames)] == [60.0, 20.0]
    with pytest.raises(AlgorithmError, match="only dark of 20 s"):
        by_exposure_time(frames[:3])


def test_glow_is_no_reason_to_be_hot():
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:256, :256]
    glow = 40.0 * np.exp(-((x - 250.0) ** 2 + (y - 10.0) ** 2) / (2 * 60.0**2))
    image = (glow + rng.normal(size=(256, 256))).astype(np.float32)
    image[100, 100] += 8.0
    hot = find_hot(image, np.ones((256, 256), np.float32), sigma=4.5)
    assert hot[100, 100]
    assert hot.sum() <= 3
    assert np.abs(surroundings(image) - glow).max() < 5.0


def test_pixels_that_are_known_to_be_bad_stay_so_and_no_others_join_them():
    # the reference replaces the map by a clip of single frames, which loses it and flags the tails of the noise
    frames = noisy(5, shape=(200, 300))
    static = no_bad(frames)
    static[20, 30] = True
    master = make_master_dark(frames, static, SETTINGS)
    assert master.reasons[20, 30] == BadPixel.STATIC
    assert np.count_nonzero(master.reasons) == 1
