"""Merging against plain matrices: values R f and covariances R V R^T."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from soxspipe.algorithms.spectra.merge_orders import BRIDGE_SAMPLES, N_LAGS, merge_orders
from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.datamodel.spectrum import MergedSpectrum, OrderSpectrum
from soxspipe.errors import AlgorithmError

STEP = 0.06


def spectrum(
    wave: np.ndarray, flux: np.ndarray | float, variance: np.ndarray | float = 4.0, *, order: int = 12, **values: Any
) -> OrderSpectrum:
    full = lambda value: np.array(np.broadcast_to(np.asarray(value, dtype=float), wave.shape))  # noqa: E731
    columns = dict.fromkeys(
        ("a_px", "boxcar", "boxcar_robust", "boxcar_restored", "sky", "sky_aperture", "profile_fraction", "aperture_fraction", "mean_flat"),
        full(1.0),
    )
    columns |= {"pixel_scale_nm": np.abs(np.gradient(wave))} | {name: full(value) for name, value in values.items() if name != "quality"}
    return OrderSpectrum(
        order=order, label=str(order), b_px=np.arange(wave.size), wavelength_nm=wave, flux=full(flux), variance=full(variance),
        quality=np.asarray(np.broadcast_to(values.get("quality", 0), wave.shape), dtype=np.int32), **columns,
    )  # fmt: skip


def native(start: float, n: int = 60, step: float = 0.047, curve: float = 2e-5) -> np.ndarray:
    """Wavelengths of pixels whose scale changes along the order."""
    k = np.arange(n)
    return np.asarray(start + step * k + curve * k**2)


def rebinning_matrix(wave: np.ndarray, good: np.ndarray, grid: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Share of every native pixel in every grid sample, pixel by pixel; and the part of each sample's pixels that is good."""
    edges = np.concatenate([[1.5 * wave[0] - 0.5 * wave[1]], 0.5 * (wave[1:] + wave[:-1]), [1.5 * wave[-1] - 0.5 * wave[-2]]])
    matrix = np.zeros((grid.size, wave.size))
    for i, centre in enumerate(grid):
        for k in range(wave.size):
            matrix[i, k] = max(0.0, min(edges[k + 1], centre + step / 2) - max(edges[k], centre - step / 2))
    touched = matrix.sum(axis=1)
    matrix = matrix * good
    total = matrix.sum(axis=1)
    return matrix / np.where(total > 0, total, 1.0)[:, None], np.where(touched > 0, total / np.where(touched > 0, touched, 1.0), 0.0) * (
        total > 0.25 * step
    )


def banded(variance: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    matrix = np.diag(variance)
    for lag, row in enumerate(covariance, start=1):
        matrix += np.diag(row[:-lag], lag) + np.diag(row[:-lag], -lag)
    return matrix


def random_errors(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    variance = rng.uniform(2.0, 8.0, n)
    covariance = np.stack([rng.uniform(-0.5, 1.0, n) / lag for lag in (1, 2, 3)])
    return variance, covariance


@pytest.mark.parametrize("step", [0.06, 0.02, 0.15])
@pytest.mark.parametrize("masked", [False, True])
def test_one_order_is_r_f_and_r_v_rt(step: float, masked: bool) -> None:
    rng = np.random.default_rng(4)
    wave = native(1000.013)
    flux, (variance, covariance) = rng.normal(100.0, 10.0, 60), random_errors(60, 5)
    good = np.ones(60, dtype=bool)
    if masked:
        good[[7, 20, 21, 40]] = False
    hidden = spectrum(wave, np.where(good, flux, np.nan), np.where(good, variance, np.inf), sky=rng.uniform(1, 2, 60))
    merged = merge_orders([hidden], [np.where(good, covariance, 0.0)], step)
    matrix, cover = rebinning_matrix(wave, good, merged.wavelength_nm, step)
    known = cover > 0
    clean = np.where(good[:, None] & good[None, :], banded(variance, covariance), 0.0)
    expected = matrix @ clean @ matrix.T
    np.testing.assert_allclose(merged.flux[known], (matrix @ np.where(good, flux, 0.0))[known], rtol=1e-10)
    np.testing.assert_allclose(merged.variance[known], np.diag(expected)[known], rtol=1e-10)
    np.testing.assert_allclose(merged.sky[known], (matrix @ hidden.sky)[known], rtol=1e-10)
    np.testing.assert_allclose(merged.density[known], (matrix @ (np.where(good, flux, 0.0) / hidden.pixel_scale_nm))[known], rtol=1e-10)
    sigma = np.sqrt(np.diag(expected))
    for lag in range(1, N_LAGS + 1):
        both = known[:-lag] & known[lag:]
        with np.errstate(divide="ignore", invalid="ignore"):
            correlation = np.diag(expected, lag) / (sigma[:-lag] * sigma[lag:])
        np.testing.assert_allclose(merged.correlation[lag - 1, :-lag][both], correlation[both], atol=1e-10)
        np.testing.assert_array_equal(merged.correlation[lag - 1, -lag:], 0.0)


def test_overlap_is_the_inverse_variance_mean_with_its_covariance() -> None:
    rng = np.random.default_rng(6)
    waves = [native(1000.0), native(1001.6, step=0.043)]
    errors = [random_errors(60, 7), random_errors(60, 8)]
    fluxes = [rng.normal(100.0, 5.0, 60) for _ in waves]
    orders = [spectrum(w, f, v, order=n) for w, f, (v, _), n in zip(waves, fluxes, errors, (13, 12), strict=True)]
    merged = merge_orders(orders, [c for _, c in errors], STEP)
    parts = [rebinning_matrix(w, np.ones(60, dtype=bool), merged.wavelength_nm, STEP) for w in waves]
    covariances = [m @ banded(*e) @ m.T for (m, _), e in zip(parts, errors, strict=True)]
    weights = np.array(
        [np.where(c > 0, c / np.where(np.diag(v) > 0, np.diag(v), 1.0), 0.0) for (_, c), v in zip(parts, covariances, strict=True)]
    )
    weights /= weights.sum(axis=0)
    together = sum(np.outer(w, w) * v for w, v in zip(weights, covariances, strict=True))
    expected = sum(w * (m @ f) for w, (m, _), f in zip(weights, parts, fluxes, strict=True))
    np.testing.assert_allclose(merged.flux, expected, rtol=1e-10)
    np.testing.assert_allclose(merged.variance, np.diag(together), rtol=1e-10)
    sigma = np.sqrt(merged.variance)
    for lag in range(1, N_LAGS + 1):
        np.testing.assert_allclose(merged.correlation[lag - 1, :-lag], np.diag(together, lag) / (sigma[:-lag] * sigma[lag:]), atol=1e-10)
    assert set(np.unique(merged.order)) == {12, 13}


def flat(*orders: OrderSpectrum, step: float = STEP, **values: bool) -> MergedSpectrum:
    return merge_orders(orders, None, step, **values)


def test_grid_holds_multiples_of_the_step() -> None:
    merged = flat(spectrum(native(1000.013), 5.0))
    np.testing.assert_allclose(merged.wavelength_nm / STEP, np.round(merged.wavelength_nm / STEP), atol=1e-9)
    np.testing.assert_allclose(np.diff(merged.wavelength_nm), STEP)
    assert merged.wavelength_nm[0] >= 1000.013
    assert merged.wavelength_nm[-1] <= native(1000.013)[-1] + 1e-9


def test_counts_per_pixel_agree_between_orders_of_different_scale() -> None:
    merged = flat(spectrum(native(1000.0, step=0.06), 50.0, order=13), spectrum(native(1002.0, step=0.03), 50.0, order=12))
    np.testing.assert_allclose(merged.flux, 50.0)


def test_independent_samples_make_the_expected_errors() -> None:
    wave = native(1000.0, n=4000, curve=0.0)
    rng = np.random.default_rng(9)
    merged = flat(spectrum(wave, rng.normal(0.0, 2.0, 4000)))
    assert np.std(merged.flux / np.sqrt(merged.variance)) == pytest.approx(1.0, abs=0.03)
    neighbours = np.mean(merged.flux[:-1] * merged.flux[1:]) / np.var(merged.flux)
    assert neighbours == pytest.approx(np.median(merged.correlation[0]), abs=0.05)


def test_short_gaps_are_bridged_and_flagged_long_ones_stay_empty() -> None:
    wave = native(1000.02, n=100, step=STEP, curve=0.0)  # pixels are grid samples
    flux = np.linspace(10.0, 20.0, 100)
    hole = flux.copy()
    hole[20] = np.nan
    hole[50:60] = np.nan
    merged = flat(spectrum(wave, hole))
    short, long = np.flatnonzero(merged.quality & SpectrumFlag.INTERPOLATED), np.flatnonzero(merged.quality & SpectrumFlag.NO_DATA)
    assert 1 <= short.size <= BRIDGE_SAMPLES
    np.testing.assert_allclose(merged.flux[short], np.interp(merged.wavelength_nm[short], wave, flux), rtol=1e-3)
    np.testing.assert_allclose(merged.variance[short], 4.0 * merged.variance[10], rtol=0.5)
    assert 9 <= long.size <= 10
    np.testing.assert_array_equal(merged.flux[long], 0.0)
    np.testing.assert_array_equal(merged.variance[long], 0.0)
    np.testing.assert_array_equal(merged.order[long], 0)
    np.testing.assert_array_equal(merged.snr[long], 0.0)


def test_a_hole_in_one_order_is_filled_by_the_other() -> None:
    first = np.full(60, 5.0)
    first[30:40] = np.nan
    merged = flat(spectrum(native(1000.0), first, order=13), spectrum(native(1000.0), 5.0, order=12))
    np.testing.assert_allclose(merged.flux, 5.0)
    assert not (merged.quality & SpectrumFlag.NO_DATA).any()
    inside = (merged.wavelength_nm > native(1000.0)[31]) & (merged.wavelength_nm < native(1000.0)[38])
    np.testing.assert_array_equal(merged.order[inside], 12)


def test_flags_travel_with_the_samples_that_carry_them() -> None:
    quality = np.zeros(60, dtype=np.int32)
    quality[30] = SpectrumFlag.SATURATED
    merged = flat(spectrum(native(1000.0, curve=0.0), 5.0, quality=quality))
    raised = np.flatnonzero(merged.quality & SpectrumFlag.SATURATED)
    assert 1 <= raised.size <= 2
    assert np.abs(merged.wavelength_nm[raised] - native(1000.0, curve=0.0)[30]).max() < STEP
    assert (np.delete(merged.quality, raised) == 0).all()


def test_joins_lie_between_neighbours_and_measure_their_ratio() -> None:
    rng = np.random.default_rng(10)
    blue = spectrum(native(1000.0, n=400, curve=0.0), rng.normal(100.0, 2.0, 400), order=13)
    red = spectrum(native(1012.0, n=400, curve=0.0), rng.normal(104.0, 2.0, 400), order=12)
    far = spectrum(native(1100.0, n=100, curve=0.0), 100.0, order=11)
    first, second = flat(red, far, blue).joins
    assert (first.blue_order, first.red_order) == (13, 12)
    assert first.wavelength_nm == pytest.approx(0.5 * (blue.wavelength_nm[-1] + red.wavelength_nm[0]))
    assert first.scale == pytest.approx(1.04, abs=4 * first.scale_error)
    assert 0.0005 < first.scale_error < 0.005
    assert (second.blue_order, second.red_order) == (12, 11)
    assert (second.scale, second.scale_error) == (1.0, 0.0)


@pytest.mark.parametrize("noise", [(1.5, 1.5), (2.0, 0.3), (0.3, 2.0)])
def test_noise_does_not_lower_the_ratio_of_faint_orders(noise: tuple[float, float]) -> None:
    pulls = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        wave = 1000.0 + 0.06 * np.arange(600)
        light = 2.0 + np.sin(np.arange(600) / 50.0)
        blue, red = (spectrum(wave, light + rng.normal(0.0, s, 600), s**2, order=number) for s, number in zip(noise, (13, 12), strict=True))
        (join,) = flat(blue, red).joins
        pulls.append((join.scale - 1.0) / join.scale_error)
    assert abs(np.mean(pulls)) < 4.0 * np.std(pulls) / np.sqrt(len(pulls))
    assert 0.7 < np.std(pulls) < 1.6  # 1.5 is usual: neighbouring samples of the grid are correlated, which the error leaves out


def test_ratio_of_dark_orders_is_one() -> None:
    (join,) = flat(spectrum(native(1000.0), 0.0, order=13), spectrum(native(1000.5), 0.0, order=12)).joins
    assert join.scale == 1.0


def test_best_only_takes_one_order_at_a_time() -> None:
    blue = spectrum(native(1000.0, n=400, curve=0.0), 30.0, 4.0, order=13)
    red = spectrum(native(1010.0, n=400, curve=0.0), 90.0, 4.0, order=12)
    merged = flat(blue, red, flattened=False, best_only=True)
    assert not merged.flattened
    assert set(np.unique(np.round(merged.flux, 6))) == {30.0, 90.0}
    overlap = (merged.wavelength_nm > 1010.2) & (merged.wavelength_nm < 1018.0)
    np.testing.assert_array_equal(merged.order[overlap], 12)


def test_an_order_without_data_is_passed_over() -> None:
    merged = flat(spectrum(native(1000.0), 5.0), spectrum(native(1100.0), np.nan, order=11))
    assert merged.wavelength_nm[-1] < 1010.0
    np.testing.assert_allclose(merged.flux, 5.0)


def test_an_order_without_a_sample_is_passed_over() -> None:
    """As where the object lies beyond the lit slit all along the order."""
    whole = spectrum(native(1100.0), 5.0, order=11)
    none = replace(whole, **{f.name: value[:0] for f in fields(whole) if isinstance(value := getattr(whole, f.name), np.ndarray)})
    merged = merge_orders([spectrum(native(1000.0), 5.0), none], None, STEP)
    assert merged.wavelength_nm[-1] < 1010.0
    assert merged.joins == ()


@pytest.mark.parametrize(("flux", "variance"), [(np.nan, 4.0), (5.0, np.inf), (5.0, 0.0)])
def test_nothing_measured_is_refused(flux: float, variance: float) -> None:
    with pytest.raises(AlgorithmError, match="no order holds a measured sample"):
        flat(spectrum(native(1000.0), flux, variance))


def test_inputs_are_not_touched() -> None:
    one = spectrum(native(1000.0), 5.0)
    covariance = np.ones((3, 60))
    merge_orders([one], [covariance], STEP)
    np.testing.assert_array_equal(one.flux, 5.0)
    np.testing.assert_array_equal(covariance, 1.0)


def test_a_hole_in_the_wavelengths_stays_a_hole() -> None:
    """Beyond `WIDEST_SAMPLE` pixels a sample says nothing, however far its neighbour is."""
    wave = native(1000.0, n=400)
    keep = (np.arange(400) < 150) | (np.arange(400) >= 250)
    merged = merge_orders([spectrum(wave[keep], 50.0)], None, STEP)
    lost = (merged.quality & int(SpectrumFlag.NO_DATA)) != 0
    inside = (merged.wavelength_nm > wave[149] + 0.25) & (merged.wavelength_nm < wave[250] - 0.25)
    assert inside.sum() > 50
    assert lost[inside].all()
    assert not lost[(merged.wavelength_nm < wave[149]) | (merged.wavelength_nm > wave[250])].any()
    assert np.all(merged.flux[~lost] == pytest.approx(50.0))
    assert np.isfinite(merged.density).all()


def test_a_single_sample_is_not_merged() -> None:
    wave, flux = native(1000.01), np.full(60, np.nan)
    flux[30] = 5.0
    step = 10.0
    with pytest.raises(AlgorithmError, match="single measured sample"):
        merge_orders([spectrum(wave, flux)], None, step)


def joined_ratio(seed: int, bend: float = 0.0) -> tuple[float, float]:
    """Ratio and error of two orders of equal light that overlap over about 4 nm; `bend` lifts the end of one."""
    rng = np.random.default_rng(seed)
    waves = [native(1000.0, 300), native(1012.0, 300)]
    lift = [1.0, 1.0 + bend * np.linspace(1.0, -1.0, 300) ** 15]
    orders = [spectrum(w, 20.0 * u + rng.normal(0.0, 4.0, 300), 16.0, order=n) for w, u, n in zip(waves, lift, (13, 12), strict=True)]
    (join,) = merge_orders(orders, None, STEP).joins
    return join.scale, join.scale_error


def test_the_error_of_a_join_is_that_of_the_data() -> None:
    pulls = [(scale - 1.0) / error for scale, error in (joined_ratio(seed) for seed in range(20))]
    assert 0.6 < np.std(pulls) < 1.4  # 20 draws: 1 within 2.5 sigma
    assert abs(np.mean(pulls)) < 0.6
    assert np.abs(pulls).max() < 4.0


def test_an_order_that_bends_in_the_overlap_has_a_join_with_a_larger_error() -> None:
    plain, bent = (np.median([joined_ratio(seed, bend)[1] for seed in range(10)]) for bend in (0.0, 0.8))
    assert bent > 1.2 * plain
