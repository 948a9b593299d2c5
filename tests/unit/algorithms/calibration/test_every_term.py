"""Errors of a dispersion solution between its lines and beyond them, against geometries that were drawn at random."""

import numpy as np
import pytest

from soxspipe.algorithms.calibration.dispersion_basis import degree_terms, separate_basis
from soxspipe.algorithms.calibration.every_term import fit_every_term

BASIS = separate_basis({1: (500.0, 600.0), 2: (580.0, 700.0)}, 6.0)
TERMS = degree_terms(BASIS, (7,))
NOISE_PX = 0.01


def places(n, low=0.0, high=1.0):
    """Lines in both orders, spread over a share of each order's range."""
    share = np.linspace(low, high, n)
    wave = np.concatenate([500.0 + 100.0 * share, 580.0 + 120.0 * share])
    return np.repeat([1, 2], n), wave, np.zeros(2 * n)


def drawn(seed, fall=2.0, size_px=0.1):
    """Coefficients whose size falls with a power of their degree."""
    degree = np.maximum(BASIS.degree[TERMS[:, 0]], 1)
    return np.random.default_rng(seed).normal(size=len(TERMS)) * size_px / degree**fall


def fit(coefficients, where, seed):
    true = BASIS.design(TERMS, *where) @ coefficients
    values = true + NOISE_PX * np.random.default_rng(1000 + seed).normal(size=true.size)
    return fit_lines(where, values)


def fit_lines(where, values):
    """Every value is a line of its own."""
    line = np.arange(values.size)
    return fit_every_term(BASIS, where, line, values, np.full(values.size, NOISE_PX**2), with_slit=False)


def errors(found, where):
    design = BASIS.design(found.terms, *where)
    return design @ found.coefficients, np.sqrt(((design @ found.covariance) * design).sum(axis=1))


def test_many_lines_give_the_error_of_their_mean():
    found = fit(np.zeros(len(TERMS)), places(400), 1)
    _, sigma = errors(found, places(40, 0.1, 0.9))
    # a constant and little else in each order: sigma / sqrt(400)
    assert np.median(sigma) == pytest.approx(NOISE_PX / np.sqrt(400), rel=0.5)


def test_the_error_grows_beyond_the_last_line():
    found = fit(drawn(2), places(30, 0.0, 0.7), 2)
    _, inside = errors(found, places(20, 0.1, 0.6))
    _, beyond = errors(found, places(5, 0.95, 1.0))
    assert beyond.min() > 3 * inside.max()


@pytest.mark.parametrize("high", [1.0, 0.8])
def test_errors_are_what_the_solution_is_wrong_by(high):
    pulls = []
    for seed in range(40):
        coefficients = drawn(seed)
        found = fit(coefficients, places(25, 0.0, high), seed)
        where = places(9, 0.02, 0.98)
        value, sigma = errors(found, where)
        pulls.append((value - BASIS.design(TERMS, *where) @ coefficients) / sigma)
    assert np.sqrt(np.mean(np.square(pulls))) == pytest.approx(1.0, abs=0.15)


def test_the_size_of_the_coefficients_is_found():
    sizes = [fit(drawn(seed, size_px=0.3), places(60), seed).size_px[0] for seed in range(20)]
    assert np.median(sizes) == pytest.approx(0.3, rel=0.25)


def test_a_line_at_the_end_of_an_order_that_is_off_stands_out_though_the_fit_follows_it():
    sound, off = [], []
    where = places(30)
    true = BASIS.design(TERMS, *where) @ drawn(3, size_px=0.02)
    for seed in range(20):
        values = true + NOISE_PX * np.random.default_rng(seed).normal(size=true.size)
        sound.append(fit_lines(where, values).line_sigma)
        values[29] += 12 * NOISE_PX
        found = fit_lines(where, values)
        off.append(found.line_sigma[29])
        residual = values - BASIS.design(found.terms, *where) @ found.coefficients
        assert abs(residual[29]) < 10 * NOISE_PX
    assert np.std(sound) == pytest.approx(1.0, abs=0.1)
    assert np.median(off) > 5.0
