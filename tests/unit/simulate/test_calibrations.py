"""Raw calibration frames: levels, noise, defects and edges are those of the truth."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from soxspipe.io.simulated_facts import make_scene, make_scene_of, read_facts
from soxspipe.simulate.calibration_scene import CalibrationScene
from soxspipe.simulate.calibrations import make_calibration_set, plan_frames
from soxspipe.simulate.crop import crop
from soxspipe.simulate.detector import make_chip

WINDOWS = {"NIR": ((755, 1070), (500, 700)), "VIS": ((1500, 1700), (600, 690))}


def small_set(arm, **values):
    scene = make_scene_of(CalibrationScene, {"arm": arm, "cosmic_ray_rate": 0.0, "bias_drift_e": 0.0, **values})
    return make_calibration_set(scene, crop(read_facts(scene), *WINDOWS[arm]))


def electrons(simulated, stem):
    return np.stack(
        [adu * simulated.chip.gain_e_per_adu for plan, adu in simulated.frames() if plan.stem == stem], dtype=np.float64
    )  # cropped detectors have nothing around them


def test_both_arms_take_the_frames_that_they_need():
    stems = {arm: {plan.stem for plan in plan_frames(make_scene_of(CalibrationScene, {"arm": arm}))} for arm in ("NIR", "VIS")}
    assert stems == {"NIR": {"dark20", "dark60", "dark300", "flat_on", "flat_off"}, "VIS": {"bias", "flat_qth", "flat_d2"}}


def test_both_spellings_of_the_type():
    for spelling, expected in (("lamp_first", "LAMP,FLAT"), ("lamp_last", "FLAT,LAMP")):
        plans = plan_frames(make_scene_of(CalibrationScene, {"kinds": ["flat"], "dpr_type_order": spelling}))
        assert {plan.dpr_type for plan in plans} == {expected}
        assert [plan.dpr_tech for plan in plans] == ["ECHELLE,SLIT"] * 5 + ["IMAGE"] * 5


def test_frames_follow_each_other_in_time():
    plans = plan_frames(make_scene_of(CalibrationScene, {"kinds": ["dark"]}))
    assert all(later.mjd >= earlier.mjd + earlier.exptime_s / 86400 for earlier, later in itertools.pairwise(plans))


def test_the_detector_is_that_of_an_observation_of_the_same_seed():
    simulated = small_set("NIR", kinds=["dark"], seed=4)
    scene = make_scene({"arm": "NIR", "seed": 4})
    chip = make_chip(scene, simulated.chip.response.shape, gain_e_per_adu=2.3, read_noise_e=7.3, column_through=None)
    np.testing.assert_array_equal(chip.dark_e_per_s, simulated.chip.dark_e_per_s)
    np.testing.assert_array_equal(chip.hot, simulated.chip.hot)


def test_darks_have_level_rate_and_read_noise():
    simulated = small_set("NIR", kinds=["dark"], dark_times_s=[100.0], dark_frames=20, hot_pixels=0.0, unstable_pixels=0.0, seed=2)
    darks, truth = electrons(simulated, "dark100"), simulated.truth().images
    expected = truth["PEDESTAL"] + 100.0 * truth["DARKRATE"]
    assert (darks.mean(axis=0) - expected).mean() == pytest.approx(0.0, abs=0.03)
    assert darks.var(axis=0, ddof=1).mean() == pytest.approx(7.3**2 + 100.0 * truth["DARKRATE"].mean(), rel=0.01)


def test_unstable_pixels_jump_and_no_others():
    simulated = small_set("NIR", kinds=["dark"], dark_times_s=[20.0], dark_frames=8, hot_pixels=0.0, unstable_pixels=0.01, seed=3)
    scatter = electrons(simulated, "dark20").std(axis=0)
    unstable = simulated.truth().images["UNSTABLE"] > 0
    assert np.median(scatter[unstable]) > 4 * np.median(scatter[~unstable])
    assert scatter[~unstable].max() < 25.0


def test_the_bias_level_drifts_from_frame_to_frame():
    simulated = small_set("VIS", kinds=["bias"], bias_drift_e=20.0, bias_frames=6, seed=5)
    levels = electrons(simulated, "bias").mean(axis=(1, 2))
    assert 5.0 < levels.std() < 40.0


def test_flats_hold_lamp_scattered_light_and_pixel_response():
    simulated = small_set("VIS", kinds=["flat"], lamp_drift=0.0, flat_frames=6, seed=6, hot_pixels=0.0)
    truth = simulated.truth().images
    flats = electrons(simulated, "flat_qth").mean(axis=0) - truth["PEDESTAL"]
    expected = truth["FLAT_QTH"] + truth["SCATTER_QTH"]
    lit = np.nan_to_num(truth["SLIT"], nan=9.0) ** 2 < 25
    assert np.mean((flats / expected)[lit]) == pytest.approx(1.0, abs=2e-3)
    assert expected[lit].max() > 30000
    assert 0 < np.median(expected[~np.isfinite(truth["SLIT"])]) < 1500


def test_edges_are_where_the_light_of_the_slit_falls_to_half():
    simulated = small_set("VIS", kinds=["flat"], slit_roughness=0.0, lamp_illumination=0.0, prnu=0.0, dead_pixels=0.0, bad_columns=0)
    truth = simulated.truth()
    centres = truth.tables["CENTRES"]
    row = int(np.searchsorted(centres["DISP_PIX"], 100))
    light = truth.images["FLAT_QTH"][100]
    plateau = np.median(light[int(centres["CENTRE"][row]) - 5 : int(centres["CENTRE"][row]) + 5])
    width = light.sum() / plateau
    assert width == pytest.approx(centres["EDGE_UP"][row] - centres["EDGE_LOW"][row], abs=0.15)


def test_ambient_light_stays_when_the_lamp_is_off():
    simulated = make_calibration_set(
        (scene := make_scene_of(CalibrationScene, {"arm": "NIR", "kinds": ["flat"], "orders": [10], "dispersion_range": [900, 960]})),
        read_facts(scene),
    )
    off = next(plan for plan in simulated.plans if plan.dpr_tech == "IMAGE")
    assert simulated.expected_light(off).max() > 20.0
    assert simulated.expected_light(replace(off, slit="BLIND")).max() == 0.0


KINDS = ("pinhole_arc", "pinhole_flat", "multi_pinhole_arc")


def test_frames_are_taken_in_the_order_of_the_cascade_with_lamps_off_in_the_nir() -> None:
    names = [(plan.stem, plan.dpr_type, plan.dpr_tech, plan.lamps) for plan in plan_frames(CalibrationScene(arm="NIR", kinds=KINDS))]
    four = ("argo", "neon", "merc", "xeno")
    assert names == [
        ("pinhole_arc_on", "LAMP,WAVE", "ECHELLE,PINHOLE", four), ("pinhole_arc_off", "LAMP,WAVE", "IMAGE", ()),
        ("pinhole_flat_on", "LAMP,FLAT", "ECHELLE,PINHOLE", ("qth",)), ("pinhole_flat_off", "LAMP,FLAT", "IMAGE", ()),
        ("multi_pinhole_arc_on", "LAMP,WAVE", "ECHELLE,MULTI-PINHOLE", four), ("multi_pinhole_arc_off", "LAMP,WAVE", "IMAGE", ()),
    ]  # fmt: skip
    assert [plan.lamps for plan in plan_frames(CalibrationScene(arm="VIS", kinds=KINDS))] == [("thar",), ("qth",), ("thar",)]


def test_xshooter_has_types_of_its_own_in_one_spelling() -> None:
    scene = CalibrationScene(arm="UVB", instrument="XSHOOTER", kinds=KINDS, dpr_type_order="lamp_last")
    assert [plan.dpr_type for plan in plan_frames(scene)] == ["LAMP,FMTCHK", "LAMP,QORDERDEF", "LAMP,WAVE"]
    near_infrared = plan_frames(CalibrationScene(arm="NIR", instrument="XSHOOTER", kinds=("pinhole_flat",)))
    assert [(plan.dpr_type, plan.dpr_tech) for plan in near_infrared] == [("LAMP,ORDERDEF", "ECHELLE,PINHOLE"), ("LAMP,ORDERDEF", "IMAGE")]


def test_slit_arcs_are_taken_through_the_slit_of_the_scene() -> None:
    plans = plan_frames(CalibrationScene(arm="VIS", kinds=("slit_arc",), slit_width_arcsec=1.5))
    assert [(plan.dpr_type, plan.dpr_tech, plan.slit, plan.lamps) for plan in plans] == [
        ("LAMP,WAVE", "ECHELLE,SLIT", "SLIT1.5", ("thar",))
    ]
