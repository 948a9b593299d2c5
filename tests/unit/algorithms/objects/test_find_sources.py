"""Objects on the slit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.objects.find_sources import BIN_ARCSEC, LARGEST_COUNT, SlitLight, collapse, find_sources, is_alike, strongest
from support.orders import tiny_order

HALF = 6.0
CENTRES = (np.arange(80) + 0.5) * BIN_ARCSEC - HALF


def moffat(position: float, height: float, fwhm: float) -> np.ndarray:
    alpha = fwhm / (2 * np.sqrt(2 ** (1 / 3.5) - 1))
    return np.asarray(height * (1 + ((CENTRES - position) / alpha) ** 2) ** -3.5)


def light(*sources: tuple[float, float, float], error: float = 1.0, seed: int | None = 3) -> SlitLight:
    noise = 0.0 if seed is None else np.random.default_rng(seed).normal(0, error, CENTRES.size)
    total = 20.0 + noise + sum((moffat(*source) for source in sources), np.zeros(CENTRES.size))
    return SlitLight(slit_arcsec=CENTRES, light=total, error=np.full(CENTRES.size, error))


@pytest.mark.parametrize("position", [-4.9, -0.07, 2.31])
@pytest.mark.parametrize("fwhm", [0.7, 1.0, 1.8])
def test_one_object_is_found_where_it_is(position: float, fwhm: float) -> None:
    (found,) = find_sources(light((position, 200.0, fwhm), error=0.5), 8.0)
    assert found.slit_arcsec == pytest.approx(position, abs=0.07)
    assert found.fwhm_arcsec == pytest.approx(fwhm, rel=0.25)
    assert found.significance > 50
    assert found.relative_flux == 1.0


def test_two_objects_come_brightest_first() -> None:
    found = find_sources(light((-2.0, 60.0, 0.9), (2.5, 300.0, 0.9)), 8.0)
    assert [round(source.slit_arcsec, 1) for source in found] == pytest.approx([2.5, -2.0], abs=0.1)
    assert found[1].relative_flux == pytest.approx(0.2, rel=0.2)


def test_light_beside_a_star_that_is_wider_than_its_image_is_a_galaxy() -> None:
    """Both stand 2 arcsec from the star with an eighth of its height; one has its width."""
    star = (-0.8, 2000.0, 0.9)
    assert len(find_sources(light(star, (1.3, 250.0, 0.95), error=1.0), 8.0)) == 2
    assert len(find_sources(light(star, (1.3, 250.0, 1.35), error=1.0), 8.0)) == 1


def test_noise_is_no_object() -> None:
    for seed in range(20):
        assert find_sources(light(seed=seed), 8.0) == ()
        assert strongest(light(seed=seed)) < 8.0


def test_underrated_errors_do_not_make_objects() -> None:
    """The scatter that is seen counts when it is larger than the errors claim."""
    for seed in range(10):
        noisy = light(error=5.0, seed=seed)
        claimed = SlitLight(slit_arcsec=CENTRES, light=noisy.light, error=np.full(CENTRES.size, 1.0))
        assert find_sources(claimed, 8.0) == ()


def test_wings_of_a_bright_object_are_no_companion() -> None:
    assert len(find_sources(light((0.3, 1e5, 1.2), error=0.5), 8.0)) == 1


def test_the_list_is_short() -> None:
    many = tuple((float(x), 500.0, 0.6) for x in np.arange(-5.4, 5.5, 1.5))
    assert len(find_sources(light(*many), 3.0)) <= LARGEST_COUNT


def test_empty_bins_are_passed_over() -> None:
    whole = light((1.0, 200.0, 1.0))
    holes = np.zeros(CENTRES.size, dtype=bool)
    holes[[0, 1, 20, 79]] = True
    gappy = SlitLight(slit_arcsec=CENTRES, light=np.where(holes, np.nan, whole.light), error=np.where(holes, np.nan, whole.error))
    (found,) = find_sources(gappy, 8.0)
    assert found.slit_arcsec == pytest.approx(1.0, abs=0.07)


@pytest.mark.parametrize("side", [-1, 1])
def test_an_object_at_the_end_of_the_lit_slit_is_found(side: int) -> None:
    """Its other half lies in the dark: no light is there that could fall to half its height."""
    whole = light((0.5 * side, 300.0, 1.1), (-3.9 * side, 100.0, 1.1))
    lit = side * CENTRES > -4.1
    cut = replace(whole, light=np.where(lit, whole.light, np.nan), error=np.where(lit, whole.error, np.nan))
    first, second = find_sources(cut, 8.0)
    assert first.slit_arcsec == pytest.approx(0.5 * side, abs=0.07)
    assert second.slit_arcsec == pytest.approx(-3.9 * side, abs=0.15)
    assert second.fwhm_arcsec == pytest.approx(1.1, rel=0.3)


def test_a_companion_of_a_quarter_is_found_though_it_makes_most_of_the_scatter() -> None:
    """Light along the slit of a simulated NIR exposure, AB 17.2 in a seeing of 1.4 arcsec, with a companion of 31 % at +1.2 arcsec."""
    seen = np.array([-2.4, -1.4, -0.1, 0.0, 0.2, 1.0, 1.3, 2.4, 4.1, 7.0, 10.5, 14.5, 18.5, 19.7, 19.0, 15.4, 11.4, 7.3, 4.2, 2.5, 1.4, 0.4, 0.0, 0.0,
-0.0, 0.4, 1.0, 1.7, 2.8, 4.1, 5.0, 5.3, 4.3, 3.4, 2.0, 1.0, 0.5, 0.1, -0.2, -0.3, -0.3, -0.3, -0.1, -0.3, -0.2, -0.2, -0.2, -0.1,
-0.3, 0.2, 0.3, -0.1, 0.4, 0.3, 0.2, 0.0, -1.0])  # fmt: skip
    dark, beyond = np.full(8, np.nan), np.full(2, np.nan)
    slit = np.linspace(-5.909, 6.077, dark.size + seen.size + beyond.size)
    error = np.r_[dark, 1.62, 0.31, np.full(seen.size - 3, 0.16), 0.42, beyond]
    _, second = find_sources(SlitLight(slit_arcsec=slit, light=np.r_[dark, seen, beyond], error=error), 8.0)
    assert second.slit_arcsec == pytest.approx(1.2, abs=0.1)


def test_an_object_in_the_dark_beside_the_slits_end_is_no_brighter_than_it_is_seen() -> None:
    """Light along the slit of a simulated NIR exposure, AB 14.4, with a companion of 25 % beyond the lit slit; it was called 642 %."""
    seen = np.array([8.62, 7.73, 6.54, 2.9, 0.86, -0.12, 0.08, 1.29, 4.46, 11.62, 25.43, 46.61, 71.34, 93.86, 107.34, 117.54, 118.65, 119.38,
109.63, 96.81, 72.98, 51.37, 32.03, 20.43, 13.34, 9.43, 7.0, 5.42, 4.15, 3.21, 2.39, 1.88, 1.7, 1.01, 0.64, 0.32, 0.25, 0.03, -0.0, -0.09, 0.0,
-0.24, -0.15, -0.05, 0.02, -0.03, -0.19, -0.16, 0.04, -0.04, -0.07, -0.02, 0.09, 0.21, 0.27, -1.49])  # fmt: skip
    slit, dark, beyond = np.linspace(-5.909, 6.079, 67), np.full(9, np.nan), np.full(2, np.nan)
    error = np.r_[dark, 0.75, 0.24, 0.1, np.full(seen.size - 4, 0.09), 0.29, beyond]
    found = find_sources(SlitLight(slit_arcsec=slit, light=np.r_[dark, seen, beyond], error=error), 8.0)
    assert [round(source.slit_arcsec, 1) for source in found] == pytest.approx([-1.4, -4.3], abs=0.1)
    assert found[1].relative_flux < 0.1


def test_significance_is_against_the_slit_without_the_others() -> None:
    """A star and a companion are each other's scatter while the first of them is looked for."""
    alone = find_sources(light((-2.3, 50.0, 1.0), error=0.15), 8.0)
    first, second = find_sources(light((-2.3, 50.0, 1.0), (0.8, 30.0, 1.0), error=0.15), 8.0)
    assert first.significance > 0.3 * alone[0].significance
    assert 0.4 < second.significance / first.significance < 1.0


def test_nothing_measured_nothing_found() -> None:
    nothing = SlitLight(slit_arcsec=CENTRES, light=np.full(80, np.nan), error=np.full(80, np.nan))
    assert find_sources(nothing, 8.0) == ()
    assert strongest(nothing) == 0.0


def test_collapsed_light_is_the_mean_above_the_sky() -> None:
    order = tiny_order(level=3000.0, lines=())
    collapsed = collapse([order.data], [order.sky])
    np.testing.assert_allclose(collapsed.slit_arcsec, CENTRES)
    far = np.abs(collapsed.slit_arcsec - 0.5) > 4.0
    known = np.isfinite(collapsed.light)
    assert known.mean() > 0.9
    z = (collapsed.light / collapsed.error)[far & known]
    assert np.std(z) == pytest.approx(1.0, abs=0.35)
    assert collapsed.slit_arcsec[np.nanargmax(collapsed.light)] == pytest.approx(0.5, abs=0.16)
    peak = np.median((order.flux[:, None] * order.shares)[np.abs(np.nan_to_num(order.data.window.slit_arcsec, nan=9.0) - 0.5) < 0.08])
    assert np.nanmax(collapsed.light) == pytest.approx(peak, rel=0.05)


def test_collapse_is_blind_to_cosmic_rays_and_masked_pixels() -> None:
    clean = tiny_order(level=3000.0, lines=())
    struck = np.random.default_rng(5).uniform(size=clean.sky.shape) < 0.1
    spoilt = replace(clean.data, electrons=clean.data.electrons + np.where(struck, 1e5, 0.0))
    masked = replace(spoilt, good=spoilt.good & ~struck)
    plain, hit, hidden = (collapse([data], [clean.sky]) for data in (clean.data, spoilt, masked))
    peak = np.nanmax(plain.light)
    assert np.nanmax(np.abs(hit.light - plain.light)) < 0.03 * peak
    assert np.nanmax(np.abs(hidden.light - plain.light)) < 0.03 * peak


def star(position: float, height: float, fwhm: float, beta: float) -> np.ndarray:
    alpha = fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1))
    return np.asarray(height * (1 + ((CENTRES - position) / alpha) ** 2) ** -beta)


def seen(total: np.ndarray, *, seed: int = 4) -> SlitLight:
    """Light of bright objects, with noise small against their wings."""
    noise = np.random.default_rng(seed).normal(0, 0.5, CENTRES.size)
    return SlitLight(slit_arcsec=CENTRES, light=20.0 + noise + total, error=np.full(CENTRES.size, 0.5))


@pytest.mark.parametrize("beta", [2.0, 2.5, 3.0, 5.0])
@pytest.mark.parametrize("fwhm", [0.6, 1.0, 1.8])
def test_wings_of_any_exponent_are_no_companion(beta: float, fwhm: float) -> None:
    assert len(find_sources(seen(star(-0.9, 2e4, fwhm, beta)), 8.0)) == 1


def test_a_lopsided_or_doubled_image_is_one_object() -> None:
    tail = sum(star(-0.9 + 0.15 * k, 3e3 * np.exp(-0.3 * k), 0.8, 2.8) for k in range(20))
    assert len(find_sources(seen(np.asarray(tail)), 8.0)) == 1
    assert len(find_sources(seen(star(-0.9, 2e4, 0.8, 2.8) + star(0.1, 8e3, 0.8, 2.8)), 8.0)) == 1


@pytest.mark.parametrize("beta", [2.2, 3.5])
def test_a_faint_companion_in_the_wings_is_found(beta: float) -> None:
    found = find_sources(seen(star(-0.9, 2e4, 0.8, beta) + star(0.8, 2000.0, 0.8, beta)), 8.0)
    assert [source.slit_arcsec for source in found] == pytest.approx([-0.9, 0.8], abs=0.1)
    assert found[1].relative_flux == pytest.approx(0.1, rel=0.5)


def test_what_the_model_leaves_of_a_bright_core_does_not_hide_a_companion() -> None:
    """A core that no Moffat fits leaves hundreds of sigma; the companion stands 60 sigma out of an empty slit."""
    scene = light((-0.9, 3000.0, 1.1), (2.4, 120.0, 0.9), error=2.0)
    flat_topped = replace(scene, light=np.minimum(scene.light, 2000.0))
    assert [round(source.slit_arcsec, 1) for source in find_sources(flat_topped, 8.0)] == pytest.approx([-0.9, 2.4], abs=0.15)


def test_a_faint_companion_is_found_in_a_slit_that_its_own_light_has_bent() -> None:
    """Light along the slit of a simulated NIR exposure, AB 17.7, the slit moved by 1.1 arcsec, with a companion of 8 % at -0.8 arcsec."""
    seen = np.array([-1.6, 0.2, 0.2, 0.1, 0.2, 0.1, 0.2, 0.0, 0.1, -0.1, -0.3, -0.1, -0.1, -0.2, -0.1, -0.1, -0.2, -0.3, -0.3, -0.3, -0.1, 0.0,
0.3, 0.9, 1.5, 2.5, 2.8, 2.6, 2.2, 1.3, 0.5, 0.0, -0.1, 0.0, 0.0, 0.5, 1.4, 3.1, 6.7, 13.0, 22.8, 33.4, 44.1, 43.3, 38.4,
25.2, 16.3, 8.3, 4.3, 2.0, 1.1, 0.5, 0.2, -0.2, -0.2, -0.4, -1.9, -9.3])  # fmt: skip
    dark = np.full(8, np.nan)
    light_seen, error = np.r_[np.nan, seen, dark], np.r_[np.nan, 0.59, np.full(seen.size - 4, 0.14), 0.16, 0.47, 2.5, dark]
    _, second = find_sources(SlitLight(slit_arcsec=np.linspace(-5.909, 6.077, light_seen.size), light=light_seen, error=error), 8.0)
    assert second.slit_arcsec == pytest.approx(-0.95, abs=0.1)
    assert second.relative_flux == pytest.approx(0.065, abs=0.01)


def test_a_galaxy_around_an_object_is_no_companion() -> None:
    galaxy = 1500.0 * np.exp(-0.5 * ((CENTRES + 0.9) / (0.42466 * 3.5)) ** 2)
    assert len(find_sources(seen(star(-0.9, 2e4, 0.9, 2.7) + galaxy), 8.0)) == 1


@pytest.mark.parametrize(("fwhm", "alike"), [(0.3, False), (0.8, True), (1.0, True), (1.7, True), (2.5, False)])
def test_stars_on_one_slit_have_about_one_width(fwhm: float, alike: bool) -> None:
    assert is_alike(fwhm, 1.0) is alike
