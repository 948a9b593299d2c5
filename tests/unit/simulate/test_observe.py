"""Whole scenes: the same bits from the same seed, noise as the truth says."""

from __future__ import annotations

import numpy as np
import pytest

from support.scenes import cached_scene, small_scene

NIR = cached_scene("NIR", (("ab_mag", 16.0), ("seed", 11)))
VIS = cached_scene("VIS", (("ab_mag", 17.0), ("seed", 12), ("exposures", 2)))
SCENES = pytest.mark.parametrize("prepared", [NIR, VIS], ids=["NIR", "VIS"])


def electrons_of(prepared, number=0):
    return prepared.simulation.raw_adu[number] * prepared.simulation.detector.gain_e_per_adu


def test_same_seed_same_bits_and_another_seed_others():
    again = small_scene("NIR", ab_mag=16.0, seed=11)
    np.testing.assert_array_equal(again.simulation.raw_adu[0], NIR.simulation.raw_adu[0])
    for name, master in NIR.simulation.masters.items():
        np.testing.assert_array_equal(again.simulation.masters[name].value, master.value)
    other = small_scene("NIR", ab_mag=16.0, seed=13)
    assert not np.array_equal(other.simulation.raw_adu[0], NIR.simulation.raw_adu[0])


def test_one_more_exposure_changes_none_of_the_others():
    more = small_scene("VIS", ab_mag=17.0, seed=12, exposures=3)
    for number in range(2):
        np.testing.assert_array_equal(more.simulation.raw_adu[number], VIS.simulation.raw_adu[number])
    np.testing.assert_array_equal(more.simulation.masters["flat"].value, VIS.simulation.masters["flat"].value)


@SCENES
def test_noise_is_as_large_as_the_truth_says(prepared):
    images, masters = prepared.truth.images, prepared.simulation.masters
    mean = np.mean([electrons_of(prepared, n) for n in range(prepared.scene.exposures)], axis=0)
    left = mean - masters["dark" if "dark" in masters else "bias"].value - images["OBJECT"] - images["SKY"]
    usable = np.isfinite(images["ORDER"]) & (images["CRMASK"] == 0) & (images["BADMASK"] == 0) & (images["SKY"] < 200)
    pull = left[usable] / np.sqrt(images["VARIANCE"][usable])
    smooth = np.mean(left[usable])  # scattered light and dark current
    assert 0.0 < smooth < 5.0
    assert np.std(pull) == pytest.approx(1.0, abs=0.03)


@SCENES
def test_masters_have_the_errors_they_state(prepared):
    truth, flat = prepared.truth.images["FLAT"], prepared.simulation.masters["flat"]
    inside = (truth > 0.1) & (flat.bad == 0)
    assert np.std((flat.value - truth)[inside] / flat.error[inside]) == pytest.approx(1.0, abs=0.02)
    assert np.median(flat.value[inside]) == pytest.approx(1.0, abs=0.6)


@SCENES
def test_truth_table_agrees_with_its_images(prepared):
    orders, images = prepared.truth.orders, prepared.truth.images
    row = {name: values[orders["ORDER"].size // 2] for name, values in orders.items()}
    along_x = prepared.truth.header["DISPAX"] == "x"
    b, trace = int(row["DISP_PIX"]), row["TRACE"]
    near = slice(int(trace) - 25, int(trace) + 26)
    cut = {name: (image[near, b] if along_x else image[b, near]).astype(np.float64) for name, image in images.items()}
    inside = cut["ORDER"] == row["ORDER"]
    assert cut["OBJECT"][inside].sum() == pytest.approx(row["OBJ_E"], rel=1e-3)
    assert (cut["OBJECT"][inside] / cut["FLAT"][inside]).sum() == pytest.approx(row["OBJ_FLAT"], rel=1e-3)
    assert np.sqrt(np.sum(cut["OBJECT"][inside] ** 2 / cut["VARIANCE"][inside])) == pytest.approx(row["SNR_IDEAL"], rel=1e-3)
    centroid = np.average(np.arange(near.start, near.stop), weights=cut["OBJECT"])
    assert centroid == pytest.approx(trace, abs=0.05)
    assert cut["WAVE"][25] == pytest.approx(row["WAVE"], abs=0.1)


@SCENES
def test_electrons_follow_from_flux_and_efficiency(prepared):
    orders, source = prepared.truth.orders, prepared.truth.source
    flux = np.interp(orders["WAVE"], source["WAVE"], source["FLUX"])
    photons = flux * 10 * orders["PIXSCALE_NM"] * orders["WAVE"] * 1e-7 / 1.986445857e-16 * 89000 * prepared.scene.exptime_s
    bright = orders["OBJ_E_ANALYTIC"] > 5
    np.testing.assert_allclose(orders["OBJ_E_ANALYTIC"][bright], (photons * orders["EFF_TOTAL"])[bright], rtol=5e-3)


def test_binned_frames_hold_the_same_light():
    binned = small_scene("VIS", ab_mag=17.0, seed=12, exposures=2, binning=[2, 2], prnu=0.0)
    plain = small_scene("VIS", ab_mag=17.0, seed=12, exposures=2, prnu=0.0)
    assert binned.simulation.raw_adu[0].shape == tuple(n // 2 for n in plain.simulation.raw_adu[0].shape)
    assert binned.truth.images["SKY"].sum() == pytest.approx(plain.truth.images["SKY"].sum(), rel=1e-3)
    for order in np.unique(plain.truth.orders["ORDER"]):
        rows = plain.truth.orders["ORDER"] == order
        small = binned.truth.orders["ORDER"] == order
        assert binned.truth.orders["OBJ_E"][small].sum() == pytest.approx(plain.truth.orders["OBJ_E"][rows].sum(), rel=2e-3)
        middle = plain.truth.orders["TRACE"][rows].mean()
        assert binned.truth.orders["TRACE"][small].mean() == pytest.approx((middle + 0.5) / 2 - 0.5, abs=0.01)


def test_without_a_flat_the_truth_is_not_flattened():
    bare = small_scene("NIR", ab_mag=16.0, seed=11, with_flat=False, with_dark=False)
    assert not bare.simulation.masters
    np.testing.assert_allclose(bare.truth.orders["OBJ_FLAT"], bare.truth.orders["OBJ_E"], rtol=2e-3)
    assert bare.truth.header["FLATTED"] is False


def test_a_dark_in_the_visible_holds_the_bias():
    scene = small_scene("VIS", seed=12, with_dark=True, dark_exptime_s=600.0, hot_pixels=0.0, bad_columns=0)
    dark, bias = scene.simulation.masters["dark"], scene.simulation.masters["bias"]
    assert dark.exptime_s == 600.0
    assert np.mean(dark.value - bias.value) == pytest.approx(600 * 0.0005, abs=0.05)
    assert np.median(bias.value) == pytest.approx(300 * 1.25, abs=1.0)


def test_other_sources_are_kept_apart_from_the_target():
    crowded = small_scene("NIR", ab_mag=16.0, seed=11, second_offset_arcsec=-3.0, second_ab_mag=17.0, host_ab_mag=18.0)
    np.testing.assert_allclose(crowded.truth.orders["OBJ_E"], NIR.truth.orders["OBJ_E"], rtol=1e-6)
    images = crowded.truth.images
    np.testing.assert_allclose(images["OBJECT"] - images["OTHERS"], NIR.truth.images["OBJECT"], atol=0.01)
    near_second = np.abs(images["SLIT"] + 3.0) < 0.3
    assert images["OTHERS"][near_second].mean() > 5 * images["OTHERS"][np.abs(images["SLIT"] + 5.0) < 0.3].mean()


def test_saturated_lines_are_marked():
    full = small_scene("NIR_H", seed=4, oh_strength=20.0, saturation_e=20000.0)
    saturated = full.truth.images["BADMASK"] == 2
    assert saturated.any()
    assert full.truth.images["SKY"][saturated].min() > 10000.0


def test_the_blocking_filter_darkens_the_red_orders():
    blocked = small_scene("NIR_H", blocking_filter=True, seed=4)
    open_slit = small_scene("NIR", blocking_filter=True, seed=4)
    assert not blocked.truth.images["SKY"].any()
    assert open_slit.truth.images["SKY"].max() > 100.0


def test_ionised_gas_changes_along_the_slit():
    made = small_scene("VIS", ab_mag=19.0, seed=14, nebular_flux=1e-15, nebular_gradient=0.12, cosmic_ray_rate=0.0)
    plain = small_scene("VIS", ab_mag=19.0, seed=14, cosmic_ray_rate=0.0)
    gas = made.truth.images["SKY"] - plain.truth.images["SKY"]
    slit = made.truth.images["SLIT"]
    low, high = (gas[(np.sign(side) * slit > 3.5) & (np.abs(slit) < 5.0)].sum() for side in (-1.0, 1.0))
    if gas.sum() > 0:
        assert high / low == pytest.approx((1 + 0.12 * 4.25) / (1 - 0.12 * 4.25), rel=0.1)


def test_an_off_frame_takes_the_place_of_the_dark():
    made = small_scene("NIR", ab_mag=17.0, seed=15, off_frame=True, off_star_ab_mag=15.0)
    assert made.simulation.off_adu is not None
    assert "dark" not in made.simulation.masters
    plain = small_scene("NIR", ab_mag=17.0, seed=15)
    inside = made.truth.images["VARIANCE"] > 0
    assert np.median(made.truth.images["VARIANCE"][inside] / plain.truth.images["VARIANCE"][inside]) > 1.5


STAR = {"target": "power_law", "ab_mag": 15.0, "exptime_s": 300.0, "cosmic_ray_rate": 0.0, "seed": 3}


def test_exposures_that_drift_keep_their_light_and_their_places() -> None:
    scene = small_scene("NIR", **STAR, exposures=2, drift_arcsec=(0.0, 3.0))
    still = small_scene("NIR", **STAR, exposures=2)
    # rows of a tilted line hold other wavelengths at another place: the true spectrum is that of the first exposure's place
    for name in ("OBJ_E", "OBJ_FLAT"):
        np.testing.assert_allclose(scene.truth.orders[name], still.truth.orders[name], rtol=1e-6)
    assert np.median(scene.truth.orders["SNR_IDEAL"]) == pytest.approx(np.median(still.truth.orders["SNR_IDEAL"]), rel=0.05)
    first, second = (raw.adu.astype(float).sum(axis=1) for raw in scene.inputs.raw)
    assert abs(int(np.argmax(first)) - int(np.argmax(second))) > 3


def test_exposures_that_flex_lie_elsewhere_and_the_truth_is_where_the_first_one_has_it() -> None:
    clean = {**STAR, "hot_pixels": 0.0, "exposures": 2}
    moved = small_scene("NIR", **clean, flexure_dispersion_exposures_px=(0.0, 3.0), flexure_slit_exposures_px=(0.0, 5.0))
    still = small_scene("NIR", **clean)
    first, second = (adu.astype(float) - np.median(adu) for adu in moved.simulation.raw_adu)
    spectrum = [np.fft.fft2(np.clip(image, 0, 3000)) for image in (first, second)]
    peak = np.unravel_index(np.argmax(np.abs(np.fft.ifft2(spectrum[1] * spectrum[0].conj()))), first.shape)
    assert peak == (5, 3)
    np.testing.assert_allclose(moved.truth.orders["WAVE"], still.truth.orders["WAVE"])
    np.testing.assert_allclose(moved.truth.orders["OBJ_FLAT"], still.truth.orders["OBJ_FLAT"], rtol=1e-6)


def test_the_slit_follows_the_rotator() -> None:
    """From 0 in the arc to 30 degrees the sine grows by half."""
    scene = small_scene("NIR", **STAR, flexure_slit_turn_px=4.0, rotator_deg=30.0)
    still = small_scene("NIR", **STAR)
    assert np.median(scene.truth.orders["TRACE"] - still.truth.orders["TRACE"]) == pytest.approx(2.0, abs=0.01)


def test_unequal_times_and_their_headers() -> None:
    scene = small_scene("NIR", **STAR, exposures=2, exposure_times_s=(900.0, 100.0))
    assert scene.truth.header["EXPTIME"] == 500.0
    assert scene.simulation.mjd[1] - scene.simulation.mjd[0] == pytest.approx(945.0 / 86400.0)


def test_noise_of_a_mean_of_integrations() -> None:
    """Two frames of a dark detector: their difference has the read noise of one over the root of the number of integrations."""
    values = {
        "target": "empty",
        "exptime_s": 1.0,
        "exposures": 2,
        "cosmic_ray_rate": 0.0,
        "hot_pixels": 0.0,
        "sky_ab_mag": 26.0,
        "oh_strength": 0.0,
    }
    scene = small_scene("NIR", **values, integrations=4, dark_e_per_s=0.0)
    difference = np.subtract(*(adu.astype(float) for adu in scene.simulation.raw_adu))
    assert np.std(difference) * 2.3 / np.sqrt(2.0) == pytest.approx(7.3 / 2.0, rel=0.03)
