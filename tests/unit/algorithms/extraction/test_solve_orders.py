"""Sky and object of several orders together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.extraction.horne_extraction import ExtractionSettings
from soxspipe.algorithms.extraction.solve_orders import SolvedOrders, extract_with_sky, extract_without_sky, follow_object
from soxspipe.algorithms.objects.detect_continuum import ContinuumSettings
from soxspipe.algorithms.objects.find_object import FoundObject, find_line_object
from soxspipe.algorithms.sky.fit_skies import fit_sky
from soxspipe.algorithms.sky.subtract_sky import SkySettings
from soxspipe.errors import NoOrderLeftError
from support.orders import TinyOrder, observe
from support.slit_scenes import GEOMETRY, WINDOWS, found_in, line_scene, scene

CONTINUUM = ContinuumSettings(order_sample_count=40)


def solved(orders: list[TinyOrder], found: FoundObject, sky: SkySettings | None = None, forced: float = 0.0) -> SolvedOrders:
    settings = sky or SkySettings()
    fits = fit_sky([o.data for o in orders], found, settings)
    assert fits.failures == {}
    trace = follow_object(
        [f.data for f in fits.fits], [f.electrons for f in fits.fits], found, GEOMETRY, CONTINUUM, forced_arcsec=forced, seeing_arcsec=None
    )
    return extract_with_sky(fits.fits, trace, settings, ExtractionSettings())


def test_an_object_of_lines_alone_is_traced_and_its_lines_keep_their_flux() -> None:
    orders = line_scene(3000.0)
    first = found_in(orders)
    fits = fit_sky([o.data for o in orders], first, SkySettings()).fits
    found = find_line_object(fits, first, fwhm_arcsec=0.9, named_arcsec=None)
    better = fit_sky([o.data for o in orders], found, SkySettings()).fits
    trace = follow_object(
        [f.data for f in better], [f.electrons for f in better], found, GEOMETRY, CONTINUUM, forced_arcsec=0.0, seeing_arcsec=0.9
    )
    solved = extract_with_sky(better, trace, SkySettings(), ExtractionSettings())
    for true, got in zip(orders, solved.orders, strict=True):
        assert np.abs(trace.orders[got.data.window.order].slit_arcsec - 1.0).max() < 0.05
        assert got.flux[true.flux > 0].sum() == pytest.approx(true.flux.sum(), rel=0.01)
        assert not (got.rejection.rejected & (true.shares > 0.05) & (true.flux > 0)[:, None]).any()


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
    fits = fit_sky([o.data for o in orders], found_in(orders), SkySettings())
    trace = follow_object(
        [f.data for f in fits.fits], [f.electrons for f in fits.fits], found_in(orders), GEOMETRY, CONTINUUM, forced_arcsec=0.0,
        seeing_arcsec=0.8,
    )  # fmt: skip
    fluxes = [
        extract_with_sky(fits.fits, trace, SkySettings(), ExtractionSettings(horne_extraction_profile_poly_order=degree)).orders[0].flux
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
    result = extract_without_sky([o.data for o in orders], trace, ExtractionSettings())
    for order, one in zip(orders, result.orders, strict=True):
        assert np.median(one.flux / order.flux) == pytest.approx(1.0, abs=0.005)
        assert np.std((one.flux - order.flux) / np.sqrt(one.flux_variance)) == pytest.approx(1.0, abs=0.12)
        np.testing.assert_array_equal(one.sky, 0.0)


def test_one_bad_order_is_not_a_bad_night() -> None:
    orders = scene((0.4, 1500.0))
    found = found_in(orders)
    blind = replace(orders[0].data, good=np.zeros_like(orders[0].data.good))
    fits = fit_sky([blind, orders[1].data], found, SkySettings())
    assert [fit.data.window.order for fit in fits.fits] == [12]
    assert fits.failures == {11: "only 0 sky pixels are left in order 11"}


def test_no_order_left_is_an_error_that_says_why() -> None:
    orders = scene((0.4, 1500.0))
    found = found_in(orders)
    blind = [replace(o.data, good=np.zeros_like(o.data.good)) for o in orders]
    with pytest.raises(NoOrderLeftError, match="order 11: only 0 sky pixels") as caught:
        fit_sky(blind, found, SkySettings())
    assert set(caught.value.failures) == {11, 12}
