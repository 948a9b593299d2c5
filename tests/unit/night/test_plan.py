"""The plan as a whole: what is reduced with what, narrowed to what is asked for."""

from __future__ import annotations

from datetime import timedelta

from soxspipe.night.plan import narrowed, unanswered
from support.night_headers import EVENING, run_of, whole_night
from support.nights import planned

NOD = run_of(
    2, "VIS", EVENING + timedelta(hours=10), "OBJECT", "ECHELLE,SLIT,NODDING", exptime=300.0, slit="SLIT1.0", cards={"ESO OBS ID": 5}
)


def test_one_target_brings_all_that_it_needs_and_no_more() -> None:
    plan = narrowed(planned(whole_night()), ["sn2026ABC"])
    kinds = sorted({(task.frames.arm, task.verb) for task in plan.tasks})
    assert ("VIS", "stare_std") in kinds
    assert {task.frames.first.target for task in plan.tasks if task.verb == "stare"} == {"SN2026abc"}
    names = {task.name for task in plan.tasks}
    assert all(maker in names for task in plan.tasks for maker in task.makers)


def test_an_arm_or_a_set_can_be_named() -> None:
    whole = planned(whole_night())
    assert {task.frames.arm for task in narrowed(whole, ["NIR"]).tasks} == {"NIR"}
    name = "20260301T180000_VIS_1X1_1_MBIAS_SOXS"
    assert [task.name for task in narrowed(whole, [f"./sof/{name}.sof"]).tasks] == [name]
    assert narrowed(whole, ["SN1987A"]).tasks == ()
    assert unanswered(whole, ["vis", f"{name}.sof", "SN1987A"]) == ("SN1987A",)


def test_nodding_exposures_are_listed_with_their_sets_and_calibrations() -> None:
    plan = planned(whole_night() + NOD)
    task = next(task for task in plan.tasks if task.verb == "nod")
    assert (task.state, task.reason) == ("not reduced", "not reduced: nod")
    assert {
        "MASTER_BIAS_VIS",
        "MASTER_FLAT_VIS",
        "BP_MAP_VIS",
        "ORDER_TAB_VIS",
        "DISP_TAB_VIS",
        "DISP_IMAGE_VIS",
        "RESP_TAB_VIS",
        "OBJECT_VIS",
    } == {tag for _, tag in task.entries()}


def test_two_nights_do_not_mix() -> None:
    plan = planned(whole_night() + whole_night(EVENING + timedelta(days=1)))
    assert plan.nights == ("2026-03-01", "2026-03-02")
    for task in plan.tasks:
        for choice in task.choices:
            assert all(best.supply.row.night == task.frames.night for best in choice.candidates[:1])


def test_a_single_dark_is_not_attempted_and_is_no_failure() -> None:
    frames = run_of(1, "NIR", EVENING, "DARK", "IMAGE", exptime=77.0)
    (task,) = planned(frames).tasks
    assert (task.state, task.reason) == ("missing", "1 exposure, 2 are needed")
