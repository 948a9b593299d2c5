"""Motion of the slit's image against the flat: seen at lit edges, the same in pixels whichever way slit positions run."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erf

from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.algorithms.orders.slit_offset import MARGIN_PX, follow_slit, measure_slit_offset, moved_along_slit, px_per_arcsec
from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.algorithms.sky.subtract_sky import first_sky
from soxspipe.datamodel.slit import SlitOffset
from support.orders import NM_PER_PX, SCALE, make_geometry, moffat_shares, order_data, position, sky_light

HALF = 5.6
"""The slit ends before the map does, so that all of it is seen when it moves."""


def lit(slit: np.ndarray, shift: float = 0.0, blur: float = 0.08) -> np.ndarray:
    """Transmission of the slit's two ends."""
    inside = np.nan_to_num(slit, nan=99.0) - shift
    return np.asarray(0.5 * (erf((inside + HALF) / (np.sqrt(2) * blur)) + erf((HALF - inside) / (np.sqrt(2) * blur))) - 0.0)


def scene(
    shift_px: float, *, sign: int = 1, star: float = 0.0, sky: float = 60.0, seed: int = 2, second: float = 0.0, place: float = 0.0
) -> list[OrderData]:
    """Two orders whose sky and star (at `place`) are `shift_px` pixels along the slit axis off the flat; a `second` star stands 3.6 arcsec from it."""
    rng = np.random.default_rng(seed)
    orders = []
    for window in cut_orders(make_geometry(numbers=(11, 12), n_b=400, sign=sign, spacing=60)):
        shift = sign * shift_px / SCALE
        flat = np.maximum(lit(window.slit_arcsec), 1e-4)
        counted = sky_light(position(window), continuum=sky, lines=((60.3, 3000.0), (150.7, 30000.0))) * lit(window.slit_arcsec, shift)
        for light, at in ((star, place), (second, 3.6)):
            counted = counted + light * moffat_shares(window, at + shift, fwhm=1.1, beta=2.7) * lit(window.slit_arcsec, shift)
        counted = np.where(window.inside, counted, 0.0)
        noisy = rng.poisson(np.maximum(counted, 0.0)) + rng.normal(0.0, 5.0, counted.shape)
        orders.append(order_data(window, noisy, 25.0, flat=flat, flat_variance=1e-6))
    return orders


def measured(orders: list[OrderData]) -> SlitOffset:
    return measure_slit_offset(orders, [first_sky(order) for order in orders])


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("shift_px", [-6.0, -1.5, 3.6, 8.0])
def test_the_motion_is_measured_in_pixels(shift_px: float, sign: int) -> None:
    offset = measured(scene(shift_px, sign=sign))
    assert offset.applied
    assert offset.px == pytest.approx(shift_px, abs=0.3)
    assert set(offset.orders) == {11, 12}
    assert offset.arcsec[11] == pytest.approx(sign * shift_px / SCALE, abs=0.1)


@pytest.mark.parametrize("star", [0.0, 2e4])
def test_a_slit_in_place_stays_there(star: float) -> None:
    offset = measured(scene(0.0, star=star))
    assert not offset.applied
    assert abs(offset.px) < 0.3
    assert offset.arcsec == {}


def test_a_bright_star_does_not_hide_the_edges() -> None:
    assert measured(scene(3.6, star=2e4)).px == pytest.approx(3.6, abs=0.4)


@pytest.mark.parametrize("star", [300.0, 3000.0, 2e4])
@pytest.mark.parametrize("shift_px", [-9.0, 9.0])
def test_three_arcsec_are_seen_though_most_of_the_slit_near_its_end_is_dark(shift_px: float, star: float) -> None:
    """A star on the way up from the edge hid the motion: its light was compared with the dark."""
    offset = measured(scene(shift_px, star=star, place=-2.4 * np.sign(shift_px)))
    assert offset.applied
    assert offset.px == pytest.approx(shift_px, abs=0.4)


def test_a_saturated_core_is_no_dark_end_of_the_flat() -> None:
    """Its pixels are not good, which says nothing of the flat: a tenth of the order's length without its core gives the same edges."""
    orders = []
    for order in scene(0.0, star=2e4):
        core = np.abs(order.window.slit_arcsec - 0.4) < 1.0
        core[core.shape[0] // 10 :] = False
        orders.append(order.masked(core))
    offset = measured(orders)
    assert not offset.applied
    assert abs(offset.px) < 0.3


def test_a_star_towards_the_end_of_the_slit_is_no_edge() -> None:
    """The wings of the brighter star raise the sky's median; light beside the second one, less than that, is still sky."""
    offset = measured(scene(2.5, sign=-1, star=6000.0, second=1500.0, sky=8.0))
    assert offset.px == pytest.approx(2.5, abs=0.3)
    assert all(one.px == pytest.approx(2.5, abs=0.6) for one in offset.orders.values())


@pytest.mark.parametrize("place", [-5.0, 4.8])
@pytest.mark.parametrize("star", [300.0, 3000.0])
def test_a_star_beside_an_end_of_the_slit_is_no_motion_and_hides_none(place: float, star: float) -> None:
    """Orders that only a star's flank seems to move, each by its own, are left; all together they are followed."""
    still = [measured(scene(0.0, star=star, place=place, seed=seed)) for seed in range(3)]
    assert not any(one.applied for one in still)
    moved = measured(scene(-2.0 if place > 0 else 2.0, star=star, place=place))
    assert moved.applied
    assert moved.px == pytest.approx(-2.0 if place > 0 else 2.0, abs=0.4)


def test_an_order_with_much_saturation_is_no_witness() -> None:
    """Wings of a star whose core is missing fall off as at an edge."""
    orders = [order.masked(np.abs(order.window.slit_arcsec - 0.4) < 0.5) for order in scene(3.6, star=2e4)]
    assert not measured(orders).applied


def test_without_light_nothing_is_said() -> None:
    offset = measured(scene(4.0, sky=0.01))
    assert not offset.applied or offset.px == pytest.approx(4.0, abs=1.0)
    assert not measure_slit_offset([], []).applied


@pytest.mark.parametrize("shift_px", [-4.5, 4.5])
def test_positions_follow_and_rows_lit_in_one_alone_are_left_out(shift_px: float) -> None:
    orders = scene(shift_px)
    offset = measured(orders)
    moved = follow_slit(orders[0], offset)
    shift, margin = offset.arcsec[moved.window.order], MARGIN_PX / SCALE
    np.testing.assert_allclose(
        moved.window.slit_arcsec[moved.window.inside], orders[0].window.slit_arcsec[moved.window.inside] - shift, atol=1e-12
    )
    assert moved.window.lit_arcsec == offset.edges_of(moved.window.order, HALF)
    used = moved.window.slit_arcsec[moved.good]
    assert used.min() > max(-HALF, -HALF - shift) + 0.5 * margin
    assert used.max() < min(HALF, HALF - shift) - 0.5 * margin
    assert used.max() - used.min() > 2 * HALF - abs(shift) - 4 * margin


@pytest.mark.parametrize(("shift_px", "sign"), [(-4.3, 1), (3.6, 1), (3.6, -1)])
def test_the_map_of_tilted_lines_moves_with_the_image(shift_px: float, sign: int) -> None:
    """Wavelength and dispersion pixel depend on the place in the slit as before; left where they were, both were off by tilt times motion."""
    tilt = 0.4
    window = cut_orders(make_geometry(tilt=tilt, sign=sign))[0]
    order = order_data(window, np.zeros(window.index.shape), 25.0)
    moved = follow_slit(order, SlitOffset(px=shift_px, applied=True, arcsec={window.order: sign * shift_px / SCALE}))
    inside, slit = window.inside, moved.window.slit_arcsec
    np.testing.assert_allclose(moved.u_px[inside], (window.b_px[:, None] + tilt * slit)[inside], atol=2e-3)
    np.testing.assert_allclose(
        (moved.window.wavelength_nm - window.wavelength_nm)[inside], -NM_PER_PX * tilt * sign * shift_px / SCALE, rtol=1e-6
    )


def test_a_map_goes_straight_on_where_it_did_not_reach() -> None:
    values = np.array([[np.nan, 1.0, 2.0, 3.0, np.nan]])
    np.testing.assert_allclose(moved_along_slit(values, 0.5), [[np.nan, 0.5, 1.5, 2.5, np.nan]])
    np.testing.assert_allclose(moved_along_slit(values, -2.0)[:, 1:4], [[3.0, 4.0, 5.0]])


def test_the_scale_has_the_sign_of_the_slit() -> None:
    assert px_per_arcsec(scene(0.0)[0]) == pytest.approx(SCALE, rel=1e-6)
    assert px_per_arcsec(scene(0.0, sign=-1)[0]) == pytest.approx(-SCALE, rel=1e-6)
