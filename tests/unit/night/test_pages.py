"""Plan and outcomes as the content of the night's page."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from soxspipe.night.pages import page_content, write_pages
from soxspipe.night.run import Night
from soxspipe.night.state import Outcome
from support.night_headers import EVENING, run_of, stare, whole_night
from support.nights import planned

DATE = "2026-03-01"


def metric(name: str, value: float) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": "", "order": "-1", "low": None, "high": None, "flag": "pass"}


def night(frames: list[Any] | None = None) -> Night:
    plan = planned(whole_night() if frames is None else frames)
    outcomes = {
        task.name: Outcome(
            name=task.name, verb=task.verb, arm=task.frames.arm, level="check", worries=("Sky lines change along the slit.",),
            warnings=("sky lines change along the slit", "the master flat is old"),
            metrics=tuple(metric(name, 1.0 + 0.1 * place) for name in ("MDARK MEDIAN", "ORDEXP50", "SNR MEDIAN", "SEEING FWHM")),
        )
        for place, task in enumerate(plan.tasks)
    }  # fmt: skip
    return Night(plan=plan, outcomes=outcomes)


def test_every_target_and_calibration_has_its_row() -> None:
    content = page_content(night(), DATE)
    assert [(entry.target, entry.arm) for entry in content.targets][:2] == [("LTT3218", "NIR"), ("LTT3218", "VIS")]
    assert (len(content.targets), len(content.standards), len(content.calibrations)) == (6, 2, 20)
    assert content.counts == "26 reduced"
    assert content.missing == ()


def test_a_warning_that_is_a_worry_as_well_is_said_once() -> None:
    assert page_content(night(), DATE).targets[0].remarks == ("Sky lines change along the slit.", "the master flat is old")


def test_darks_of_other_times_and_flats_of_other_slits_are_no_series() -> None:
    content = page_content(night(), DATE)
    assert content.trends == (), "each was taken once"
    twice = [*whole_night(), *run_of(5, "NIR", EVENING + timedelta(hours=5), "DARK", "IMAGE", exptime=20.0)]
    (trend,) = page_content(night(twice), DATE).trends
    assert (trend.title, len(trend.values)) == ("MDARK MEDIAN, dark 20 s, NIR", 2)
    assert {entry.kind for entry in content.calibrations if "flat" in entry.kind} == {
        "pinhole flat",
        "slit flat SLIT1.0",
        "slit flat SLIT5.0",
    }


def test_what_is_missing_says_why() -> None:
    made = night([*whole_night(), *stare("VIS", EVENING, cards={"ESO SEQ ARM": "--"})])
    name = made.plan.tasks[0].name
    outcomes = {**made.outcomes, name: replace(made.outcomes[name], status="failed", cause="the frames are dark")}
    missing = page_content(Night(plan=made.plan, outcomes=outcomes), DATE).missing
    assert [(entry.what, entry.why) for entry in missing] == [(name, "failed: the frames are dark"), ("1 file", "an acquisition image")]


def test_each_night_has_a_page_that_links_to_its_neighbours(tmp_path: Path) -> None:
    made = night(whole_night() + whole_night(EVENING + timedelta(days=1)))
    made = Night(plan=replace(made.plan, output=tmp_path), outcomes=made.outcomes)
    pages = write_pages(made)
    assert [page.name for page in pages] == ["night_2026-03-01.html", "night_2026-03-02.html"]
    assert "night_2026-03-02.html" in pages[0].read_text()
