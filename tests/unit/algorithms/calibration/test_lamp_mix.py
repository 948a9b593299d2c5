"""Flats of two lamps made one."""

import numpy as np
import pytest

from soxspipe.algorithms.calibration.lamp_mix import mix_order

N_B, N_A = 600, 160
B = np.arange(N_B)


def lamps(seed, line=False):
    """Two lamps through the same pixels; the second falls to the red and has a line if it is wanted."""
    rng = np.random.default_rng(seed)
    response = 1.0 + 0.02 * rng.normal(size=(N_B, 30))
    first = 20000.0 * (0.2 + B / N_B)[:, None] * response
    second = 15000.0 * np.exp(-2.0 * B / N_B)[:, None] * (1.0 + 5.0 * line * np.exp(-0.5 * ((B - 400.0) / 2.0) ** 2))[:, None] * response
    return [rng.poisson(light) + 5.0 * rng.normal(size=light.shape) for light in (first, second)], (first, second)


@pytest.mark.parametrize("line", [False, True])
def test_two_lamps_are_better_than_one_and_keep_the_shape_of_the_first(line):
    observed, (first, second) = lamps(1, line)
    variances = (first + 25.0, second + 25.0)
    mixed = mix_order((observed[0], observed[1]), variances, np.ones(first.shape, dtype=bool))
    assert mixed.reference == 0
    assert 0.1 < mixed.share < 0.6
    z = (mixed.values - first) / np.sqrt(mixed.variance)
    assert np.std(z) == pytest.approx(1.0, abs=0.03)
    assert np.abs(np.mean(((mixed.values - first) / first)[np.abs(B - 400) < 8])) < 1.5e-3
    assert np.mean(mixed.variance) < 0.9 * np.mean(variances[0])


def test_a_lamp_without_light_is_left_out():
    observed, (first, second) = lamps(2)
    mixed = mix_order((observed[0], 0.01 * observed[1]), (first + 25.0, np.full(second.shape, 25.0)), np.ones(first.shape, dtype=bool))
    assert mixed.share == 0.0
    np.testing.assert_array_equal(mixed.values, observed[0])


def test_an_order_that_the_second_lamp_shows_better_has_the_spectrum_of_the_first():
    observed, (first, second) = lamps(4)
    weak = 0.05 * first
    rng = np.random.default_rng(7)
    seen = rng.poisson(weak) + 5.0 * rng.normal(size=weak.shape)
    mixed = mix_order((seen, observed[1]), (weak + 25.0, second + 25.0), np.ones(first.shape, dtype=bool))
    assert (mixed.reference, mixed.spectrum) == (1, 0)
    relative = mixed.values / weak
    assert relative.mean() == pytest.approx(1.0, abs=0.003)
    assert np.abs(relative.mean(axis=1) - 1.0).max() < 0.02
    noise_of_second = np.sqrt(second + 25.0) / second
    assert np.std((relative - 1.0) / noise_of_second) < 1.2


@pytest.mark.parametrize(("end", "steepness"), [(592, 2), (594, 1)])
@pytest.mark.parametrize("seed", range(3))
def test_a_dark_end_does_not_decide_which_lamp_an_order_shows(seed, end, steepness):
    """The background leaves the first lamp a little below zero where neither has light: one flat of a night had the one lamp, one the other."""
    _, (first, second) = lamps(4)
    rng = np.random.default_rng(seed)
    fading = np.clip((end - B) / 250.0, 0.0, 1.0)[:, None]
    light = (0.05 * first * fading**steepness, second * fading + 10.0)
    observed = [rng.poisson(one) + 5.0 * rng.normal(size=one.shape) for one in light]
    mixed = mix_order((observed[0] - 1.0, observed[1]), (light[0] + 25.0, light[1] + 25.0), np.ones(first.shape, dtype=bool))
    assert (mixed.reference, mixed.spectrum) == (1, 0)
    relative = (mixed.values[:330] / light[0][:330]).mean(axis=1)  # up to where a kink begins that no polynomial follows
    assert np.median(relative) == pytest.approx(1.0, abs=0.01)
    assert np.abs(relative - 1.0).max() < 0.05


def test_a_line_of_the_lamp_with_more_light_does_not_stay_in_the_flat():
    _, (first, second) = lamps(5, True)
    rng, light = np.random.default_rng(9), (0.3 * first, 4.0 * second)
    faint = light[0]
    observed = [rng.poisson(one) + 5.0 * rng.normal(size=one.shape) for one in light]
    mixed = mix_order((observed[0], observed[1]), (light[0] + 25.0, light[1] + 25.0), np.ones(first.shape, dtype=bool))
    assert (mixed.reference, mixed.spectrum) == (1, 0)
    relative = (mixed.values / faint).mean(axis=1)
    assert np.abs(relative[np.abs(B - 400) < 12] - 1.0).max() < 0.02
    z = (mixed.values - faint) / np.sqrt(mixed.variance)
    assert np.std(z) == pytest.approx(1.0, abs=0.05)


def test_an_order_that_the_first_lamp_hardly_shows_keeps_the_spectrum_of_the_second():
    observed, (first, second) = lamps(4)
    dark = 5.0 * np.random.default_rng(8).normal(size=first.shape)
    mixed = mix_order((dark, observed[1]), (np.full(first.shape, 25.0), second + 25.0), np.ones(first.shape, dtype=bool))
    assert (mixed.reference, mixed.spectrum) == (1, 1)
    assert np.array_equal(mixed.values, observed[1])


def test_a_cosmic_ray_in_one_lamp_is_not_believed():
    observed, (first, second) = lamps(3)
    observed[1][100, 10] += 20000.0
    mixed = mix_order((observed[0], observed[1]), (first + 25.0, second + 25.0), np.ones(first.shape, dtype=bool))
    assert mixed.values[100, 10] == pytest.approx(first[100, 10], rel=0.05)
