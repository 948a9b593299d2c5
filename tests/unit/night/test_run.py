"""A whole night with a recipe that costs nothing, on workers within this process."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from soxspipe.datamodel.metric import Metric
from soxspipe.errors import InputError
from soxspipe.night.index import INDEX_NAME, open_index
from soxspipe.night.run import Night, Request, plan_folder, reduce_night, write_sofs
from soxspipe.night.state import Outcome, record_path
from support.night_headers import whole_night, write_headers
from support.nights import FAIL, cheap_recipe, every_recipe, planned


class Counted:
    """A listener that counts."""

    def __init__(self) -> None:
        self.heard: list[Outcome] = []

    def begin(self, standing: object) -> None: ...

    def done(self, outcome: Outcome, standing: object) -> None:
        self.heard.append(outcome)

    def end(self) -> None: ...


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("night") / "raw"
    write_headers(folder, whole_night())
    return folder


def go(raw: Path, output: Path, listener: Counted | None = None, **more: object) -> Night:
    request = Request(folder=raw, output=output, processes=False, **more)  # type: ignore[arg-type]
    plan = plan_folder(request, takes=every_recipe)
    write_sofs(plan)
    return reduce_night(request, plan, recipe=cheap_recipe, listener=listener)


def statuses(night: Night) -> dict[str, int]:
    return dict(Counter(outcome.status for outcome in night.outcomes.values()))


def contents(output: Path) -> dict[str, bytes]:
    return {str(path.relative_to(output)): path.read_bytes() for path in sorted((output / "reduced").rglob("*.fits"))}


def test_a_night_is_reduced_and_then_there_is_nothing_to_do(raw: Path, tmp_path: Path) -> None:
    heard = Counted()
    night = go(raw, tmp_path, heard)
    assert (statuses(night), len(heard.heard)) == ({"done": 26}, 26)
    assert night.exit_status == 3, "the standard's SNR is out of range"
    before = contents(tmp_path)
    assert len(before) == 41  # one of each set, but two of a dark and of a multi-pinhole arc and three of a flat
    assert statuses(go(raw, tmp_path)) == {"unchanged": 26}
    checksums = open_index(tmp_path).known_checksums()
    (tmp_path / INDEX_NAME).unlink()
    assert statuses(go(raw, tmp_path)) == {"unchanged": 26}
    assert open_index(tmp_path).known_checksums() == checksums, "files are read once after the index was deleted, not in every run"
    assert contents(tmp_path) == before


def test_a_number_of_reductions_may_be_asked_for_and_the_next_run_goes_on(raw: Path, tmp_path: Path) -> None:
    first = go(raw, tmp_path, most=4)
    assert ([*statuses(first)], len(first.outcomes), len(first.left)) == (["done"], 4, 22)
    assert {*first.outcomes} == {task.name for task in first.plan.tasks[:4]}, "the first of the recipes"
    assert first.exit_status == 0
    assert statuses(go(raw, tmp_path, most=2)) == {"unchanged": 4, "done": 2}
    assert statuses(go(raw, tmp_path)) == {"unchanged": 6, "done": 20}


def test_a_failure_costs_only_what_needs_it_and_the_next_best_is_taken(raw: Path, tmp_path: Path) -> None:
    (tmp_path / FAIL).write_text("NIR_3_SSOL VIS_1X1_1_MBIAS 300_0S_SOXS_AT2026xyz")
    night = go(raw, tmp_path)
    fate = {name: outcome.status for name, outcome in night.outcomes.items()}
    assert {fate[name] for name in fate if "NIR" in name and "AT2026" not in name and "SSOL" not in name} == {"done"}
    assert {fate[name] for name in fate if "VIS" in name and "MBIAS" not in name} == {"blocked"}
    star = next(outcome for outcome in night.outcomes.values() if outcome.arm == "NIR" and "SN2026abc" in outcome.name)
    assert "DSOL" in star.inputs["DISP_TAB"]
    assert any(warning.startswith("the dispersion solution is of") for warning in star.warnings)
    blocked = next(outcome for outcome in night.outcomes.values() if outcome.arm == "VIS" and "SN2026abc" in outcome.name)
    assert "no master bias: its reduction failed (20260301T180000_VIS_1X1_1_MBIAS_SOXS.sof was told to fail)" in blocked.cause
    assert night.exit_status == 1
    (tmp_path / FAIL).unlink()
    again = go(raw, tmp_path)
    assert {outcome.status for outcome in again.outcomes.values()} <= {"done", "unchanged"}
    other = tmp_path / "other"
    go(raw, other)
    assert contents(other) == contents(tmp_path), "the same as if nothing had failed"


def test_what_has_changed_is_made_again_and_nothing_else(raw: Path, tmp_path: Path) -> None:
    go(raw, tmp_path)
    product = next((tmp_path / "reduced" / "stare").glob("*VIS*AT2026*"))
    product.unlink()
    night = go(raw, tmp_path)
    assert [outcome.name for outcome in night.with_status("done")] == [product.name.removesuffix("_SCI_SLIT_FLUX.fits")]


def test_a_standard_that_comes_later_calibrates_what_is_there(tmp_path: Path) -> None:
    folder, frames = tmp_path / "raw", whole_night()
    write_headers(folder, [frame for frame in frames if frame.cards["OBJECT"] != "LTT3218"])
    before = go(folder, tmp_path / "out")
    assert not any("RESP_TAB" in outcome.inputs for outcome in before.outcomes.values())
    write_headers(folder, [frame for frame in frames if frame.cards["OBJECT"] == "LTT3218"])
    after = go(folder, tmp_path / "out")
    assert Counter(outcome.verb for outcome in after.with_status("done")) == {"stare": 4, "stare_std": 2}
    assert all("RESP_TAB" in outcome.inputs for outcome in after.outcomes.values() if outcome.verb == "stare")
    write_headers(tmp_path / "at_once", frames)
    go(tmp_path / "at_once", tmp_path / "other")
    assert contents(tmp_path / "out") == contents(tmp_path / "other"), "the same as if it had been there from the beginning"


def test_products_without_a_record_are_made_again(raw: Path, tmp_path: Path) -> None:
    night = go(raw, tmp_path)
    task = night.plan.tasks[0]
    record_path(tmp_path, task.frames.night, task.name).unlink()
    assert [outcome.name for outcome in go(raw, tmp_path).with_status("done")] == [task.name]


def test_stop_stops(raw: Path, tmp_path: Path) -> None:
    (tmp_path / FAIL).write_text("MDARK")
    night = go(raw, tmp_path, stop=True, workers=1)
    assert night.with_status("lost")
    assert night.exit_status == 1


def test_a_set_edited_by_hand_is_reduced_as_it_stands(raw: Path, tmp_path: Path) -> None:
    night = go(raw, tmp_path)
    task = night.plan.tasks[0]
    kept = task.sof.read_text().splitlines()[:3]
    task.sof.write_text("\n".join(kept) + "\n")
    again = go(raw, tmp_path).outcomes[task.name]
    assert again.status == "done"
    assert any("edited by hand" in warning for warning in again.warnings)
    assert go(raw, tmp_path).outcomes[task.name].status == "unchanged"


def test_only_calibrations_and_standards_decide_on_status_3() -> None:
    plan = planned(whole_night())
    bad = ({"name": "SNR", "value": 1.0, "flag": "fail", "order": "-1"},)

    def status(kind: str) -> int:
        outcomes = {
            task.name: Outcome(name=task.name, verb=task.verb, metrics=bad if task.frames.rule.kind == kind else ()) for task in plan.tasks
        }
        return Night(plan=plan, outcomes=outcomes).exit_status

    assert (status("science"), status("flux standard"), status("bias")) == (0, 3, 3)
    assert Metric(name="SNR", value=1.0, low=2.0).flag == "fail"


def test_an_empty_folder_and_an_unknown_name(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no FITS file"):
        plan_folder(Request(folder=tmp_path / "empty", output=tmp_path))
    with pytest.raises(InputError, match="answers to SN1987A"):
        plan_folder(Request(folder=raw, output=tmp_path, only=("SN1987A",)))
