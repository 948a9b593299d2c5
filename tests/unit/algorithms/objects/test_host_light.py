"""Light of a host under the object: told by its width, taken off, and not imagined."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from soxspipe.algorithms.extraction.horne_extraction import ExtractionSettings
from soxspipe.algorithms.extraction.solve_orders import NO_OTHERS, HostSearch, SolvedOrders, extract_with_sky, follow_object
from soxspipe.algorithms.objects.detect_continuum import ContinuumSettings
from soxspipe.algorithms.objects.find_object import find_object
from soxspipe.algorithms.objects.host_light import (
    ROWS_WANTED,
    WIDEST_ARCSEC,
    doubt_of_host,
    may_be_taken,
    may_leave_none,
    measure_host,
    no_star,
    one_sided,
    significance_of,
    worth_saying,
)
from soxspipe.algorithms.objects.slit_model import SlitFit
from soxspipe.algorithms.objects.slit_rows import measure_rows
from soxspipe.algorithms.objects.star_and_host import HostFit
from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.algorithms.sky.fit_skies import fit_sky
from soxspipe.algorithms.sky.subtract_sky import SkySettings, first_sky
from soxspipe.datamodel.geometry import Geometry
from support.orders import TinyOrder, make_geometry, observe, position, sky_light

GEOMETRY = make_geometry(numbers=(11, 12), n_b=400, bend=12.0, spacing=60)
MANY = make_geometry(numbers=tuple(range(11, 17)), n_b=400, bend=12.0, spacing=60)
LINES = ((60.3, 3000.0), (150.7, 60000.0), (310.1, 4000.0))


def scene(
    level: float,
    host: float,
    *,
    fwhm: float = 0.9,
    host_fwhm: float = 4.0,
    aside: float = 0.0,
    geometry: Geometry = GEOMETRY,
    only: int = 0,
) -> list[TinyOrder]:
    """An object at +0.4 arcsec and a host around it, or `aside` by some arcsec, whose light on the slit is `host` times the object's.

    The host's light is in the order `only` alone, if one is given.
    """
    rng = np.random.default_rng(6)
    orders = []
    for window in cut_orders(geometry):
        sky = sky_light(position(window), lines=LINES)
        distance = np.nan_to_num(window.slit_arcsec, nan=99.0) - 0.4
        galaxy = np.exp(-0.5 * ((distance - aside) / (0.42466 * host_fwhm)) ** 2)
        here = host if window.order == (only or window.order) else 0.0
        galaxy = np.where(window.inside, level * here * galaxy / galaxy.sum(axis=1, keepdims=True), 0.0)
        made = observe(window, sky + galaxy, np.full(400, level), offset=0.4, fwhm=fwhm, rng=rng)
        orders.append(replace(made, sky=sky))
    return orders


def solved(
    orders: list[TinyOrder], *, subtract_host: bool = True, host: HostSearch = NO_OTHERS, geometry: Geometry = GEOMETRY
) -> SolvedOrders:
    data = [order.data for order in orders]
    found = find_object(data, tuple(first_sky(d) for d in data), named_arcsec=None)
    fits = fit_sky(data, found, SkySettings()).fits
    continuum = ContinuumSettings(order_sample_count=40)
    trace = follow_object(
        [f.data for f in fits], [f.electrons for f in fits], found, geometry, continuum, forced_arcsec=0.0, seeing_arcsec=0.9
    )
    settings = ExtractionSettings(subtract_host=subtract_host)
    return extract_with_sky(fits, trace, SkySettings(), settings, host=host)


def excess(orders: list[TinyOrder], result: SolvedOrders) -> float:
    """Relative excess of the flux found."""
    found = np.concatenate([np.asarray(order.flux) for order in result.orders])
    return float(np.nanmedian(found / np.concatenate([order.flux for order in orders])) - 1.0)


def test_a_host_is_found_and_taken_off() -> None:
    orders = scene(3000.0, 0.4)
    without, kept = solved(orders), solved(orders, subtract_host=False)
    assert without.host is not None
    assert without.host.taken
    assert kept.host is None
    assert without.host.size_arcsec == pytest.approx(4.0, abs=1.0)
    assert without.host.share == pytest.approx(0.4, abs=0.12)
    assert excess(orders, kept) > 0.08
    assert abs(excess(orders, without)) < 0.3 * excess(orders, kept)


@pytest.mark.parametrize(("level", "fwhm"), [(300.0, 0.9), (3000.0, 0.7), (3000.0, 1.8), (3e5, 1.0)])
def test_no_host_is_imagined(level: float, fwhm: float) -> None:
    orders = scene(level, 0.0, fwhm=fwhm)
    host = solved(orders).host
    assert host is None or not host.taken


def test_a_host_whose_centre_lies_beside_the_object_is_found() -> None:
    orders = scene(3000.0, 0.3, aside=1.2)
    result = solved(orders)
    assert result.host is not None
    assert result.host.taken
    assert abs(excess(orders, result)) < 0.03


@pytest.mark.parametrize(("level", "share", "aside"), [(300.0, 0.2, 0.8), (300.0, 0.2, 1.6), (1000.0, 0.4, 0.8)])
def test_light_beside_the_object_in_one_order_of_six_is_no_host(level: float, share: float, aside: float) -> None:
    """As a row of warm pixels leaves it; a host of the same light in all orders is taken off."""
    alone, all_orders = (
        solved(scene(level, share, aside=aside, host_fwhm=3.0, geometry=MANY, only=only), geometry=MANY).host for only in (13, 0)
    )
    assert alone is None or not alone.taken
    assert all_orders is not None
    assert all_orders.taken


def test_errors_hold_the_photons_of_the_host() -> None:
    orders = scene(3000.0, 1.0)
    bright, none = solved(orders), solved(scene(3000.0, 0.0))
    assert np.nanmedian(bright.orders[0].flux_variance) > 1.05 * np.nanmedian(none.orders[0].flux_variance)


def test_an_order_without_a_sound_pixel_does_not_count() -> None:
    orders = scene(3000.0, 0.4)
    data = [order.data for order in orders]
    found = find_object(data, tuple(first_sky(d) for d in data), named_arcsec=None)
    fits = fit_sky(data, found, SkySettings()).fits
    trace = solved(orders).trace
    none = [np.zeros(fit.data.good.shape, dtype=bool) for fit in fits]
    blind = [replace(fit, data=replace(fit.data, good=np.zeros(fit.data.good.shape, dtype=bool))) for fit in fits]
    sound, half = measure_host(fits, none, trace), measure_host([fits[0], blind[1]], none, trace)
    assert sound is not None
    assert half is not None
    assert half.size_arcsec == pytest.approx(sound.size_arcsec, rel=0.3)
    assert measure_host(blind, none, trace) is None


def test_a_struck_pixel_is_dropped_and_light_along_the_slit_is_not() -> None:
    orders = scene(3000.0, 0.4)
    data = [order.data for order in orders]
    found = find_object(data, tuple(first_sky(d) for d in data), named_arcsec=None)
    fits = fit_sky(data, found, SkySettings()).fits
    trace = solved(orders).trace
    none, all_of_them = ([np.full(fit.data.good.shape, state) for fit in fits] for state in (False, True))
    plain, doubted = measure_rows(fits, none, trace, 4), measure_rows(fits, all_of_them, trace, 4)
    wings = np.abs(plain.distance_arcsec) > 1.5
    np.testing.assert_allclose(doubted.light[wings], plain.light[wings], atol=5.0)
    struck = np.array(fits[0].data.electrons)
    struck[100, struck.shape[1] // 2] += 1e5
    hit = [replace(fits[0], data=replace(fits[0].data, electrons=struck)), fits[1]]
    np.testing.assert_allclose(measure_rows(hit, all_of_them, trace, 4).light, doubted.light, atol=0.05 * plain.light.max())


def test_a_known_host_is_taken_off_as_it_is() -> None:
    orders = scene(3000.0, 0.4)
    host = solved(orders).host
    assert host is not None
    known = solved(orders, subtract_host=False, host=HostSearch(known=host))
    assert known.host is host
    assert excess(orders, known) == pytest.approx(excess(orders, solved(orders)), abs=1e-9)


def test_rows_are_kept_for_a_later_decision() -> None:
    later = solved(scene(3000.0, 0.4), host=HostSearch(orders_of_set=4))
    assert later.host is None
    assert later.host_rows is not None
    assert list(later.host_rows.lengths) == [11, 12]
    assert later.host_rows.star.parts == ROWS_WANTED // 4  # as an exposure has that did not lose two of its four orders


def test_an_object_beside_is_no_host() -> None:
    orders = scene(3000.0, 0.0)
    crowded = []
    for order in orders:
        distance = np.nan_to_num(order.data.window.slit_arcsec, nan=99.0) - 0.4 - 3.3
        other = np.exp(-0.5 * (distance / (0.42466 * 1.6)) ** 2)
        light = np.where(order.data.window.inside, 0.1 * 3000.0 * other / other.sum(axis=1, keepdims=True), 0.0)
        crowded.append(replace(order, data=order.data.without(-light)))
    host = solved(crowded).host
    assert host is None or not host.taken


def test_an_object_within_its_width_of_the_slits_end_has_one_side() -> None:
    ends = [SimpleNamespace(slit_arcsec=place, fwhm_arcsec=0.9) for place in (-5.2, 5.0, 5.2)]
    assert [one_sided(trace, 6.0) for trace in ends] == [True, False, True]  # type: ignore[arg-type]


def test_the_doubt_of_a_host_that_is_left_is_all_that_one_within_three_sigma_takes() -> None:
    """Of 0.85 of the light the whole is 18 % more."""
    assert doubt_of_host([(0.85, 1.0), (0.9, 0.95)], taken=False) == pytest.approx(1.0 / 0.85 - 1.0)
    assert doubt_of_host([(1.0, 1.05)], taken=False) == 0.0
    assert doubt_of_host([(0.05, 1.0)], taken=False) == 9.0


def test_the_doubt_of_a_host_that_is_taken_counts_both_ways() -> None:
    assert doubt_of_host([(0.97, 1.03), (1.02, 1.06)], taken=True) == pytest.approx(1.0 - 1.0 / 1.06)
    assert doubt_of_host([(0.93, 1.03)], taken=True) == pytest.approx(1.0 / 0.93 - 1.0)


def test_a_host_is_worth_a_word_from_five_quarters_of_a_sigma_and_a_fiftieth_of_the_light() -> None:
    assert worth_saying(1.25, 0.02)
    assert not worth_saying(1.2, 0.2)
    assert not worth_saying(90.0, 0.019)
    assert worth_saying(2.0, 0.02, 2.0)
    assert not worth_saying(1.9, 0.2, 2.0)


def test_what_noise_lets_a_host_gain_is_not_significant() -> None:
    """Chi squared of 15.3 is what noise has in half of all cases with 16 unknowns; 95 % of them have less than 26.3."""
    assert significance_of(15.3, 16) == pytest.approx(0.0, abs=0.1)
    assert significance_of(26.3, 16) == pytest.approx(1.645, abs=0.07)
    assert significance_of(-3.0, 16) < -5.0


def test_wings_that_no_star_has_are_said_whatever_a_host_gains() -> None:
    star = SlitFit(misfit=0.0, shape=np.array([0.0, -0.2, 1.6, 0.0]), shares=np.ones(1), own=np.ones(1))
    none = np.zeros(1)
    for beta, said in ((1.6, True), (1.95, False), (3.0, False)):
        fit = HostFit(misfit=0.0, star=replace(star, shape=np.array([0.0, -0.2, beta, 0.0])), change=none, host=None, peak=none)
        assert no_star(fit) is said


def test_a_host_is_taken_only_if_it_is_there_in_all_rows() -> None:
    assert may_be_taken(4.0, 0.04, 0.0, 4.0)
    assert not may_be_taken(3.9, 0.04, 0.0, 4.0)
    assert not may_be_taken(4.0, 0.03, 0.0, 4.0)
    assert may_be_taken(4.0, 0.04, 0.09, 4.0)
    assert not may_be_taken(4.0, 0.04, 0.11, 4.0)
    assert not may_be_taken(60.0, 0.4, 0.0, WIDEST_ARCSEC + 0.1)


def test_where_a_host_may_be_all_of_the_light_nothing_is_known_of_the_object() -> None:
    assert may_leave_none([(900.0, 1100.0), (-50.0, 2000.0)], 1000.0)
    assert may_leave_none([(99.0, 1100.0)], 1000.0)
    assert not may_leave_none([(101.0, 1100.0)], 1000.0)
