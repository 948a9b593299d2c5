"""The plan as text and as JSON."""

from __future__ import annotations

import json
from datetime import timedelta

from soxspipe.night.plan_text import plan_json, plan_lines, summary_line
from support.night_headers import EVENING, run_of, stare, whole_night
from support.nights import planned

NOD = run_of(
    2, "VIS", EVENING + timedelta(hours=10), "OBJECT", "ECHELLE,SLIT,NODDING", exptime=300.0, slit="SLIT1.0", cards={"ESO OBS ID": 5}
)


def test_the_text_says_what_why_and_what_not() -> None:
    text = "\n".join(plan_lines(planned(whole_night() + NOD)))
    assert "Night 2026-03-01: 1 VIS bias" in text
    assert "SN2026abc, science: 2 x 300 s" in text
    assert "master bias          20260301T180000_VIS_1X1_1_MBIAS_SOXS (8.0 h before, the only one)" in text
    assert "NOD_OBJ_SLIT1_0_300_0S_SOXS_SN2026abc: not reduced: nod" in text


def test_files_left_out_are_listed_by_reason() -> None:
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
