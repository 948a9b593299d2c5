"""Companions in the wings of a bright star, and none where there is only the star."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.objects.find_sources import BIN_ARCSEC, SlitLight, find_sources
from soxspipe.algorithms.objects.wing_companions import find_in_wings
from soxspipe.datamodel.trace import SlitSource

CENTRES = (np.arange(80) + 0.5) * BIN_ARCSEC - 6.0
STAR = -1.0
NEEDED = 8.0


def image(place: float, fwhm: float, beta: float, tail: float = 0.0, hump: float = 0.0, trail: float = 0.0) -> np.ndarray:
    """A star of unit light whose image has an exponential tail, a second hump of 30 % or a trail of these many arcsec."""
    core = fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1))
    moved = np.zeros(1) if not trail else np.linspace(-0.5 * trail, 0.5 * trail, 21)
    moved = moved if not tail else tail * -np.log(1.0 - (np.arange(40) + 0.5) / 40)
    places = [(at, 1.0 / moved.size) for at in moved] if not hump else [(0.0, 0.7), (hump, 0.3)]
    one = sum(share * (1 + ((CENTRES - place - at) / core) ** 2) ** -beta for at, share in places)
    return np.asarray(one / (one.sum() * BIN_ARCSEC))


def seen(light: np.ndarray, *, error: float, bend: float = 0.0, seed: int = 1) -> SlitLight:
    """Light on a sky that bends by so many electrons, with noise."""
    sky = bend * (CENTRES / 6.0) ** 2 * np.sign(CENTRES)
    noise = np.random.default_rng(seed).normal(0.0, error, CENTRES.size)
    return SlitLight(slit_arcsec=CENTRES, light=light + sky + noise, error=np.full(CENTRES.size, error))


def star(fwhm: float) -> SlitSource:
    return SlitSource(slit_arcsec=STAR, fwhm_arcsec=fwhm, significance=500.0, relative_flux=1.0)


@pytest.mark.parametrize("beta", [2.3, 3.0, 4.5])
@pytest.mark.parametrize("shape", [{}, {"tail": 0.4}, {"tail": -0.4}, {"hump": 0.9}, {"trail": 1.5}])
@pytest.mark.parametrize("bend", [-10.0, 0.0, 10.0])
def test_a_star_of_any_shape_has_no_companion(beta: float, shape: dict[str, float], bend: float) -> None:
    light = seen(2000.0 * image(STAR, 0.9, beta, **shape), error=0.3, bend=bend)
    first = find_sources(light, NEEDED)[:1]
    assert find_in_wings(light, first, NEEDED) == first


@pytest.mark.parametrize("shape", [{}, {"tail": 0.3}, {"trail": 0.8}])
@pytest.mark.parametrize(("away", "share"), [(-3.2, 0.05), (2.4, 0.08), (3.4, 0.03)])
def test_a_companion_of_some_per_cent_is_found_on_a_bent_sky(shape: dict[str, float], away: float, share: float) -> None:
    light = 2000.0 * (image(STAR, 0.9, 2.7, **shape) + share * image(STAR + away, 0.9, 2.7, **shape))
    bent = seen(light, error=0.3, bend=10.0)
    first, second = find_in_wings(bent, find_sources(bent, NEEDED)[:1], NEEDED)
    assert second.slit_arcsec - first.slit_arcsec == pytest.approx(away, abs=0.25)
    assert second.relative_flux == pytest.approx(share, rel=0.35)
    assert second.significance > NEEDED


def test_light_wider_than_the_star_is_no_companion() -> None:
    """Both stand 2.8 arcsec away with as much light at the peak; the second is a galaxy."""
    alone = 2000.0 * image(STAR, 0.9, 3.0)
    narrow, wide = (alone + 100.0 * np.exp(-0.5 * ((CENTRES - STAR - 2.8) / (0.42466 * width)) ** 2) for width in (0.9, 2.4))
    assert len(find_in_wings(seen(narrow, error=0.3), (star(0.9),), NEEDED)) == 2
    assert len(find_in_wings(seen(wide, error=0.3), (star(0.9),), NEEDED)) == 1


@pytest.mark.parametrize("size", [2.5, 4.0])
def test_a_host_about_the_star_is_no_companion(size: float) -> None:
    host = 200.0 * np.exp(-0.5 * ((CENTRES - STAR) / (0.42466 * size)) ** 2)
    assert len(find_in_wings(seen(2000.0 * image(STAR, 0.9, 3.0) + host, error=0.5), (star(0.9),), NEEDED)) == 1


def test_a_known_companion_is_not_found_twice_and_a_fainter_one_beyond_it_is() -> None:
    first = star(0.9)
    known = replace(first, slit_arcsec=1.2, relative_flux=0.3)
    two = image(STAR, 0.9, 3.0) + 0.3 * image(1.2, 0.9, 3.0)
    assert find_in_wings(seen(2000.0 * two, error=0.3), (first, known), NEEDED) == (first, known)
    three = find_in_wings(seen(2000.0 * (two + 0.05 * image(3.8, 0.9, 3.0)), error=0.3), (first, known), NEEDED)
    assert three[2].slit_arcsec == pytest.approx(3.8, abs=0.2)


@pytest.mark.parametrize(("share", "kept"), [(0.0, 1), (0.04, 2)])
def test_a_faint_object_that_was_found_where_the_light_is_convex_is_a_wing(share: float, kept: int) -> None:
    first = star(0.9)
    faint = replace(first, slit_arcsec=1.0, relative_flux=0.02)
    light = seen(2000.0 * (image(STAR, 0.9, 3.0) + share * image(1.0, 0.9, 3.0)), error=0.3)
    assert find_in_wings(light, (first, faint), NEEDED) == (first, faint)[:kept]


def test_a_faint_object_at_the_end_of_the_slit_stays() -> None:
    """Its light is not seen to fall again, so that it cannot be called convex."""
    first = star(0.9)
    faint = replace(first, slit_arcsec=5.6, relative_flux=0.04)
    light = seen(2000.0 * (image(STAR, 0.9, 3.0) + 0.04 * image(5.6, 0.9, 3.0)), error=0.3)
    assert find_in_wings(light, (first, faint), NEEDED) == (first, faint)


def test_the_object_that_stands_out_most_stays_first() -> None:
    """At the end of the slit light is overstated: one of 1 % was called 642 % of the object."""
    first = star(0.9)
    overstated = replace(first, slit_arcsec=-5.6, relative_flux=6.4)
    light = seen(2000.0 * (image(STAR, 0.9, 3.0) + 0.05 * image(2.5, 0.9, 3.0)), error=0.3)
    found = find_in_wings(light, (first, overstated), NEEDED)
    assert found[:2] == (first, overstated)
    assert found[2].slit_arcsec == pytest.approx(2.5, abs=0.15)


def test_light_where_the_lit_slit_ends_is_no_companion() -> None:
    """Few pixels are lit there, and the flat that they are divided by is not theirs."""
    alone = seen(2000.0 * image(STAR, 0.9, 3.0) + np.where(np.abs(CENTRES - 4.4) < 0.3, 40.0, 0.0), error=0.3)
    ended = replace(alone, light=np.where(CENTRES > 4.8, np.nan, alone.light), error=np.where(CENTRES > 4.5, 3.0, alone.error))
    assert len(find_in_wings(ended, (star(0.9),), NEEDED)) == 1


def test_without_an_object_or_light_there_is_nothing() -> None:
    nothing = SlitLight(slit_arcsec=CENTRES, light=np.full(80, np.nan), error=np.full(80, np.nan))
    assert find_in_wings(nothing, (), NEEDED) == ()
    alone = (star(0.9),)
    assert find_in_wings(nothing, alone, NEEDED) == alone
