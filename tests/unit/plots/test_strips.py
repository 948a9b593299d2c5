"""Orders laid straight: blue to the left, slit upwards, pixels in their places."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.plots.strips import join_strips, lay_straight
from support.results import make_geometry, make_run


@pytest.mark.parametrize("arm", ["NIR", "VIS"])
def test_wavelength_grows_to_the_right_and_slit_upwards(arm: str) -> None:
    geometry = make_geometry(arm)
    strips = lay_straight(geometry)
    assert {strip.order for strip in strips} == set(geometry.order_table.orders)
    starts = [strip.wavelength_nm[0] for strip in strips]
    assert starts == sorted(starts)
    for strip in strips:
        assert np.all(np.diff(strip.wavelength_nm) > 0)
        slit = strip.cutout(geometry.dispersion_map.slit_arcsec)
        middle = slit[:, slit.shape[1] // 2]
        assert np.all(np.diff(middle[np.isfinite(middle)]) > 0)


@pytest.mark.parametrize("arm", ["NIR", "VIS"])
def test_cut_holds_the_order_and_nothing_else(arm: str) -> None:
    geometry = make_geometry(arm)
    for strip in lay_straight(geometry):
        inside = strip.cutout(geometry.dispersion_map.order)
        assert set(np.unique(inside[np.isfinite(inside)])) == {strip.order}
        assert np.count_nonzero(np.isfinite(inside)) == np.count_nonzero(geometry.dispersion_map.order == strip.order)


@pytest.mark.parametrize("arm", ["NIR", "VIS"])
def test_trace_lies_on_the_objects_light(arm: str) -> None:
    run = make_run(arm, standard=True)
    for strip in lay_straight(run.inputs.geometry):
        row = strip.trace_row(run.result.trace)
        light = np.nan_to_num(strip.cutout(run.result.sky_subtracted.electrons))
        brightest = np.argmax(light, axis=0)
        assert np.median(np.abs(brightest - row)) <= 0.6
        found = run.result.trace.orders[strip.order]
        at, height = strip.place(found.b_px.astype(float), found.a_px)
        np.testing.assert_allclose(height, row[np.rint(at).astype(int)], atol=1e-9)


def test_an_order_that_the_map_does_not_know_is_left_out() -> None:
    assert lay_straight(make_geometry("NIR"), [99]) == ()


def test_sheet_stacks_from_top_to_bottom() -> None:
    sheet, bottoms = join_strips([np.full((2, 2), 1.0), np.full((3, 3), 2.0)], gap=1)
    assert sheet.shape == (6, 3)
    assert bottoms == (4, 0)
    np.testing.assert_allclose(sheet[4:, :2], 1.0)
    np.testing.assert_allclose(sheet[:3], 2.0)
    assert np.isnan(sheet[3]).all()
    assert np.isnan(sheet[4:, 2]).all()
