"""The zero-point of the wavelength scale, measured on sky lines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.algorithms.sky.subtract_sky import SkyFit, SkySettings, fit_order_sky
from soxspipe.algorithms.sky.wavelength_shift import corrected_wavelength, measure_wavelength_shift
from soxspipe.datamodel.calibrations import SkyLines
from soxspipe.datamodel.models import WavelengthShift
from support.orders import NM_PER_PX, make_geometry, observe, position, sky_light

N_B = 500
RNG = np.random.default_rng(3)
PLACES = np.sort(np.arange(20.0, 480.0, 23.0) + RNG.uniform(-6, 6, 20))
STRENGTH = RNG.uniform(0.2, 1.0, 20)


def line_list(numbers: tuple[int, ...]) -> SkyLines:
    waves = [1000.0 + (max(numbers) - number) * N_B * NM_PER_PX * 0.9 + NM_PER_PX * PLACES for number in sorted(numbers)]
    wave = np.concatenate(waves)
    order = np.argsort(wave)
    return SkyLines(wavelength_nm=wave[order], flux=np.tile(STRENGTH, len(numbers))[order], isolated=np.ones(wave.size, dtype=bool))


def fits(shift_px: float | np.ndarray, *, numbers: tuple[int, ...] = (11, 12, 13), brightness: float = 2e4, seed: int = 5) -> list[SkyFit]:
    """Orders whose sky lines stand `shift_px` above their place in the map."""
    rng = np.random.default_rng(seed)
    made = []
    for window in cut_orders(make_geometry(numbers=numbers, n_b=N_B)):
        lines = tuple((float(p), float(s)) for p, s in zip(PLACES, brightness * STRENGTH, strict=True))
        sky = sky_light(position(window) - shift_px, lines=lines)
        order = observe(window, sky, np.zeros(N_B), rng=rng)
        made.append(fit_order_sky(order.data, SkySettings(), keep=np.ones(sky.shape, dtype=bool)))
    return made


@pytest.mark.parametrize("shift", [-1.7, -0.3, 0.0, 0.24, 2.6])
def test_a_shift_common_to_the_arm_is_measured(shift: float) -> None:
    found = measure_wavelength_shift(fits(shift), line_list((11, 12, 13)), apply=True)
    assert found is not None
    assert found.shift_px == pytest.approx(shift, abs=0.02)
    assert abs(found.shift_px - shift) < 4 * found.error_px
    assert found.n_lines > 20
    assert found.applied == (abs(shift) > 0.1)
    assert sorted(found.by_order) == [11, 12, 13]


def test_a_measured_shift_is_applied_only_on_request() -> None:
    found = measure_wavelength_shift(fits(0.5), line_list((11, 12, 13)), apply=False)
    assert found is not None
    assert not found.applied
    wave = np.linspace(1000.0, 1010.0, 50)
    np.testing.assert_array_equal(corrected_wavelength(wave, np.arange(50.0), 12, found), wave)


def test_without_lines_of_the_list_there_is_no_answer() -> None:
    far = SkyLines(wavelength_nm=np.array([5000.0]), flux=np.ones(1), isolated=np.ones(1, dtype=bool))
    assert measure_wavelength_shift(fits(0.0, numbers=(12,)), far, apply=True) is None
    assert measure_wavelength_shift([], far, apply=True) is None


def test_invisible_lines_give_no_answer() -> None:
    assert measure_wavelength_shift(fits(0.0, numbers=(12,), brightness=1.0), line_list((12,)), apply=True) is None


def test_orders_too_short_or_too_dark_to_tell_are_left_out() -> None:
    every = fits(0.4)
    lines = line_list((11, 12, 13))
    dark = replace(every[0], data=replace(every[0].data, good=np.zeros_like(every[0].data.good)))
    found = measure_wavelength_shift([dark, *every[1:]], lines, apply=True)
    assert found is not None
    assert found.shift_px == pytest.approx(0.4, abs=0.03)
    assert found.by_order[11] == (found.shift_px, 0.0, 0.0)
    assert measure_wavelength_shift([dark], lines, apply=True) is None


def test_an_order_without_lines_takes_the_common_shift() -> None:
    every = line_list((11, 12))
    keep = every.wavelength_nm < 1000.0 + 0.85 * N_B * NM_PER_PX  # none in the redder order
    part = SkyLines(wavelength_nm=every.wavelength_nm[keep], flux=every.flux[keep], isolated=every.isolated[keep])
    half = measure_wavelength_shift(fits(0.4, numbers=(11, 12)), part, apply=True)
    assert half is not None
    assert half.by_order[11][0] == pytest.approx(half.shift_px, abs=0.05)
    assert half.shift_px == pytest.approx(0.4, abs=0.03)


def test_correction_by_hand() -> None:
    shift = WavelengthShift(shift_px=0.5, error_px=0.01, n_lines=30, applied=True, by_order={12: (0.5, 0.1, 0.0)})
    b = np.arange(101.0)
    wave = 1000.0 + 0.05 * b
    pixels = 0.5 + 0.1 * (b / 50.0 - 1.0)
    np.testing.assert_allclose(corrected_wavelength(wave, b, 12, shift), wave - 0.05 * pixels)


@pytest.mark.parametrize("order", [12, 99])
def test_nothing_to_correct(order: int) -> None:
    wave = np.linspace(1000.0, 1010.0, 50)
    np.testing.assert_array_equal(corrected_wavelength(wave, np.arange(50.0), order, None), wave)
    unknown = WavelengthShift(shift_px=0.5, error_px=0.01, n_lines=30, applied=True, by_order={7: (0.5,)})
    np.testing.assert_array_equal(corrected_wavelength(wave, np.arange(50.0), order, unknown), wave)


def test_corrected_wavelengths_are_true() -> None:
    shift = 0.8
    made = fits(shift)
    found = measure_wavelength_shift(made, line_list((11, 12, 13)), apply=True)
    for fit in made:
        window = fit.data.window
        mapped = 1000.0 + (13 - window.order) * N_B * NM_PER_PX * 0.9 + NM_PER_PX * window.b_px
        true = mapped - NM_PER_PX * shift
        corrected = corrected_wavelength(mapped, window.b_px.astype(float), window.order, found)
        assert np.abs(corrected - true).max() < 0.05 * NM_PER_PX
