"""Odd surroundings: no home, odd languages, no terminal, few threads; and nothing is written where nothing belongs."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from faults.process import DATE, leftovers, products, run
from support.small import ENVIRONMENT


@pytest.fixture(scope="module")
def usual(small_kit, tmp_path_factory):
    place = tmp_path_factory.mktemp("usual")
    assert run(small_kit(), place).status == 0
    return products(place)


SURROUNDINGS = {
    "no home": {"HOME": None},
    "a home that is not there": {"HOME": "/nowhere/at/all"},
    "an empty home": {"HOME": ""},
    "the language C": {"LC_ALL": "C", "LANG": "C"},
    "the language POSIX without UTF-8": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "a language that is none": {"LC_ALL": "xx_YY.KLINGON"},
    "a comma for a point": {"LC_ALL": "de_DE.UTF-8"},
    "Turkish": {"LC_ALL": "tr_TR.UTF-8"},
    "output in ASCII": {"PYTHONIOENCODING": "ascii"},
    "a terminal that is dumb": {"TERM": "dumb"},
    "no terminal type": {"TERM": None},
    "a zone that is none": {"TZ": "Nowhere/Else"},
    "four threads": {"OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4"},
    "threads that are no number": {"OMP_NUM_THREADS": "many"},
    "optimised Python": {"PYTHONOPTIMIZE": "2"},
    "another hash seed": {"PYTHONHASHSEED": "4242"},
    "a figure library that wants a window": {"MPLBACKEND": "TkAgg", "DISPLAY": ":99"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SURROUNDINGS)
def test_surroundings_change_nothing(name, small_kit, tmp_path, usual):
    ended = run(small_kit(), tmp_path, environment=SURROUNDINGS[name])
    assert ended.status == 0, ended.err
    assert "Traceback" not in ended.err
    assert products(tmp_path) == usual
    assert leftovers(tmp_path) == []


@pytest.mark.slow
def test_plots_without_home_terminal_or_window(small_kit, tmp_path):
    kit = small_kit().copy(tmp_path / "set")
    (kit.folder / "quiet.yaml").write_text("make_plots: true\n")
    places = [tmp_path / "first", tmp_path / "second"]
    for place, surroundings in zip(places, ({}, {"HOME": None, "MPLBACKEND": "TkAgg", "TERM": None, "LC_ALL": "C"}), strict=True):
        place.mkdir()
        ended = run(kit, place, environment=surroundings)
        assert ended.status == 0, ended.err
        assert leftovers(place) == []
    first, second = map(products, places)
    assert first == second
    assert sum(name.endswith(".pdf") for name in first) >= 5


@pytest.mark.slow
def test_two_runs_are_identical_and_nothing_is_written_elsewhere(small_kit, tmp_path, usual):
    kit = small_kit().copy(tmp_path / "set")
    inputs = {path: path.stat().st_mtime_ns for path in kit.folder.rglob("*")}
    assert run(kit, tmp_path).status == 0
    found = products(tmp_path)
    assert {name for name in found if found[name] != usual[name]} <= {name for name in found if name.endswith((".log", ".yaml"))}
    assert {path.name for path in tmp_path.iterdir()} == {"set", "out", "tmp"}
    inputs_after = {path: path.stat().st_mtime_ns for path in kit.folder.rglob("*") if path.name != "quiet.yaml"}
    assert inputs_after == {path: time for path, time in inputs.items() if path.name != "quiet.yaml"}


@pytest.mark.slow
def test_closed_output_is_no_disaster(small_kit, tmp_path):
    """As with ``| head``: the reader is gone before the tables are printed."""
    kit = small_kit().copy(tmp_path / "set")
    words = [sys.executable, "-m", "support.small_process", "stare", str(kit.sof), "-o", str(tmp_path / "out"), "-s", str(_quiet(tmp_path))]
    process = subprocess.Popen(words, env={**ENVIRONMENT, **DATE}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) in (0, 1)
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    assert list((tmp_path / "out").rglob("*_EXTRACTED_MERGED.fits"))


@pytest.mark.slow
def test_a_terminal_gets_colour_and_the_same_products(small_kit, tmp_path, usual):
    kit = small_kit()
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "support.small_process", "stare", str(kit.sof), "-o", "out", "-s", str(kit.folder / "quiet.yaml")]
    (tmp_path / "tmp").mkdir()
    process = subprocess.Popen(
        words, cwd=tmp_path, env={**ENVIRONMENT, **DATE, "TERM": "xterm"}, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            more = os.read(ours, 65536)
        except OSError:
            break
        if not more:
            break
        said += more
    os.close(ours)
    assert process.wait(timeout=60) == 0
    assert b"\x1b[" in said
    assert {name: content for name, content in products(tmp_path).items() if not name.endswith(".log")} == {
        name: content for name, content in usual.items() if not name.endswith(".log")
    }


def _quiet(folder: Path) -> Path:
    path = folder / "quiet.yaml"
    path.write_text(yaml.safe_dump({"make_plots": False}))
    return path
