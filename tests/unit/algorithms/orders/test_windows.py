"""Orders cut out of a frame."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from soxspipe.algorithms.orders.windows import (
    SHORTEST_ORDER_PX,
    cut_orders,
    dispersion_position,
    middle_wavelength,
    rows_px_per_arcsec,
    slit_ends,
    slit_to_pixel,
)
from soxspipe.datamodel.geometry import DispersionMap, Geometry, OrderPolynomial, OrderTable, SpectralFormat
from support.orders import make_arm, make_geometry


def geometry(wave: np.ndarray, slit: np.ndarray, order: np.ndarray, axis: Literal["x", "y"] = "y") -> Geometry:
    table = OrderTable(dispersion_axis=axis, orders=(), b_min={}, b_max={}, centre=OrderPolynomial(coefficients=np.zeros((1, 1))))
    return Geometry(
        arm=make_arm(axis, slit_arcsec=4.0),
        binning=(1, 1),
        order_table=table,
        dispersion_map=DispersionMap(wavelength_nm=wave, slit_arcsec=slit, order=order),
        spectral_format=SpectralFormat(orders=()),
    )


def slanted() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One order (7) of 40 rows, 5 px wide, that moves to the right by one px every 10 rows."""
    wave, slit, order = np.full((40, 20), np.nan), np.full((40, 20), np.nan), np.zeros((40, 20), dtype=np.int16)
    for b in range(40):
        a = 3 + b // 10 + np.arange(5)
        wave[b, a], slit[b, a], order[b, a] = 500.0 + b, np.arange(5) - 2.0, 7
    return wave, slit, order


def test_window_follows_its_order() -> None:
    wave, slit, order = slanted()
    (window,) = cut_orders(geometry(wave, slit, order))
    assert window.order == 7
    np.testing.assert_array_equal(window.b_px, np.arange(40))
    np.testing.assert_array_equal(window.a_start, 3 + np.arange(40) // 10)
    assert window.index.shape == (40, 5)
    assert window.index[11, 2] == 11 * 20 + 6
    assert window.inside.all()
    np.testing.assert_array_equal(window.slit_arcsec[11], [-2, -1, 0, 1, 2])
    np.testing.assert_array_equal(window.cutout(wave), window.wavelength_nm)


def test_dispersion_along_x_is_cut_with_dispersion_first() -> None:
    wave, slit, order = (image.T for image in slanted())
    (window,) = cut_orders(geometry(wave, slit, order, "x"))
    np.testing.assert_array_equal(window.wavelength_nm[:, 0], 500.0 + np.arange(40))
    assert window.index[11, 2] == 6 * 40 + 11
    image = np.arange(wave.size, dtype=float).reshape(wave.shape)
    assert window.cutout(image)[11, 2] == image[6, 11]


@pytest.mark.parametrize("axis", ["x", "y"])
def test_an_order_is_cut_out_of_any_view_of_a_frame(axis: Literal["x", "y"]) -> None:
    wave, slit, order = (image.T if axis == "x" else image for image in slanted())
    (window,) = cut_orders(geometry(wave, slit, order, axis))
    image = np.arange(wave.size, dtype=np.float32).reshape(wave.shape)
    expected = image.ravel()[window.index]
    for view in (image, np.asfortranarray(image), np.repeat(image, 2, axis=1)[:, ::2], image[::-1][::-1]):
        found = window.cutout(view)
        np.testing.assert_array_equal(found, expected)
        assert found.flags.c_contiguous
        assert found.flags.writeable
    np.testing.assert_array_equal(window.cutout(np.broadcast_to(np.float64(3.0), wave.shape)), np.full(window.index.shape, 3.0))


def test_pixels_off_the_slit_or_unsolved_are_not_inside() -> None:
    wave, slit, order = slanted()
    slit[5, 7 - 4] = 2.1  # first pixel of row 5, beyond half of the slit
    wave[6, 5] = np.nan
    (window,) = cut_orders(geometry(wave, slit, order))
    assert not window.inside[5, 0]
    assert not window.inside[6, 2]
    assert np.isnan(window.wavelength_nm[5, 0])
    assert np.isnan(window.slit_arcsec[5, 0])
    assert window.inside.sum() == 40 * 5 - 2


def test_rows_without_a_solution_stay_in_the_window_but_not_inside() -> None:
    wave, slit, order = slanted()
    order[20] = 0
    (window,) = cut_orders(geometry(wave, slit, order))
    assert window.b_px.size == 40
    assert not window.inside[20].any()


def test_an_order_at_the_edge_of_the_frame_stays_on_it() -> None:
    wave, slit, order = slanted()
    keep = np.s_[:, 3:8]
    (window,) = cut_orders(geometry(wave[keep], slit[keep], order[keep]))
    assert window.index.min() >= 0
    assert window.index.max() < 40 * 5
    assert (window.a_px >= 0).all()
    assert (window.a_px < 5).all()
    assert window.inside.sum() == np.isfinite(wave[keep]).sum()


def test_short_orders_are_left_out() -> None:
    wave, slit, order = slanted()
    order[SHORTEST_ORDER_PX - 1 :] = 0
    assert cut_orders(geometry(wave, slit, order)) == ()


@pytest.mark.parametrize("axis", ["x", "y"])
def test_orders_come_by_number_and_hold_every_solved_pixel(axis: Literal["x", "y"]) -> None:
    made = make_geometry(axis=axis, numbers=(13, 11, 12))
    windows = cut_orders(made)
    assert [window.order for window in windows] == [11, 12, 13]
    assert sum(int(window.inside.sum()) for window in windows) == int((made.dispersion_map.order > 0).sum())


@pytest.mark.parametrize("axis", ["x", "y"])
def test_rows_taken_at_once_make_no_difference(axis: Literal["x", "y"], monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_geometry(axis=axis, numbers=(11, 12, 13))
    usual = cut_orders(made)
    monkeypatch.setattr("soxspipe.algorithms.orders.windows.ROWS_AT_ONCE", 7)
    for window, expected in zip(cut_orders(made), usual, strict=True):
        np.testing.assert_array_equal(window.index, expected.index)
        np.testing.assert_array_equal(window.inside, expected.inside)


def test_orders_without_the_slits_centre_are_left_out() -> None:
    wave, slit, order = slanted()
    (window,) = cut_orders(geometry(wave, slit, order))
    assert window.b_px.size == 40
    assert cut_orders(geometry(wave, np.where(slit == -2.0, slit, np.nan), order)) == ()


def test_a_senseless_wavelength_has_no_position_beyond_an_orders_length() -> None:
    wave, slit, order = slanted()
    wave[20, 3 + 2] = 9e3
    (window,) = cut_orders(geometry(wave, slit, order))
    position, _ = dispersion_position(window)
    np.testing.assert_allclose(position[5], 5.0, atol=1e-6)
    assert position.min() >= -40
    assert position.max() <= 39 + 40


def test_pixels_per_arcsec_of_rows_by_hand() -> None:
    wave, slit, order = slanted()
    (window,) = cut_orders(geometry(wave, 0.25 * slit, order))
    few = np.array(window.slit_arcsec)
    few[7, 2:] = np.nan  # one step is left in this row
    few[8] *= -1.0
    scale = rows_px_per_arcsec(replace(window, slit_arcsec=few))
    np.testing.assert_allclose(scale[[5, 7, 8]], [4.0, 4.0, -4.0])


def test_ends_of_the_slit_by_hand() -> None:
    (window,) = cut_orders(make_geometry(bend=0.0))
    places = window.slit_arcsec[0][window.inside[0]]
    ends = slit_ends(window)
    assert ends.dark is None
    np.testing.assert_allclose(ends.between_arcsec[0], [-6.0, places[0] - 1.0 / 6.0, places[-1] + 1.0 / 6.0, 6.0])
    moved = slit_ends(replace(window, lit_arcsec=(-6.0, 4.9)))
    assert moved.dark is not None
    np.testing.assert_array_equal(moved.dark, np.nan_to_num(window.slit_arcsec) > 4.9)
    assert moved.between_arcsec[0, 2] == pytest.approx(places[places <= 4.9][-1] + 1.0 / 6.0)


def test_what_is_made_of_an_order_is_made_once() -> None:
    (window,) = cut_orders(geometry(*slanted()))
    assert middle_wavelength(window) is middle_wavelength(window)
    assert rows_px_per_arcsec(window) is rows_px_per_arcsec(window)


def test_slit_position_to_pixel_by_hand() -> None:
    window = cut_orders(make_geometry(axis="y", bend=0.0))[0]
    # a = 22.5 + 3 s
    np.testing.assert_allclose(slit_to_pixel(window, np.full(300, 1.0)), 25.5)
    np.testing.assert_allclose(slit_to_pixel(window, np.full(300, -7.0)), 1.5)  # past the end of the slit


def test_rows_without_a_slit_are_bridged() -> None:
    window = cut_orders(make_geometry(axis="y", bend=0.0))[0]
    inside = np.array(window.inside)
    inside[100:103] = False
    hidden = replace(window, inside=inside, slit_arcsec=np.where(inside, window.slit_arcsec, np.nan))
    np.testing.assert_allclose(slit_to_pixel(hidden, np.full(300, 1.0)), 25.5)
    nowhere = replace(window, inside=np.zeros_like(inside), slit_arcsec=np.full(inside.shape, np.nan))
    assert np.isnan(slit_to_pixel(nowhere, np.full(300, 1.0))).all()
