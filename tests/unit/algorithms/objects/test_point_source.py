"""Smeared images: told from stars that stood still."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.objects.find_object import find_object
from soxspipe.algorithms.objects.moffat import Moffat
from soxspipe.algorithms.objects.point_source import fit_star, measure_smearing
from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.algorithms.sky.fit_skies import fit_sky
from soxspipe.algorithms.sky.subtract_sky import SkyFit, SkySettings, first_sky
from soxspipe.datamodel.arrays import BoolArray
from soxspipe.datamodel.trace import ObjectTrace
from support.orders import TinyOrder, make_geometry, moffat_shares, object_trace, observe, position, sky_light


def smeared(places: tuple[tuple[float, float], ...]) -> list[TinyOrder]:
    rng = np.random.default_rng(8)
    orders = []
    for window in cut_orders(make_geometry(numbers=(11, 12), n_b=300, spacing=60)):
        star = sum(share * moffat_shares(window, 0.4 + at, fwhm=0.9, beta=2.8) for at, share in places)
        sky = sky_light(position(window), lines=((60.3, 3000.0),))
        made = observe(window, sky + 8000.0 * np.asarray(star), np.zeros(300), offset=0.4, fwhm=0.9, rng=rng)
        orders.append(replace(made, sky=sky))
    return orders


def prepared(orders: list[TinyOrder]) -> tuple[tuple[SkyFit, ...], list[BoolArray], ObjectTrace]:
    """Orders with first skies, no pixel struck, and the trace."""
    data = [order.data for order in orders]
    source = find_object(data, tuple(first_sky(d) for d in data), named_arcsec=None)
    fits = fit_sky(data, source, SkySettings()).fits
    none = [np.zeros(fit.data.good.shape, dtype=bool) for fit in fits]
    return fits, none, replace(object_trace(*orders), fwhm_arcsec=1.0)


def found(orders: list[TinyOrder]) -> object:
    fits, none, trace = prepared(orders)
    return measure_smearing(fit_star(fits, none, trace, 4), trace)


@pytest.mark.parametrize("places", [((0.0, 1.0),), ((0.0, 0.65), (1.1, 0.35))])
def test_a_fit_begun_from_one_in_fewer_parts_is_as_good(places: tuple[tuple[float, float], ...]) -> None:
    light = prepared(smeared(places))
    anew, begun = fit_star(*light, 4), fit_star(*light, 4, fit_star(*light, 2))
    assert anew is not None
    assert begun is not None
    assert begun.fit.misfit < anew.fit.misfit + 0.5
    assert begun.model.own_light(begun.fit) == pytest.approx(anew.model.own_light(anew.fit), rel=2e-3)


def test_a_star_that_stood_still_is_not_smeared() -> None:
    assert found(smeared(((0.0, 1.0),))) is None


def test_a_doubled_star_stood_at_two_places() -> None:
    star = found(smeared(((0.0, 0.65), (1.1, 0.35))))
    assert star is not None
    far = sum(share for at, share in star.places if at > 0.6)  # type: ignore[attr-defined]
    assert far == pytest.approx(0.35, abs=0.08)


def test_a_moffat_at_two_places_has_unit_integral_and_both_widths() -> None:
    double = Moffat(fwhm_arcsec=0.8, slope=0.0, beta=3.0, pivot_nm=1000.0, places=((-0.5, 0.5), (0.5, 0.5)))
    grid = np.arange(-20.0, 20.0, 0.01)
    assert float(np.sum(double(grid, 1000.0, 0.25)) * 0.01) == pytest.approx(1.0, abs=2e-3)
    assert double.width_arcsec == pytest.approx(np.hypot(0.8, 2.3548 * 0.5))
