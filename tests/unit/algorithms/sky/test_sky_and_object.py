"""The banded joint solution against a dense least-squares fit with every unknown in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.interpolate import BSpline
from scipy.linalg import cholesky_banded

from soxspipe.algorithms.sky.normal_equations import regularised
from soxspipe.algorithms.sky.sky_and_object import N_LAGS, JointSolution, _LocalInverse, evaluate_sky, joint_geometry, solve_sky_and_object
from soxspipe.algorithms.sky.sky_spline import SkySpline, start_spline
from soxspipe.numerics.splines import bspline_matrix, clamped_knots
from support.orders import TinyOrder, tiny_order

N_B = 260
GAMMA = 0.03
AGREES = 1e-6


def profile(order: TinyOrder) -> np.ndarray:
    """The object's shares without the faintest wings, which the algorithm leaves out."""
    shares = np.where(order.shares > 1e-4, order.shares, 0.0)
    return shares / shares.sum(axis=1, keepdims=True)


def sky_spline(order: TinyOrder) -> SkySpline:
    u = order.data.u_px[order.data.window.inside]
    low, high = float(u.min()), float(u.max()) + 1e-6
    breaks = np.sort(np.concatenate([np.linspace(low, high, 140), np.arange(140.13, 160.0, 1.7)]))
    return replace(start_spline(breaks, 3, (low, high), 1, with_shift=False), illumination=np.array([GAMMA]))


class Dense:
    """Least squares with one unknown per spline coefficient and per dispersion pixel, by plain matrices.

    The ridge that carries pieces without data is the one thing shared with the banded solution; `ridge` leaves it out.
    """

    def __init__(
        self, order: TinyOrder, spline: SkySpline, shares: np.ndarray, weight: np.ndarray, free: np.ndarray, *, ridge: bool = True
    ) -> None:
        data = order.data
        inside = data.window.inside
        n, rows = spline.coefficients.size, np.flatnonzero(free)
        sky = np.zeros((*inside.shape, n))
        sky[inside] = BSpline.design_matrix(data.u_px[inside], spline.knots, 3, extrapolate=True).toarray()
        sky *= (1.0 + GAMMA * data.slit)[..., None]
        objects = np.zeros((*inside.shape, rows.size))
        objects[rows, :, np.arange(rows.size)] = shares[rows]
        use = weight > 0
        matrix = np.concatenate([sky, objects], axis=2)[use]
        normal = matrix.T @ (matrix * weight[use][:, None])
        if ridge:
            reduced = normal[:n, :n] - normal[:n, n:] @ np.linalg.solve(normal[n:, n:], normal[n:, :n])
            band = np.array([np.diag(reduced), np.append(np.diag(reduced, 1), 0.0)])
            tied = regularised(band) - band
            normal[:n, :n] += np.diag(tied[0]) + np.diag(tied[1, :-1], 1) + np.diag(tied[1, :-1], -1)
        covariance = np.linalg.inv(normal)
        solution = np.linalg.solve(normal, matrix.T @ (data.electrons * weight)[use])
        self.sky = sky @ solution[:n]
        self.sky_variance = np.einsum("bsi,ij,bsj->bs", sky, covariance[:n, :n], sky, optimize=True)
        self.flux, self.variance, self.covariance = np.full(free.size, np.nan), np.full(free.size, np.inf), np.zeros((free.size, free.size))
        self.flux[rows], self.variance[rows] = solution[n:], np.diag(covariance)[n:]
        self.covariance[np.ix_(rows, rows)] = covariance[n:, n:]

    def between_neighbours(self, lag: int) -> np.ndarray:
        return np.diag(self.covariance, lag)


def solved(order: TinyOrder, weight: np.ndarray, *, ridge: bool = True) -> tuple[JointSolution, Dense, np.ndarray]:
    spline, shares = sky_spline(order), profile(order)
    geometry = joint_geometry(spline, order.data.u_px, order.data.slit, order.data.good)
    banded = solve_sky_and_object(order.data, spline, geometry, shares, weight)
    free = np.isfinite(banded.flux)
    return banded, Dense(order, spline, shares, weight, free, ridge=ridge), evaluate_sky(banded.spline, geometry)


@pytest.fixture(scope="module", params=["complete", "masked"])
def both(request: pytest.FixtureRequest) -> tuple[TinyOrder, np.ndarray, JointSolution, Dense, np.ndarray]:
    rng = np.random.default_rng(8)
    order = tiny_order(n_b=N_B)
    masked = rng.uniform(size=order.sky.shape) < (0.3 if request.param == "masked" else 0.0)
    order = tiny_order(n_b=N_B, masked=masked)
    weight = np.where(order.data.good, 1.0 / order.data.variance(order.sky + order.flux[:, None] * order.shares), 0.0)
    return order, weight, *solved(order, weight)


def test_the_spline_has_more_knots_than_one_block_of_the_inverse(both: tuple) -> None:
    assert both[2].spline.coefficients.size > 96 + 2 * 24


def test_fluxes_agree(both: tuple) -> None:
    _, _, banded, dense, _ = both
    np.testing.assert_allclose(banded.flux, dense.flux, atol=AGREES * np.sqrt(dense.variance.min()))


def test_variances_agree(both: tuple) -> None:
    _, _, banded, dense, _ = both
    np.testing.assert_allclose(banded.variance, dense.variance, rtol=AGREES)


@pytest.mark.parametrize("lag", range(1, N_LAGS + 1))
def test_covariances_of_neighbours_agree(both: tuple, lag: int) -> None:
    _, _, banded, dense, _ = both
    expected = dense.between_neighbours(lag)
    np.testing.assert_allclose(banded.covariance[lag - 1, :-lag], expected, atol=AGREES * dense.variance.min())
    assert np.abs(expected).max() > 1e-3 * dense.variance.min()
    np.testing.assert_array_equal(banded.covariance[lag - 1, -lag:], 0.0)


def test_sky_and_its_variance_agree(both: tuple) -> None:
    order, _, banded, dense, sky = both
    inside = order.data.window.inside
    np.testing.assert_allclose(sky[inside], dense.sky[inside], atol=AGREES * np.sqrt(dense.sky_variance[inside].min()))
    np.testing.assert_allclose(banded.sky_variance[inside], dense.sky_variance[inside], rtol=AGREES)
    np.testing.assert_array_equal(banded.sky_variance[~inside], 0.0)


def test_the_ridge_costs_nothing(both: tuple) -> None:
    order, weight, banded, _, sky = both
    _, plain, _ = solved(order, weight, ridge=False)
    known, inside = np.isfinite(plain.flux), order.data.window.inside
    np.testing.assert_allclose(banded.flux[known], plain.flux[known], atol=2e-3 * np.sqrt(plain.variance.min()))
    np.testing.assert_allclose(banded.variance[known], plain.variance[known], rtol=1e-5)
    np.testing.assert_allclose(sky[inside], plain.sky[inside], atol=2e-3 * np.sqrt(plain.sky_variance[inside].min()))


def test_a_dispersion_pixel_without_its_object_pixels_has_no_flux(both: tuple) -> None:
    order, weight, *_ = both
    shares = profile(order)
    weight = np.array(weight)
    weight[100][shares[100] > 1e-3] = 0.0
    weight[101] = 0.0
    banded, dense, sky = solved(order, weight)
    before = np.isfinite(both[2].flux)
    assert np.isnan(banded.flux[100:102]).all()
    assert np.isposinf(banded.variance[100:102]).all()
    np.testing.assert_array_equal(banded.covariance[0, 99:102], 0.0)
    others = np.isfinite(banded.flux)
    assert before[~others].sum() == 2
    np.testing.assert_allclose(banded.flux[others], dense.flux[others], atol=AGREES * np.sqrt(dense.variance.min()))
    assert np.isfinite(sky).all()


def test_without_sky_pixels_beside_the_object_the_errors_say_so(both: tuple) -> None:
    """With nothing but the object's own pixels, a pedestal and the flux are hard to tell apart: the variance must grow."""
    order, weight, banded, *_ = both
    only, dense, _ = solved(order, np.where(profile(order) > 0.02, weight, 0.0))
    known = np.isfinite(dense.flux)
    np.testing.assert_allclose(only.variance[known], dense.variance[known], rtol=1e-4)
    assert np.median(only.variance[known] / banded.variance[known]) > 1.5


def test_inverse_near_the_diagonal_is_that_of_the_whole_matrix() -> None:
    rng = np.random.default_rng(4)
    n, lag, r = 700, 2, 7
    knots = clamped_knots(np.linspace(0.0, 1.0, n - 2), 3)
    design = bspline_matrix(rng.uniform(0.0, 1.0, 20 * n), knots, 3)
    steep = np.exp(rng.normal(scale=1.5, size=n))[np.argmax(design, axis=1)]  # weights change by large factors, as sky lines make them
    matrix = design.T @ (steep[:, None] * design)
    band = np.zeros((4, n))
    for k in range(4):
        band[k, : n - k] = np.diag(matrix, k)
    base = np.sort(rng.integers(0, n - r + 1, 900))
    left = rng.normal(size=(base.size, r))
    found = _LocalInverse(cholesky_banded(band, lower=True), n, reach=r + 8).neighbours(base, left, lag)
    rows = np.zeros((base.size, n))
    for k in range(r):
        rows[np.arange(base.size), base + k] = left[:, k]
    whole = rows @ np.linalg.inv(matrix) @ rows.T
    near = np.abs(np.subtract.outer(base, base)) <= 8
    for k in range(lag + 1):
        expected = np.where(np.diag(near, k), np.diag(whole, k), 0.0)
        np.testing.assert_allclose(found[k, : base.size - k], expected, rtol=1e-6, atol=1e-6 * np.sqrt(np.diag(whole)).min() ** 2)
