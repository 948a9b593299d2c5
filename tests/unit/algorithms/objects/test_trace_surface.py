"""The surface of the trace: refraction, flexure and order terms come back; outliers do not count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.objects.trace_surface import TracePoints, TraceSurface, design, fit_surface

ORDERS = (10, 11, 12, 13)
RNG = np.random.default_rng(21)


def points(n: int = 60, sign: float = 1.0) -> TracePoints:
    order = np.repeat(ORDERS, n)
    b = np.tile(np.linspace(-1, 1, n), len(ORDERS))
    return TracePoints(order=order, b=b, wavelength_nm=20_000.0 / order * (1 + 0.04 * b), px_per_arcsec=np.full(order.size, sign * 3.0))


def fit(where: TracePoints, offset: np.ndarray, error: float | np.ndarray = 0.01, **values: object) -> tuple[TraceSurface, np.ndarray]:
    choices = {"centre_arcsec": 0.5, "orders": ORDERS, "order_deg": 3, "axis_deg": 3, "clip_sigma": 4.0, "clip_rounds": 5} | values
    return fit_surface(where, offset, np.broadcast_to(error, offset.shape), **choices)  # type: ignore[arg-type]


def refraction(where: TracePoints) -> np.ndarray:
    x = 1.0 / where.wavelength_nm
    return np.asarray(0.5 + 600.0 * (x - x.mean()) - 4e5 * (x - x.mean()) ** 2)


def test_refraction_is_followed_in_all_orders() -> None:
    where = points()
    surface, used = fit(where, refraction(where) + RNG.normal(0, 0.01, where.b.size))
    assert used.mean() > 0.99
    np.testing.assert_allclose(surface(where), refraction(where), atol=0.01)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_flexure_is_a_shift_in_pixels(sign: float) -> None:
    where = points(sign=sign)
    shift = 0.5 + (0.4 + 0.1 * where.b) / where.px_per_arcsec
    surface, _ = fit(where, shift, 0.005)
    np.testing.assert_allclose(surface(where), shift, atol=0.005)


def test_outliers_are_clipped_and_named() -> None:
    where = points()
    offset = refraction(where) + RNG.normal(0, 0.01, where.b.size)
    wrong = RNG.uniform(size=offset.size) < 0.15
    surface, used = fit(where, np.where(wrong, offset + 1.5, offset))
    assert not used[wrong].any()
    assert used[~wrong].mean() > 0.95
    np.testing.assert_allclose(surface(where), refraction(where), atol=0.012)


def test_no_rounds_keep_every_point() -> None:
    where = points()
    offset = refraction(where)
    offset[7] += 3.0
    _, used = fit(where, offset, clip_rounds=0)
    assert used.all()


def test_a_wider_limit_keeps_more() -> None:
    where = points()
    offset = refraction(where) + 0.01 * RNG.standard_t(3, where.b.size)
    kept = [fit(where, offset, clip_sigma=limit)[1].sum() for limit in (2.0, 4.0, 50.0)]
    assert kept[0] < kept[1] < kept[2] == offset.size


@pytest.mark.parametrize(("offset", "error"), [(np.nan, 0.01), (9.0, np.nan), (9.0, 0.0), (9.0, np.inf)])
def test_points_without_a_measurement_are_left_out(offset: float, error: float) -> None:
    where = points()
    offsets, errors = refraction(where), np.full(where.b.size, 0.01)
    offsets[30:35], errors[30:35] = offset, error
    surface, used = fit(where, offsets, errors)
    assert not used[30:35].any()
    np.testing.assert_allclose(surface(where), refraction(where), atol=0.01)


def test_without_any_measurement_the_trace_is_straight_at_the_centre() -> None:
    where = points()
    surface, used = fit(where, np.full(where.b.size, np.nan), centre_arcsec=-1.3)
    assert not used.any()
    np.testing.assert_allclose(surface(where), -1.3)


def test_an_order_without_points_inherits_from_the_others() -> None:
    where = points()
    offset = refraction(where)
    missing = where.order == 12
    surface, _ = fit(where, np.where(missing, np.nan, offset))
    np.testing.assert_allclose(surface(where)[missing], offset[missing], atol=0.03)


def test_degree_zero_is_one_number() -> None:
    where = points()
    surface, _ = fit(where, np.full(where.b.size, 0.8), order_deg=0, axis_deg=0)
    np.testing.assert_allclose(surface(where), 0.8, atol=1e-3)
    assert np.ptp(surface(replace(where, wavelength_nm=np.full(where.b.size, 1700.0)))) < 1e-9


def test_more_degrees_more_terms_each_with_its_prior() -> None:
    where = points()
    sizes = []
    for degrees in ((0, 0), (1, 1), (3, 3), (4, 5)):
        basis, prior = design(where, ORDERS, (5e-4, 7e-4), *degrees)
        assert basis.shape == (where.b.size, prior.size)
        assert (prior > 0).all()
        sizes.append(prior.size)
    assert sizes == sorted(set(sizes))


def test_a_map_that_is_wrong_in_one_order_is_followed_where_the_object_is_bright() -> None:
    rng = np.random.default_rng(4)
    numbers = (10, 11, 12, 13)
    order = np.repeat(numbers, 40)
    b = np.tile(np.linspace(-1.0, 1.0, 40), 4)
    points = TracePoints(order=order, b=b, wavelength_nm=1000.0 + 100.0 * (13 - order) + 40.0 * b, px_per_arcsec=np.full(order.size, 4.0))
    wrong = np.where(order == 11, 0.2 + 0.08 * b, 0.0)
    for error, limit in ((0.003, 0.01), (0.3, 0.3)):
        seen = 0.5 + wrong + rng.normal(0.0, error, order.size)
        surface, used = fit_surface(
            points, seen, np.full(order.size, error), centre_arcsec=0.5, orders=numbers, order_deg=4, axis_deg=4, clip_sigma=3.0, clip_rounds=5
        )  # fmt: skip
        difference = surface(points) - 0.5 - (wrong if error < 0.01 else 0.0)
        assert np.abs(difference).max() < limit
        assert used.mean() > 0.95
