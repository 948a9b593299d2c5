"""A whole night with a recipe that costs nothing, on workers within this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from soxspipe.datamodel.metric import Metric
from soxspipe.errors import InputError
from soxspipe.night.execute import Engine, SchedulerError, connected, execute
from soxspipe.night.graph import build_graph, order_of_urgency
from soxspipe.night.index import INDEX_NAME
from soxspipe.night.job import Job, Offer, run_job, take_calibrations
from soxspipe.night.progress import Course
from soxspipe.night.rules import SETS
from soxspipe.night.run import Night, Request, plan_folder, reduce_night, write_sofs
from soxspipe.night.run_recipe import takes
from soxspipe.night.state import Outcome, fingerprint, read_record, record_path, write_record
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
    (tmp_path / INDEX_NAME).unlink()
    assert statuses(go(raw, tmp_path)) == {"unchanged": 26}
    assert contents(tmp_path) == before


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


def test_a_file_that_vanishes_after_the_plan(raw: Path, tmp_path: Path) -> None:
    job = Job(
        name="x",
        verb="mbias",
        arm="VIS",
        night="2026-03-01",
        sof=str(tmp_path / "x.sof"),
        output=str(tmp_path),
        raw=((str(tmp_path / "gone.fits"), "BIAS_VIS"),),
    )
    outcome = run_job(job, [], cheap_recipe)
    assert outcome.status == "failed"
    assert "it was there when the night was planned" in outcome.cause
    remembered = read_record(tmp_path, "2026-03-01", "x")
    assert remembered is not None
    assert remembered.cause == outcome.cause


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (MemoryError(), "not enough memory"),
        (OSError(28, "No space left on device", "/out/x"), "/out/x: No space left"),
        (KeyError("a"), "unexpected KeyError"),
    ],
)
def test_whatever_a_recipe_raises_becomes_a_cause(tmp_path: Path, error: Exception, cause: str) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    source = tmp_path / "a.fits"
    source.write_bytes(b"x")
    job = Job(name="x", verb="mbias", arm="VIS", night="n", sof=str(tmp_path / "x.sof"), output=str(tmp_path), raw=((str(source), "T"),))
    outcome = run_job(job, [], broken)  # type: ignore[arg-type]
    assert (outcome.status, cause in outcome.cause) == ("failed", True)


def test_a_set_edited_by_hand_is_reduced_as_it_stands(raw: Path, tmp_path: Path) -> None:
    night = go(raw, tmp_path)
    task = night.plan.tasks[0]
    kept = task.sof.read_text().splitlines()[:3]
    task.sof.write_text("\n".join(kept) + "\n")
    again = go(raw, tmp_path).outcomes[task.name]
    assert again.status == "done"
    assert any("edited by hand" in warning for warning in again.warnings)
    assert go(raw, tmp_path).outcomes[task.name].status == "unchanged"


def test_partners_are_taken_together(tmp_path: Path) -> None:
    for name in ("t1", "i1", "t2", "i2"):
        (tmp_path / name).touch()

    def made(name: str, **paths: str) -> Outcome:
        return Outcome(name=name, verb="spat_solution", made={key: str(tmp_path / path) for key, path in paths.items()})

    offers = (
        Offer(category="DISP_TAB", required=True, with_="", sources=(("A", ""), ("B", ""))),
        Offer(category="DISP_IMAGE", required=False, with_="DISP_TAB", sources=(("A", ""), ("B", ""))),
    )
    job = Job(name="x", verb="stare", arm="VIS", night="n", sof="", output="", raw=(), offers=offers)
    upstream = {"A": made("A", DISP_IMAGE="i1"), "B": made("B", DISP_TAB="t2", DISP_IMAGE="i2")}
    taken, warnings, lacking = take_calibrations(job, upstream)
    assert (Path(taken["DISP_TAB"]).name, Path(taken["DISP_IMAGE"]).name, lacking) == ("t2", "i2", [])
    assert warnings == ["the dispersion solution is of B, since A could not be used"]


def test_the_record_comes_back_as_it_was_even_from_another_place(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    outcome = Outcome(
        name="x", verb="mbias", arm="VIS", night="n", final=str(old / "reduced/a.fits"), made={"MASTER_BIAS": str(old / "reduced/a.fits")},
        inputs={"DARK": "/elsewhere/d.fits"}, files=(("reduced/a.fits", 5),), metrics=({"name": "A", "value": 1.0, "flag": "fail", "order": "-1"},),
    )  # fmt: skip
    write_record(old, outcome)
    assert read_record(old, "n", "x") == outcome
    old.rename(new)
    moved = read_record(new, "n", "x")
    assert moved is not None
    assert (moved.final, moved.inputs["DARK"]) == (str(new / "reduced/a.fits"), "/elsewhere/d.fits")
    assert (moved.out_of_range, moved.metric("A"), moved.metric("B")) == (("A",), 1.0, None)


def test_the_fingerprint_knows_content_settings_and_recipe_but_not_order() -> None:
    one, two = ("T", "a.fits", "1"), ("T", "b.fits", "2")
    assert fingerprint("v", [one, two], "") == fingerprint("v", [two, one], "")
    others = {fingerprint("v", [one], ""), fingerprint("w", [one], ""), fingerprint("v", [two], ""), fingerprint("v", [one], "s")}
    assert len(others) == 4


def test_the_longest_chain_is_most_urgent() -> None:
    nodes = build_graph(planned(whole_night()))
    urgency = order_of_urgency(nodes)
    places = {node.job.name: place for place, node in enumerate(nodes)}
    assert all(
        places[earlier] < places[node.job.name] and urgency[earlier] > urgency[node.job.name] for node in nodes for earlier in node.after
    )
    assert urgency["20260301T180000_VIS_1X1_1_MBIAS_SOXS"] >= 6  # arc, pinhole flat, flat, multi-pinhole arc, standard, science


def test_time_left_is_the_work_left_over_the_workers() -> None:
    nodes = build_graph(planned(whole_night()))
    course = Course(workers=2)
    course.plan(nodes)
    assert course.standing().left_s is None
    course.count(Outcome(name="x", verb="mdark", seconds=4.0))
    standing = course.standing()
    assert (standing.done, standing.total, standing.by_verb["mdark"]) == (1, 26, (1, 3))
    assert standing.left_s == pytest.approx(25 * 4.0 / 2)


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


def test_no_scheduler_at_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soxspipe.night.execute.CONNECT_S", 0.3)
    with pytest.raises(SchedulerError, match="no Dask scheduler answers"), connected(Engine(scheduler="tcp://127.0.0.1:9")):
        pass


@pytest.fixture
def client() -> Iterator[object]:
    with connected(Engine(processes=False, workers=1)) as found:
        yield found


def test_jobs_of_a_job_that_was_given_up_are_told(client: object, tmp_path: Path) -> None:
    nodes = build_graph(planned(whole_night()))[:1]
    outcomes = execute(client, nodes, {}, cheap_recipe, lambda _: True)  # type: ignore[arg-type]
    assert [outcome.status for outcome in outcomes.values()] == ["failed"]


def test_what_recipes_take_comes_from_their_tables_of_inputs() -> None:
    for rule in SETS:
        for arm in ("VIS", "NIR"):
            taken = takes(rule.verb, arm)
            if taken is not None:
                ours = {need.category for need in rule.needs}
                required = {category for category, needed in taken.calibrations.items() if needed}
                assert required <= ours, f"{rule.verb}: the rules choose nothing for {required - ours}"
    stare = takes("stare", "VIS")
    assert stare is not None
    assert stare.calibrations["MASTER_BIAS"]
    assert not stare.calibrations["RESP_TAB"]
    assert takes("nod", "VIS") is None
