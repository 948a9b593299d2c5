"""The commands for whole nights, on nights of headers alone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from soxspipe.cli.app import run
from support.night_headers import EVENING, run_of, stare, whole_night, write_headers

NOD = run_of(
    2, "VIS", EVENING + timedelta(hours=10), "OBJECT", "ECHELLE,SLIT,NODDING", exptime=300.0, slit="SLIT1.0", cards={"ESO OBS ID": 5}
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_headers(tmp_path / "raw", whole_night() + NOD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_plan_is_printed_and_its_sets_of_files_written(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["night", "raw", "-o", "out", "--plan"]) == 0
    said = capsys.readouterr().out
    assert "Night 2026-03-01" in said
    assert "not reduced: nod" in said
    sofs = {path.stem for path in (place / "out" / "sof").glob("*.sof")}
    assert "20260301T180000_VIS_1X1_1_MBIAS_SOXS" in sofs
    assert any("NOD_OBJ" in name for name in sofs)
    assert sorted(path.name for path in place.iterdir()) == ["out", "raw"], "nothing of the user's is moved"


def test_the_plan_as_json_and_prep_say_the_same(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["night", "raw", "-o", "out", "--plan", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert len(answer["tasks"]) == 27
    assert run(["prep", "raw", "-o", "out", "--refresh"]) == 0
    assert "27 sets-of-files" in capsys.readouterr().out


def test_lists_and_raw_frames(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "sof", "raw", "-o", "out"]) == 0
    assert "20260302T020000_VIS_1X1_1_STARE_OBJ_SLIT1_0_300_0S_SOXS_SN2026abc" in capsys.readouterr().out
    assert run(["list", "ob", "raw", "-o", "out"]) == 0
    assert "4001" in capsys.readouterr().out
    assert run(["raw", "sof", "20260301T180000_VIS_1X1_1_MBIAS_SOXS", "raw", "-o", "out"]) == 0
    assert len(list((place / "out" / "exported").glob("*.fits"))) == 5


def test_exported_frames_are_not_searched_again_and_keep_apart_where_names_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, entry in enumerate(run_of(2, "VIS", EVENING, "BIAS", "IMAGE", exptime=0.0)):
        write_headers(tmp_path / "raw" / str(number), [replace(entry, name="frame.fits")])
    monkeypatch.chdir(tmp_path)
    assert run(["raw", "sof", "20260301T180000_VIS_1X1_1_MBIAS_SOXS"]) == 0
    copies = sorted(path.relative_to(tmp_path).as_posix() for path in (tmp_path / "exported").rglob("*.fits"))
    assert copies == ["exported/raw/0/frame.fits", "exported/raw/1/frame.fits"]
    capsys.readouterr()
    assert run(["prep"]) == 0
    assert "2 exposures in 1 sets, 1 to reduce, 0 files take no part" in capsys.readouterr().out


def test_an_exposure_that_came_late_but_was_taken_first_gives_its_set_a_new_name_which_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for hours in (8, 7):
        write_headers(tmp_path / "raw", stare("VIS", EVENING + timedelta(hours=hours)))
        assert run(["prep", "raw"]) == 0
        assert ("is of an earlier plan" in capsys.readouterr().out) is (hours == 7)
    assert run(["prep", "raw", "-o", "elsewhere"]) == 0
    assert "is of an earlier plan" not in capsys.readouterr().out


@pytest.mark.parametrize(("what", "status"), [("start", 2), ("stop", 0), ("status", 0)])
def test_watch_says_how_it_is_done_here(what: str, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["watch", what]) == status
    assert "soxspipe night FOLDER --watch" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["night", "nowhere"], "does not exist"),
        (["night", "raw", "-o", "out", "--only", "SN1987A"], "answers to SN1987A"),
        (["night", "raw", "-o", "out", "--plan", "--only", "VIS", "--only", "SN1987A"], "answers to SN1987A:"),
        (["night", "raw", "-o", "out", "--workers", "0"], ""),
        (["watch", "never"], ""),
    ],
)
def test_wrong_usage_is_status_2(place: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert words in capsys.readouterr().err


def test_a_night_without_calibrations_fails_nothing_and_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_headers(tmp_path / "raw", stare("VIS", EVENING))
    assert run(["night", str(tmp_path / "raw"), "-o", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "not attempted" in said
    assert "no master bias: no bias was observed" in said
    assert "no bias was observed" in (tmp_path / "out" / "night_2026-03-01.html").read_text()
