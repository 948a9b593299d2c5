"""Which calibration is chosen, and what is said about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from soxspipe.night.choose import Choice
from soxspipe.night.plan import Plan, Task
from support.night_headers import EVENING, Exposure, calibrations, run_of, stare, whole_night
from support.nights import planned


def science(plan: Plan, arm: str = "VIS") -> Task:
    return next(task for task in plan.tasks if task.frames.rule.kind == "science" and task.frames.arm == arm)


def choice(task: Task, category: str) -> Choice:
    return next(entry for entry in task.choices if entry.need.category == category)


def best(task: Task, category: str) -> str:
    return choice(task, category).candidates[0].supply.maker


def with_cards(frames: list[Exposure], **cards: object) -> list[Exposure]:
    return [Exposure(entry.name, {**entry.cards, **cards}) for entry in frames]


def arc(hours: float, *, n: int = 1, arm: str = "VIS", **cards: object) -> list[Exposure]:
    lamp = "ThAr" if arm == "VIS" else "ArNeHgXe"
    start = EVENING + timedelta(hours=hours)
    frames = run_of(n, arm, start, "LAMP,WAVE", "ECHELLE,MULTI-PINHOLE", exptime=20.0, slit="MULTPIN", lamp=lamp)
    return with_cards(frames, **cards)


def bias(days: float, **cards: object) -> list[Exposure]:
    return with_cards(run_of(5, "VIS", EVENING + timedelta(days=days), "BIAS", "IMAGE", exptime=0.0), **cards)


STAR = stare("VIS", EVENING + timedelta(hours=8), rotator=35.0)


def test_the_nearest_in_time_is_taken() -> None:
    task = science(planned(bias(-3) + bias(0.1) + bias(2) + STAR))
    assert [entry.supply.maker[:8] for entry in choice(task, "MASTER_BIAS").candidates] == ["20260301", "20260303", "20260226"]


@pytest.mark.parametrize(
    ("cards", "word"), [({"ESO DET BINX": 2}, "binning 1x1 (found: 2x1)"), ({"ESO DET READ CURID": 7}, "read-out 1 (found: 7)")]
)
def test_a_bias_of_another_setting_is_no_bias(cards: dict[str, object], word: str) -> None:
    task = science(planned(bias(0, **cards) + STAR))
    assert task.state == "missing"
    assert f"no master bias with {word}" in task.reason


def test_what_was_found_is_only_what_differs_in_that_field() -> None:
    task = science(planned(bias(0, **{"ESO DET BINX": 2}) + bias(1, **{"ESO DET READ CURID": 7}) + STAR))
    assert "no master bias with binning 1x1 (found: 2x1)" in task.reason


def test_a_little_over_the_limit_is_said_to_a_tenth() -> None:
    task = science(planned(calibrations("VIS", EVENING - timedelta(days=1)) + STAR))
    assert choice(task, "DISP_TAB").candidates[0].warnings == ("the dispersion solution is 1.3 days away; up to 1 are usual",)


def test_of_an_afternoons_arcs_the_one_of_the_same_binning_is_taken() -> None:
    binned = {"ESO DET BINX": 2, "ESO DET BINY": 2}
    afternoon = calibrations("VIS") + bias(0.02, **binned) + arc(3.0, **binned)
    assert choice(science(planned(afternoon + STAR)), "DISP_TAB").candidates[0].supply.row.binning == "1x1"
    beside = arc(8.2, **binned, **{"ESO ADA ABSROT END": 35.0, "ESO TEL PARANG START": 12.0})
    assert choice(science(planned(afternoon + beside + STAR)), "DISP_TAB").candidates[0].supply.row.mjd > 61101.0


def test_a_standard_that_was_nodded_is_named() -> None:
    nodded = run_of(4, "VIS", EVENING, "STD,FLUX", "ECHELLE,SLIT,NODDING", exptime=60.0, slit="SLIT5.0")
    assert "_NOD_STD_FLUX_" in choice(science(planned(nodded + STAR)), "RESP_TAB").missing


def test_a_gain_that_differs_by_rounding_fits() -> None:
    assert best(science(planned(bias(0, **{"ESO DET OUT1 CONAD": 1.251}) + STAR)), "MASTER_BIAS")
    assert not choice(science(planned(bias(0, **{"ESO DET OUT1 CONAD": 0.6}) + STAR)), "MASTER_BIAS").candidates


def test_an_old_bias_is_taken_with_a_warning() -> None:
    task = science(planned(bias(-30) + STAR))
    assert choice(task, "MASTER_BIAS").candidates[0].warnings == ("the master bias is 30 days away; up to 7 are usual",)


def test_darks_by_exposure_time_first_then_by_age() -> None:
    def darks(hours: float, exptime: float) -> list[Exposure]:
        return run_of(5, "NIR", EVENING + timedelta(hours=hours), "DARK", "IMAGE", exptime=exptime)

    star = stare("NIR", EVENING + timedelta(hours=8), exptime=300.0)
    task = science(planned(darks(0, 300.0) + darks(-20, 300.0) + darks(5, 60.0) + star), "NIR")
    assert [entry.supply.row.exptime_s for entry in choice(task, "MASTER_DARK").candidates] == [300.0, 300.0, 60.0]
    assert best(task, "MASTER_DARK").startswith("20260301T18")
    alone = science(planned(darks(0, 60.0) + star), "NIR")
    assert choice(alone, "MASTER_DARK").candidates[0].warnings == ("the master dark was exposed for 60 s, the frames for 300 s",)


def test_an_arc_of_the_night_at_the_same_rotator_angle_beats_the_day_arc() -> None:
    night_arc = arc(8.2, **{"ESO ADA ABSROT END": 37.0, "ESO TEL PARANG START": 12.0})
    plan = planned(calibrations("VIS") + night_arc + STAR)
    assert best(science(plan), "DISP_TAB").startswith("20260302T0212")
    assert "rotator 2° apart" in choice(science(plan), "DISP_TAB").candidates[0].why


def test_an_arc_far_off_in_angle_loses_to_the_day_arc() -> None:
    night_arc = arc(8.2, **{"ESO ADA ABSROT END": -170.0, "ESO TEL PARANG START": 12.0})
    plan = planned(calibrations("VIS") + night_arc + STAR)
    assert best(science(plan), "DISP_TAB").startswith("20260301T18")


def test_angles_are_compared_the_short_way_round() -> None:
    near = arc(8.2, **{"ESO ADA ABSROT END": -179.0, "ESO TEL PARANG START": 1.0})
    star = stare("VIS", EVENING + timedelta(hours=8), rotator=179.0)
    task = science(planned(calibrations("VIS") + near + star))
    assert "rotator 2° apart" in choice(task, "DISP_TAB").candidates[0].why


def test_map_and_order_table_come_with_the_solution_and_the_flat() -> None:
    task = science(planned(whole_night()))
    assert best(task, "DISP_IMAGE") == best(task, "DISP_TAB")
    assert best(task, "ORDER_TAB") == best(task, "MASTER_FLAT")


@pytest.mark.parametrize(
    ("arm", "flat", "star", "taken"),
    [("VIS", "SLIT1.0", "SLIT1.0", True), ("VIS", "SLIT1.5", "SLIT5.0", False), ("NIR", "SLIT1.5", "SLIT5.0", True),
     ("NIR", "SLIT1.0", "SLIT5.0", False), ("NIR", "SLIT1.0JH", "SLIT1.0", True)],
)  # fmt: skip
def test_flats_are_of_the_same_slit_or_one_that_may_stand_in(arm: str, flat: str, star: str, taken: bool) -> None:
    frames = calibrations(arm, slit=flat) + stare(arm, EVENING + timedelta(hours=8), slit=star)
    task = science(planned(frames), arm)
    assert bool(choice(task, "MASTER_FLAT").candidates) == taken
    assert task.state == "reduce"
    assert choice(task, "ORDER_TAB").candidates, "the orders are where they are, whatever the slit"
    if taken and flat.startswith("SLIT1.5"):
        assert f"the master flat is of slit {flat}, the frames of {star}" in task.warnings
    if not taken:
        assert f"no master flat with slit {star} (found: {flat})" in task.warnings


def test_the_right_slit_beats_one_that_may_stand_in() -> None:
    frames = calibrations("NIR", slit="SLIT1.5") + calibrations("NIR", EVENING - timedelta(hours=10), slit="SLIT5.0")
    task = science(planned(frames + stare("NIR", EVENING + timedelta(hours=8), slit="SLIT5.0")), "NIR")
    assert "SLIT5_0" in best(task, "MASTER_FLAT")


def test_a_single_pinhole_solution_is_the_last_resort() -> None:
    frames = [entry for entry in calibrations("VIS") if entry.cards["ESO DPR TECH"] != "ECHELLE,MULTI-PINHOLE"]
    task = science(planned(frames + STAR))
    assert task.state == "reduce"
    assert "the dispersion solution comes from a pinhole arc, since there is none from a multi-pinhole arc" in task.warnings


def test_without_a_standard_the_spectrum_stays_in_counts() -> None:
    task = science(planned(calibrations("VIS") + STAR))
    assert task.state == "reduce"
    assert "no response: no flux standard was observed" in task.warnings


def test_a_standard_through_the_wide_slit_is_preferred_over_a_nearer_one() -> None:
    def standard(hours: float, slit: str) -> list[Exposure]:
        return stare("VIS", EVENING + timedelta(hours=hours), target="LTT3218", slit=slit, standard=True, ob=9)

    task = science(planned(calibrations("VIS") + standard(7.5, "SLIT1.0") + standard(3, "SLIT5.0") + STAR))
    assert "SLIT5_0" in best(task, "RESP_TAB")
    same = science(planned(calibrations("VIS") + standard(7.5, "SLIT1.0") + STAR))
    assert not any("the response is of slit" in warning for warning in same.warnings)  # losses at the slit are much the same
    other = science(planned(calibrations("VIS") + standard(7.5, "SLIT1.5") + STAR))
    assert "the response is of slit SLIT1.5, the frames of SLIT1.0" in other.warnings


def test_exposures_with_the_lamp_off_stand_in_for_a_dark() -> None:
    frames = [entry for entry in calibrations("NIR") if entry.cards["ESO DPR TYPE"] != "DARK"]
    plan = planned(frames)
    assert {task.state for task in plan.tasks} == {"reduce"}
    without = planned([entry for entry in frames if entry.cards["ESO DPR TECH"] != "IMAGE"])
    assert {task.state for task in without.tasks} == {"missing"}


def test_what_cannot_be_reduced_is_named_as_the_reason() -> None:
    plan = planned([entry for entry in calibrations("VIS") if entry.cards["ESO DPR TYPE"] != "BIAS"] + STAR)
    reasons = {task.frames.rule.kind: task.reason for task in plan.tasks}
    assert reasons["pinhole arc"] == "no master bias: no bias was observed"
    assert "no dispersion solution: 20260301T181000_VIS_1X1_1_DSOL_PINHOLE_20_0S_SOXS cannot be reduced" in reasons["pinhole flat"]


def test_a_candidate_is_never_its_own_product() -> None:
    for task in planned(whole_night()).tasks:
        assert task.name not in task.makers


def test_a_delivered_master_serves_too() -> None:
    master = with_cards(bias(0)[:1], **{"ESO PRO CATG": "MASTER_BIAS_VIS", "ESO DPR TYPE": ""})
    master = [Exposure("master.fits", master[0].cards)]
    task = science(planned(master + STAR))
    assert choice(task, "MASTER_BIAS").candidates[0].supply.path == "/raw/master.fits"


def test_an_order_table_of_a_pinhole_flat_is_known_by_its_slit_wheel_where_its_pro_tech_says_slit() -> None:
    frames = [
        run_of(1, "VIS", EVENING + timedelta(hours=hours), "LAMP,FLAT", "ECHELLE,SLIT", exptime=20.0, slit=mask, lamp="QTH")[0]
        for hours, mask in ((1, "SLIT1.0"), (7, "PINHOLE"))
    ]
    product = {"ESO PRO CATG": "ORDER_TAB_VIS", "ESO PRO TECH": "ECHELLE,SLIT", "ESO DPR TYPE": "", "ESO DPR TECH": ""}
    tables = [Exposure(f"{name}.fits", {**frame.cards, **product}) for name, frame in zip(("edges", "centres"), frames, strict=True)]
    found = choice(science(planned(tables + STAR)), "ORDER_TAB").candidates
    assert [candidate.supply.path for candidate in found][:1] == ["/raw/edges.fits"], "the later one has no edges"


def test_candidates_are_few() -> None:
    frames = [entry for days in range(9) for entry in bias(0.2 * days - 1)]
    assert len(choice(science(planned(frames + STAR)), "MASTER_BIAS").candidates) == 3


def test_undated_times_do_not_break_the_choice() -> None:
    plan = planned(whole_night())
    assert replace(plan).nights == ("2026-03-01",)
