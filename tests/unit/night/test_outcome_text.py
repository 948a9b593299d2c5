"""What became of a night, for people and for programs."""

from __future__ import annotations

import json
from dataclasses import replace

from soxspipe.night.outcome_text import counts_line, outcome_json, outcome_lines
from soxspipe.night.run import Night
from soxspipe.night.state import Outcome, Status
from support.night_headers import whole_night
from support.nights import planned


def night(**by_kind: Status) -> Night:
    """A plain night; kinds of set with a status of their own."""
    plan = planned(whole_night())
    outcomes = {
        task.name: Outcome(
            name=task.name, verb=task.verb, arm=task.frames.arm, status=by_kind.get(task.frames.rule.kind.replace(" ", "_"), "done"),
            cause="it was told to", final=f"/out/{task.name}.fits", warnings=("the flat is old",),
        )
        for task in plan.tasks
    }  # fmt: skip
    return Night(plan=plan, outcomes=outcomes)


def test_spectra_are_listed_by_target_with_their_warnings_if_wished() -> None:
    lines = list(outcome_lines(night()))
    assert "VIS AT2026xyz: /out/20260302T030000_VIS_1X1_1_STARE_OBJ_SLIT1_0_300_0S_SOXS_AT2026xyz.fits" in lines
    assert sum(line.endswith(".fits") for line in lines) == 6, "two targets and a standard in both arms"
    assert "    ! the flat is old" in outcome_lines(night(), verbose=True)


def test_what_was_not_attempted_is_listed_with_its_reason() -> None:
    blocked = [line for line in outcome_lines(night(science="blocked")) if line.startswith("not attempted")]
    assert len(blocked) == 4
    assert blocked[0].endswith("it was told to")


def test_the_counts_name_every_fate_there_is() -> None:
    assert counts_line(night()) == "26 reduced"
    mixed = night(bias="failed", science="blocked", dark="unchanged", flux_standard="lost")
    assert counts_line(mixed) == "16 reduced, 3 were done before, 1 failed, 2 were not finished, 4 not attempted"


def test_sets_that_were_not_reached_are_counted() -> None:
    made = night()
    first = made.plan.tasks[0].name
    assert counts_line(Night(plan=made.plan, outcomes={first: made.outcomes[first]})) == "1 reduced, 25 not reduced yet"


def test_out_of_range_is_counted_among_what_was_made() -> None:
    made = night()
    name = made.plan.tasks[0].name
    bad = replace(made.outcomes[name], metrics=({"name": "RON", "value": 9.0, "flag": "fail", "order": "-1"},))
    assert counts_line(Night(plan=made.plan, outcomes={**made.outcomes, name: bad})) == "26 reduced, 1 out of range"


def test_the_json_tells_the_status_of_every_set() -> None:
    made = night(science="failed")
    answer = json.loads(outcome_json(made))
    assert answer["exit_status"] == made.exit_status == 1
    assert {entry["status"] for entry in answer["tasks"] if entry["kind"] == "science"} == {"failed"}
    assert answer["left_out"] == []
    lacking = json.loads(outcome_json(Night(plan=made.plan)))
    assert {entry["status"] for entry in lacking["tasks"]} == {"reduce"}, "nothing has been done yet"
