"""Lines that lost their light since the flat was taken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.orders.dark_lines import PART_PX, DarkLine, dark_pixels, find_dark_lines
from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.algorithms.sky.subtract_sky import first_sky
from support.orders import make_geometry, moffat_shares, observe, position, sky_light


def order(*, flux: float = 400.0, offset: float = 0.4, fwhm: float = 0.6, seed: int = 1) -> OrderData:
    """An order whose trace crosses three pixels; 0.6 arcsec are 1.8 px."""
    (window,) = cut_orders(make_geometry(n_b=8 * PART_PX, bend=3.0))
    return observe(
        window, sky_light(position(window)), np.full(window.b_px.size, flux), offset=offset, fwhm=fwhm, rng=np.random.default_rng(seed)
    ).data


def with_line(data: OrderData, slit_px: int, share: float, first: int = 0, stop: int = 10**6) -> OrderData:
    """With one line that shows so much of its light between two dispersion pixels."""
    dark = dark_pixels(data.window, [DarkLine(order=12, slit_px=slit_px, first=first, stop=stop)])
    return replace(data, electrons=np.where(dark, share * data.electrons, data.electrons))


def found_in(data: OrderData) -> tuple[DarkLine, ...]:
    return find_dark_lines(data, first_sky(data))


@pytest.mark.parametrize(("slit_px", "share", "fwhm"), [(12, 0.2, 0.6), (22, 0.2, 0.6), (24, 0.2, 0.6), (25, 0.2, 0.6), (24, 0.35, 1.0)])
def test_a_dark_line_is_found_in_the_sky_and_through_the_star(slit_px: int, share: float, fwhm: float) -> None:
    """In the core of a star 1.8 px wide, one that keeps half of its light is as bright as its neighbours."""
    found = found_in(with_line(order(fwhm=fwhm), slit_px, share))
    assert found == (DarkLine(order=12, slit_px=slit_px, first=0, stop=8 * PART_PX),)


def test_a_piece_of_a_line_is_found_to_a_part() -> None:
    (found,) = found_in(with_line(order(), 23, 0.0, first=2 * PART_PX))
    assert (found.slit_px, found.first, found.stop) == (23, 2 * PART_PX, 8 * PART_PX)


@pytest.mark.parametrize("fwhm", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("flux", [0.0, 400.0, 1e5])
def test_stars_and_sky_have_no_dark_lines(fwhm: float, flux: float) -> None:
    assert not any(found_in(order(flux=flux, fwhm=fwhm, seed=seed)) for seed in range(3))


def test_a_pixel_that_a_master_spoils_makes_no_dark_line() -> None:
    data = order()
    electrons = np.array(data.electrons)
    electrons[200, 20] = -1e5
    assert not found_in(replace(data, electrons=electrons))


def test_a_line_that_lost_its_pixels_on_a_bright_sky_line_is_not_dark() -> None:
    (window,) = cut_orders(make_geometry(n_b=8 * PART_PX, bend=3.0))
    sky = sky_light(position(window), lines=((1.5 * PART_PX, 6e4), (2.5 * PART_PX, 6e4)))
    data = observe(window, sky, np.full(window.b_px.size, 400.0), offset=0.4, rng=np.random.default_rng(1)).data
    near = np.abs(window.b_px[:, None] / PART_PX - 2.0) < 0.6
    lost = near & (np.abs(window.b_px[:, None] % PART_PX - 0.5 * PART_PX) < 8) & (window.a_px == 30)
    assert find_dark_lines(data.masked(lost), np.zeros(sky.shape))
    assert not found_in(data.masked(lost))


def test_the_valley_between_two_stars_is_none() -> None:
    data = order(flux=2e4, fwhm=0.6)
    second = moffat_shares(data.window, 1.6, fwhm=0.6)
    assert not found_in(replace(data, electrons=data.electrons + 2e4 * second))


def test_pixels_of_a_line() -> None:
    (window,) = cut_orders(make_geometry())
    dark = dark_pixels(window, [DarkLine(order=12, slit_px=20, first=100, stop=110)])
    assert dark.sum() == 10
    np.testing.assert_array_equal(np.unique(window.a_px[dark]), 20)
    assert not dark_pixels(window, []).any()
