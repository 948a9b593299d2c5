"""Sky and object of several orders together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.extraction.horne_extraction import ExtractionSettings
from soxspipe.algorithms.extraction.solve_orders import SolvedOrders, extract_with_sky, extract_without_sky, follow_object
from soxspipe.algorithms.objects.detect_continuum import ContinuumSettings
from soxspipe.algorithms.objects.find_object import FoundObject, find_line_object, find_object
from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.algorithms.sky.fit_skies import LARGEST_MASKED_SHARE, fit_sky, inside_edges, object_mask
from soxspipe.algorithms.sky.subtract_sky import SkySettings, first_sky
from soxspipe.datamodel.geometry import Geometry
from soxspipe.datamodel.trace import SlitSource
from soxspipe.errors import NoOrderLeftError
from support.orders import TinyOrder, make_geometry, observe, position, sky_light

NUMBERS = (11, 12)
HALF = 6.0
CONTINUUM = ContinuumSettings(order_sample_count=40)
GEOMETRY: Geometry = make_geometry(numbers=NUMBERS, n_b=400, bend=12.0, spacing=60)
WINDOWS = cut_orders(GEOMETRY)
LINES = ((60.3, 3000.0), (150.7, 60000.0), (155.2, 20000.0), (310.1, 4000.0))


def scene(*objects: tuple[float, float], seed: int = 2, fwhm: float = 0.9) -> list[TinyOrder]:
    """Orders with objects (slit position, electrons per dispersion pixel); the first is the one whose truth is kept."""
    rng = np.random.default_rng(seed)
    orders = []
    for window in WINDOWS:
        flux = np.full(400, objects[0][1]) if objects else np.zeros(400)
        sky = sky_light(position(window), lines=LINES)
        others = sum(
            (observe(window, 0 * sky, np.full(400, level), offset=place, fwhm=fwhm).data.electrons for place, level in objects[1:]),
            np.zeros(sky.shape),
        )
        made = observe(window, sky + others, flux, offset=objects[0][0] if objects else 0.0, fwhm=fwhm, rng=rng)
        orders.append(replace(made, sky=sky))
    return orders


def found_in(orders: list[TinyOrder], named: float | None = None, *, subtract_sky: bool = True) -> FoundObject:
    skies = tuple(first_sky(o.data) if subtract_sky else np.zeros(o.sky.shape) for o in orders)
    return find_object([o.data for o in orders], skies, half_length_arcsec=HALF, named_arcsec=named)


def solved(orders: list[TinyOrder], found: FoundObject, sky: SkySettings | None = None, forced: float = 0.0) -> SolvedOrders:
    settings = sky or SkySettings()
    fits = fit_sky([o.data for o in orders], found, settings, half_length_arcsec=HALF)
    assert fits.failures == {}
    trace = follow_object(
        [f.data for f in fits.fits], [f.electrons for f in fits.fits], found, GEOMETRY, CONTINUUM, forced_arcsec=forced, seeing_arcsec=None
    )
    return extract_with_sky(fits.fits, trace, settings, ExtractionSettings(), half_length_arcsec=HALF)


def test_the_brightest_object_is_taken() -> None:
    found = found_in(scene((1.2, 2000.0), (-3.0, 400.0)))
    assert found.source is not None
    assert found.source.slit_arcsec == pytest.approx(1.2, abs=0.1)
    assert [round(s.slit_arcsec) for s in found.sources] == [1, -3]


def test_a_named_position_takes_the_object_nearest_to_it() -> None:
    orders = scene((1.2, 2000.0), (-3.0, 400.0))
    near = found_in(orders, -2.6).source
    assert near is not None
    assert near.slit_arcsec == pytest.approx(-3.0, abs=0.15)
    assert found_in(orders, 4.5).source is None


def test_an_empty_slit_has_no_object() -> None:
    found = found_in(scene())
    assert found.source is None
    assert found.sources == ()
    assert found.significance < 8.0


def line_scene(peak: float) -> list[TinyOrder]:
    """Orders with an object of emission lines alone at +1.0 arcsec."""
    rng = np.random.default_rng(8)
    orders = []
    for window in WINDOWS:
        flux = np.zeros(400)
        for column, share in ((-1, 0.6), (0, 1.0), (1, 1.0), (2, 0.6)):
            flux[np.arange(25, 390, 30) + column] = share * peak
        orders.append(observe(window, sky_light(position(window), lines=LINES), flux, offset=1.0, fwhm=0.9, rng=rng))
    return orders


@pytest.mark.parametrize(("peak", "seen"), [(0.0, False), (600.0, True)])
def test_an_object_of_lines_alone_is_found_once_the_sky_is_known(peak: float, seen: bool) -> None:
    orders = line_scene(peak)
    first = found_in(orders)
    assert first.source is None
    fits = fit_sky([o.data for o in orders], first, SkySettings(), half_length_arcsec=HALF).fits
    found = find_line_object(fits, first, half_length_arcsec=HALF, fwhm_arcsec=0.9, named_arcsec=None)
    if seen:
        assert found.lines_alone
        assert found.source is not None
        assert found.source.slit_arcsec == pytest.approx(1.0, abs=0.1)
        assert found.source.fwhm_arcsec == pytest.approx(0.9, rel=0.2)
    else:
        assert found is first


def test_lines_do_not_exchange_the_brightest_object_for_a_fainter_one() -> None:
    """Absorption lines of a star and of its companion show both; which is the brighter was settled by their continuum."""
    orders = line_scene(600.0)
    seen = found_in(orders)
    fits = fit_sky([o.data for o in orders], seen, SkySettings(), half_length_arcsec=HALF).fits
    bright, faint = (SlitSource(slit_arcsec=at, fwhm_arcsec=0.9, significance=9.0, relative_flux=f) for at, f in ((-2.5, 1.0), (1.0, 0.2)))
    first = replace(seen, source=bright, sources=(bright, faint), significance=9.0)
    assert find_line_object(fits, first, half_length_arcsec=HALF, fwhm_arcsec=0.9, named_arcsec=None) is first
    alone = replace(first, sources=(bright,))
    assert find_line_object(fits, alone, half_length_arcsec=HALF, fwhm_arcsec=0.9, named_arcsec=None).lines_alone


def test_an_object_of_lines_alone_is_traced_and_its_lines_keep_their_flux() -> None:
    orders = line_scene(3000.0)
    first = found_in(orders)
    fits = fit_sky([o.data for o in orders], first, SkySettings(), half_length_arcsec=HALF).fits
    found = find_line_object(fits, first, half_length_arcsec=HALF, fwhm_arcsec=0.9, named_arcsec=None)
    better = fit_sky([o.data for o in orders], found, SkySettings(), half_length_arcsec=HALF).fits
    trace = follow_object(
        [f.data for f in better], [f.electrons for f in better], found, GEOMETRY, CONTINUUM, forced_arcsec=0.0, seeing_arcsec=0.9
    )
    solved = extract_with_sky(better, trace, SkySettings(), ExtractionSettings(), half_length_arcsec=HALF)
    for true, got in zip(orders, solved.orders, strict=True):
        assert np.abs(trace.orders[got.data.window.order].slit_arcsec - 1.0).max() < 0.05
        assert got.flux[true.flux > 0].sum() == pytest.approx(true.flux.sum(), rel=0.01)
        assert not (got.rejection.rejected & (true.shares > 0.05) & (true.flux > 0)[:, None]).any()


def test_ends_of_the_slit_are_left_out_by_their_share() -> None:
    data = scene((0.4, 100.0))[0].data
    everything, shorter = (inside_edges(data, SkySettings(clip_slit_edge_fraction=f), HALF) for f in (0.0, 0.1))
    slit = data.window.slit_arcsec
    inside = data.window.inside
    assert everything[inside].all()
    np.testing.assert_array_equal(shorter[inside], np.abs(slit[inside]) <= 4.8)


def test_the_mask_is_wide_enough_for_the_object_and_leaves_sky() -> None:
    orders = scene((0.4, 500.0))
    source = SlitSource(slit_arcsec=0.4, fwhm_arcsec=0.9, significance=50.0, relative_flux=1.0)
    slit, inside = orders[0].data.window.slit_arcsec, orders[0].data.window.inside
    faint = object_mask(orders[0].data, orders[0].sky, [source], HALF)
    np.testing.assert_array_equal(faint[inside], np.abs(slit[inside] - 0.4) < 1.5)
    bright = object_mask(scene((0.4, 5e5))[0].data, orders[0].sky, [source], HALF)
    assert bright.sum() > 1.5 * faint.sum()
    many = [replace(source, slit_arcsec=float(p), fwhm_arcsec=3.0) for p in (-4, 0, 4)]
    assert object_mask(orders[0].data, orders[0].sky, many, HALF)[inside].mean() <= LARGEST_MASKED_SHARE + 0.05
    assert not object_mask(orders[0].data, orders[0].sky, [], HALF).any()


def test_sky_and_object_come_back_in_every_order() -> None:
    orders = scene((0.4, 1500.0))
    result = solved(orders, found_in(orders))
    for order, one in zip(orders, result.orders, strict=True):
        pull = (one.flux - order.flux) / np.sqrt(one.flux_variance)
        assert np.std(pull) == pytest.approx(1.0, abs=0.12)
        assert abs(np.median(one.flux / order.flux) - 1.0) < 0.01
        noise = np.sqrt(one.variance + one.sky_variance)
        lines = order.data.good & (order.sky > 500.0) & ~one.rejection.rejected
        assert np.std(((order.data.electrons - one.sky - order.flux[:, None] * order.shares) / noise)[lines]) < 1.1
    assert result.trace.fwhm_arcsec == pytest.approx(0.96, abs=0.06)
    assert result.profile.form == "spline"


def test_a_second_object_does_not_raise_the_sky() -> None:
    orders = scene((1.5, 1500.0), (-3.0, 1200.0))
    result = solved(orders, found_in(orders))
    for order, one in zip(orders, result.orders, strict=True):
        assert abs(np.median(one.flux / order.flux) - 1.0) < 0.015
        assert np.median((one.sky - order.sky)[order.data.window.inside]) == pytest.approx(0.0, abs=1.5)


def test_an_empty_slit_gives_a_flux_of_nothing() -> None:
    orders = scene()
    result = solved(orders, found_in(orders), forced=0.7)
    assert result.trace.forced
    pull = np.concatenate([one.flux / np.sqrt(one.flux_variance) for one in result.orders])
    assert np.std(pull) == pytest.approx(1.0, abs=0.12)
    assert abs(np.mean(pull)) < 0.15
    np.testing.assert_allclose(np.concatenate([t.slit_arcsec for t in result.trace.orders.values()]), 0.7)


def test_the_profile_degree_is_asked_for_at_most() -> None:
    orders = scene((0.4, 5e4))
    fits = fit_sky([o.data for o in orders], found_in(orders), SkySettings(), half_length_arcsec=HALF)
    trace = follow_object(
        [f.data for f in fits.fits], [f.electrons for f in fits.fits], found_in(orders), GEOMETRY, CONTINUUM, forced_arcsec=0.0,
        seeing_arcsec=0.8,
    )  # fmt: skip
    fluxes = [
        extract_with_sky(
            fits.fits, trace, SkySettings(), ExtractionSettings(horne_extraction_profile_poly_order=degree), half_length_arcsec=HALF
        )
        .orders[0]
        .flux
        for degree in (0, 7)
    ]
    np.testing.assert_allclose(fluxes[0], fluxes[1], rtol=0.02)


def test_without_sky_subtraction_the_light_is_all_the_objects() -> None:
    orders = [
        observe(window, np.zeros(window.index.shape), np.full(400, 2000.0), offset=0.4, fwhm=0.9, rng=np.random.default_rng(5))
        for window in WINDOWS
    ]
    found = found_in(orders, subtract_sky=False)
    nothing = [np.zeros(o.sky.shape) for o in orders]
    trace = follow_object([o.data for o in orders], nothing, found, GEOMETRY, CONTINUUM, forced_arcsec=0.0, seeing_arcsec=None)
    result = extract_without_sky([o.data for o in orders], trace, ExtractionSettings(), half_length_arcsec=HALF)
    for order, one in zip(orders, result.orders, strict=True):
        assert np.median(one.flux / order.flux) == pytest.approx(1.0, abs=0.005)
        assert np.std((one.flux - order.flux) / np.sqrt(one.flux_variance)) == pytest.approx(1.0, abs=0.12)
        np.testing.assert_array_equal(one.sky, 0.0)


def test_one_bad_order_is_not_a_bad_night() -> None:
    orders = scene((0.4, 1500.0))
    found = found_in(orders)
    blind = replace(orders[0].data, good=np.zeros_like(orders[0].data.good))
    fits = fit_sky([blind, orders[1].data], found, SkySettings(), half_length_arcsec=HALF)
    assert [fit.data.window.order for fit in fits.fits] == [12]
    assert fits.failures == {11: "only 0 sky pixels are left in order 11"}


def test_no_order_left_is_an_error_that_says_why() -> None:
    orders = scene((0.4, 1500.0))
    found = found_in(orders)
    blind = [replace(o.data, good=np.zeros_like(o.data.good)) for o in orders]
    with pytest.raises(NoOrderLeftError, match="order 11: only 0 sky pixels") as caught:
        fit_sky(blind, found, SkySettings(), half_length_arcsec=HALF)
    assert set(caught.value.failures) == {11, 12}
