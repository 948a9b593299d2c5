"""The plan as a whole: narrowed to what is asked for, as text, as JSON, as sets-of-files."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from soxspipe.night.plan import narrowed
from soxspipe.night.plan_text import plan_json, plan_lines, summary_line
from soxspipe.night.sofs import is_edited, is_hand_made, sof_text, write_sof
from support.night_headers import EVENING, run_of, stare, whole_night
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


def test_the_text_says_what_why_and_what_not() -> None:
    text = "\n".join(plan_lines(planned(whole_night() + NOD)))
    assert "Night 2026-03-01: 1 VIS bias" in text
    assert "SN2026abc, science: 2 x 300 s" in text
    assert "master bias          20260301T180000_VIS_1X1_1_MBIAS_SOXS (8.0 h before, the only one)" in text
    assert "NOD_OBJ_SLIT1_0_300_0S_SOXS_SN2026abc: not reduced: nod" in text


def test_files_aside_are_listed_by_reason() -> None:
    plan = planned(
        [*whole_night(), *stare("VIS", EVENING, cards={"ESO SEQ ARM": "--"}), *stare("NIR", EVENING, cards={"ESO SEQ ARM": "--"})]
    )
    text = "\n".join(plan_lines(plan))
    assert "  an acquisition image: SOXS.NIR.2026-03-01T18_00_00.000.fits, SOXS.VIS.2026-03-01T18_00_00.000.fits" in text
    assert summary_line(plan) == "78 exposures in 26 sets, 26 to reduce, 2 files take no part"


def test_the_json_holds_everything() -> None:
    answer = json.loads(plan_json(planned(whole_night())))
    assert len(answer["tasks"]) == 26
    science = answer["tasks"][-1]
    assert science["verb"] == "stare"
    assert [entry["category"] for entry in science["calibrations"]] == [
        "MASTER_BIAS", "MASTER_FLAT", "BP_MAP", "ORDER_TAB", "DISP_TAB", "DISP_IMAGE", "RESP_TAB",
    ]  # fmt: skip


def test_a_set_of_files_is_two_columns(tmp_path: Path) -> None:
    text = sof_text([("/a/long/path.fits", "OBJECT_VIS"), ("/b.fits", "MASTER_BIAS_VIS")])
    assert text.splitlines()[:2] == ["/a/long/path.fits OBJECT_VIS", "/b.fits           MASTER_BIAS_VIS"]
    assert not is_edited(text)
    path = tmp_path / "sof" / "x.sof"
    assert write_sof(path, [("/b.fits", "T")])
    assert write_sof(path, [("/c.fits", "T")])
    assert "/c.fits" in path.read_text()


def test_an_edited_set_of_files_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.sof"
    write_sof(path, [("/b.fits", "T")])
    assert not is_hand_made(path)
    path.write_text(path.read_text().replace("/b.fits", "/mine.fits"))
    assert is_hand_made(path)
    assert not write_sof(path, [("/c.fits", "T")])
    assert "/mine.fits" in path.read_text()
    (tmp_path / "y.sof").write_text("/own.fits TAG\n")
    assert is_hand_made(tmp_path / "y.sof")


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
