"""A set of files replaces an older one whole, or not at all, whichever rename fails or whenever the run is killed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from soxspipe.errors import ProductError
from soxspipe.io import atomic
from soxspipe.io.atomic import Staged, discard, remove_unfinished, stage
from soxspipe.io.commit_set import commit_set, recover

OLD = {"last": b"old last", "a": b"old a", "b": b"old b", "outdated": b"old o"}
NEW = {"last": b"new last", "a": b"new a", "b": b"new b", "c": b"new c"}
N_RENAMES = 1 + len(OLD) + len(NEW)
"""The journal, every old file out of the way, every new one to its place."""


class Stopped(BaseException):
    """The run is killed: nothing after this is done."""


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def prepared(folder: Path) -> list[Staged]:
    for name, content in OLD.items():
        (folder / name).write_bytes(content)
    return [stage(folder / name, [content], owner="me") for name, content in NEW.items()]


def replace(folder: Path, staged: list[Staged]) -> None:
    try:
        commit_set(staged, [folder / "outdated"], last=folder / "last", owner="me")
    except ProductError:
        discard(staged)
        raise


def test_the_new_set_alone_is_there(tmp_path: Path) -> None:
    replace(tmp_path, prepared(tmp_path))
    assert contents(tmp_path) == NEW


@pytest.mark.parametrize("number", range(N_RENAMES))
def test_a_rename_that_fails_leaves_the_old_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    staged, calls, rename = prepared(tmp_path), iter(range(1000)), os.replace

    def failing(source: Path, target: Path) -> None:
        if next(calls) == number:
            raise OSError(1, "Operation not permitted")
        rename(source, target)

    monkeypatch.setattr(atomic.os, "replace", failing)
    with pytest.raises(ProductError, match="Operation not permitted"):
        replace(tmp_path, staged)
    assert contents(tmp_path) == OLD
    assert next(calls) > number


def kill_after(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let so many files be renamed or deleted, and none after them."""
    calls, rename, unlink = iter(range(1000)), os.replace, os.unlink

    def killed(source: Path, target: Path) -> None:
        if next(calls) >= number:
            raise Stopped
        rename(source, target)

    def not_any_more(path: Path, **_options: object) -> None:
        if next(calls) >= number:
            raise Stopped
        unlink(path)

    monkeypatch.setattr(atomic.os, "replace", killed)
    monkeypatch.setattr(atomic.os, "unlink", not_any_more)


@pytest.mark.parametrize("number", range(N_RENAMES + 1))
def test_a_run_that_is_killed_at_a_rename_is_undone_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    staged = prepared(tmp_path)
    kill_after(monkeypatch, number)
    with pytest.raises(Stopped):
        replace(tmp_path, staged)
    monkeypatch.undo()
    if (tmp_path / "last").exists():
        whole = OLD if (tmp_path / "last").read_bytes() == OLD["last"] else NEW
        assert whole.items() <= contents(tmp_path).items()  # what says that the set is complete stands beside a complete set
    recover(tmp_path, "me")
    remove_unfinished(tmp_path, "me")
    assert contents(tmp_path) == OLD


def test_a_killed_run_is_undone_where_a_folder_is_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "out" / "qc").mkdir(parents=True)
    reduced = tmp_path / "out" / "reduced"
    reduced.symlink_to(tmp_path / "far" / "away")
    places = (tmp_path / "out" / "qc" / "a", reduced / "last")
    for place in places:
        place.write_bytes(b"old")
    staged = [stage(place, [b"new"], owner="me") for place in places]
    kill_after(monkeypatch, 3)  # the journal is there, both old files are out of the way
    with pytest.raises(Stopped):
        commit_set(staged, [], last=reduced / "last", owner="me")
    monkeypatch.undo()
    recover(reduced, "me")
    assert [place.read_bytes() for place in places] == [b"old", b"old"]


def test_a_folder_in_the_place_of_a_product_is_seen_before_anything_moves(tmp_path: Path) -> None:
    staged = prepared(tmp_path)
    (tmp_path / "c").mkdir()
    with pytest.raises(ProductError, match="a folder is in its place"):
        replace(tmp_path, staged)
    (tmp_path / "c").rmdir()
    assert contents(tmp_path) == OLD


@pytest.mark.parametrize("journal", [b"", b"[1]", b'{"a": 1}', b"\xff", b"[[1, 2]]"])
def test_a_journal_that_is_none_does_nothing(tmp_path: Path, journal: bytes) -> None:
    (tmp_path / ".unfinished-me~journal").write_bytes(journal)
    (tmp_path / "a").write_bytes(b"a")
    recover(tmp_path, "me")
    assert (tmp_path / "a").read_bytes() == b"a"
