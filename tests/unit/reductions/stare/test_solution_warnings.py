"""What is said about hosts, the slit and rejected pixels of the object."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from soxspipe.algorithms.objects.find_object import FoundObject
from soxspipe.algorithms.objects.moffat import Moffat
from soxspipe.algorithms.orders.dark_lines import DarkLine
from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.datamodel.host import HostLight
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.remark import Remark
from soxspipe.datamodel.slit import OrderSlit, SlitOffset
from soxspipe.datamodel.trace import SlitSource
from soxspipe.reductions.stare.solution_warnings import (
    dark_line_warnings,
    flat_warnings,
    host_warnings,
    lost_image_warnings,
    off_star_error,
    profile_warnings,
    rejection_warnings,
    slit_end_warnings,
    slit_loss_warnings,
    slit_warnings,
    uneven_warnings,
)
from support.orders import make_arm, make_geometry, moffat_shares

HOST = HostLight(
    taken=True, significance=18.2, share=0.27, doubt=0.0, size_arcsec=3.5, offset_arcsec=0.0, index=0.5, distance_arcsec=np.zeros(1), light=np.zeros(1),
    middle_px={}, peak={},
)  # fmt: skip


def test_a_host_is_named_with_its_light_and_its_doubt() -> None:
    (sure,) = host_warnings(HOST)
    (unsure,) = host_warnings(replace(HOST, doubt=0.12))
    (left,) = host_warnings(replace(HOST, taken=False, doubt=0.08))
    assert "27 % of its own" in sure
    assert "uncertain" not in sure
    assert "12 % of the object's flux uncertain" in unsure
    assert "left in" in left
    assert "8 % too high" in left
    assert not list(host_warnings(None))


def test_a_star_of_the_off_frame_leaves_an_error_of_all_fluxes() -> None:
    star = SlitSource(slit_arcsec=0.5, fwhm_arcsec=0.9, significance=30.0, relative_flux=1.0)
    beside = replace(star, slit_arcsec=3.0, relative_flux=-0.4)
    alone = FoundObject(source=star, sources=(star,), significance=30.0, skies=())
    assert off_star_error(None, alone) == 0.0
    assert off_star_error(None, replace(alone, sources=(star, beside))) == 0.02
    assert off_star_error(star, alone) == 0.03


def test_a_smeared_image_is_said_with_what_it_leaves_uncertain() -> None:
    moffat = Moffat(fwhm_arcsec=0.8, slope=-0.2, beta=2.7, pivot_nm=600.0, places=((-0.3, 0.6), (0.5, 0.4)))
    (said,) = profile_warnings(SimpleNamespace(flux_error=0.0131, moffat=moffat))  # type: ignore[arg-type]
    assert "lopsided, drawn out or doubled" in said
    assert "1.3 % of all fluxes uncertain" in said
    assert "another object" not in said


def test_light_apart_from_a_smeared_image_is_said_with_its_size() -> None:
    moffat = Moffat(fwhm_arcsec=0.8, slope=-0.2, beta=2.7, pivot_nm=600.0, places=((-0.2, 0.4), (0.0, 0.4), (1.6, 0.2)))
    (said,) = profile_warnings(SimpleNamespace(flux_error=0.25, moffat=moffat))  # type: ignore[arg-type]
    assert "20 % of its light stands 1.7\" from the rest and may be another object's" in said
    assert "25.0 % of all fluxes uncertain" in said


def test_an_object_over_the_end_of_the_slit_is_said_for_its_orders() -> None:
    """An image of 1 arcsec on a slit that ends at 6: at -5.6 arcsec nearly half of it is lost, at 5.4 a little."""
    arm = make_arm()
    ends = {11: SimpleNamespace(slit_arcsec=np.full(50, -5.6)), 12: SimpleNamespace(slit_arcsec=np.full(50, 5.4))}
    trace = SimpleNamespace(orders=ends, fwhm_arcsec=1.0, forced=False, slit_arcsec=-0.1)
    (said,) = slit_end_warnings(trace, arm, is_standard=False)  # type: ignore[arg-type]
    assert f"over the end of the slit in {arm.named([11])}" in said
    (of_standard,) = slit_end_warnings(trace, arm, is_standard=True)  # type: ignore[arg-type]
    assert of_standard.startswith(said)
    assert "response" in of_standard
    one_sided = SimpleNamespace(orders={12: ends[12]}, fwhm_arcsec=1.0, forced=False, slit_arcsec=5.4)
    (remark,) = slit_end_warnings(one_sided, arm, is_standard=False)  # type: ignore[arg-type]
    assert isinstance(remark, Remark)
    assert not list(slit_end_warnings(one_sided, arm, is_standard=True))  # type: ignore[arg-type]


def test_an_image_that_lies_on_unlit_rows_is_said_for_its_orders() -> None:
    """Three columns hold 10, 60 and 30 % of the light; the last is lost in order 12, and the last two in a single row of order 11."""
    shares, good = np.tile([0.1, 0.6, 0.3], (9, 1)), np.ones((9, 3), dtype=bool)
    struck, ended = good.copy(), good.copy()
    struck[4, 1:] = False
    ended[:, 2] = False
    orders = [
        SimpleNamespace(shares=shares, data=SimpleNamespace(good=mask, window=SimpleNamespace(order=number, lit_arcsec=None)))
        for number, mask in ((11, struck), (12, ended))
    ]
    (said,) = lost_image_warnings(orders, make_arm())  # type: ignore[arg-type]
    assert said.startswith("up to 30 % of the object's image")
    assert "order 12:" in said
    assert not list(lost_image_warnings(orders[:1], make_arm()))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("last_arcsec", "word"),
    [(4.2, "core stands where the rows end"), (4.6, "may be wrong by 3 %"), (5.6, "")],
)
def test_what_the_end_of_the_rows_of_a_moved_slit_leaves_unknown_is_said(last_arcsec: float, word: str) -> None:
    """A star of 1 arcsec at +4, rows of a third: the last ones end 0.43 off on average, where a Moffat of 3.5 has 0.52 of its light per arcsec.

    Of what is seen, 0.88, an error of 0.05 arcsec is 3 %; at 5.6 it is below 0.3 %, and at 4.2 the peak is in the last row or the one before.
    """
    (window,) = cut_orders(make_geometry())
    window = replace(window, lit_arcsec=(-6.0, 6.0))
    with np.errstate(invalid="ignore"):
        good = window.inside & (window.slit_arcsec < last_arcsec)
    order = SimpleNamespace(shares=moffat_shares(window, 4.0), data=SimpleNamespace(good=good, window=window))
    said = list(lost_image_warnings([order], make_arm()))  # type: ignore[list-item]
    assert any(word in text for text in said) if word else not said
    unmoved = replace(window, lit_arcsec=None)
    order.data.window = unmoved
    assert not [text for text in lost_image_warnings([order], make_arm()) if "rows end" in text or "rest on its" in text]  # type: ignore[list-item]


def test_lines_that_change_along_the_slit_are_named_and_one_alone_is_a_remark() -> None:
    (one,), (many,) = uneven_warnings([1679.7]), uneven_warnings([500.0 + k for k in range(9)])
    assert isinstance(one, Remark)
    assert "1679.7 nm" in one
    assert not isinstance(many, Remark)
    assert "500.0, 501.0" in many
    assert "507.0 and others" in many
    assert not list(uneven_warnings([]))


def test_structure_of_the_flat_is_said_with_its_worst_order() -> None:
    (said,) = flat_warnings({10: 0.004, 11: 0.0136}, make_arm())
    assert "1.4 %, in order 11" in said
    assert not list(flat_warnings({}, make_arm()))


def test_a_slit_off_the_flat_is_said_and_odd_orders_are_named() -> None:
    near = OrderSlit(px=3.5, error_px=0.05, edges_arcsec=(-5.5, 5.5))
    slit = SlitOffset(px=3.6, error_px=0.03, applied=True, orders={11: near, 12: replace(near, px=6.0)})
    said = list(slit_warnings(slit, make_arm()))
    assert "+3.6 px" in said[0]
    assert len(said) == 2
    assert "12" in said[1]
    assert "11" not in said[1]
    alone = SlitOffset(px=0.02, error_px=0.03, applied=True, orders={11: replace(near, px=0.1), 12: replace(near, px=0.8)})
    (said,) = slit_warnings(alone, make_arm())
    assert "in places (order 12 +0.8 px)" in said
    assert not list(slit_warnings(SlitOffset(), make_arm()))
    assert any("more than has ever been seen" in line for line in slit_warnings(replace(slit, px=14.0), make_arm()))


@pytest.mark.parametrize(("tolerance", "said"), [(0.03, 0), (0.3, 1)])
def test_an_object_that_lacks_its_profile_is_said(tolerance: float, said: int) -> None:
    order = SimpleNamespace(rejection=SimpleNamespace(tolerance=tolerance), data=SimpleNamespace(window=SimpleNamespace(order=12)))
    assert len(list(rejection_warnings(SimpleNamespace(orders=(order,)), make_arm()))) == said  # type: ignore[arg-type]


@pytest.mark.parametrize(("slit", "ratio", "said"), [(5.0, 0.73, 1), (5.0, 0.99, 0), (1.0, 0.73, 0), (None, 0.73, 0)])
def test_a_standard_seen_through_another_slit(slit: float | None, ratio: float, said: int) -> None:
    """Through the same slit the seeing alone differs, of which the verdict speaks."""
    response = SimpleNamespace(slit_width_arcsec=slit)
    observation = Observation(arm="VIS", kind="OBJECT", exptime_s=1.0, slit_width_arcsec=1.0)
    fluxed = SimpleNamespace(slit_loss_ratio=ratio, slit_loss_error=0.03, slit_loss_applied=False, slit_loss_ends=(ratio, ratio))
    found = list(slit_loss_warnings(fluxed, response, observation))
    assert len(found) == said
    assert all('through a slit of 5"' in sentence and "0.73 +- 0.03 times" in sentence and "27 % too low" in sentence for sentence in found)
    assert list(slit_loss_warnings(None, None, observation)) == []


def test_a_loss_that_changes_the_colours_is_said_for_both_ends_of_the_arm() -> None:
    response, observation = (
        SimpleNamespace(slit_width_arcsec=5.0),
        Observation(arm="NIR", kind="OBJECT", exptime_s=1.0, slit_width_arcsec=1.0),
    )
    fluxed = SimpleNamespace(slit_loss_ratio=0.73, slit_loss_error=0.03, slit_loss_applied=False, slit_loss_ends=(0.6, 0.75))
    (sentence,) = slit_loss_warnings(fluxed, response, observation)
    assert "fluxes are 27 % too low (-40 % at the blue end, -25 % at the red one)" in sentence


@pytest.mark.parametrize(("error", "said"), [(0.001, 0), (0.06, 1)])
def test_a_profile_that_is_not_known_is_said(error: float, said: int) -> None:
    words = list(profile_warnings(SimpleNamespace(flux_error=error, moffat=None)))  # type: ignore[arg-type]
    assert len(words) == said
    assert all("leaves 6 % of all fluxes uncertain" in sentence for sentence in words)


def test_lines_that_no_calibration_marks_are_named() -> None:
    arm = make_arm("y")
    (said,) = dark_line_warnings([DarkLine(order=11, slit_px=646, first=1317, stop=4096)], arm)
    assert f"{arm.slit_axis} = 646 ({arm.dispersion_axis} 1317 to 4095)" in said
    assert list(dark_line_warnings([], arm)) == []
