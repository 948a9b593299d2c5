"""What must not change an algorithm's answer does not, and what must scale it scales it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soxspipe.algorithms.extraction.horne_extraction import ExtractedOrder, ExtractionSettings, extract_order
from soxspipe.algorithms.frames.clip_and_stack import StackSettings, clip_and_stack
from soxspipe.algorithms.frames.detrend import make_pedestal, subtract_pedestal
from soxspipe.algorithms.frames.prepare import prepare
from soxspipe.algorithms.frames.subtract_background import BackgroundSettings, fit_background
from soxspipe.algorithms.objects.find_sources import collapse
from soxspipe.algorithms.orders.cosmic_rays import CosmicRaySettings, flag_cosmic_rays
from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.algorithms.sky.subtract_sky import SkySettings, first_sky, fit_order_sky
from soxspipe.algorithms.spectra.flux_calibration import flux_calibrate
from soxspipe.algorithms.spectra.merge_orders import merge_orders
from soxspipe.datamodel.calibrations import ExtinctionCurve, Masters, TelluricBands
from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import Frame, RawFrame
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.spectrum import MergedSpectrum, OrderSpectrum, ResponseCurve
from support.orders import NM_PER_PX, TinyOrder, make_arm, make_geometry, observe, order_data, position, sky_light, tiny_order

FEW = settings(max_examples=8, deadline=None, derandomize=True)
JUNK = st.sampled_from([-1e7, -300.0, 0.0, 777.0, 1e9])
SHAPE = (30, 40)
STRUCK = np.random.default_rng(1).uniform(size=SHAPE) < 0.02


def frames(*, gain: float = 2.0, n: int = 3) -> list[Frame]:
    """Exposures as prepared from whole ADU, with a few cosmic rays."""
    rng = np.random.default_rng(2)
    detector = Detector(science_columns=(0, SHAPE[1]), science_rows=(0, SHAPE[0]), gain_e_per_adu=gain, read_noise_e=5.0)
    made = []
    for k in range(n):
        adu = rng.poisson(100.0, SHAPE) + rng.integers(-3, 4, SHAPE) + np.where(np.roll(STRUCK, k, axis=0), 4000, 0)
        raw = RawFrame(adu=adu, observation=Observation(arm="NIR", kind="OBJECT", exptime_s=60.0))
        made.append(prepare(raw, detector, np.zeros(SHAPE, dtype=bool)))
    return made


@FEW
@given(sequence=st.permutations(range(4)))
def test_the_stack_does_not_depend_on_the_sequence_of_exposures(sequence: list[int]) -> None:
    every = frames(n=4)
    plain, shuffled = (
        clip_and_stack([every[i] for i in order], StackSettings(stacked_clipping_sigma=6.0)) for order in (range(4), sequence)
    )
    np.testing.assert_allclose(shuffled.electrons, plain.electrons, rtol=1e-14)
    np.testing.assert_allclose(shuffled.variance, plain.variance, rtol=1e-14)
    np.testing.assert_array_equal(shuffled.flags, plain.flags)
    np.testing.assert_array_equal(shuffled.counts, plain.counts)
    assert plain.counts is not None
    assert (plain.counts < 4).any()


@FEW
@given(junk=JUNK, which=st.integers(0, 2), seed=st.integers(0, 50))
def test_junk_in_flagged_pixels_does_not_reach_the_stack(junk: float, which: int, seed: int) -> None:
    bad = np.random.default_rng(seed).uniform(size=SHAPE) < 0.05
    bad[[0, -1]] = bad[:, [0, -1]] = False
    every = frames()
    every[which] = every[which].flagged(bad, PixelFlag.BAD)
    spoilt = list(every)
    spoilt[which] = replace(every[which], electrons=np.where(bad, junk, every[which].electrons))
    plain, other = (clip_and_stack(these, StackSettings()) for these in (every, spoilt))
    # the median difference of the neighbours, which corrects the mean by some of the noise, may hold a junk pixel more or less
    np.testing.assert_allclose(other.electrons, plain.electrons, atol=30.0)
    np.testing.assert_array_equal(other.flags, plain.flags)
    np.testing.assert_array_equal(other.counts, plain.counts)
    complete = plain.counts == 3
    np.testing.assert_array_equal(other.electrons[complete], plain.electrons[complete])


@FEW
@given(pedestal=st.sampled_from([0.0, 250.0, 5000.0]), exposures=st.sampled_from([1, 3]))
def test_a_pedestal_in_frames_and_bias_alike_is_no_light(pedestal: float, exposures: int) -> None:
    def light(level: float) -> Frame:
        bias = Frame(
            electrons=np.full(SHAPE, 100.0 + level), variance=np.full(SHAPE, 0.5), flags=np.zeros(SHAPE, dtype=np.uint8), exptime_s=0.0
        )
        raised = [replace(one, electrons=one.electrons + 100.0 + level) for one in frames(n=exposures)]
        stack = clip_and_stack(raised, StackSettings(stacked_clipping_sigma=6.0), bias.electrons)
        return subtract_pedestal(stack, make_pedestal(stack.exptime_s, Masters(bias=bias), SHAPE))

    plain, other = light(0.0), light(pedestal)
    np.testing.assert_allclose(other.electrons, plain.electrons, atol=1e-9)
    np.testing.assert_allclose(other.variance, plain.variance)
    np.testing.assert_array_equal(other.flags, plain.flags)


@FEW
@given(gain=st.floats(0.5, 8.0))
def test_electrons_scale_with_the_gain(gain: float) -> None:
    for one, double in zip(frames(gain=gain), frames(gain=2 * gain), strict=True):
        np.testing.assert_allclose(double.electrons, 2.0 * one.electrons)
        np.testing.assert_array_equal(double.variance, one.variance)


# ----- one order


MASKED = np.random.default_rng(5).uniform(size=tiny_order().sky.shape) < 0.1


def solved(order: TinyOrder) -> ExtractedOrder:
    slit = np.nan_to_num(order.data.window.slit_arcsec, nan=9.0)
    fit = fit_order_sky(order.data, SkySettings(), keep=np.abs(slit - order.trace.slit_arcsec[:, None]) > 1.8)
    return extract_order(order.data, fit, order.shares, ExtractionSettings())


@FEW
@given(junk=JUNK)
def test_junk_in_masked_pixels_does_not_reach_sky_or_flux(junk: float) -> None:
    order = tiny_order(masked=MASKED)
    bad = ~order.data.good
    spoilt = replace(order, data=replace(order.data, electrons=np.where(bad, junk, order.data.electrons)))
    np.testing.assert_array_equal(first_sky(spoilt.data), first_sky(order.data))
    np.testing.assert_array_equal(collapse([spoilt.data], [order.sky]).light, collapse([order.data], [order.sky]).light)
    chosen = CosmicRaySettings(lacosmic_sigma=6.0)
    np.testing.assert_array_equal(flag_cosmic_rays(spoilt.data, order.sky, chosen), flag_cosmic_rays(order.data, order.sky, chosen))
    plain, other = solved(order), solved(spoilt)
    for name in ("flux", "flux_variance", "covariance", "sky", "sky_variance"):
        np.testing.assert_array_equal(getattr(other, name), getattr(plain, name))


@FEW
@given(scale=st.floats(0.2, 20.0))
def test_without_noise_fluxes_scale_with_the_light(scale: float) -> None:
    plain = tiny_order(seed=None, lines=())
    bright = observe(plain.data.window, scale * plain.sky, scale * plain.flux)
    np.testing.assert_allclose(solved(bright).flux, scale * solved(plain).flux, rtol=2e-3)
    np.testing.assert_allclose(solved(plain).flux, plain.flux, rtol=5e-3)  # faint wings count as sky


@FEW
@given(level=st.floats(-40.0, 400.0))
def test_sky_and_object_take_their_own_share_of_an_added_sky(level: float) -> None:
    order = tiny_order(seed=None, read_noise=30.0, lines=())
    brighter = replace(order, data=replace(order.data, electrons=order.data.electrons + np.where(order.data.window.inside, level, 0.0)))
    change = solved(brighter).flux - solved(order).flux
    assert np.abs(change / np.sqrt(solved(order).flux_variance)).max() < 0.05


@FEW
@given(seed=st.integers(0, 1000))
def test_a_mirrored_slit_gives_the_same_flux(seed: int) -> None:
    order = tiny_order(seed=seed, masked=MASKED)
    (window,) = cut_orders(make_geometry(sign=-1, bend=-2.0))
    mirror = np.s_[:, ::-1]
    np.testing.assert_allclose(window.slit_arcsec, order.data.window.slit_arcsec[mirror], atol=1e-12)
    data = order_data(window, order.data.electrons[mirror], np.asarray(order.data.noise.floor)[mirror], masked=MASKED[mirror])
    other = replace(order, data=data, shares=order.shares[mirror], sky=order.sky[mirror])
    plain, mirrored = solved(order), solved(other)
    known = np.isfinite(plain.flux)
    np.testing.assert_allclose(mirrored.flux[known], plain.flux[known], atol=1e-4 * np.sqrt(plain.flux_variance[known].min()))
    np.testing.assert_allclose(mirrored.flux_variance[known], plain.flux_variance[known], rtol=1e-6)


@FEW
@given(level=st.floats(-50.0, 500.0))
def test_a_constant_under_everything_is_scattered_light(level: float) -> None:
    geometry = make_geometry(axis="y", numbers=(11, 12, 13), n_b=200, spacing=60)
    light = np.random.default_rng(4).normal(30.0, 4.0, geometry.shape)
    plain, raised = (
        fit_background(
            Frame(electrons=light + extra, variance=np.full(light.shape, 16.0), flags=np.zeros(light.shape, dtype=np.uint8), exptime_s=1.0),
            geometry,
            BackgroundSettings(),
        )
        for extra in (0.0, level)
    )
    np.testing.assert_allclose(raised.electrons - plain.electrons, level, atol=0.05)


# ----- spectra


def spectrum(flux: np.ndarray, start: float, order: int) -> OrderSpectrum:
    n = flux.size
    names = (
        "a_px",
        "boxcar",
        "boxcar_robust",
        "boxcar_restored",
        "sky",
        "sky_aperture",
        "profile_fraction",
        "aperture_fraction",
        "mean_flat",
    )
    return OrderSpectrum(
        order=order, label=str(order), b_px=np.arange(n), wavelength_nm=start + NM_PER_PX * np.arange(n), pixel_scale_nm=np.full(n, NM_PER_PX),
        flux=flux, variance=np.abs(flux) + 10.0, quality=np.zeros(n, dtype=np.int32), **dict.fromkeys(names, np.ones(n)),
    )  # fmt: skip


def two_orders(scale: float = 1.0) -> list[OrderSpectrum]:
    rng = np.random.default_rng(6)
    made = [spectrum(rng.normal(100.0, 10.0, 80), 1000.0, 12), spectrum(rng.normal(100.0, 10.0, 80), 1003.0, 11)]
    return [replace(one, flux=one.flux * scale, variance=one.variance * scale**2) for one in made]


@FEW
@given(scale=st.floats(1e-3, 1e3))
def test_merging_is_linear(scale: float) -> None:
    plain, scaled = (merge_orders(two_orders(s), None, 0.06) for s in (1.0, scale))
    np.testing.assert_allclose(scaled.flux, scale * plain.flux)
    np.testing.assert_allclose(scaled.variance, scale**2 * plain.variance)
    np.testing.assert_allclose(scaled.correlation, plain.correlation, atol=1e-12)


def test_merging_does_not_depend_on_the_sequence_of_orders() -> None:
    plain, swapped = (merge_orders(orders, None, 0.06) for orders in (two_orders(), two_orders()[::-1]))
    np.testing.assert_allclose(swapped.flux, plain.flux, rtol=1e-14)
    np.testing.assert_array_equal(swapped.order, plain.order)
    assert swapped.joins == plain.joins


@FEW
@given(factor=st.floats(0.1, 30.0))
def test_a_longer_exposure_with_as_many_more_counts_is_the_same_flux(factor: float) -> None:
    merged = merge_orders(two_orders(), None, 0.06)
    curve = ResponseCurve(
        polynomial=np.array([1.0]), wavelength_nm=np.array([900.0, 1100.0]), response=np.array([1e-18, 2e-18]), error=np.zeros(2),
        valid_nm=(900.0, 1100.0), airmass=1.0,
    )  # fmt: skip
    air = ExtinctionCurve(site="lasilla", wavelength_nm=np.array([900.0, 1100.0]), mag_per_airmass=np.array([0.1, 0.1]))
    none = TelluricBands(start_nm=np.empty(0), stop_nm=np.empty(0), mask_response=np.empty(0, dtype=bool))

    def calibrated(spectrum: MergedSpectrum, exptime_s: float) -> tuple[np.ndarray, np.ndarray]:
        seen = Observation(arm="NIR", kind="OBJECT", exptime_s=exptime_s, airmass=1.2)
        out = flux_calibrate(spectrum, curve, seen, air, none, arm=make_arm())
        return out.flux, out.error

    flux, error = calibrated(merged, 100.0)
    more = replace(merged, flux=merged.flux * factor, variance=merged.variance * factor**2)
    for found, expected in zip(calibrated(more, 100.0 * factor), (flux, error), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("flag", [PixelFlag.BAD, PixelFlag.SATURATED])
def test_the_reason_of_a_flag_does_not_matter_to_the_numbers(flag: PixelFlag) -> None:
    every = frames()
    bad = np.random.default_rng(9).uniform(size=SHAPE) < 0.05
    stacks = [clip_and_stack([every[0].flagged(bad, one), *every[1:]], StackSettings()) for one in (PixelFlag.BAD, flag)]
    np.testing.assert_array_equal(stacks[0].electrons, stacks[1].electrons)


def test_the_light_of_a_geometry_is_that_of_its_transpose() -> None:
    """Orders along x and along y are the same orders."""
    along = []
    for axis in ("x", "y"):
        (window,) = cut_orders(make_geometry(axis=axis))  # type: ignore[arg-type]
        sky = sky_light(position(window), lines=((100.0, 3000.0),))
        along.append(solved(observe(window, sky, np.full(300, 500.0), rng=np.random.default_rng(3))).flux)
    np.testing.assert_allclose(along[0], along[1], rtol=1e-9)
