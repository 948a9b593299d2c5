"""The keystone: (recovered - true) / sigma has mean 0 and standard deviation 1, masked or not, before and after rebinning.

The orders are made here by plain arithmetic: a Moffat object on tilted sky lines with photon and read noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pytest

from soxspipe.algorithms.extraction.horne_extraction import ExtractedOrder, ExtractionSettings, extract_order
from soxspipe.algorithms.extraction.solve_orders import extract_with_sky, follow_object
from soxspipe.algorithms.objects.detect_continuum import ContinuumSettings
from soxspipe.algorithms.objects.find_object import find_object
from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.algorithms.sky.fit_skies import fit_sky
from soxspipe.algorithms.sky.subtract_sky import SkySettings, first_sky, fit_order_sky
from soxspipe.algorithms.spectra.merge_orders import merge_orders
from soxspipe.datamodel.spectrum import MergedSpectrum, OrderSpectrum
from support.orders import NM_PER_PX, TinyOrder, make_geometry, observe, position, sky_light

N_B = 700
LINES = tuple((float(p), float(h)) for p, h in zip(np.arange(23.4, 690.0, 38.7), np.geomspace(300.0, 6e4, 18), strict=False))
LEVELS = (30.0, 600.0, 2e4)
SAMPLES_PER_BIN = 16


@dataclass(frozen=True)
class Case:
    """Orders of one brightness, as they were and as they came back."""

    true: tuple[TinyOrder, ...]
    found: tuple[ExtractedOrder, ...]

    def pulls(self) -> np.ndarray:
        return np.concatenate([(f.flux - t.flux) / np.sqrt(f.flux_variance) for f, t in zip(self.found, self.true, strict=True)])


def made(level: float, masked: float, *, numbers: tuple[int, ...] = (12,), seed: int, exposures: int = 1) -> list[TinyOrder]:
    rng = np.random.default_rng(seed)
    orders = []
    for window in cut_orders(make_geometry(numbers=numbers, n_b=N_B, bend=9.0, spacing=56)):
        flux = level * (1.0 + 0.3 * np.sin(window.b_px / 60.0))
        offset = 0.5 + 0.2 * np.sin(window.b_px / 200.0)
        mask = rng.uniform(size=window.index.shape) < masked if masked else None
        orders.append(
            observe(window, sky_light(position(window), lines=LINES), flux, offset=offset, rng=rng, masked=mask, exposures=exposures)
        )
    return orders


@lru_cache(maxsize=8)
def known_profile(level: float, masked: float, exposures: int = 1) -> Case:
    """Eight orders extracted with the object's true profile: nothing but the joint solution is judged."""
    true, found = [], []
    for seed in range(8):
        (order,) = made(level, masked, seed=seed, exposures=exposures)
        beside = np.abs(np.nan_to_num(order.data.window.slit_arcsec, nan=9.0) - order.trace.slit_arcsec[:, None]) > 1.8
        fit = fit_order_sky(order.data, SkySettings(), keep=beside)
        light = order.flux[:, None] * order.shares
        fit = fit_order_sky(order.data, SkySettings(), keep=np.ones(beside.shape, dtype=bool), object_light=light, start=fit.spline)
        true.append(order)
        found.append(extract_order(order.data, fit, order.shares, ExtractionSettings()))
    return Case(tuple(true), tuple(found))


@lru_cache(maxsize=8)
def measured_profile(level: float, masked: float) -> Case:
    """Three sets of three orders through the whole solution: object found, sky, trace and profile measured."""
    true, found = [], []
    for seed in range(3):
        orders = made(level, masked, numbers=(11, 12, 13), seed=100 + seed)
        data = [order.data for order in orders]
        source = find_object(data, tuple(first_sky(one) for one in data), named_arcsec=None)
        fits = fit_sky(data, source, SkySettings()).fits
        geometry = make_geometry(numbers=(11, 12, 13), n_b=N_B, bend=9.0, spacing=56)
        trace = follow_object(
            [fit.data for fit in fits], [fit.electrons for fit in fits], source, geometry, ContinuumSettings(order_sample_count=60),
            forced_arcsec=0.0, seeing_arcsec=None,
        )  # fmt: skip
        true += orders
        found += extract_with_sky(fits, trace, SkySettings(), ExtractionSettings()).orders
    return Case(tuple(true), tuple(found))


def require_unit(pulls: np.ndarray, *, spare: float = 0.0) -> None:
    """Mean 0 and standard deviation 1 within three times the sampling error (and `spare`)."""
    n = pulls.size
    assert abs(np.mean(pulls)) < 3.0 / np.sqrt(n) + spare
    assert abs(np.std(pulls) - 1.0) < 3.0 / np.sqrt(2.0 * n) + spare


def on_lines(case: Case) -> np.ndarray:
    """Dispersion pixels in which the sky on the object is far above its continuum."""
    return np.concatenate([(t.sky * t.shares).sum(axis=1) > 300.0 for t in case.true])


@pytest.mark.parametrize("masked", [0.0, 0.3])
@pytest.mark.parametrize("level", LEVELS)
def test_pulls_with_the_true_profile(level: float, masked: float) -> None:
    case = known_profile(level, masked)
    pulls = case.pulls()
    known = np.isfinite(pulls)
    assert known.mean() > 0.99  # now and then every pixel of the core is masked
    require_unit(pulls[known])
    lines = on_lines(case) & known
    assert lines.sum() > 400
    require_unit(pulls[lines], spare=0.02)


@pytest.mark.parametrize("masked", [0.0, 0.3])
def test_pulls_of_a_mean_of_exposures(masked: float) -> None:
    pulls = known_profile(600.0, masked, exposures=3).pulls()
    require_unit(pulls[np.isfinite(pulls)])


def test_only_the_right_variance_passes_with_masked_pixels() -> None:
    """Horne's Table 1 has sum P / sum (P^2 / V); with pixels missing from the line it is too small."""
    case = known_profile(600.0, 0.3)
    pulls = []
    for true, found in zip(case.true, case.found, strict=True):
        good = true.data.good & ~found.rejection.rejected
        part, power = np.where(good, true.shares, 0.0).sum(axis=1), np.where(good, true.shares**2 / found.variance, 0.0).sum(axis=1)
        keep = (part > 0.1) & np.isfinite(found.flux)
        pulls.append(((found.flux - true.flux) / np.sqrt(part / np.where(power > 0, power, 1.0)))[keep])
    assert np.std(np.concatenate(pulls)) > 1.1


@pytest.mark.parametrize(("level", "masked"), [(600.0, 0.0), (600.0, 0.3), (2e4, 0.0)])
def test_pulls_with_a_measured_profile(level: float, masked: float) -> None:
    pulls = measured_profile(level, masked).pulls()
    known = np.isfinite(pulls)
    assert known.mean() > 0.99  # now and then every pixel of the core is masked
    require_unit(pulls[known], spare=0.04)


def merged(case: Case, index: int) -> tuple[MergedSpectrum, np.ndarray]:
    """One order on the merged grid, and the truth carried there by its own linear interpolation of counts."""
    true, found = case.true[index], case.found[index]
    wave = 1000.0 + NM_PER_PX * np.arange(float(N_B))

    def spectrum(flux: np.ndarray, variance: np.ndarray) -> OrderSpectrum:
        empty = np.zeros(N_B)
        columns = dict.fromkeys(
            (
                "a_px",
                "boxcar",
                "boxcar_robust",
                "boxcar_restored",
                "sky",
                "sky_aperture",
                "profile_fraction",
                "aperture_fraction",
                "mean_flat",
            ),
            empty,
        )
        return OrderSpectrum(
            order=12, label="12", b_px=np.arange(N_B), wavelength_nm=wave, pixel_scale_nm=np.full(N_B, NM_PER_PX), flux=flux,
            variance=variance, quality=np.zeros(N_B, dtype=np.int32), **columns,
        )  # fmt: skip

    made = merge_orders([spectrum(found.flux, found.flux_variance)], [found.covariance], 0.06)
    truth = merge_orders([spectrum(true.flux, np.ones(N_B))], None, 0.06)
    return made, np.interp(made.wavelength_nm, truth.wavelength_nm, truth.flux)


@pytest.mark.parametrize("masked", [0.0, 0.3])
def test_pulls_on_the_merged_grid(masked: float) -> None:
    case = known_profile(600.0, masked)
    pulls = []
    for index in range(len(case.true)):
        spectrum, truth = merged(case, index)
        pulls.append((spectrum.flux - truth) / np.sqrt(spectrum.variance))
    require_unit(np.concatenate(pulls), spare=0.005)


def rebinned_pulls(case: Case, *, with_correlation: bool) -> np.ndarray:
    """Pulls of sums over bins of the merged grid, with the variance that the table's columns give."""
    pulls = []
    for index in range(len(case.true)):
        spectrum, truth = merged(case, index)
        sigma = np.sqrt(spectrum.variance)
        n = spectrum.flux.size // SAMPLES_PER_BIN
        for k in range(n):
            here = slice(k * SAMPLES_PER_BIN, (k + 1) * SAMPLES_PER_BIN)
            variance = float(np.sum(sigma[here] ** 2))
            if with_correlation:
                for lag, row in enumerate(spectrum.correlation, start=1):
                    variance += 2.0 * float(np.sum((row[here] * sigma[here])[:-lag] * sigma[here][lag:]))
            pulls.append(np.sum((spectrum.flux - truth)[here]) / np.sqrt(variance))
    return np.array(pulls)


@pytest.mark.parametrize("masked", [0.0, 0.3])
@pytest.mark.parametrize("level", LEVELS[:2])
def test_pulls_after_rebinning_with_the_correlation_columns(level: float, masked: float) -> None:
    case = known_profile(level, masked)
    require_unit(rebinned_pulls(case, with_correlation=True), spare=0.02)
    assert np.std(rebinned_pulls(case, with_correlation=False)) > 1.1
