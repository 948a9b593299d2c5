"""Structure of the flat that comes back in the spectrum: taken out where it is, left alone where it is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from soxspipe.algorithms.spectra.flat_structure import FlatStructure, remove_flat_structure
from soxspipe.datamodel.spectrum import OrderSpectrum
from unit.algorithms.exposures.test_align import order

N = 2048
PIXEL = np.arange(N)
WAVE = 600.0 + 0.05 * PIXEL
BLAZE = 0.3 + np.sin(np.pi * (PIXEL + 100) / (N + 200)) ** 2
NONE = np.zeros((3, N))
LINES = 1e4 * np.exp(-0.5 * ((PIXEL % 60 - 30) / 2.0) ** 2)


def bumps(rms: float, rng: np.random.Generator) -> np.ndarray:
    """Errors alike within some pixels."""
    smooth = gaussian_filter1d(rng.normal(size=N), 4.2)
    return np.asarray(rms * smooth / smooth.std())


def seen(flat: np.ndarray, left: np.ndarray, rng: np.random.Generator, snr: float = 75.0) -> tuple[OrderSpectrum, np.ndarray]:
    """A spectrum with lines, through `flat`, in which `left` stayed; and the truth."""
    truth = 1e4 * (1.0 + 0.3 * np.sin(PIXEL / 300.0)) * (1.0 - 0.8 * np.exp(-0.5 * ((PIXEL - 700) / 4.0) ** 2))
    error = 1e4 / snr
    flux = truth * (1.0 + left) + error * rng.normal(size=N)
    return replace(order(WAVE, flux, error**2), mean_flat=BLAZE * flat), truth


def pulls(found: FlatStructure, truths: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([(one.flux - truth) / np.sqrt(one.variance) for one, truth in zip(found.spectra, truths, strict=True)])


def make(kind: str, seed: int, n_orders: int = 4, sky_rows: float = 0.0) -> tuple[list[OrderSpectrum], list[np.ndarray]]:
    """Orders with a flat that has the pixels' response and, by `kind`, errors, fringes that moved by 1 rad, or nothing more.

    `sky_rows` is in how many pixels the sky's lines keep what stayed.
    """
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n_orders):
        flat, left = 1.0 + 0.005 * rng.normal(size=N), np.zeros(N)
        if kind == "errors":
            wrong = bumps(0.01, rng)
            flat, left = flat * (1.0 + wrong), -wrong
        elif kind == "fringes":
            phase = 2.0 * np.pi * (PIXEL / 23.0 + 0.2 * np.sin(PIXEL / 90.0)) + rng.uniform(0.0, 6.0)
            flat, left = flat * (1.0 + 0.02 * np.sin(phase)), 0.02 * (np.sin(phase + 1.0) - np.sin(phase))
        elif kind == "both":
            wrong = bumps(0.008, rng)
            flat, left = flat * (1.0 + wrong + bumps(0.008, rng)), -wrong
        one, truth = seen(flat, left, rng)
        made.append((replace(one, sky=LINES, flux=one.flux + sky_rows * left * LINES), truth))
    return [one for one, _ in made], [truth for _, truth in made]


@pytest.mark.parametrize(("kind", "size"), [("errors", 0.0095), ("fringes", 0.0136)])
def test_errors_and_moved_fringes_come_out(kind: str, size: float) -> None:
    spectra, truths = make(kind, 3)
    before = remove_flat_structure(spectra[:0], [])
    found = remove_flat_structure(spectra, [NONE] * 4)
    assert not before.rms
    raw = np.concatenate([(one.flux - truth) / np.sqrt(one.variance) for one, truth in zip(spectra, truths, strict=True)])
    assert raw.std() > 1.2
    assert found.rms[1] == pytest.approx(size, rel=0.15)
    assert pulls(found, truths).std() == pytest.approx(1.0, abs=0.04)


def test_true_response_beside_errors_of_the_same_scale_stays_in_the_error() -> None:
    """Half of the structure is response, half error: half is taken out, and what is left is in variance and covariance."""
    spectra, truths = make("both", 4)
    found = remove_flat_structure(spectra, [NONE] * 4)
    assert pulls(found, truths).std() == pytest.approx(1.0, abs=0.05)
    noise = 1e4**2 / 75.0**2
    for one, covariance in zip(found.spectra, found.covariances, strict=True):
        assert one.variance.mean() > 1.1 * noise
        assert covariance[0].mean() > 0.9 * (one.variance.mean() - noise)


def test_sky_lines_under_the_object_lose_what_is_alike_and_the_rest_is_in_the_error() -> None:
    """Lines of 1e4 electrons a pixel in four rows: 1 % is three times the noise; without the step the chi on lines is 2.8."""
    spectra, truths = make("errors", 8, sky_rows=4.0)
    found = remove_flat_structure(spectra, [NONE] * 4)
    on_lines = np.tile(LINES > 3e3, 4)
    raw = np.concatenate([(one.flux - truth) / np.sqrt(one.variance) for one, truth in zip(spectra, truths, strict=True)])
    assert raw[on_lines].std() > 2.7
    assert pulls(found, truths)[on_lines].std() < 1.35


def test_sky_without_structure_is_left_alone() -> None:
    spectra, _ = make("errors", 8)
    found = remove_flat_structure(spectra, [NONE] * 4)
    without = remove_flat_structure([replace(one, sky=0.0 * PIXEL) for one in spectra], [NONE] * 4)
    for one, other in zip(found.spectra, without.spectra, strict=True):
        np.testing.assert_array_equal(one.flux, other.flux)


@pytest.mark.parametrize("seed", range(6))
def test_the_response_of_pixels_is_not_touched(seed: int) -> None:
    spectra, _ = make("nothing", 100 + seed)
    found = remove_flat_structure(spectra, [NONE] * 4)
    assert not found.rms
    assert found.spectra == tuple(spectra)


def test_the_unflattened_flux_does_not_change() -> None:
    spectra, _ = make("errors", 5)
    found = remove_flat_structure(spectra, [NONE] * 4)
    for one, before in zip(found.spectra, spectra, strict=True):
        np.testing.assert_allclose(one.flux * one.mean_flat, before.flux * before.mean_flat)


def test_orders_that_run_backwards_give_the_same() -> None:
    """But for where the running median samples them; fringes of the wrong phase would differ by 2 %."""
    spectra, _ = make("fringes", 6)
    turned = [replace(one, b_px=one.b_px[::-1]) for one in spectra]
    backwards = [replace(one, flux=one.flux[::-1], mean_flat=one.mean_flat[::-1]) for one in turned]
    found, other = (remove_flat_structure(some, [NONE] * 4) for some in (spectra, backwards))
    np.testing.assert_allclose(other.spectra[0].flux[::-1], found.spectra[0].flux, rtol=1e-3)


def test_short_and_empty_orders_pass() -> None:
    rng = np.random.default_rng(7)
    short = order(WAVE[:60], rng.normal(size=60))
    empty = replace(order(WAVE, np.full(N, np.nan), 1.0), variance=np.full(N, np.inf), mean_flat=np.zeros(N))
    nothing = order(WAVE[:0], np.zeros(0))
    found = remove_flat_structure([short, empty, nothing], [np.zeros((3, 60)), NONE, np.zeros((3, 0))])
    assert not found.rms


def test_an_order_without_a_sample_beside_one_with_structure() -> None:
    spectra, _ = make("errors", 3)
    found = remove_flat_structure([*spectra, order(WAVE[:0], np.zeros(0))], [NONE] * len(spectra) + [np.zeros((3, 0))])
    assert found.rms
    assert found.spectra[-1].flux.size == 0
