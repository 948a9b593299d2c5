"""Stacking, with limits worked by hand.

Three exposures of 100 e- and a read noise of 5 e-: a pixel's expected noise against the median is sqrt((25 + 100) 4/3) = 12.91 e-; a
limit of 5 sigma and the share of 0.3 of the source tolerated make 64.55 + 30 = 94.55 e-.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from soxspipe.algorithms.frames.clip_and_stack import StackSettings, clip_and_stack
from soxspipe.algorithms.frames.prepare import expose
from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import Frame, RawFrame
from soxspipe.datamodel.observation import Observation

SHAPE = (40, 40)
AT = (20, 20)
FIVE = StackSettings(stacked_clipping_sigma=5.0)


def frame(level: float | np.ndarray = 100.0, *, extra: float = 0.0, variance: float = 25.0, exptime_s: float = 60.0) -> Frame:
    electrons = np.full(SHAPE, level, dtype=float) if np.isscalar(level) else np.array(level, dtype=float)
    electrons[AT] += extra
    return Frame(electrons=electrons, variance=np.full(SHAPE, variance), flags=np.zeros(SHAPE, dtype=np.uint8), exptime_s=exptime_s)


def flagged(one: Frame, flag: PixelFlag) -> Frame:
    where = np.zeros(SHAPE, dtype=bool)
    where[AT] = True
    return one.flagged(where, flag)


def test_one_exposure_is_its_own_stack() -> None:
    alone = frame()
    assert clip_and_stack([alone], StackSettings()) is alone


def test_mean_and_its_read_noise() -> None:
    stack = clip_and_stack([frame(90.0), frame(100.0, variance=16.0), frame(110.0, exptime_s=66.0)], StackSettings())
    np.testing.assert_allclose(stack.electrons, 100.0)
    np.testing.assert_allclose(stack.variance, (25 + 16 + 25) / 9)
    assert stack.n_exposures == 3
    assert stack.exptime_s == pytest.approx(62.0)
    assert stack.counts is not None
    assert (stack.counts == 3).all()
    assert (stack.flags == 0).all()


@pytest.mark.parametrize(("extra", "rejected"), [(90.0, False), (100.0, True)])
def test_limit_is_in_units_of_expected_noise(extra: float, rejected: bool) -> None:
    stack = clip_and_stack([frame(), frame(extra=extra), frame()], FIVE)
    assert stack.counts is not None
    assert stack.counts[AT] == (2 if rejected else 3)
    assert stack.electrons[AT] == pytest.approx(100.0 if rejected else 100.0 + extra / 3)
    assert stack.variance[AT] == pytest.approx(25 / 2 if rejected else 25 / 3)
    assert stack.flags[AT] == 0
    assert (np.delete(stack.counts.ravel(), AT[0] * SHAPE[1] + AT[1]) == 3).all()


@pytest.mark.parametrize("extra", [1e3, 1e5])
def test_of_two_exposures_the_lower_wins(extra: float) -> None:
    stack = clip_and_stack([frame(extra=extra), frame()], FIVE)
    assert stack.electrons[AT] == pytest.approx(100.0)
    assert stack.variance[AT] == pytest.approx(25.0)


@pytest.mark.parametrize(("n", "struck"), [(4, 1), (5, 2), (7, 3)])
def test_of_many_exposures_the_majority_decides(n: int, struck: int) -> None:
    stack = clip_and_stack([frame(extra=1e4 * (k + 1) if k < struck else 0.0) for k in range(n)], FIVE)
    assert stack.electrons[AT] == pytest.approx(100.0)
    assert stack.counts is not None
    assert stack.counts[AT] == n - struck
    assert stack.variance[AT] == pytest.approx(25.0 / (n - struck))


def test_low_values_are_not_rejected() -> None:
    stack = clip_and_stack([frame(), frame(extra=-80.0), frame()], FIVE)
    assert stack.electrons[AT] == pytest.approx(100.0 - 80.0 / 3)


def test_pedestal_is_no_light_and_adds_no_noise() -> None:
    # noise sqrt(25 4/3) = 5.77, no source to tolerate: the limit is 28.9
    frames = [frame(), frame(extra=32.0), frame()]
    with_bias, without = clip_and_stack(frames, FIVE, np.full(SHAPE, 100.0)), clip_and_stack(frames, FIVE)
    assert with_bias.electrons[AT] == pytest.approx(100.0)
    assert without.electrons[AT] == pytest.approx(100.0 + 32.0 / 3)


def test_no_rounds_no_rejection() -> None:
    stack = clip_and_stack([frame(), frame(extra=1e5), frame()], StackSettings(stacked_clipping_iterations=0))
    assert stack.electrons[AT] == pytest.approx(100.0 + 1e5 / 3)


def test_neighbours_of_a_hit_are_judged_at_a_lower_limit() -> None:
    beside = (AT[0], AT[1] + 1)
    electrons = np.full(SHAPE, 100.0)
    electrons[beside] += 110.0  # 8.5 sigma: below 15, above 5 and the tolerated 30 e-
    alone = clip_and_stack([frame(), frame(electrons), frame()], StackSettings())
    next_to_one = clip_and_stack([frame(), frame(electrons, extra=5000.0), frame()], StackSettings())
    assert alone.counts is not None
    assert alone.counts[beside] == 3
    assert next_to_one.counts is not None
    assert next_to_one.counts[beside] == 2


def test_brighter_sky_in_one_exposure_is_no_cosmic_ray() -> None:
    line = np.full(SHAPE, 100.0)
    line[:, 18:22] = 3000.0
    stack = clip_and_stack([frame(line), frame(line), frame(3.0 * line)], FIVE)
    assert stack.counts is not None
    assert (stack.counts == 3).all()
    np.testing.assert_allclose(stack.electrons, 5.0 / 3.0 * line)


def test_a_hit_in_a_brighter_exposure_leaves_the_mean_of_all() -> None:
    stack = clip_and_stack([frame(100.0), frame(100.0), frame(160.0, extra=1e4)], FIVE)
    assert stack.counts is not None
    assert stack.counts[AT] == 2
    assert stack.electrons[AT] == pytest.approx(120.0)


def test_flagged_pixels_are_left_out_and_lose_their_flag() -> None:
    stack = clip_and_stack([frame(), flagged(frame(extra=-1e4), PixelFlag.BAD), frame()], StackSettings())
    assert stack.electrons[AT] == pytest.approx(100.0)
    assert stack.flags[AT] == 0
    assert stack.counts is not None
    assert stack.counts[AT] == 2


def test_a_pixel_that_no_exposure_delivers_keeps_its_reason() -> None:
    every = clip_and_stack([flagged(frame(), PixelFlag.SATURATED) for _ in range(3)], StackSettings())
    assert every.flags[AT] == PixelFlag.SATURATED
    assert np.isfinite(every.electrons).all()
    assert np.isfinite(every.variance).all()
    mixed = clip_and_stack([flagged(frame(), PixelFlag.SATURATED), flagged(frame(), PixelFlag.BAD)], StackSettings())
    assert mixed.flags[AT] == PixelFlag.SATURATED | PixelFlag.BAD


def test_bad_in_one_and_struck_in_the_other_is_lost() -> None:
    struck = frame(extra=1e5)
    stack = clip_and_stack([flagged(frame(), PixelFlag.BAD), struck, struck], FIVE)
    # two agree and the third says nothing: no reason to call it a cosmic ray
    assert stack.electrons[AT] == pytest.approx(1e5 + 100)


@pytest.mark.parametrize("junk", [-1e6, 0.0, 1e9])
def test_junk_in_a_flagged_pixel_does_not_spread(junk: float) -> None:
    spoilt = np.full(SHAPE, 100.0)
    spoilt[AT] = junk
    stack = clip_and_stack([frame(), flagged(frame(spoilt), PixelFlag.NOT_FINITE), frame()], FIVE)
    np.testing.assert_allclose(stack.electrons, 100.0)


def test_inputs_are_not_touched() -> None:
    frames = [frame(), frame(extra=1e4), frame()]
    before = [(one.electrons.copy(), one.flags.copy(), np.array(one.variance)) for one in frames]
    clip_and_stack(frames, FIVE)
    for one, (electrons, flags, variance) in zip(frames, before, strict=True):
        np.testing.assert_array_equal(one.electrons, electrons)
        np.testing.assert_array_equal(one.flags, flags)
        np.testing.assert_array_equal(one.variance, variance)


def test_noise_of_a_poisson_stack_is_kept() -> None:
    rng = np.random.default_rng(5)
    shape = (200, 200)
    frames = [
        Frame(
            electrons=rng.poisson(50.0, shape) + rng.normal(0, 4.0, shape), variance=np.full(shape, 16.0),
            flags=np.zeros(shape, dtype=np.uint8), exptime_s=1.0,
        )
        for _ in range(3)
    ]  # fmt: skip
    stack = clip_and_stack(frames, StackSettings())
    assert stack.counts is not None
    assert (stack.counts == 3).all()
    assert np.std(stack.electrons) == pytest.approx(np.sqrt(66.0 / 3), rel=0.02)


def test_nothing_to_stack_is_refused() -> None:
    with pytest.raises(ValueError, match="no frame to stack"):
        clip_and_stack([], StackSettings())


def test_frames_of_different_shapes_are_refused() -> None:
    other = Frame(electrons=np.zeros((2, 2)), variance=np.zeros((2, 2)), flags=np.zeros((2, 2), dtype=np.uint8), exptime_s=1.0)
    with pytest.raises(ValueError, match="different shapes"):
        clip_and_stack([frame(), other], StackSettings())


def sprinkled(n: int, shape: tuple[int, int] = (50, 40)) -> list[Frame]:
    """Exposures with tracks of cosmic rays, some along the edges, and flagged pixels."""
    rng = np.random.default_rng(n)
    frames = []
    for _ in range(n):
        electrons = rng.poisson(80.0, shape) + rng.normal(0.0, 5.0, shape)
        for y, x in zip(rng.integers(0, shape[0], 12), rng.integers(0, shape[1] - 5, 12), strict=True):
            electrons[y, x : x + 5] += [60.0, 250.0, 5000.0, 250.0, 60.0]
            electrons[max(y - 1, 0) : y + 2, x + 2] += 300.0
        flags = (rng.random(shape) < 0.03) * np.uint8(PixelFlag.BAD)
        frames.append(Frame(electrons=electrons, variance=np.full(shape, 25.0), flags=flags, exptime_s=1.0))
    return frames


@pytest.mark.parametrize("n", [2, 3, 4, 7])
def test_pixels_taken_at_once_make_no_difference(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = sprinkled(n)
    whole = clip_and_stack(frames, FIVE)
    assert whole.counts is not None
    assert 10 * n < np.count_nonzero(whole.counts < n)
    monkeypatch.setattr("soxspipe.algorithms.frames.clip_and_stack.PIXELS_AT_ONCE", 120)
    monkeypatch.setattr("soxspipe.algorithms.frames.clip_and_stack.SUSPECTS_AT_ONCE", 7)
    in_pieces = clip_and_stack(frames, FIVE)
    for field in ("electrons", "variance", "flags", "counts"):
        np.testing.assert_array_equal(getattr(in_pieces, field), getattr(whole, field))


def test_memory_does_not_grow_with_the_number_of_exposures() -> None:
    shape = (600, 400)
    detector = Detector(science_columns=(0, shape[1]), science_rows=(0, shape[0]), gain_e_per_adu=2.0, read_noise_e=5.0)
    adu = np.random.default_rng(1).normal(100.0, 5.0, shape).astype(np.float32)
    raw = RawFrame(adu=adu, observation=Observation(arm="NIR", kind="OBJECT", exptime_s=60.0))
    peaks = {n: peak_of(lambda n=n: clip_and_stack([expose(raw, detector, np.zeros(shape, dtype=bool))] * n, FIVE)) for n in (3, 12)}
    assert peaks[12] < peaks[3] + 0.5 * adu.nbytes


def peak_of(work: Callable[[], object]) -> int:
    """Most bytes that are allocated at one time while `work` is done."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
