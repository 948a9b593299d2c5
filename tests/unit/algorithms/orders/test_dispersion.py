"""Inversion of the dispersion polynomials."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.orders.dispersion import (
    drop_misplaced,
    invert_dispersion,
    make_dispersion_map,
    measure_inconsistency,
    solve_order,
    unbinned_centre,
)
from soxspipe.datamodel.geometry import DispersionMap, DispersionPolynomial, OrderFormat, OrderPolynomial, OrderTable, SpectralFormat


def polynomial(**terms: float) -> DispersionPolynomial:
    """``c110=2.0`` is the coefficient of n^1 wavelength^1 slit^0."""
    powers = {tuple(int(digit) for digit in name[1:]): value for name, value in terms.items()}
    shape = tuple(max(power[place] for power in powers) + 1 for place in range(3))
    coefficients = np.zeros(shape)
    for power, value in powers.items():
        coefficients[power] = value
    return DispersionPolynomial(coefficients=coefficients)


# order 10 at 1000-1100 nm: x runs along the dispersion with curvature, y along the slit and bowed
X = polynomial(c000=-9000.0, c010=8.0, c020=0.001, c001=-0.5, c011=1e-4)
Y = polynomial(c000=-360.0, c100=10.0, c010=0.3, c001=3.0, c002=0.02)


def test_forward_values_agree_with_the_plain_sum() -> None:
    wave, slit = np.array([1000.0, 1050.0]), np.array([-3.0, 2.0])
    x, y = solve_order(X, Y, 10, (1000.0, 1100.0), 6.0).pixels(wave, slit)
    np.testing.assert_allclose(x, -9000 + 8 * wave + 0.001 * wave**2 - 0.5 * slit + 1e-4 * wave * slit, atol=1e-9)
    np.testing.assert_allclose(y, -360 + 100 + 0.3 * wave + 3 * slit + 0.02 * slit**2, atol=1e-9)


def test_inversion_returns_where_it_came_from() -> None:
    rng = np.random.default_rng(4)
    wave, slit = rng.uniform(1000, 1100, 500), rng.uniform(-6, 6, 500)
    solution = solve_order(X, Y, 10, (1000.0, 1100.0), 6.0)
    inverse = invert_dispersion(solution, *solution.pixels(wave, slit))
    assert inverse.converged.all()
    np.testing.assert_allclose(inverse.wavelength_nm, wave, atol=1e-4)
    np.testing.assert_allclose(inverse.slit_arcsec, slit, atol=1e-3)


def test_a_solution_without_slit_does_not_converge() -> None:
    flat = solve_order(polynomial(c000=0.0, c010=1.0), polynomial(c000=5.0), 10, (1000.0, 1100.0), 6.0)
    inverse = invert_dispersion(flat, np.array([1050.0]), np.array([9.0]))
    assert not inverse.converged.any()
    assert np.isnan(inverse.wavelength_nm).all()


def test_unbinned_centre() -> None:
    np.testing.assert_array_equal(unbinned_centre(np.array([0, 1]), 2), [0.5, 2.5])
    np.testing.assert_array_equal(unbinned_centre(np.array([0, 1]), 1), [0, 1])


def straight_map(binning: tuple[int, int] = (1, 1)) -> DispersionMap:
    """One order (5) of 100 x 40 px: y = 20 + 2 slit, x = wavelength - 500."""
    x, y = polynomial(c000=-500.0, c010=1.0), polynomial(c000=20.0, c001=2.0)
    table = OrderTable(
        dispersion_axis="x", orders=(5, 6), b_min={5: 0.0, 6: 0.0}, b_max={5: 99.0, 6: 99.0},
        centre=OrderPolynomial(coefficients=np.array([[20.0]])),
    )  # fmt: skip
    limits = SpectralFormat(orders=(OrderFormat(order=5, full_nm=(510.0, 590.0), clean_nm=(510.0, 590.0)),))
    shape = (40 // binning[1], 100 // binning[0])
    return make_dispersion_map(x, y, table, limits, shape=shape, binning=binning, slit_length_arcsec=12.0)


def test_map_is_solved_inside_the_slit_and_the_format() -> None:
    made = straight_map()
    assert made.wavelength_nm[20, 30] == pytest.approx(530.0, abs=1e-6)
    assert made.slit_arcsec[26, 30] == pytest.approx(3.0, abs=1e-6)
    assert np.isnan(made.wavelength_nm[20, 5])
    assert made.order[20, 5] == 5
    assert made.order[33, 30] == 0
    assert set(np.unique(made.order)) == {0, 5}


def test_map_of_a_binned_frame_is_taken_at_the_centres_of_its_pixels() -> None:
    made = straight_map((2, 2))
    assert made.wavelength_nm[10, 15] == pytest.approx(530.5, abs=1e-6)
    assert made.slit_arcsec[10, 15] == pytest.approx(0.25, abs=1e-6)


@pytest.mark.parametrize(("shift", "expected"), [(0.0, 0.0), (0.3, 0.3)])
def test_inconsistency_is_the_distance_in_pixels(shift: float, expected: float) -> None:
    made = straight_map()
    moved = DispersionMap(wavelength_nm=made.wavelength_nm + shift, slit_arcsec=made.slit_arcsec, order=made.order, x=made.x, y=made.y)
    assert measure_inconsistency(moved, {5: (510.0, 590.0)}, (1, 1)) == pytest.approx(expected, abs=1e-3)


def test_nothing_to_compare_is_nan() -> None:
    made = straight_map()
    assert np.isnan(measure_inconsistency(made, {7: (510.0, 590.0)}, (1, 1)))
    without = DispersionMap(wavelength_nm=made.wavelength_nm, slit_arcsec=made.slit_arcsec, order=made.order)
    assert np.isnan(measure_inconsistency(without, {5: (510.0, 590.0)}, (1, 1)))


def test_impossible_solutions_are_refused() -> None:
    table = OrderTable(
        dispersion_axis="x", orders=(5,), b_min={5: 0.0}, b_max={5: 99.0}, centre=OrderPolynomial(coefficients=np.array([[20.0]]))
    )
    limits = SpectralFormat(orders=(OrderFormat(order=5, full_nm=(510.0, 590.0), clean_nm=(510.0, 590.0)),))
    arguments = {"shape": (40, 100), "binning": (1, 1), "slit_length_arcsec": 12.0}
    with pytest.raises(ValueError, match="does not depend on the slit"):
        make_dispersion_map(polynomial(c010=1.0), polynomial(c000=20.0), table, limits, **arguments)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="solves no pixel"):
        make_dispersion_map(polynomial(c000=1e6, c010=1.0), polynomial(c000=20.0, c001=2.0), table, limits, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("at_once", [1, 5, 64])
def test_pixels_of_an_image_that_contradict_the_polynomials_are_dropped(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soxspipe.algorithms.orders.dispersion.ROWS_AT_ONCE", at_once)
    made, ranges = straight_map(), {5: (510.0, 590.0)}
    assert drop_misplaced(made, ranges, (1, 1), 2.0) == (made, 0)
    wave, slit = made.wavelength_nm.copy(), made.slit_arcsec.copy()
    wave[20, 30] += 1.5  # px, as 1 nm is one
    wave[21, 40] += 3.0
    slit[22, 50] -= 1.5  # 3 px
    wave[23, 60] = 1e9
    spoiled = DispersionMap(wavelength_nm=wave, slit_arcsec=slit, order=made.order, x=made.x, y=made.y)
    assert measure_inconsistency(spoiled, ranges, (1, 1)) < 0.1
    sound, count = drop_misplaced(spoiled, ranges, (1, 1), 2.0)
    assert count == 3
    dropped = np.isfinite(made.wavelength_nm) & ~np.isfinite(sound.wavelength_nm)
    assert np.argwhere(dropped).tolist() == [[21, 40], [22, 50], [23, 60]]
    np.testing.assert_array_equal(np.isnan(sound.slit_arcsec), np.isnan(sound.wavelength_nm))
    assert sound.wavelength_nm[20, 30] == wave[20, 30]


def test_a_wavelength_far_beyond_the_orders_range_is_dropped_though_the_polynomials_would_have_it() -> None:
    made = straight_map()
    number = np.where(made.order == 5, 6, 0).astype(np.int16)
    as_another = DispersionMap(wavelength_nm=made.wavelength_nm, slit_arcsec=made.slit_arcsec, order=number, x=made.x, y=made.y)
    sound, count = drop_misplaced(as_another, {6: (200.0, 260.0)}, (1, 1), 2.0)
    assert count == np.isfinite(made.wavelength_nm).sum()
    assert np.isnan(sound.wavelength_nm).all()
