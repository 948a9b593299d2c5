"""Levels that move while a frame is read out, and light in a part of one frame."""

import numpy as np
import pytest

from soxspipe.algorithms.calibration.frame_noise import measure_frames
from soxspipe.algorithms.calibration.frame_shape import Cells, odd_part, row_drift
from soxspipe.algorithms.calibration.master_bias import FrameClipSettings, make_master_bias
from support.raw_calibrations import in_memory, no_bad

SHAPE = (300, 640)
NOISE_E = 4.0


def arrays(n=5, seed=1):
    rng = np.random.default_rng(seed)
    return [300.0 + NOISE_E * rng.normal(size=SHAPE) for _ in range(n)]


def leak(peak_e):
    """Light in a corner, 60 px wide."""
    y, x = np.indices(SHAPE)
    return peak_e * np.exp(-0.5 * (((y - 60) / 60) ** 2 + ((x - 500) / 60) ** 2))


def test_a_level_that_stays_is_no_drift():
    sample = np.stack(arrays())[:, :96]
    assert row_drift(Cells.of(sample, NOISE_E, 4), NOISE_E) is None


def test_a_level_that_moves_is_followed():
    slopes = np.array([0.0, 6.0, -2.0, 0.0, 0.0])
    sample = np.stack([a[:96] + slope * np.linspace(-0.5, 0.5, 96)[:, None] for a, slope in zip(arrays(), slopes, strict=True)])
    drift = row_drift(Cells.of(sample, NOISE_E, 4), NOISE_E)
    against = drift[1] - drift[[0, 3, 4]].mean(axis=0)
    assert against[-1] - against[0] == pytest.approx(6.0 * 92 / 95, abs=0.6)  # middles of groups of four rows; their error is 0.2 electrons
    assert drift.mean(axis=1) == pytest.approx(0.0, abs=1e-9)


def test_a_drift_within_frames_is_neither_noise_nor_a_bad_pixel():
    # read noise was 24 per cent too large, and errors 17 per cent, where the level moved by 8 electrons
    ramp = np.linspace(-1.0, 1.0, SHAPE[0])[:, None]
    frames = [in_memory(a + height * ramp) for a, height in zip(arrays(), (4.0, -3.0, 0.0, 2.0, -3.0), strict=True)]
    master = make_master_bias(frames, no_bad(frames), FrameClipSettings())
    assert master.frames.noise_e == pytest.approx(NOISE_E, rel=0.01)
    assert master.frames.drift_within_e == pytest.approx(8.0, abs=0.5)
    assert len(master.frame_names) == 5
    assert np.std(master.electrons - 300.0) == pytest.approx(NOISE_E / np.sqrt(5), rel=0.02)
    assert not master.reasons.any()


@pytest.mark.parametrize("n", [3, 5])
def test_light_in_a_part_of_one_frame_costs_the_frame(n):
    values = arrays(n)
    values[1] += leak(10.0)
    measured = measure_frames([in_memory(a, name=f"dark_{i}.fits") for i, a in enumerate(values)])
    assert 1 not in measured.kept
    assert len(measured.kept) == n - 1
    assert measured.rejected[0][1].startswith("dark_1.fits: about (5")
    assert measured.noise_e == pytest.approx(NOISE_E, rel=0.01)


def test_channels_whose_levels_wander_in_all_frames_make_none_odd():
    rng = np.random.default_rng(3)
    values = [a + np.repeat(2.0 * rng.normal(size=32), SHAPE[1] // 32) for a in arrays()]
    assert measure_frames([in_memory(a) for a in values]).kept == (0, 1, 2, 3, 4)


def test_two_frames_are_never_judged():
    sample = np.stack(arrays(2))[:, :96]
    sample[1] += leak(50.0)[:96]
    assert odd_part(Cells.of(sample, NOISE_E, 4), NOISE_E)[0].tolist() == [0.0, 0.0]


def test_rows_without_numbers_in_a_frame_are_no_light():
    values = arrays()
    values[2][100:160] = np.nan
    assert measure_frames([in_memory(a) for a in values]).kept == (0, 1, 2, 3, 4)
