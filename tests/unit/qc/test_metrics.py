"""Metrics on values small enough to work out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.datamodel.flags import PixelFlag, SpectrumFlag
from soxspipe.qc import metrics
from support.results import make_run


@pytest.fixture(scope="module")
def nir():
    return make_run("NIR")


@pytest.fixture(scope="module")
def vis():
    return make_run("VIS", standard=True)


def value(found, name):
    return next(metric.value for metric in found if metric.name == name)


def test_bad_pixels_are_those_of_calibrations_not_cosmic_rays():
    flags = np.zeros((10, 10), dtype=np.uint8)
    flags[0, :3] = PixelFlag.BAD
    flags[1, 0] = PixelFlag.NOT_FINITE | PixelFlag.COSMIC_RAY
    flags[2, :5] = PixelFlag.COSMIC_RAY
    found = metrics.measure_bad_pixels(flags)
    assert value(found, "BADPIX NUM") == 4
    assert value(found, "BADPIX FRAC") == 0.04


def test_inner_orders_with_and_without_the_object():
    found = metrics.measure_inner_orders(np.array([2.0, 3.0]), np.array([1.5, np.nan]))
    assert value(found, "INNER ORDER PIX MEAN") == 1.5  # outside the object, its wings off
    assert value(found, "INNER ORDER PIX MEAN WITH OBJ") == 2.5
    assert value(found, "INNER ORDER PIX SUM") == 5.0


def test_no_pixel_inside_the_orders_is_not_a_mean_of_zero():
    assert value(metrics.measure_inner_orders(np.empty(0), np.empty(0)), "INNER ORDER PIX MEAN") is None


def test_an_object_that_fills_the_slit_leaves_all_pixels_for_the_mean():
    every, none = np.ones((2, 2), dtype=bool), np.zeros((2, 2), dtype=bool)
    some = np.array([[True, False], [False, True]])
    assert metrics.beside_object(every, none).all()
    assert np.array_equal(metrics.beside_object(every, some), some)


def test_missing_data_are_counted_whatever_their_flag(nir):
    order = nir.result.orders[0]
    quality, variance = np.zeros(order.quality.size, dtype=np.int32), np.ones(order.quality.size)
    quality[:10] = SpectrumFlag.NO_DATA
    quality[10:20] = SpectrumFlag.SATURATED
    quality[20:30] = SpectrumFlag.TELLURIC  # a good measurement of what arrived
    variance[30:40] = np.inf
    merged = replace(nir.result.merged, quality=np.full_like(nir.result.merged.quality, SpectrumFlag.NO_DATA))
    found = metrics.measure_missing([replace(order, quality=quality, variance=variance)], merged, nir.inputs.arm)
    assert value(found, "NO DATA FRAC") == 1.0
    assert value(found, f"NO DATA FRAC O{order.label}") == pytest.approx(30 / quality.size)


def test_what_lies_beyond_the_range_of_the_arm_is_not_missing(nir):
    order = nir.result.orders[0]
    wavelength = np.linspace(700.0, 900.0, order.flux.size)
    quality = np.where(wavelength < 800.0, int(SpectrumFlag.NO_DATA), 0)
    dark = replace(order, wavelength_nm=wavelength, quality=quality, variance=np.ones(quality.size))
    arm = replace(nir.inputs.arm, range_nm=(800.0, 2000.0))
    assert value(metrics.measure_missing([dark], nir.result.merged, arm), f"NO DATA FRAC O{order.label}") == 0.0
    wide = replace(arm, range_nm=(0.0, 2000.0))
    assert value(metrics.measure_missing([dark], nir.result.merged, wide), f"NO DATA FRAC O{order.label}") == pytest.approx(0.5, abs=0.01)


def test_names_of_the_reference():
    flags = np.zeros((3, 3), dtype=np.uint8)
    flags[0] = PixelFlag.COSMIC_RAY | PixelFlag.BAD
    flags[1] = PixelFlag.OUTLIER
    found = metrics.measure_reference_names(flags)
    assert value(found, "COSMIC RAY PIX NUM") == 3
    assert value(found, "EXTRACT METHOD") == "optimal"


def test_samples_are_counted_and_residuals_belong_to_the_slit_axis(nir):
    samples = nir.result.trace.samples
    found = metrics.measure_trace(nir.result.trace, nir.inputs.arm)
    detected, clipped = samples.detected.sum(), (samples.detected & ~samples.used).sum()
    assert value(found, "SAMPLES TOT NUM") == 120
    assert value(found, "SAMPLES DET NUM") == detected
    assert value(found, "SAMPLES DET FRAC") == detected / 120
    assert value(found, "SAMPLES CLIP FRAC") == pytest.approx(clipped / detected)  # of the detected, not of all
    assert value(found, "N ORDERS") == 3
    assert value(found, "Y RES SD") == pytest.approx(np.std(samples.residual_px[samples.used]))
    assert value(found, "Y RES MIN") < 0 < value(found, "Y RES MAX")
    assert value(found, "X RES SD") is None


def test_vis_residuals_are_along_x(vis):
    found = metrics.measure_trace(vis.result.trace, vis.inputs.arm)
    assert value(found, "X RES SD") == pytest.approx(0.05, rel=0.2)
    assert value(found, "Y RES SD") is None


def test_a_forced_trace_is_in_no_order(nir):
    forced = replace(nir.result.trace, forced=True)
    assert value(metrics.measure_trace(forced, nir.inputs.arm), "N ORDERS") == 0


def test_snr_per_order_carries_the_band_and_leaves_the_global_value_alone(vis):
    merged = vis.result.merged
    found = metrics.measure_snr(merged, vis.inputs.arm)
    assert [metric.name for metric in found] == ["SNR MEDIAN", *(f"SNR MEDIAN O{band}" for band in "rugi")]
    assert value(found, "SNR MEDIAN") == pytest.approx(np.median(merged.snr))
    assert value(found, "SNR MEDIAN Ou") == pytest.approx(np.median(merged.snr[merged.order == 2]))
    assert {metric.order for metric in found} == {"-1", "r", "u", "g", "i"}


def test_samples_without_data_do_not_lower_the_snr(vis):
    merged = vis.result.merged
    empty = replace(merged, variance=np.where(np.arange(merged.flux.size) % 3, merged.variance, np.inf))
    assert value(metrics.measure_snr(empty, vis.inputs.arm), "SNR MEDIAN") == pytest.approx(
        value(metrics.measure_snr(merged, vis.inputs.arm), "SNR MEDIAN"), rel=0.02
    )


def test_efficiency_has_no_value_for_science(vis, nir):
    assert [metric.value for metric in metrics.measure_efficiency(nir.result.efficiency, nir.inputs.arm)] == [None]
    found = metrics.measure_efficiency(vis.result.efficiency, vis.inputs.arm)
    assert value(found, "EFF MEDIAN") == vis.result.efficiency.median
    assert value(found, "EFF MEDIAN Oi") == vis.result.efficiency.median_by_order[4]


def test_empty_sky_chi_is_one_when_errors_are_right_and_sees_no_object(nir):
    mapped, frame = nir.inputs.geometry.dispersion_map, nir.result.sky_subtracted
    empty = metrics.empty_sky_mask(mapped.order, mapped.slit_arcsec, frame.good, nir.result.trace)
    moved = dict.fromkeys(np.unique(mapped.order[mapped.order > 0]).tolist(), 0.25)
    shifted = metrics.empty_sky_mask(mapped.order, mapped.slit_arcsec + 0.25, frame.good, nir.result.trace, moved_arcsec=moved)
    assert np.array_equal(shifted, empty)
    with np.errstate(invalid="ignore"):
        assert not np.any(empty & (np.abs(mapped.slit_arcsec + 0.9) < 3.0))
    assert value(metrics.measure_empty_sky(nir.result.residual_sigma, empty), "EMPTY SKY CHI") == pytest.approx(1.0, abs=0.05)
    assert value(metrics.measure_empty_sky(2.0 * nir.result.residual_sigma, empty), "EMPTY SKY CHI") == pytest.approx(2.0, abs=0.1)


def test_struck_pixels_are_counted_inside_orders():
    flags = np.array([[PixelFlag.COSMIC_RAY, PixelFlag.OUTLIER, PixelFlag.SATURATED, PixelFlag.BAD, PixelFlag.COSMIC_RAY]], dtype=np.uint8)
    found = metrics.measure_struck_pixels(flags, np.array([[True, True, True, True, False]]))
    assert value(found, "CRH NUM") == 2
    assert value(found, "SATURATED NUM") == 1


def test_seeing_is_compared_with_the_header(nir):
    found = metrics.measure_object(nir.result.trace, nir.result.profile, nir.inputs.observation, nir.result.orders)
    assert value(found, "SEEING RATIO") == pytest.approx(nir.result.profile.fwhm_arcsec / 0.9)
    blind = replace(nir.inputs.observation, seeing_arcsec=None)
    assert value(metrics.measure_object(nir.result.trace, nir.result.profile, blind, nir.result.orders), "SEEING RATIO") is None


def test_orders_without_overlap_have_no_join_scale(nir):
    merged = nir.result.merged
    apart = replace(merged, joins=(replace(merged.joins[0], scale=1.0, scale_error=0.0),))
    assert metrics.measure_joins(apart, nir.inputs.arm)[0].value is None


def test_joins_are_named_after_both_orders(nir):
    found = metrics.measure_joins(nir.result.merged, nir.inputs.arm)
    assert [metric.name for metric in found] == ["JOIN SCALE O12 O11", "JOIN SCALE O11 O10"]


def test_temperatures_appear_only_where_the_header_has_them():
    assert metrics.temperature_metrics(None, None) == ()
    assert [metric.name for metric in metrics.temperature_metrics(40.0, None)] == ["DETECTOR TEMP"]
