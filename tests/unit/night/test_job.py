"""One task in a worker: what it takes, and what becomes of whatever goes wrong."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from soxspipe.night.job import Job, Offer, run_job, take_calibrations
from soxspipe.night.state import Outcome, read_record
from soxspipe.reductions.progress import StepTimer
from soxspipe.reductions.spec import Published
from soxspipe.settings.stare import StareSettings
from support.counts import counts_run
from support.nights import cheap_recipe
from support.runs import make_stare_run, publish_stare


def test_a_file_that_vanishes_after_the_plan(tmp_path: Path) -> None:
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


def test_a_response_that_comes_later_needs_no_new_reduction(tmp_path: Path) -> None:
    reduced: list[str] = []

    def in_counts(verb: str, sof: Path, output: Path, settings: str | None, *, overwrite: bool) -> Published:
        reduced.append(verb)
        return publish_stare(counts_run(None, StareSettings(make_plots=False)), output, StepTimer())

    standard = publish_stare(make_stare_run("NIR", standard=True), tmp_path / "standard", StepTimer())
    response = next(record.path for record in standard.products if record.label == "RESPONSE_FUNC")
    raw = tmp_path / "raw_NIR_0.fits"
    raw.write_bytes(b"x")
    output = tmp_path / "out"
    job = Job(
        name="x", verb="stare", arm="NIR", night="n", sof=str(tmp_path / "x.sof"), output=str(output), raw=((str(raw), "OBJECT_NIR"),)
    )
    counts = run_job(job, [], in_counts)
    later = replace(job, offers=(Offer(category="RESP_TAB", required=False, with_="", sources=(("", str(response)),)),))
    first, again = run_job(later, [], in_counts), run_job(later, [], in_counts)
    assert (reduced, counts.status, first.status, again.status) == (["stare"], "done", "done", "unchanged")
    assert counts.final.endswith("_EXTRACTED_MERGED.fits")
    assert first.final.endswith("_FLUXCAL.fits")
    assert first.metric("SNR MEDIAN") == counts.metric("SNR MEDIAN")
    assert {name for name, _ in counts.files} < {name for name, _ in first.files}
    raw.write_bytes(b"another exposure")
    assert run_job(later, [], in_counts).status == "done"
    assert reduced == ["stare", "stare"]


def test_two_nights_on_one_folder_reduce_a_set_once(tmp_path: Path) -> None:
    raw = tmp_path / "a.fits"
    raw.write_bytes(b"raw")
    job = Job(name="20260301_VIS_BIAS", verb="mbias", arm="VIS", night="2026-03-01", sof=str(tmp_path / "b.sof"),
              output=str(tmp_path / "out"), raw=((str(raw), "BIAS_VIS"),))  # fmt: skip
    calls = []

    def slow(verb: str, sof: Path, output: Path, settings: str | None, *, overwrite: bool) -> Published:
        calls.append(overwrite)
        time.sleep(0.1)
        return cheap_recipe(verb, sof, output, settings, overwrite=overwrite)

    with ThreadPoolExecutor(2) as nights:
        outcomes = list(nights.map(lambda _: run_job(job, [], slow), range(2)))
    assert sorted(outcome.status for outcome in outcomes) == ["done", "unchanged"]
    assert calls == [False]
    assert not list((tmp_path / "out").rglob(".*.lock"))
