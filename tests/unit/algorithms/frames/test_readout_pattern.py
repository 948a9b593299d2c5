"""Channel offsets and stripes on small arrays."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from soxspipe.algorithms.frames.prepare import RawExposure
from soxspipe.algorithms.frames.readout_pattern import LineDifferences, measure_readout_pattern, row_channels
from soxspipe.datamodel.calibrations import Masters
from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import Frame, ReadoutPattern

SHAPE = (512, 400)
UNLIT = np.ones(SHAPE, dtype=bool)
UNLIT[100:180] = UNLIT[300:380] = False  # two orders
LEVELS = np.array([4.0, -6.0, 3.0, 3.5, -8.0, 9.0])
CHANNELS = LEVELS[np.arange(SHAPE[1]) // 70]
LIGHT = 15.0 + 10.0 * np.sin(np.arange(SHAPE[0]) / 90.0)[:, None] + 0.02 * np.arange(SHAPE[1])


def frame(electrons: np.ndarray, flags: np.ndarray | None = None) -> Frame:
    return Frame(
        electrons=electrons, variance=np.full(SHAPE, 50.0), flags=np.zeros(SHAPE, np.uint8) if flags is None else flags, exptime_s=100.0
    )


def noise(seed: int) -> np.ndarray:
    return 7.0 * np.random.default_rng(seed).normal(size=SHAPE)


@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_taken_off_a_clean_frame(seed: int) -> None:
    assert measure_readout_pattern(frame(LIGHT + noise(seed)), Masters(), UNLIT) is None


def test_channels_are_found_as_steps_and_rows_stay_as_they_are() -> None:
    found = measure_readout_pattern(frame(LIGHT + noise(1) + CHANNELS), Masters(), UNLIT)
    assert found is not None
    assert not found.rows.any()
    sizes = np.diff(found.columns)
    places = np.arange(69, 400, 70)[:5]
    large = places[np.abs(np.diff(LEVELS)) > 5.0]
    assert np.flatnonzero(sizes).tolist() == large.tolist()  # a step of half an electron is none
    assert sizes[large] == pytest.approx(np.diff(LEVELS)[np.isin(places, large)], abs=5.0 * np.sqrt(found.variance))
    assert 0.0 < found.variance < 1.5**2


def test_stripes_come_back_within_their_error() -> None:
    stripes = 3.0 * np.random.default_rng(2).normal(size=SHAPE[0])
    found = measure_readout_pattern(frame(LIGHT + noise(3) + stripes[:, None]), Masters(), UNLIT)
    assert found is not None
    assert not found.columns.any()
    dark = UNLIT.any(axis=1)
    wrong = (found.rows - stripes)[dark]
    assert np.std(wrong - wrong.mean()) < 1.0
    assert not found.rows[120:160].any()  # no unlit pixel, no evidence
    assert found.variance == pytest.approx(np.mean((found.rows - stripes) ** 2), rel=0.3)


def in_rows(seed: int, rms: float) -> np.ndarray:
    """Levels of eight channels of 64 rows, the first one cut by the trimming."""
    return np.repeat(rms * np.random.default_rng(seed).normal(size=9), 64)[20 : 20 + SHAPE[0]]


@pytest.mark.parametrize("rms", [3.0, 20.0])
def test_channels_along_rows_are_found_on_the_grid_that_they_make(rms: float) -> None:
    levels = in_rows(4, rms)
    lit = np.ones(SHAPE, dtype=bool)
    lit[100:180, :250] = lit[300:380, :250] = False  # orders that leave some pixels of every row
    found = measure_readout_pattern(frame(LIGHT + noise(5) + levels[:, None]), Masters(), lit)
    assert found is not None
    assert not found.columns.any()
    left = np.diff(levels - found.rows)[43:-20:64]
    assert np.std(left) < 1.5  # three times the error of a step over 28 rows of 400 pixels
    assert np.std(np.diff(levels)[43:-20:64]) > 2.0 * np.std(left)


def test_rows_that_differ_at_random_are_no_channels() -> None:
    stripes = 3.0 * np.random.default_rng(2).normal(size=SHAPE[0])
    for seed in range(5):
        halves = np.stack([stripes + 0.5 * np.random.default_rng(seed).normal(size=SHAPE[0]) for _ in range(2)])
        steps = np.diff(halves, axis=1, prepend=0.0)
        steps, _ = row_channels(LineDifferences(mean=steps, count=np.full(steps.shape, 200.0), sigma=10.0))
        assert not steps.any()


def test_a_few_rows_of_light_that_both_halves_see_are_no_channels() -> None:
    levels = np.random.default_rng(11).normal(size=(2, SHAPE[0]))
    levels[:, 300:] += 8.0  # one step, where a bright sky line crosses the edges of many orders
    steps = np.diff(levels, axis=1, prepend=0.0)
    found, variance = row_channels(LineDifferences(mean=steps, count=np.full(steps.shape, 200.0), sigma=10.0))
    assert not found.any()
    assert variance == 0.0


def test_odd_rows_and_odd_columns() -> None:
    odd = 4.0 * (np.arange(SHAPE[0]) % 2)
    rows = measure_readout_pattern(frame(LIGHT + noise(4) + odd[:, None]), Masters(), UNLIT)
    assert rows is not None
    assert np.mean(rows.rows[1:100:2]) - np.mean(rows.rows[0:100:2]) == pytest.approx(4.0, abs=0.3)
    odd = 4.0 * (np.arange(SHAPE[1]) % 2)
    columns = measure_readout_pattern(frame(LIGHT + noise(5) + odd), Masters(), UNLIT)
    assert columns is not None
    assert np.mean(columns.columns[1::2]) - np.mean(columns.columns[::2]) == pytest.approx(4.0, abs=0.2)


def test_odd_lines_that_are_higher_leave_the_even_ones_as_they_are() -> None:
    """A level is not light: the lines that lie at bias and dark keep their zero, the others come down, or up, to it."""
    odd = np.arange(SHAPE[0]) % 2
    for size in (8.0, -8.0):
        found = measure_readout_pattern(frame(noise(14) + size * odd[:, None]), Masters(), UNLIT)
        assert found is not None
        assert found.rows == pytest.approx(size * odd, abs=0.3)


ALONG = np.ones(SHAPE, dtype=bool)
ALONG[:, 60:110] = ALONG[:, 220:280] = False  # two orders that run along the columns


def test_orders_along_the_columns_leave_every_row_and_most_columns_to_tell_a_pattern() -> None:
    rows = 3.0 * np.random.default_rng(21).normal(size=SHAPE[0])
    columns = 5.0 * (np.arange(SHAPE[1]) % 2)
    found = measure_readout_pattern(frame(LIGHT[200] + noise(22) + rows[:, None] + columns), Masters(), ALONG)
    assert found is not None
    assert found.columns == pytest.approx(columns, abs=0.2)  # on the orders as well
    # noise of 7 e- over the root of 290 pixels; what 30 rows have in common is left to the scattered light, which follows it
    assert np.std(found.rows - (rows - gaussian_filter1d(rows, 30.0))) < 0.55
    assert not found.excess.any()


def test_a_step_between_orders_that_run_along_the_columns_is_found() -> None:
    step = 6.0 * (np.arange(SHAPE[1]) >= 165)
    found = measure_readout_pattern(frame(LIGHT + noise(23) + step), Masters(), ALONG)
    assert found is not None
    assert np.flatnonzero(np.diff(found.columns)).tolist() == [164]
    assert found.columns[200] - found.columns[100] == pytest.approx(6.0, abs=0.6)


@pytest.mark.parametrize("place", [165, 166])
def test_odd_columns_do_not_move_a_step(place: int) -> None:
    columns = 6.0 * (np.arange(SHAPE[1]) >= place) + 4.0 * (np.arange(SHAPE[1]) % 2)
    found = measure_readout_pattern(frame(LIGHT + noise(26) + columns), Masters(), ALONG)
    assert found is not None
    left = columns - found.columns
    assert np.ptp(left) < 0.8


def test_columns_too_few_for_a_step_between_two_orders_tell_none() -> None:
    narrow = np.ones(SHAPE, dtype=bool)
    narrow[:, 20:190] = narrow[:, 210:380] = False
    assert measure_readout_pattern(frame(LIGHT + noise(25)), Masters(), narrow) is None


@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_taken_off_a_clean_frame_of_orders_along_the_columns(seed: int) -> None:
    assert measure_readout_pattern(frame(LIGHT + noise(seed)), Masters(), ALONG) is None


def test_rows_with_more_noise_alone_are_a_pattern_that_takes_nothing_off() -> None:
    noisy = np.ones((SHAPE[0], 1))
    noisy[[7, 200, 333]] = 5.0
    found = measure_readout_pattern(frame(LIGHT + noise(24) * noisy), Masters(), ALONG)
    assert found is not None
    assert found.size_e == 0.0
    assert np.flatnonzero(found.excess).tolist() == [7, 200, 333]
    assert found.excess[[7, 200, 333]] == pytest.approx(24.0 * 49.0, rel=0.25)


def test_what_one_band_alone_shows_is_no_channel() -> None:
    light = LIGHT + noise(6)
    light[:90, 200:230] += 12.0  # a sky line at the edge of one order
    assert measure_readout_pattern(frame(light), Masters(), UNLIT) is None


def test_pixels_that_are_struck_or_bad_do_not_count() -> None:
    light, flags = LIGHT + noise(7), np.zeros(SHAPE, np.uint8)
    light[:, 200] += 500.0
    flags[:, 200] = np.uint8(PixelFlag.BAD)
    light[np.random.default_rng(7).random(SHAPE) < 0.002] += 2000.0
    assert measure_readout_pattern(frame(light, flags), Masters(), UNLIT) is None


def test_a_pattern_of_the_dark_as_well_is_no_pattern_of_the_difference() -> None:
    dark = frame(20.0 + np.broadcast_to(CHANNELS, SHAPE))
    assert measure_readout_pattern(frame(LIGHT + noise(8) + 20.0 + CHANNELS), Masters(dark=dark), UNLIT) is None


def test_too_few_pixels_measure_nothing() -> None:
    assert measure_readout_pattern(frame(LIGHT + noise(9) + CHANNELS), Masters(), np.zeros(SHAPE, dtype=bool)) is None


def test_an_exposure_gives_electrons_without_its_pattern_and_with_the_error_of_it() -> None:
    detector = Detector(science_columns=(0, 3), science_rows=(0, 2), gain_e_per_adu=2.0, read_noise_e=3.0)
    pattern = ReadoutPattern(rows=np.array([0.5, -0.5]), columns=np.array([1.0, 0.0, -1.0]), variance=0.25, excess=np.array([0.0, 4.0]))
    exposure = RawExposure(
        adu=np.full((2, 3), 10.0), bad_pixels=np.zeros((2, 3), dtype=bool), detector=detector, exptime_s=1.0, pattern=pattern
    )
    expected = np.array([[18.5, 19.5, 20.5], [19.5, 20.5, 21.5]])
    assert exposure.whole().electrons == pytest.approx(expected)
    assert exposure.whole().variance == pytest.approx(np.repeat([[9.25], [13.25]], 3, axis=1))
    assert exposure.part((np.array([1, 0]), np.array([2, 2]))).variance == pytest.approx([13.25, 9.25])
    assert exposure.part(slice(1, 2)).electrons == pytest.approx(expected[1:])
    assert exposure.part((np.array([0, 1]), np.array([2, 0]))).electrons == pytest.approx([20.5, 19.5])
    assert pattern.size_e == pytest.approx(np.hypot(0.5, np.sqrt(2.0 / 3.0)))
