"""The wavelength scale measured on sky lines, order by order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.algorithms.sky.subtract_sky import SkyFit, SkySettings, fit_order_sky
from soxspipe.algorithms.sky.wavelengths.arm_shifts import Circumstances
from soxspipe.algorithms.sky.wavelengths.measure import choose_line_shape, corrected_wavelength, measure_wavelength_shift
from soxspipe.algorithms.sky.wavelengths.sky_spectrum import LineShape, SkySpectrum, listed_sky
from soxspipe.datamodel.calibrations import SkyLines
from soxspipe.datamodel.detector import Flexure
from soxspipe.datamodel.models import OrderShift, WavelengthShift
from support.orders import NM_PER_PX, make_geometry, observe, position, sky_light

N_B = 500
RNG = np.random.default_rng(3)
PLACES = np.sort(np.arange(20.0, 480.0, 23.0) + RNG.uniform(-6, 6, 20))
STRENGTH = RNG.uniform(0.2, 1.0, 20)
ALONE = Circumstances(flexure=Flexure(together=False))


def line_list(numbers: tuple[int, ...]) -> SkyLines:
    waves = [1000.0 + (max(numbers) - number) * N_B * NM_PER_PX * 0.9 + NM_PER_PX * PLACES for number in sorted(numbers)]
    wave = np.concatenate(waves)
    order = np.argsort(wave)
    return SkyLines(wavelength_nm=wave[order], flux=np.tile(STRENGTH, len(numbers))[order], isolated=np.ones(wave.size, dtype=bool))


def fits(
    shift_px: dict[int, float] | float,
    *,
    numbers: tuple[int, ...] = (11, 12, 13),
    brightness: float = 2e4,
    seed: int = 5,
    seen: Sequence[int] | np.ndarray = range(20),
) -> list[SkyFit]:
    """Orders whose sky lines, those with numbers `seen`, stand `shift_px` above their place in the map."""
    rng = np.random.default_rng(seed)
    made = []
    for window in cut_orders(make_geometry(numbers=numbers, n_b=N_B)):
        own = shift_px[window.order] if isinstance(shift_px, dict) else shift_px
        lines = tuple((float(p), float(s)) for p, s in zip(PLACES[seen], brightness * STRENGTH[seen], strict=True))
        sky = sky_light(position(window) - own, lines=lines)
        order = observe(window, sky, np.zeros(N_B), rng=rng)
        made.append(fit_order_sky(order.data, SkySettings(), keep=np.ones(sky.shape, dtype=bool)))
    return made


def measured(made: list[SkyFit], lines: SkyLines, known: Circumstances = ALONE, *, apply: bool = True) -> WavelengthShift:
    found = measure_wavelength_shift(made, lines, known, slit_arcsec={}, apply=apply)
    assert found is not None
    return found


def test_every_order_has_a_shift_of_its_own() -> None:
    true = {11: 7.6, 12: -0.3, 13: -8.0}
    found = measured(fits(true), line_list((11, 12, 13)))
    for order, shift in true.items():
        one = found.orders[order]
        assert one.shift_px == pytest.approx(shift, abs=0.02)
        assert abs(one.shift_px - shift) < 4 * one.error_px
        assert one.source == "lines"
        assert one.applied
        assert one.n_lines > 12


def test_beside_an_arc_only_significant_shifts_count() -> None:
    found = measured(fits({11: 0.0, 12: 0.5}, numbers=(11, 12)), line_list((11, 12)), replace(ALONE, attached=True))
    assert not found.orders[11].applied
    assert "beside" in found.orders[11].reason
    assert found.orders[12].applied


def test_a_measured_shift_is_applied_only_on_request() -> None:
    found = measured(fits(0.5, numbers=(12,)), line_list((12,)), apply=False)
    assert found.orders[12].shift_px == pytest.approx(0.5, abs=0.02)
    assert not found.applied
    wave = np.linspace(1000.0, 1010.0, 50)
    np.testing.assert_array_equal(corrected_wavelength(wave, np.arange(50.0), 12, found), wave)


@pytest.mark.parametrize("case", ["lines elsewhere", "too faint", "dark"])
def test_an_order_without_lines_stays_where_the_arc_puts_it(case: str) -> None:
    made = fits(0.5, numbers=(12,), brightness=1.0 if case == "too faint" else 2e4)
    lines = line_list((12,))
    if case == "lines elsewhere":
        lines = SkyLines(wavelength_nm=np.array([5000.0]), flux=np.ones(1), isolated=np.ones(1, dtype=bool))
    if case == "dark":
        made = [replace(made[0], data=replace(made[0].data, good=np.zeros_like(made[0].data.good)))]
    found = measured(made, lines).orders[12]
    assert not found.tied
    assert not found.applied
    assert found.reason


def test_without_orders_there_is_no_answer() -> None:
    assert measure_wavelength_shift([], line_list((12,)), ALONE, slit_arcsec={}, apply=True) is None


def test_lines_at_chance_places_tie_nothing() -> None:
    """The list knows nothing of these lines: whatever matches does so by chance."""
    rng = np.random.default_rng(8)
    wave = 1000.0 + NM_PER_PX * np.sort(rng.uniform(20.0, 480.0, 20))
    wrong = SkyLines(wavelength_nm=wave, flux=rng.uniform(0.2, 1.0, 20), isolated=np.ones(20, dtype=bool))
    assert not measured(fits(0.5, numbers=(12,)), wrong).orders[12].tied


def test_a_sky_that_lacks_most_of_the_listed_lines_is_measured() -> None:
    """Of 20 listed lines the sky has nine, none of the six strongest: of the 18 strongest, twice as many as agree, eight agree."""
    seen = np.argsort(STRENGTH)[::-1][[6, 7, 8, 9, 10, 11, 16, 17, 18]]
    found = measured(fits(1.02, numbers=(12,), seen=seen), line_list((12,))).orders[12]
    assert found.source == "lines"
    assert found.shift_px == pytest.approx(1.02, abs=0.05)


def test_the_shape_of_lines_is_found() -> None:
    grid = np.arange(0.0, 480.0, 0.1)
    bare = SkySpectrum(
        order=1, grid=grid, sky=grid, noise=np.full(grid.size, 1.0), position=PLACES, strength=1e4 * STRENGTH, ends=(0.0, 480.0)
    )
    true = LineShape(sigma_px=1.2, box_px=14.0)
    seen = replace(bare, sky=listed_sky(bare, true))
    found = choose_line_shape([seen], slit_width_arcsec=4.0, dispersion_binning=1)
    assert found == true


def test_correction_by_hand() -> None:
    """Half a pixel in the middle, 0.1 px more at the upper end: the map's wavelength so many pixels below."""
    one = OrderShift(shift_px=0.5, error_px=0.01, coefficients=(0.5, 0.1, 0.0), source="lines", applied=True)
    b = np.arange(101.0)
    wave = 1000.0 + 0.05 * b
    pixels = 0.5 + 0.1 * (b / 50.0 - 1.0)
    shift = WavelengthShift(orders={12: one})
    np.testing.assert_allclose(corrected_wavelength(wave, b, 12, shift), wave - 0.05 * pixels)


def test_a_large_shift_follows_the_map_where_it_is_curved() -> None:
    one = OrderShift(shift_px=8.0, error_px=0.01, coefficients=(8.0,), source="lines", applied=True)
    b = np.arange(401.0)

    def wave(at: np.ndarray) -> np.ndarray:
        return 1000.0 + 0.05 * at + 2e-5 * at**2

    np.testing.assert_allclose(corrected_wavelength(wave(b), b, 12, WavelengthShift(orders={12: one})), wave(b - 8.0), atol=1e-9)


@pytest.mark.parametrize("order", [12, 99])
def test_nothing_to_correct(order: int) -> None:
    wave = np.linspace(1000.0, 1010.0, 50)
    np.testing.assert_array_equal(corrected_wavelength(wave, np.arange(50.0), order, None), wave)
    other = OrderShift(shift_px=0.5, error_px=0.01, coefficients=(0.5,), source="lines", applied=True)
    np.testing.assert_array_equal(corrected_wavelength(wave, np.arange(50.0), order, WavelengthShift(orders={7: other})), wave)


def test_corrected_wavelengths_are_true() -> None:
    made = fits(0.8)
    found = measured(made, line_list((11, 12, 13)))
    for fit in made:
        window = fit.data.window
        mapped = 1000.0 + (13 - window.order) * N_B * NM_PER_PX * 0.9 + NM_PER_PX * window.b_px
        corrected = corrected_wavelength(mapped, window.b_px.astype(float), window.order, found)
        assert np.abs(corrected - (mapped - NM_PER_PX * 0.8)).max() < 0.05 * NM_PER_PX
