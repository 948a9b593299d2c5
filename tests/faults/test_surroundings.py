"""What surrounds a run may be odd: streams closed or full, pipes for files, signals, folders that cannot be written to, no threads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from faults.process import DATE, end, leftovers, obey_permissions, products, run, start
from soxspipe.cli.app import run as command
from support.small import ENVIRONMENT, Kit, small_detectors


@pytest.fixture(scope="module")
def kit(small_kit) -> Kit:
    return small_kit()


@pytest.fixture(scope="module")
def usual(kit, tmp_path_factory) -> set[str]:
    """Names of what a run in ordinary surroundings makes; in this process, whose surroundings they are."""
    place = tmp_path_factory.mktemp("usual")
    (place / "quiet.yaml").write_text("make_plots: false\n")
    with small_detectors():
        assert command(["stare", str(kit.sof), "-o", str(place / "out"), "-s", str(place / "quiet.yaml")]) == 0
    return set(products(place))


def run_with_streams(kit: Kit, place: Path, redirection: str) -> subprocess.CompletedProcess[str]:
    """The command with its streams redirected by a shell."""
    (place / "tmp").mkdir()
    quiet = place / "quiet.yaml"
    quiet.write_text("make_plots: false\n")
    command = f'"$0" -m support.small_process stare "$1" -o out -s "$2" {redirection}'
    environment = {**ENVIRONMENT, **DATE, "HOME": str(place), "TMPDIR": str(place / "tmp")}
    words = ["bash", "-o", "pipefail", "-c", command, sys.executable, str(kit.sof), str(quiet)]
    return subprocess.run(words, cwd=place, env=environment, capture_output=True, text=True, timeout=120, check=False)


STREAMS = {
    "standard error full": ("2>/dev/full", "standard error cannot be written to"),
    "standard output full": (">/dev/full", "standard output cannot be written to"),
    "both closed": (">&- 2>&-", ""),
    "all closed": ("<&- >&- 2>&-", ""),
    "the reader of both is gone": ("2>&1 | true", ""),
    "both full": (">/dev/full 2>&1", ""),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] if place else []) for place, name in enumerate(STREAMS)])
def test_streams_that_cannot_be_written_to_cost_no_product(name, kit, tmp_path, usual):
    redirection, says = STREAMS[name]
    ended = run_with_streams(kit, tmp_path, redirection)
    assert ended.returncode == 0, ended.stderr
    assert products(tmp_path).keys() == usual
    assert leftovers(tmp_path) == []
    assert "Traceback" not in ended.stderr
    assert (ended.stdout + ended.stderr).count("cannot be written to") == bool(says)
    assert says in ended.stdout + ended.stderr


@pytest.mark.slow
def test_a_parent_that_ignores_the_end_of_children_changes_nothing(kit, tmp_path, usual):
    ended = end(start(kit, tmp_path, before=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN) and None))
    assert ended.status == 0, ended.err
    assert products(tmp_path).keys() == usual


def test_a_pipe_as_settings_is_refused_at_once(kit, tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    ended = end(start(kit, tmp_path, "-s", str(tmp_path / "pipe.yaml")), timeout=30)
    assert ended.status == 2
    assert "not a regular file" in ended.message


def test_no_folder_for_temporary_files_and_help_is_shown(tmp_path):
    nowhere = """
import tempfile
def none():
    raise FileNotFoundError(2, "No usable temporary directory found")
tempfile.gettempdir = none
import sys
sys.argv = ["soxspipe", "--help"]
from soxspipe.cli import main
main()
"""
    ended = subprocess.run([sys.executable, "-c", nowhere], env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "Usage" in ended.stdout


def test_an_interrupt_while_modules_are_loaded_is_130(tmp_path):
    early = """
import sys
class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == "soxspipe.cli.app":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupts())
from soxspipe.cli import main
main()
"""
    ended = subprocess.run([sys.executable, "-c", early], env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 130
    assert ended.stderr == "soxspipe: interrupted\n"


def a_file(place: Path) -> None:
    place.write_text("figures of last year")


def a_dead_link(place: Path) -> None:
    place.symlink_to(place.parent / "gone")


def a_link_to_a_file(place: Path) -> None:
    a_file(place.parent / "notes")
    place.symlink_to(place.parent / "notes")


@pytest.mark.parametrize("folder", ["qc", "reduced"])
@pytest.mark.parametrize("make", [a_file, a_dead_link, a_link_to_a_file, os.mkfifo])
def test_what_is_no_folder_is_found_before_the_reduction(folder, make, kit, small, tmp_path, capsys):
    make(tmp_path / folder)
    assert command(["stare", str(kit.sof), "-o", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert f"{tmp_path / folder} is not a folder" in said
    assert "clip_and_stack" not in said
    assert not list(tmp_path.rglob("*.fits"))


@pytest.mark.parametrize("folder", ["qc", "reduced"])
def test_a_link_to_another_folder_is_a_folder(folder, kit, small, tmp_path):
    settings = tmp_path / "quiet.yaml"
    settings.write_text("make_plots: false\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / folder).symlink_to(tmp_path / "elsewhere")
    for _ in range(2):  # the second time the old set is moved aside
        assert command(["stare", str(kit.sof), "-x", "-o", str(tmp_path / "out"), "-s", str(settings)]) == 0
    other = "reduced" if folder == "qc" else "qc"
    assert list((tmp_path / "elsewhere").rglob("*_QC.json" if folder == "qc" else "*_EXTRACTED_MERGED.fits"))
    assert [path.name for path in (tmp_path / "out").iterdir() if not path.is_symlink()] == [other]
    assert not list(tmp_path.rglob(".*"))


def a_folder(place: Path) -> None:
    place.mkdir(parents=True)


def a_pipe(place: Path) -> None:
    place.parent.mkdir(parents=True)
    os.mkfifo(place)


@pytest.mark.parametrize("make", [a_folder, a_pipe])
@pytest.mark.parametrize("name", ["reduced/{}_SKYSUB.fits", "reduced/{}_EXTRACTED_MERGED.fits", "qc/{}_OBJECT_TRACE_residuals_44.pdf"])
def test_what_no_product_can_replace_is_found_before_the_reduction(name, make, kit, small, tmp_path, capsys):
    folder, _, ending = name.partition("/")
    place = tmp_path / folder / "2025-03-01" / "soxs-stare" / ending.format(kit.sof.stem)
    make(place)
    assert command(["stare", "-x", str(kit.sof), "-o", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert f"cannot write {place}" in said
    assert "is in its place" in said
    assert "clip_and_stack" not in said
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == ([] if make is a_folder else [place])


def test_a_qc_folder_that_cannot_be_written_to_is_found_before_the_reduction(kit, tmp_path):
    (tmp_path / "out" / "qc").mkdir(parents=True)
    (tmp_path / "out" / "qc").chmod(0o555)
    ended = run(kit, tmp_path, before=obey_permissions)
    assert ended.status == 1
    assert "qc" in ended.message
    assert "clip_and_stack" not in ended.err
    assert products(tmp_path) == {}


def test_work_is_done_where_no_thread_can_be_started(monkeypatch):
    from soxspipe.numerics.threads import Workers

    def refused(_self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    workers = Workers(max_workers=2)
    assert workers.submit(sum, [1, 2]).result() == 3
    with pytest.raises(ZeroDivisionError):
        workers.submit(lambda: 1 // 0).result()
    workers.shutdown(wait=False)
