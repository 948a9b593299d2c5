"""Lines whose brightness changes along the slit are found, fitted and carried under the object; objects are not."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.objects.find_object import FoundObject
from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.algorithms.sky.fit_skies import fit_sky
from soxspipe.algorithms.sky.subtract_sky import SkySettings, first_sky, fit_order_sky
from soxspipe.algorithms.sky.uneven_lines import UnevenLight, find_uneven_lines, fit_uneven_light, within
from soxspipe.datamodel.trace import SlitSource
from support.orders import make_geometry, observe, position, sky_light

N_B = 300
LINE = 120.0
WINDOW = cut_orders(make_geometry(n_b=N_B))[0]
SLIT = np.nan_to_num(WINDOW.slit_arcsec)
EVEN = sky_light(position(WINDOW), lines=((60.0, 4e3), (200.0, 8e3)))
BESIDE = np.abs(SLIT - 0.5) > 1.5
"""Where the object is not."""


def order(uneven: np.ndarray, seed: int = 3) -> OrderData:
    return observe(WINDOW, EVEN + uneven, np.zeros(N_B), rng=np.random.default_rng(seed)).data


def gas(gradient: float, curvature: float = 0.0, electrons: float = 2e3) -> np.ndarray:
    line = sky_light(position(WINDOW), continuum=0.0, lines=((LINE, electrons),))
    return line * (1.0 + gradient * SLIT + curvature * SLIT**2)


def found(data: OrderData) -> tuple[tuple[tuple[float, float], ...], UnevenLight | None, np.ndarray]:
    """Intervals, their light, and the sky model beside it."""
    fit = fit_order_sky(data, SkySettings(slit_illumination_order=0), keep=BESIDE)
    intervals = find_uneven_lines(data, fit.electrons, None, BESIDE).intervals
    light = fit_uneven_light(data, fit.electrons, None, BESIDE, intervals) if intervals else None
    return intervals, light, fit.electrons


NEAR = WINDOW.inside & (np.abs(position(WINDOW) - LINE) < 2.0)
ROW, FAR = NEAR & (np.abs(SLIT - 0.5) < 0.8), NEAR & (np.abs(SLIT - 4.0) < 0.8)
"""Pixels of the line under the object, where nothing was fitted, and away from it."""


def test_a_gradient_is_carried_under_the_object() -> None:
    """The light is counted from its constant along the slit, so differences between two places count."""
    intervals, light, sky = found(order(gas(0.1, 0.02)))
    assert len(intervals) == 1
    assert intervals[0][0] < LINE < intervals[0][1]
    assert light is not None
    seen, true = sky + light.electrons, EVEN + gas(0.1, 0.02)
    assert seen[FAR].mean() - seen[ROW].mean() == pytest.approx(true[FAR].mean() - true[ROW].mean(), rel=0.05)
    assert not light.poor.any()


def test_what_is_left_under_the_object_is_small_against_the_noise_of_a_pixel() -> None:
    true, left = EVEN + gas(0.15), []
    star = SlitSource(slit_arcsec=0.5, fwhm_arcsec=1.0, significance=50.0, relative_flux=1.0)
    for seed in range(6):
        data = order(gas(0.15), seed)
        seen = FoundObject(source=star, sources=(star,), significance=50.0, skies=(first_sky(data),))
        (fit,) = fit_sky([data], seen, SkySettings(slit_illumination_order=1)).fits
        assert fit.uneven is not None
        off = fit.electrons + fit.uneven.electrons - true
        left.append(off[ROW].mean() / np.sqrt(true[ROW].mean()))
    assert np.sqrt(np.mean(np.square(left))) < 0.2


def test_an_even_sky_has_no_such_lines() -> None:
    assert found(order(np.zeros(EVEN.shape)))[0] == ()


def test_a_point_source_is_no_gas() -> None:
    line = sky_light(position(WINDOW), continuum=0.0, lines=((LINE, 2e4),))
    _, light, _ = found(order(line * np.exp(-0.5 * ((SLIT + 3.0) / 0.5) ** 2)))
    assert light is None


def test_within() -> None:
    np.testing.assert_array_equal(within(np.array([0.0, 1.0, 2.5, 4.0]), ((0.5, 1.5), (4.0, 5.0))), [False, True, False, True])


CROWD = np.arange(20.0, 285.0, 12.0)
"""Lines so dense that more than a third of the order is uneven."""


def crowded(gradient: float) -> np.ndarray:
    """Every line rises along the slit, and the next one falls: no illumination of the whole sky does that."""
    lines = (
        sky_light(position(WINDOW), continuum=0.0, lines=((x, 3e4),)) * (1.0 + (-1) ** k * gradient * SLIT) for k, x in enumerate(CROWD)
    )
    return np.sum(list(lines), axis=0)


def test_lines_too_many_for_fits_of_their_own_are_in_the_errors() -> None:
    data = order(crowded(0.08))
    sky = fit_order_sky(data, SkySettings(slit_illumination_order=0), keep=BESIDE).electrons
    seen = find_uneven_lines(data, sky, None, BESIDE)
    assert seen.intervals == ()
    assert seen.unknown is not None
    assert not seen.unknown.electrons.any()
    distance = np.abs(position(WINDOW)[..., None] - CROWD).min(axis=-1)
    lines = WINDOW.inside & (distance < 1.0)
    between = WINDOW.inside & (distance > 5.5)
    assert seen.unknown.poor[lines].mean() > 0.9
    assert seen.unknown.poor[between].mean() < 0.1
    # six pixels of an image are wrong by the same: the error of one is that of its residual times the root of six
    rest, error = (data.electrons - sky)[lines & BESIDE], np.sqrt((data.variance(sky) + seen.unknown.variance)[lines & BESIDE])
    assert np.std(rest) / np.sqrt(np.mean(error**2)) == pytest.approx(6.0**-0.5, rel=0.3)


def test_a_long_row_of_lines_is_not_fitted_as_one() -> None:
    """Twelve lines, 10 px apart: a fit of all of them together costs the cube of its length, hours where it is a third of an order."""
    row = sky_light(position(WINDOW), continuum=0.0, lines=tuple((place, 6e3) for place in np.arange(80.0, 200.0, 10.0))) * (
        1.0 + 0.15 * SLIT
    )
    fit = fit_order_sky(order(row), SkySettings(slit_illumination_order=0), keep=BESIDE)
    lines = find_uneven_lines(order(row), fit.electrons, None, BESIDE)
    assert lines.intervals == ()
    assert lines.unknown is not None
    assert lines.unknown.variance[NEAR].mean() > 0.0


def test_a_crowd_of_even_lines_is_known() -> None:
    data = order(crowded(0.0))
    sky = fit_order_sky(data, SkySettings(slit_illumination_order=0), keep=BESIDE).electrons
    seen = find_uneven_lines(data, sky, None, BESIDE)
    assert seen.intervals == ()
    assert seen.unknown is None


def test_light_that_is_uneven_between_lines_as_well_is_no_matter_of_lines() -> None:
    """Wings, or a host: the sky's model is wrong everywhere."""
    data = order(60.0 * np.abs(SLIT) ** 1.5)
    sky = fit_order_sky(data, SkySettings(slit_illumination_order=0), keep=BESIDE).electrons
    seen = find_uneven_lines(data, sky, None, BESIDE)
    assert seen.intervals == ()
    assert seen.unknown is None or seen.unknown.poor[WINDOW.inside].mean() < 0.1
