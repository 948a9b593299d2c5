"""Objects of emission lines alone: found by spots that pile up, not by cosmic rays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.objects.find_sources import collapse, find_sources
from soxspipe.algorithms.objects.line_objects import find_line_sources, find_spots
from soxspipe.algorithms.orders.windows import cut_orders
from support.orders import TinyOrder, make_geometry, observe, position, sky_light, tiny_order

NEEDED = 7.0
LINE = ((-2, 0.15), (-1, 0.6), (0, 1.0), (1, 0.6), (2, 0.15))


def with_lines(rows: tuple[int, ...], electrons: float = 500.0, *, offset: float = 0.5, fwhm: float = 0.9) -> TinyOrder:
    (window,) = cut_orders(make_geometry(bend=30.0, spacing=80))
    flux = np.zeros(300)
    for row in rows:
        for step, share in LINE:
            flux[row + step] = share * electrons
    return observe(window, sky_light(position(window)), flux, offset=offset, fwhm=fwhm, rng=np.random.default_rng(3))


def found_in(order: TinyOrder, fwhm: float = 0.9) -> tuple:
    return find_line_sources([order.data], [order.sky], fwhm_arcsec=fwhm, needed=NEEDED)


@pytest.mark.parametrize(("offset", "fwhm"), [(0.5, 0.9), (-4.2, 0.7), (3.0, 1.5)])
def test_lines_betray_an_object_that_has_no_continuum(offset: float, fwhm: float) -> None:
    order = with_lines((40, 110, 170, 260), 800.0, offset=offset, fwhm=fwhm)
    assert find_sources(collapse([order.data], [order.sky]), 8.0) == ()
    (found,) = found_in(order, fwhm)
    assert found.slit_arcsec == pytest.approx(offset, abs=0.1)
    assert found.fwhm_arcsec == pytest.approx(fwhm, rel=0.25)
    assert found.significance > NEEDED


def test_spots_are_where_the_lines_are() -> None:
    order = with_lines((40, 170), 2000.0)
    spots = find_spots([order.data], [order.sky], 0.9)
    np.testing.assert_array_equal(np.sort(spots.row), [40, 170])
    np.testing.assert_allclose(spots.slit_arcsec, 0.5, atol=0.2)
    np.testing.assert_allclose(spots.electrons, 2.5 * 2000.0, rtol=0.3)


def test_one_line_alone_is_no_object() -> None:
    assert found_in(with_lines((150,), 5000.0)) == ()


@pytest.mark.parametrize("length", [1, 2, 5])
def test_scattered_cosmic_rays_are_no_object(length: int) -> None:
    order = tiny_order(level=0.0, lines=())
    rng = np.random.default_rng(8)
    electrons = np.array(order.data.electrons)
    row, column = rng.integers(10, 290, 60), rng.integers(10, electrons.shape[1] - 10, 60)
    dy, dx = rng.choice([-1, 0, 1], (2, 60))
    for step in range(length):
        electrons[row + step * dy, column + step * dx] += rng.uniform(300.0, 3000.0, 60)
    assert found_in(replace(order, data=replace(order.data, electrons=electrons))) == ()


def test_noise_is_no_object() -> None:
    order = tiny_order(level=0.0, n_b=600)
    assert found_in(order) == ()


def test_a_second_object_of_lines_is_found() -> None:
    rows = (40, 110, 170, 260)
    order, sky = with_lines(rows, 3000.0), with_lines(rows, 0.0).data.electrons
    other = with_lines(rows, 1500.0, offset=-3.5).data.electrons - sky
    first, second = found_in(replace(order, data=replace(order.data, electrons=order.data.electrons + other)))
    assert first.slit_arcsec == pytest.approx(0.5, abs=0.1)
    assert second.slit_arcsec == pytest.approx(-3.5, abs=0.1)
