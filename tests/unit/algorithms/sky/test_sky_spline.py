"""The sky spline: its terms, and its fit against dense least squares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.interpolate import BSpline

from soxspipe.algorithms.sky.sky_spline import (
    SkyPixels,
    SkySpline,
    fit_linear,
    gauss_newton,
    linearise,
    place_pixels,
    powers_of,
    scale,
    start_spline,
)
from support.orders import sky_light

RNG = np.random.default_rng(11)
U_RANGE = (0.0, 120.0)


def spline(*, illumination: int = 0, with_shift: bool = False, n: int = 100) -> SkySpline:
    return start_spline(np.linspace(*U_RANGE, n), 3, U_RANGE, illumination, with_shift=with_shift)


def linear(start: SkySpline, pixels: SkyPixels, weight: np.ndarray) -> SkySpline:
    return fit_linear(start, pixels.electrons, weight, place_pixels(start, pixels.u, pixels.slit))


def scattered(n: int = 6000) -> tuple[np.ndarray, np.ndarray]:
    return RNG.uniform(*U_RANGE, n), RNG.uniform(-1, 1, n)


def test_scale_maps_the_range_and_is_clamped() -> None:
    np.testing.assert_allclose(scale(np.array([-5.0, 0.0, 60.0, 120.0, 200.0]), U_RANGE), [-1, -1, 0, 1, 1])


def test_value_is_gain_times_shifted_spline() -> None:
    made = replace(
        spline(illumination=2, with_shift=True), coefficients=RNG.normal(size=102), illumination=np.array([0.05, -0.02]),
        shift=RNG.normal(scale=0.1, size=(5, 3)),
    )  # fmt: skip
    u, s = scattered(200)
    t = (2 * u - U_RANGE[0] - U_RANGE[1]) / (U_RANGE[1] - U_RANGE[0])
    moved = u + sum(
        made.shift[i, j] * np.polynomial.Chebyshev.basis(i)(t) * np.polynomial.Legendre.basis(j + 1)(s) for i in range(5) for j in range(3)
    )
    gain = 1 + 0.05 * s - 0.02 * 0.5 * (3 * s**2 - 1)
    np.testing.assert_allclose(made.shifted(u, made.shape_terms(u, s)), moved, atol=1e-12)
    np.testing.assert_allclose(made.gain(made.shape_terms(u, s)), gain)
    np.testing.assert_allclose(made(u, s), gain * BSpline(made.knots, made.coefficients, 3, extrapolate=True)(moved), atol=1e-10)


def test_without_shape_terms_position_and_gain_are_plain() -> None:
    u, s = scattered(10)
    terms = spline().shape_terms(u, s)
    np.testing.assert_array_equal(spline().shifted(u, terms), u)
    np.testing.assert_array_equal(spline().gain(terms), 1.0)


def test_local_range_is_what_the_sky_does_within_a_pixel_or_so() -> None:
    line = spline(n=200)
    pixels = SkyPixels(
        u=np.arange(0, 120, 0.05),
        slit=np.zeros(2400),
        electrons=sky_light(np.arange(0, 120, 0.05), continuum=10.0, lines=((60.0, 1000.0),)),
        variance=np.ones(2400),
    )
    fitted = linear(line, pixels, np.ones(2400))
    found = fitted.local_range(np.array([20.0, 60.0, 61.0]))
    assert found[0] == pytest.approx(0.0, abs=0.5)
    height = sky_light(np.array([60.0, 61.25, 62.25]), continuum=0.0, lines=((60.0, 1000.0),))
    assert found[1] == pytest.approx(height[0] - height[1], rel=0.02)
    assert found[2] == pytest.approx(height[0] - height[2], rel=0.02)


def test_linear_fit_is_the_dense_one() -> None:
    u, s = scattered()
    truth = sky_light(u, continuum=50.0, lines=((30.0, 2000.0), (77.3, 500.0)))
    pixels = SkyPixels(u=u, slit=s, electrons=truth + RNG.normal(size=u.size), variance=np.ones(u.size))
    weight = np.where(RNG.uniform(size=u.size) < 0.8, RNG.uniform(0.5, 2.0, u.size), 0.0)
    start = replace(spline(illumination=1), illumination=np.array([0.1]))
    fitted = linear(start, pixels, weight)
    matrix = BSpline.design_matrix(u, start.knots, 3).toarray() * (1 + 0.1 * s)[:, None]
    dense = np.linalg.lstsq(matrix * np.sqrt(weight)[:, None], pixels.electrons * np.sqrt(weight), rcond=None)[0]
    np.testing.assert_allclose(fitted.coefficients, dense, atol=1e-3)  # errors are 0.2
    np.testing.assert_array_equal(fitted.illumination, start.illumination)
    np.testing.assert_array_equal(start.coefficients, 0.0)


def test_pieces_without_data_are_carried_by_their_neighbours() -> None:
    u, s = scattered()
    keep = (u < 50) | (u > 58)
    pixels = SkyPixels(u=u, slit=s, electrons=np.full(u.size, 70.0), variance=np.ones(u.size))
    fitted = linear(spline(), pixels, np.where(keep, 1.0, 0.0))
    np.testing.assert_allclose(fitted(np.linspace(0, 120, 500), np.zeros(500)), 70.0, rtol=2e-3)


def converged(start: SkySpline, pixels: SkyPixels, rounds: int = 8, wings: np.ndarray | None = None) -> SkySpline:
    current = linear(start, pixels, 1.0 / pixels.variance)
    for _ in range(rounds):
        current = gauss_newton(
            current, pixels, 1.0 / pixels.variance, linearise(current, place_pixels(current, pixels.u, pixels.slit)), wings
        )
    return current


def lines_with(gain: np.ndarray | float, shift: np.ndarray | float, u: np.ndarray) -> np.ndarray:
    return gain * sky_light(u + shift, continuum=300.0, lines=tuple((8.0 * k + 0.37 * k % 1, 3e4) for k in range(1, 15)))


def test_steps_find_illumination_and_shift() -> None:
    u, s = scattered(20_000)
    t = (2 * u - 120.0) / 120.0
    truth = lines_with(1 + 0.04 * s, 0.05 * s + 0.03 * s * t, u)
    pixels = SkyPixels(u=u, slit=s, electrons=RNG.normal(truth, np.sqrt(truth)), variance=truth)
    found = converged(spline(illumination=1, with_shift=True, n=220), pixels)
    assert found.illumination[0] == pytest.approx(0.04, abs=0.002)
    assert found.shift[0, 0] == pytest.approx(0.05, abs=0.003)
    assert found.shift[1, 0] == pytest.approx(0.03, abs=0.004)
    chi = (pixels.electrons - found(u, s)) / np.sqrt(truth)
    assert np.std(chi) == pytest.approx(1.0, abs=0.02)


def test_light_that_goes_with_the_object_is_not_taken_for_illumination() -> None:
    u, s = scattered(20_000)
    sky = sky_light(u, continuum=300.0, lines=tuple((8.0 * k + 0.37 * k % 1, 3000.0) for k in range(1, 15)))
    flux = 3000.0 * (1.0 + 0.3 * np.sin(u / 9.0))
    curved = 0.5 * (3.0 * s**2 - 1.0)
    truth = sky * (1.0 + 0.03 * s) + 0.02 * flux * curved
    pixels = SkyPixels(u=u, slit=s, electrons=RNG.normal(truth, np.sqrt(truth)), variance=truth)
    start = spline(illumination=2, n=220)
    known = converged(start, pixels, wings=np.stack([flux * s, flux * curved]))
    assert known.illumination == pytest.approx([0.03, 0.0], abs=0.006)
    assert abs(converged(start, pixels).illumination[1]) > 0.02


def faint_in_moonlight(seed: int) -> tuple[SkyPixels, np.ndarray]:
    """A smooth sky of 110 electrons, and what a faint object's light on each row, known with its noise, may look like across the slit."""
    draw = np.random.default_rng(seed)
    u, s = draw.uniform(*U_RANGE, 4000), draw.uniform(-1, 1, 4000)
    truth = 110.0 * (1.0 + 0.03 * s)
    flux = np.interp(u, np.arange(121), draw.normal(13.0, 5.0, 121))
    pixels = SkyPixels(u=u, slit=s, electrons=draw.normal(truth, np.sqrt(truth)), variance=truth)
    return pixels, np.stack([0.0 * s, flux * s, flux * 0.5 * (3.0 * s**2 - 1.0)])


def test_the_wings_of_a_faint_object_do_not_bend_the_sky() -> None:
    start = spline(illumination=2, n=20)
    found = [converged(start, pixels, rounds=3, wings=wings) for pixels, wings in map(faint_in_moonlight, range(30))]
    pulls = np.array([(one.illumination - [0.03, 0.0]) / one.illumination_error for one in found])
    assert np.all(np.abs(pulls.mean(axis=0)) < 4.0 / np.sqrt(30))
    assert np.all((pulls.std(axis=0) > 0.75) & (pulls.std(axis=0) < 1.4))
    without = converged(start, faint_in_moonlight(0)[0], rounds=3).illumination_error
    typical = np.median([one.illumination_error for one in found], axis=0)
    np.testing.assert_allclose(typical, without, rtol=0.1)  # with both terms of wings they would be twice as large


def test_without_shape_terms_a_step_is_the_linear_fit() -> None:
    u, s = scattered()
    truth = lines_with(1.0, 0.0, u)
    pixels = SkyPixels(u=u, slit=s, electrons=truth, variance=truth)
    alone = linear(spline(), pixels, 1.0 / truth)
    step = gauss_newton(alone, pixels, 1.0 / truth, linearise(alone, place_pixels(alone, pixels.u, pixels.slit)))
    np.testing.assert_allclose(step.coefficients, alone.coefficients)


def test_a_prior_holds_the_illumination_where_the_sky_is_dark() -> None:
    u, s = scattered(2000)
    pixels = SkyPixels(u=u, slit=s, electrons=RNG.normal(0.01, 1.0, u.size), variance=np.ones(u.size))
    held = replace(
        spline(illumination=1, n=20), expected_illumination=np.array([0.07]), illumination_prior=0.005, illumination=np.array([0.07])
    )
    assert converged(held, pixels).illumination[0] == pytest.approx(0.07, abs=0.003)


def test_linearised_model_is_the_model() -> None:
    u, s = scattered(500)
    u = np.clip(u, 2.0, 118.0)  # positions end where the knots do
    made = replace(
        spline(illumination=1, with_shift=True), coefficients=RNG.normal(size=102), illumination=np.array([0.05]),
        shift=RNG.normal(scale=0.05, size=(5, 3)),
    )  # fmt: skip
    here = linearise(made, place_pixels(made, u, s))
    np.testing.assert_allclose(here.sky, made(u, s), atol=1e-10)
    np.testing.assert_allclose(here.plain, made(u, s) / made.gain(made.shape_terms(u, s)), atol=1e-10)
    step = 1e-6
    bumped = replace(made, shift=made.shift + step * np.outer(np.eye(5)[0], np.eye(3)[0]))
    np.testing.assert_allclose(here.slope * s, (bumped(u, s) - made(u, s)) / step, atol=1e-4)


def test_powers_with_a_second_derivative_by_hand() -> None:
    """t = 0.5, twice as bright, curved 0.1: t^2 -> 0.25 + 0.1 x 2, t^3 -> 0.125 + 0.1 x 6 x 0.5."""
    powers = powers_of(np.array([0.5]), 3, np.array([2.0]), np.array([0.1]))
    np.testing.assert_allclose(powers[:, 0], [2.0, 1.0, 2 * 0.45, 2 * 0.425])
