"""The functions that are fitted, and their powers."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.calibration.dispersion_basis import (
    DispersionBasis,
    box_basis,
    degree_terms,
    highest_degree,
    separate_basis,
)
from soxspipe.algorithms.calibration.predict_lines import pixels_of
from soxspipe.datamodel.geometry import DispersionPolynomial
from soxspipe.io.arc_lines import read_arc_prediction
from soxspipe.numerics.chebyshev import chebyshev_powers, chebyshev_values, lagrange_powers

SEPARATE = separate_basis({1: (500.0, 680.0), 2: (340.0, 440.0), 3: (420.0, 550.0), 4: (660.0, 850.0)}, 6.0)


@pytest.fixture(scope="module")
def echelle() -> DispersionBasis:
    return read_arc_prediction("SOXS", "NIR").basis


def test_chebyshev_powers_are_those_of_the_scaled_variable() -> None:
    powers = chebyshev_powers(3, 10.0, 2.0).astype(float)
    v = np.array([8.0, 9.0, 11.0, 12.0])
    expected = chebyshev_values((v - 10.0) / 2.0, 3)
    np.testing.assert_allclose(np.stack([np.polynomial.polynomial.polyval(v, row) for row in powers], axis=1), expected, atol=1e-12)


def test_lagrange_polynomials_are_one_at_their_own_node() -> None:
    nodes = np.array([1.0, 2.0, 3.0, 4.0])
    values = np.stack([np.polynomial.polynomial.polyval(nodes, row) for row in lagrange_powers(nodes).astype(float)])
    np.testing.assert_allclose(values, np.eye(4), atol=1e-12)


@pytest.mark.parametrize("kind", ["echelle", "separate", "box"])
def test_powers_give_what_the_functions_give(kind: str, echelle: DispersionBasis) -> None:
    basis = {"echelle": echelle, "separate": SEPARATE, "box": box_basis(echelle, 5, 4)}[kind]
    rng = np.random.default_rng(1)
    order = rng.choice(basis.orders, 300)
    at = basis.index(order)
    wave, slit = basis.middle_nm[at] + basis.half_nm[at] * rng.uniform(-1, 1, 300), rng.uniform(-6, 6, 300)
    terms = degree_terms(basis, (min(highest_degree(basis), 11), 3, 1) if kind != "box" else (0, 0))
    coefficients = rng.normal(0.0, 0.05, len(terms))
    powers = basis.powers(terms, coefficients)
    polynomial = DispersionPolynomial(coefficients=powers)
    expected = basis.design(terms, order, wave, slit) @ coefficients
    np.testing.assert_allclose(pixels_of(polynomial, polynomial, order, wave, slit)[0], expected, atol=1e-4)
    assert max(powers.shape) <= 10
    table, naive = powers.astype(float), np.zeros(300)
    for (i, j, k), c in np.ndenumerate(table):
        naive += c * order.astype(float) ** i * wave**j * slit**k
    np.testing.assert_allclose(naive, expected, atol=1e-3)  # as a reader of the table evaluates it, in double precision


def test_functions_of_an_echelle_are_orthogonal_over_its_orders(echelle: DispersionBasis) -> None:
    nodes = np.cos(np.pi * (np.arange(14) + 0.5) / 14)
    order = np.repeat(echelle.orders, 14)
    wave = echelle.middle_nm[echelle.index(order)] + echelle.half_nm[echelle.index(order)] * np.tile(nodes, len(echelle.orders))
    design = echelle.design(degree_terms(echelle, (12,)), order, wave, np.zeros(order.size))
    np.testing.assert_allclose(design.T @ design / order.size, np.eye(design.shape[1]), atol=1e-6)


def test_every_power_of_wavelength_and_order_up_to_four_is_held(echelle: DispersionBasis) -> None:
    rng = np.random.default_rng(2)
    order = rng.choice(echelle.orders, 400)
    at = echelle.index(order)
    wave = echelle.middle_nm[at] + echelle.half_nm[at] * rng.uniform(-1, 1, 400)
    design = echelle.design(degree_terms(echelle, (9,)), order, wave, np.zeros(400))
    for i, j in ((0, 4), (1, 3), (4, 4), (2, 0)):
        wanted = (order / 17.0) ** i * (wave / 1200.0) ** j
        left = wanted - design @ np.linalg.lstsq(design, wanted, rcond=None)[0]
        assert np.abs(left).max() < 1e-8


def test_an_order_of_separate_beams_does_not_feel_the_others() -> None:
    terms = degree_terms(SEPARATE, (2,))
    design = SEPARATE.design(terms, np.array([2, 3]), np.array([390.0, 480.0]), np.zeros(2))
    assert np.all((design[0] != 0) * (design[1] != 0) == 0)
