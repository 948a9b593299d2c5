"""Edges, scattered light, lamps and factors of a flat, on arrays with answers that are known."""

import numpy as np
import pytest
from scipy.special import erf

from soxspipe.algorithms.calibration.flat_parts import take_apart
from soxspipe.algorithms.calibration.gap_light import between_orders, fit_gap_light
from soxspipe.algorithms.calibration.lamp_mix import mix_order
from soxspipe.algorithms.calibration.slit_edges import fit_order_polynomial, measure_edges
from soxspipe.errors import AlgorithmError

N_B, N_A = 600, 160
B = np.arange(N_B)


def slit_image(low, high, blur=0.4):
    """Light of a slit between edges, pixels of finite size, dispersion along axis 0."""
    fine = np.arange(N_A * 20)[None, :] / 20.0 - 0.475
    light = 0.5 * (erf((fine - low[:, None]) / blur / np.sqrt(2)) - erf((fine - high[:, None]) / blur / np.sqrt(2)))
    return light.reshape(N_B, N_A, 20).mean(axis=2)


def scene(seed=1, level=20000.0, glow=0.0):
    """Two orders whose edges are not parallel to each other."""
    rng = np.random.default_rng(seed)
    edges = {
        5: (30.0 + 0.02 * B + 3e-5 * (B - 300.0) ** 2, 60.0 + 0.021 * B + 3e-5 * (B - 300.0) ** 2),
        6: (90.0 + 0.02 * B, 124.0 + 0.018 * B),
    }
    blaze = level * np.exp(-(((B - 300.0) / 400.0) ** 2))
    image = sum(slit_image(*pair) for pair in edges.values()) * blaze[:, None] + glow
    noisy = rng.poisson(image) * (1.0 + 0.01 * rng.normal(size=image.shape)) + 5.0 * rng.normal(size=image.shape)
    return edges, noisy, np.maximum(image, 0.0) + 25.0


@pytest.mark.parametrize("axis", ["y", "x"])
@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_edges_have_their_true_shape(axis, shift):
    edges, image, variance = scene()
    centres = {n: (B, 0.5 * (low + high) + shift) for n, (low, high) in edges.items()}
    planes = (image, variance, np.zeros(image.shape, dtype=bool))
    planes = tuple(plane.T for plane in planes) if axis == "x" else planes
    found = measure_edges(*planes, centres, axis, half_slit_px=16.0, degree=5, clip_sigma=4.0)
    for number, (low, high) in edges.items():
        for fitted, true in ((found[number].low, low), (found[number].high, high)):
            assert np.mean(fitted - true) == pytest.approx(0.0, abs=0.03)
            assert np.std(fitted - true) < 0.03


def test_an_order_without_light_has_the_length_of_its_neighbour():
    edges, image, variance = scene()
    image[:, :75] = 3.0 * np.random.default_rng(2).normal(size=(N_B, 75))
    centres = {n: (B, 0.5 * (low + high)) for n, (low, high) in edges.items()}
    found = measure_edges(image, variance, np.zeros(image.shape, dtype=bool), centres, "y", half_slit_px=16.0, degree=5, clip_sigma=4.0)
    assert not found[5].lit
    assert found[6].lit
    assert np.median(found[5].half_px) == pytest.approx(np.median(found[6].half_px))


def test_bad_columns_do_not_move_edges():
    edges, image, variance = scene()
    bad = np.zeros(image.shape, dtype=bool)
    bad[:, 40] = True
    image[:, 40] = 1e6
    found = measure_edges(
        image, variance, bad, {5: (B, 0.5 * (edges[5][0] + edges[5][1]))}, "y", half_slit_px=15.0, degree=5, clip_sigma=4.0
    )
    assert np.abs(found[5].low - edges[5][0]).max() < 0.1


def test_dead_columns_that_nobody_knows_of_are_no_edges():
    # a cold column runs along the dispersion and crosses the order as it bends: half of the order once had its edge there
    edges, image, variance = scene()
    image[:, 49:51] *= 0.02
    found = measure_edges(
        image,
        variance,
        np.zeros(image.shape, dtype=bool),
        {5: (B, 0.5 * (edges[5][0] + edges[5][1]))},
        "y",
        half_slit_px=15.0,
        degree=5,
        clip_sigma=4.0,
    )
    assert np.abs(found[5].low - edges[5][0]).max() < 0.3
    assert np.abs(found[5].high - edges[5][1]).max() < 0.3


def test_edges_seen_over_a_small_part_keep_their_distance_from_the_centre():
    edges, image, variance = scene()
    image[:420] = 3.0 * np.random.default_rng(3).normal(size=(420, N_A))
    centre = 0.5 * (edges[6][0] + edges[6][1])
    found = measure_edges(
        image, variance, np.zeros(image.shape, dtype=bool), {6: (B, centre)}, "y", half_slit_px=16.0, degree=5, clip_sigma=4.0
    )
    assert np.abs(found[6].middle - centre).max() < 0.3


def test_the_polynomial_of_an_order_table_is_exact_where_it_can_be():
    curves = {n: (B.astype(float), 10.0 * n + 0.01 * n * B + 1e-6 * B**2) for n in range(10, 25)}
    polynomial = fit_order_polynomial(curves, 6, 5)
    for n, (b, a) in curves.items():
        np.testing.assert_allclose(polynomial(n, b), a, atol=1e-6)


def test_scattered_light_comes_from_the_gaps():
    y, x = np.mgrid[:N_B, :N_A]
    glow = 200.0 + 0.2 * y + 100.0 * np.sin(x / 80.0)
    edges, image, variance = scene(glow=0.0)
    image = image + glow + np.sqrt(glow) * np.random.default_rng(5).normal(size=glow.shape)
    found = measure_edges(
        image, variance + glow, np.zeros(image.shape, dtype=bool), {n: (B, 0.5 * (lo + hi)) for n, (lo, hi) in edges.items()}, "y",
        half_slit_px=16.0, degree=5, clip_sigma=4.0,
    )  # fmt: skip
    gaps = between_orders(found.values(), image.shape, "y")
    model, sigma2 = fit_gap_light(image, variance + glow, np.zeros(image.shape, dtype=bool), gaps, "y")
    assert np.abs(model - glow).max() < 8.0
    assert np.std((model - glow)[20:-20, 20:-20]) < 2.0
    assert 0 < sigma2 < 10.0
    with pytest.raises(AlgorithmError, match="only 0 good pixels"):
        fit_gap_light(image, variance, np.ones(image.shape, dtype=bool), gaps, "y")


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


def test_factors_of_the_light_come_apart():
    rng = np.random.default_rng(6)
    low, high = np.full(N_B, 4.6), np.full(N_B, 44.2)
    a = np.arange(50)[None, :] * np.ones((N_B, 1))
    response = 1.0 + 0.01 * rng.normal(size=(N_B, 50))
    response[200, 20] = 0.3
    blaze = 30000.0 * np.exp(-(((B - 250.0) / 350.0) ** 2))
    slit = 1.0 + 0.05 * (a - 24.4) / 19.8
    light = blaze[:, None] * slit * response
    parts = take_apart(rng.poisson(light).astype(float), light, a, low, high)
    assert np.std((parts.blaze / blaze)[20:-20]) < 1e-3
    tilt = np.polyfit(parts.slit_px, parts.illumination, 1)[0]
    assert tilt == pytest.approx(0.05, abs=2e-3)
    inside = parts.lit
    scatter = (parts.response - response)[inside] * np.sqrt(light[inside])
    assert np.std(scatter) == pytest.approx(1.0, abs=0.15)
    assert parts.response[200, 20] == pytest.approx(0.3, abs=0.02)
