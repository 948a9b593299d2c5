"""Levels, read noise and frames that disagree."""

import numpy as np
import pytest

from soxspipe.algorithms.calibration.frame_noise import clipped_std, level_offsets, measure_frames
from soxspipe.errors import AlgorithmError
from support.raw_calibrations import in_memory, noisy

SHAPE = (300, 600)


def test_read_noise_comes_from_differences_and_not_from_fixed_pattern():
    rng = np.random.default_rng(1)
    pattern = 20.0 * rng.normal(size=SHAPE)
    frames = [in_memory(300.0 + pattern + 4.0 * rng.normal(size=SHAPE)) for _ in range(5)]
    measured = measure_frames(frames)
    assert measured.noise_e == pytest.approx(4.0, rel=0.01)
    assert measured.scatter_e == pytest.approx(np.hypot(20.0, 4.0), rel=0.02)


def test_coarse_numbers_and_outliers_do_not_disturb_it():
    rng = np.random.default_rng(2)
    frames = []
    for _ in range(4):
        electrons = np.rint((50.0 + 4.0 * rng.normal(size=SHAPE)) / 2.3) * 2.3
        electrons[rng.random(SHAPE) < 0.002] += 500.0
        frames.append(in_memory(electrons))
    expected = np.sqrt(4.0**2 + 2.3**2 / 12)
    assert measure_frames(frames).noise_e == pytest.approx(expected, rel=0.01)


def test_quarters_have_their_own():
    rng = np.random.default_rng(3)
    sigma = np.ones(SHAPE) * 4.0
    sigma[:150, 300:] = 8.0
    measured = measure_frames([in_memory(sigma * rng.normal(size=SHAPE)) for _ in range(5)])
    np.testing.assert_allclose(measured.quadrant_noise_e, [[4.0, 8.0], [4.0, 4.0]], rtol=0.03)


def test_levels_drift_and_the_border_sees_it():
    rng = np.random.default_rng(4)
    drifts = np.array([-2.0, 0.5, 1.5])
    measured = measure_frames([in_memory(300.0 + drift + 4.0 * rng.normal(size=SHAPE), border=50) for drift in drifts])
    np.testing.assert_allclose(measured.offset_e, drifts, atol=0.05)
    np.testing.assert_allclose(measured.border_drift_e, drifts, atol=0.1)
    assert measured.border_level_e == pytest.approx(300.0, abs=0.1)
    assert measured.border_noise_e == pytest.approx(4.0, rel=0.02)


def test_a_level_that_drifts_with_the_border_is_no_disagreement():
    # ten read noises; where the border does not move with it, such a frame is of another kind
    rng = np.random.default_rng(8)
    arrays = [300.0 + drift + 4.0 * rng.normal(size=SHAPE) for drift in (0.0, 5.0, -4.0, 40.0, 3.0)]
    frames = [in_memory(array, border=50) for array in arrays]
    assert measure_frames(frames).kept == (0, 1, 2, 3, 4)
    np.testing.assert_allclose(level_offsets(frames), [-8.8, -3.8, -12.8, 31.2, -5.8], atol=0.1)
    for array in arrays:
        array[:, :50] = array[:, -50:] = 4.0 * rng.normal(size=(SHAPE[0], 50))
    assert measure_frames([in_memory(array, border=50) for array in arrays]).kept == (0, 1, 2, 4)


def test_dead_borders_are_none():
    rng = np.random.default_rng(5)
    arrays = [4.0 * rng.normal(size=SHAPE) for _ in range(3)]
    for array in arrays:
        array[:, :50] = array[:, -50:] = 0.0
    assert np.isnan(measure_frames([in_memory(array, border=50) for array in arrays]).border_level_e)


@pytest.mark.parametrize(("change", "said"), [(lambda a: a + 60.0, "level"), (lambda a: a * 2.0, "scatters")])
def test_a_frame_that_disagrees_is_rejected_by_name(change, said):
    rng = np.random.default_rng(6)
    arrays = [4.0 * rng.normal(size=SHAPE) for _ in range(5)]
    arrays[3] = change(arrays[3])
    measured = measure_frames([in_memory(array, name=f"bias_{i}.fits") for i, array in enumerate(arrays)])
    assert measured.kept == (0, 1, 2, 4)
    assert len(measured.rejected) == 1
    assert measured.rejected[0][1].startswith("bias_3.fits: ")
    assert said in measured.rejected[0][1]


def test_copies_are_told():
    frames = noisy(2)
    with pytest.raises(AlgorithmError, match=r"frame_0.fits and frame_0.fits hold the same numbers"):
        measure_frames([frames[0], frames[0], frames[1]])


def test_clipped_std_of_a_gaussian():
    values = 3.0 * np.random.default_rng(7).normal(size=100_000)
    assert clipped_std(values) == pytest.approx(3.0, rel=0.01)
    assert np.isnan(clipped_std(np.array([1.0])))
