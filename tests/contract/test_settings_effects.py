"""Every parameter of the recipe page's table changes what it is said to change, in the direction it is said to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from soxspipe.algorithms.objects.detect_continuum import detect_continuum
from soxspipe.algorithms.objects.object_profile import ObjectProfile, fit_profile
from soxspipe.algorithms.orders.cosmic_rays import flag_cosmic_rays
from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.algorithms.spectra.response_function import fit_response
from soxspipe.datamodel.calibrations import ExtinctionCurve, StandardStar, TelluricBands
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.models import BackgroundModel
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.spectrum import MergedSpectrum, ResponseCurve
from soxspipe.datamodel.trace import ObjectTrace, SlitSource
from soxspipe.reductions.stare.reduce import reduce_stare
from soxspipe.reductions.stare.result import StareResult
from soxspipe.settings.load import load_settings
from soxspipe.settings.stare import StareSettings
from support.orders import TinyOrder, make_geometry, object_trace, observe, position, sky_light
from support.scenes import Prepared, cached_scene

PAGE = yaml.safe_load((Path(__file__).with_name("page.yaml")).read_text())
CHECKED: dict[str, Callable[[], None]] = {}
NUMBERS = (11, 12, 13)
N_B = 400


def checks(name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register the test of a parameter, so that none is forgotten."""

    def register(test: Callable[[], None]) -> Callable[[], None]:
        CHECKED[name] = test
        return test

    return register


def with_setting(**chosen: Any) -> StareSettings:
    """Settings as a user's file gives them."""
    return load_settings(chosen, instrument="SOXS", recipe="soxs-stare", arm="NIR").settings


def test_every_parameter_of_the_table_is_checked() -> None:
    names = {row["parameter"].split(": ")[-1] for row in PAGE["parameters"]}
    assert len(names) == 22
    assert names == set(CHECKED)


# ----- the whole chain on a small detector


@dataclass(frozen=True)
class Run:
    """A reduction and the notes of its steps."""

    result: StareResult
    steps: dict[str, str]


def scene() -> Prepared:
    """Three exposures of a standard under a shower of cosmic rays and in scattered light."""
    return cached_scene(
        "VIS_RED",
        (
            ("target", "standard"),
            ("exposures", 3),
            ("ab_mag", 11.0),
            ("exptime_s", 120.0),
            ("cosmic_ray_rate", 40.0),
            ("scattered_light", 0.05),
            ("seed", 4),
        ),
    )


def single() -> Prepared:
    """One exposure of a faint star under cosmic rays."""
    return cached_scene("VIS_RED", (("ab_mag", 18.0), ("exptime_s", 600.0), ("cosmic_ray_rate", 15.0), ("seed", 5)))


@lru_cache(maxsize=32)
def reduced(which: Callable[[], Prepared], **chosen: Any) -> Run:
    steps: dict[str, str] = {}
    result = reduce_stare(which().inputs, with_setting(**chosen), steps.__setitem__)
    return Run(result, steps)


@checks("use_flat")
def test_use_flat_divides_by_the_flat() -> None:
    on, off = reduced(scene).result, reduced(scene, use_flat=False).result
    assert on.merged.flattened
    assert not off.merged.flattened
    np.testing.assert_array_equal(off.orders[0].mean_flat, 1.0)
    # what the detector counted is the same either way
    ratio = on.orders[0].flux * on.orders[0].mean_flat / off.orders[0].flux
    assert abs(np.nanmedian(ratio) - 1.0) < 0.01


@checks("subtract_background")
def test_subtract_background_takes_the_scattered_light_off() -> None:
    on, off = reduced(scene).result, reduced(scene, subtract_background=False).result
    assert off.background is None
    assert on.background is not None
    order = on.orders[0]
    level = float(np.median(on.background.electrons))
    assert level > 1.0
    # without it the light counts as sky: scattered light over the flat
    gained = np.median((off.orders[0].sky - order.sky) * order.mean_flat)
    assert 0.5 * level < gained < 2.0 * level


@checks("use_lacosmic")
def test_use_lacosmic_flags_cosmic_rays_before_anything_else() -> None:
    on, off = reduced(single, lacosmic_sigma=6.0), reduced(single, lacosmic_sigma=6.0, use_lacosmic=False)
    assert "flag_cosmic_rays" in on.steps
    assert "flag_cosmic_rays" not in off.steps
    assert int(on.steps["flag_cosmic_rays"].split()[0]) > 10  # the scene's sharp hits; flanks of stars are none
    flags = [(run.result.sky_subtracted.flags & PixelFlag.COSMIC_RAY) != 0 for run in (on, off)]
    assert flags[0].sum() > 20
    assert (flags[0] != flags[1]).any()
    assert (on.result.orders[0].flux != off.result.orders[0].flux).any()


@checks("stacked_clipping_sigma")
def test_stacked_clipping_sigma_is_the_limit() -> None:
    rejected = [reduced(scene, stacked_clipping_sigma=sigma).result.diagnostics["stack_rejected_pixels"] for sigma in (3.5, 15.0, 1e6)]
    assert rejected[0] > rejected[1] > rejected[2] == 0


@checks("stacked_clipping_iterations")
def test_stacked_clipping_iterations_are_rounds() -> None:
    rejected = [reduced(scene, stacked_clipping_iterations=n).result.diagnostics["stack_rejected_pixels"] for n in (0, 1, 3)]
    assert rejected[0] == 0 < rejected[1] < rejected[2]


@checks("horne_extraction_slit_length")
def test_horne_extraction_slit_length_is_the_aperture() -> None:
    short, long = (reduced(scene, horne_extraction_slit_length=length).result.orders[0] for length in (9, 31))
    # 2 int(L / 2): 8 and 30 px of sky
    np.testing.assert_allclose(np.median(long.sky_aperture / short.sky_aperture), 30 / 8, rtol=0.08)
    assert np.median(short.aperture_fraction) < np.median(long.aperture_fraction) <= 1.0
    np.testing.assert_allclose(
        np.nanmedian(short.boxcar / long.boxcar), np.median(short.aperture_fraction / long.aperture_fraction), rtol=0.01
    )
    np.testing.assert_array_equal(short.flux, long.flux)


@checks("horne_extraction_profile_global_clipping_sigma")
def test_horne_extraction_profile_global_clipping_sigma_is_the_limit() -> None:
    outliers = []
    for limit in (9.0, 25.0, 1e6):
        diagnostics = reduced(single, horne_extraction_profile_global_clipping_sigma=limit, use_lacosmic=False).result.diagnostics
        outliers.append(diagnostics["cosmic_ray_pixels"] + diagnostics["outlier_pixels"])
    assert outliers[0] > outliers[1] > outliers[2]


@checks("gaussian_blur_sigma")
def test_gaussian_blur_sigma_smooths_the_background() -> None:
    roughness = []
    for sigma in (0, 65, 400):
        model = _background(gaussian_blur_sigma=sigma)
        roughness.append(float(np.mean(np.diff(model.electrons[::16], n=2, axis=0) ** 2)))
    assert roughness[0] > roughness[1] > roughness[2]


@checks("bspline_deg")
def test_bspline_deg_is_the_degree_across_the_gaps() -> None:
    """A spline of degree 1 is made of straight lines: no curvature but at its knots."""
    curved = [float(np.mean(np.abs(np.diff(_background(bspline_deg=degree).electrons[100], n=2)) > 1e-6)) for degree in (1, 3)]
    assert curved[0] < 0.2
    assert curved[1] > 0.5


def _background(**chosen: Any) -> BackgroundModel:
    from soxspipe.algorithms.frames.subtract_background import fit_background
    from soxspipe.datamodel.frame import Frame

    geometry = make_geometry(axis="y", numbers=NUMBERS, n_b=N_B, spacing=60)
    rng = np.random.default_rng(3)
    y, x = np.mgrid[: geometry.shape[0], : geometry.shape[1]]
    light = 40.0 + 20.0 * np.sin(y / 60.0) + 10.0 * np.cos(x / 50.0)
    frame = Frame(
        electrons=rng.normal(light, 3.0), variance=np.full(light.shape, 9.0), flags=np.zeros(light.shape, dtype=np.uint8), exptime_s=1.0
    )
    return fit_background(frame, geometry, with_setting(**chosen).background)


# ----- the trace


def orders_at(
    offset: Callable[[int, np.ndarray], np.ndarray], *, level: float = 3000.0, fwhm: Any = 1.0, stripe: float = 0.0
) -> list[TinyOrder]:
    """Orders with the object at an offset that is a function of order number and dispersion pixel; a stripe of light at +4 arcsec."""
    rng = np.random.default_rng(7)
    made = []
    for window in cut_orders(make_geometry(numbers=NUMBERS, n_b=N_B, bend=0.0)):
        flux = np.full(N_B, level)
        far = np.abs(np.nan_to_num(window.slit_arcsec, nan=99.0) - 4.0) < 0.5
        order = observe(window, sky_light(position(window)), flux, offset=offset(window.order, window.b_px), fwhm=fwhm, rng=rng)
        made.append(replace(order, data=replace(order.data, electrons=order.data.electrons + stripe * far)))
    return made


def straight(order: int, b: np.ndarray) -> np.ndarray:
    return np.full(b.size, 0.4)


def traced(orders: list[TinyOrder], **chosen: Any) -> ObjectTrace:
    source = SlitSource(slit_arcsec=0.4, fwhm_arcsec=1.0, significance=100.0, relative_flux=1.0)
    settings = with_setting(**{"order_sample_count": 40, **chosen}).continuum
    geometry = make_geometry(numbers=NUMBERS, n_b=N_B, bend=0.0)
    return detect_continuum([o.data for o in orders], [o.sky for o in orders], source, (source,), geometry, settings)


def trace_error(trace: ObjectTrace, orders: list[TinyOrder]) -> float:
    """Largest rms of an order's trace, arcsec."""
    return max(float(np.std(trace.orders[o.trace.order].slit_arcsec - o.trace.slit_arcsec)) for o in orders)


@checks("order_sample_count")
def test_order_sample_count_is_the_number_of_slices() -> None:
    orders = orders_at(straight)
    for n in (20, 75):
        counts = np.unique(traced(orders, order_sample_count=n).samples.order, return_counts=True)[1]
        np.testing.assert_array_equal(counts, n)


@checks("slice_length")
def test_slice_length_limits_what_a_slice_sees() -> None:
    plain, striped = orders_at(straight), orders_at(straight, stripe=500.0)
    short, long = (
        np.abs(traced(striped, slice_length=length).samples.offset_arcsec - traced(plain, slice_length=length).samples.offset_arcsec)
        for length in (15, 60)
    )
    assert np.nanmax(short) == 0.0  # 15 px are 2.5 arcsec on either side: the stripe is out of sight
    assert np.nanmedian(long) > 0.0


@checks("slice_width")
def test_slice_width_averages_noise() -> None:
    orders = orders_at(straight, level=300.0)
    scatter = [float(np.nanstd(traced(orders, slice_width=width).samples.offset_arcsec)) for width in (1, 9, 31)]
    assert scatter[0] > 1.5 * scatter[1] > 1.5 * scatter[2]


@checks("peak_sigma_limit")
def test_peak_sigma_limit_is_the_height_of_a_detection() -> None:
    orders = orders_at(straight, level=300.0)
    detected = [int(traced(orders, peak_sigma_limit=limit).samples.detected.sum()) for limit in (0.0, 30.0, 1e4)]
    assert detected[0] > detected[1] > detected[2] == 0


@checks("order_deg")
def test_order_deg_lets_the_trace_differ_from_order_to_order() -> None:
    orders = orders_at(lambda order, b: 0.4 + 0.15 * (-1.0) ** order * np.ones(b.size))
    stiff, free = (traced(orders, order_deg=degree) for degree in (0, 4))
    assert (stiff.order_deg, free.order_deg) == (0, 4)
    miss = [max(abs(float(np.mean(t.orders[o.trace.order].slit_arcsec - o.trace.slit_arcsec))) for o in orders) for t in (stiff, free)]
    assert miss[0] > 5.0 * miss[1]
    assert miss[1] < 0.02


@checks("disp_axis_deg")
def test_disp_axis_deg_lets_the_trace_bend_along_an_order() -> None:
    orders = orders_at(lambda order, b: 0.4 + 0.15 * np.cos(np.pi * b / N_B * 2.0))
    stiff, free = (traced(orders, disp_axis_deg=degree) for degree in (0, 5))
    assert (stiff.axis_deg, free.axis_deg) == (0, 5)
    assert trace_error(stiff, orders) > 2.5 * trace_error(free, orders)


@checks("poly_fitting_residual_clipping_sigma")
def test_poly_fitting_residual_clipping_sigma_is_the_limit() -> None:
    orders = orders_at(straight, level=400.0)
    used = [int(traced(orders, poly_fitting_residual_clipping_sigma=limit).samples.used.sum()) for limit in (1.0, 1.8, 100.0)]
    assert used[0] < used[1] < used[2] == int(traced(orders).samples.detected.sum())


@checks("poly_clipping_iteration_limit")
def test_poly_clipping_iteration_limit_is_the_number_of_rounds() -> None:
    orders = orders_at(straight, level=400.0)
    used = [
        int(traced(orders, poly_fitting_residual_clipping_sigma=1.5, poly_clipping_iteration_limit=n).samples.used.sum())
        for n in (0, 1, 10)
    ]
    assert used[0] == int(traced(orders).samples.detected.sum())
    assert used[0] > used[1] > used[2]


# ----- the profile


def profile_of(orders: list[TinyOrder], **chosen: Any) -> ObjectProfile:
    settings = with_setting(**chosen).extraction
    return fit_profile(
        [o.data for o in orders], [o.sky for o in orders], object_trace(*orders),
        poly_order=settings.horne_extraction_profile_poly_order, clip_sigma=settings.horne_extraction_profile_clipping_sigma,
        clip_rounds=settings.horne_extraction_profile_clipping_iteration_count,
    )  # fmt: skip


def profile_error(profile: ObjectProfile, orders: list[TinyOrder]) -> float:
    """Error of the shares away from the ends of the orders, as a part of the peak."""
    return max(float(np.abs(profile.shares(o.data, o.trace) - o.shares)[40:-40].max() / o.shares.max()) for o in orders)


def struck(orders: list[TinyOrder]) -> list[TinyOrder]:
    rng = np.random.default_rng(11)
    return [
        replace(o, data=replace(o.data, electrons=o.data.electrons + np.where(rng.uniform(size=o.sky.shape) < 0.02, 6000.0, 0.0)))
        for o in orders
    ]


@checks("horne_extraction_profile_poly_order")
def test_horne_extraction_profile_poly_order_lets_the_profile_change() -> None:
    orders = orders_at(straight, level=5e4, fwhm=0.9 + 0.3 * np.linspace(-1, 1, N_B) ** 2)[:1]
    errors = [profile_error(profile_of(orders, horne_extraction_profile_poly_order=degree), orders) for degree in (0, 7)]
    assert errors[1] < 0.8 * errors[0]


@checks("horne_extraction_profile_clipping_sigma")
def test_horne_extraction_profile_clipping_sigma_is_the_limit() -> None:
    orders = struck(orders_at(straight, level=2e4))
    errors = [profile_error(profile_of(orders, horne_extraction_profile_clipping_sigma=limit), orders) for limit in (3.0, 100.0)]
    assert errors[0] < 0.5 * errors[1]


@checks("horne_extraction_profile_clipping_iteration_count")
def test_horne_extraction_profile_clipping_iteration_count_of_zero_keeps_every_pixel() -> None:
    orders = struck(orders_at(straight, level=2e4))
    errors = [profile_error(profile_of(orders, horne_extraction_profile_clipping_iteration_count=n), orders) for n in (0, 10)]
    assert errors[1] < 0.5 * errors[0]


# ----- the response


WAVE = np.arange(500.0, 800.05, 0.1)


def response_of(*, dips: float = 0.0, **chosen: Any) -> ResponseCurve:
    """Response of a flat standard whose counts rise by a parabola, with absorption lines that no list knows."""
    rng = np.random.default_rng(12)
    flux = 1e4 * (1.0 + ((WAVE - 650.0) / 150.0) ** 2) * rng.normal(1.0, 0.002, WAVE.size)
    for k, centre in enumerate((530.0, 575.0, 610.0, 700.0, 730.0, 780.0)):
        flux[np.abs(WAVE - centre) < 1.0] *= 1.0 - dips * 0.7**k
    n = WAVE.size
    merged = MergedSpectrum(
        wavelength_nm=WAVE, flux=flux, variance=(0.002 * flux) ** 2, sky=np.zeros(n), density=flux, correlation=np.zeros((3, n)),
        order=np.ones(n, dtype=int), quality=np.zeros(n, dtype=np.int32), joins=(),
    )  # fmt: skip
    star = StandardStar(name="FLAT", wavelength_nm=np.array([400.0, 900.0]), flux=np.full(2, 1e-14))
    none = TelluricBands(start_nm=np.empty(0), stop_nm=np.empty(0), mask_response=np.empty(0, dtype=bool))
    air = ExtinctionCurve(site="lasilla", wavelength_nm=np.array([400.0, 900.0]), mag_per_airmass=np.zeros(2))
    observation = Observation(arm="VIS", kind="STD,FLUX", exptime_s=100.0, airmass=1.0)
    return fit_response(merged, star, observation, air, none, with_setting(**chosen).response, bin_nm=1.0)


@checks("max_iteration")
def test_max_iteration_is_the_number_of_rounds() -> None:
    truth = response_of().response
    errors = [float(np.std(response_of(dips=0.8, max_iteration=n).response / truth)) for n in (1, 2, 10)]
    assert errors[0] > errors[1] > errors[2]


@checks("poly_order")
def test_poly_order_is_the_degree() -> None:
    for degree in (2, 6):
        assert response_of(poly_order=degree).polynomial.shape == (degree + 1,)
    smooth = response_of(poly_order=2)
    wave = smooth.wavelength_nm[::50]
    cubic = np.diff(np.polyval(smooth.polynomial, wave), n=3)
    assert np.abs(cubic).max() < 1e-6 * np.abs(np.polyval(smooth.polynomial, wave)).max()


# ----- beside the table


def test_lacosmic_sigma_is_the_threshold() -> None:
    order = orders_at(straight, level=300.0)[0]
    hits = struck([order])[0]
    found = [
        int(flag_cosmic_rays(hits.data, hits.sky, with_setting(lacosmic_sigma=sigma).cosmic_rays).sum()) for sigma in (6.0, 200.0, 0.0)
    ]
    assert found[0] > found[1]
    assert found[2] == 0
