"""Which object of the slit is taken; and light that is missing, where an off-frame had a star, is found only when looked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.objects.find_object import FoundObject, find_line_object, find_object
from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.algorithms.sky.fit_skies import fit_sky
from soxspipe.algorithms.sky.subtract_sky import SkySettings, first_sky
from soxspipe.datamodel.trace import SlitSource
from support.orders import make_geometry, moffat_shares, observe, order_data, position, sky_light
from support.slit_scenes import found_in, line_scene, scene

N_B = 300
WINDOW = cut_orders(make_geometry(n_b=N_B))[0]


def seen(star_e: float, *, with_negatives: bool) -> FoundObject:
    """An object at -2 arcsec, and a star of the off-frame at +2.5."""
    rng = np.random.default_rng(7)
    made = observe(WINDOW, sky_light(position(WINDOW)), np.full(N_B, 800.0), offset=-2.0, rng=rng)
    missing = star_e * moffat_shares(WINDOW, 2.5)
    data = order_data(WINDOW, made.data.electrons - missing, 60.0)
    return find_object([data], (first_sky(data),), named_arcsec=None, with_negatives=with_negatives)


def test_a_star_of_the_off_frame_is_found() -> None:
    found = seen(1600.0, with_negatives=True)
    assert found.source is not None
    assert found.source.slit_arcsec == pytest.approx(-2.0, abs=0.15)
    (star,) = [source for source in found.sources if source.relative_flux < 0]
    assert star.slit_arcsec == pytest.approx(2.5, abs=0.15)


@pytest.mark.parametrize(("star_e", "with_negatives"), [(1600.0, False), (0.0, True)])
def test_else_there_is_none(star_e: float, with_negatives: bool) -> None:
    assert all(source.relative_flux > 0 for source in seen(star_e, with_negatives=with_negatives).sources)


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


@pytest.mark.parametrize(("peak", "seen"), [(0.0, False), (600.0, True)])
def test_an_object_of_lines_alone_is_found_once_the_sky_is_known(peak: float, seen: bool) -> None:
    orders = line_scene(peak)
    first = found_in(orders)
    assert first.source is None
    fits = fit_sky([o.data for o in orders], first, SkySettings()).fits
    found = find_line_object(fits, first, fwhm_arcsec=0.9, named_arcsec=None)
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
    fits = fit_sky([o.data for o in orders], seen, SkySettings()).fits
    bright, faint = (SlitSource(slit_arcsec=at, fwhm_arcsec=0.9, significance=9.0, relative_flux=f) for at, f in ((-2.5, 1.0), (1.0, 0.2)))
    first = replace(seen, source=bright, sources=(bright, faint), significance=9.0)
    assert find_line_object(fits, first, fwhm_arcsec=0.9, named_arcsec=None) is first
    alone = replace(first, sources=(bright,))
    assert find_line_object(fits, alone, fwhm_arcsec=0.9, named_arcsec=None).lines_alone


def test_lines_that_show_the_object_do_not_hide_its_companions() -> None:
    """A companion whose lines are too faint, or pull it aside, is known from its continuum."""
    orders = line_scene(600.0)
    seen = found_in(orders)
    fits = fit_sky([o.data for o in orders], seen, SkySettings()).fits
    own, other = (SlitSource(slit_arcsec=at, fwhm_arcsec=0.9, significance=9.0, relative_flux=f) for at, f in ((1.0, 1.0), (-3.0, 0.3)))
    by_continuum = replace(seen, source=own, sources=(own, other), significance=9.0)
    found = find_line_object(fits, by_continuum, fwhm_arcsec=0.9, named_arcsec=None)
    assert found.lines_alone
    assert found.source is not None
    assert found.source.slit_arcsec == pytest.approx(1.0, abs=0.1)
    assert found.sources == (found.source, other)
