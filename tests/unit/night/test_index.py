"""The index: what is read, what is kept, and that losing it loses nothing."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from unittest import mock

import pytest

from soxspipe.errors import MissingInputError
from soxspipe.night import index as index_module
from soxspipe.night.index import INDEX_NAME, find_files, open_index
from support.night_headers import EVENING, run_of, stare, write_headers


@pytest.fixture
def night(tmp_path: Path) -> Path:
    write_headers(tmp_path / "raw", run_of(5, "VIS", EVENING, "BIAS", "IMAGE", exptime=0.0), data_bytes=20_000)
    write_headers(tmp_path / "raw" / "later", stare("VIS", EVENING), data_bytes=20_000)
    return tmp_path


def rows(night: Path) -> tuple[index_module.FrameRow, ...]:
    return open_index(night / "out").rows(night / "raw", night / "out")


def test_every_file_below_the_folder_is_read_once(night: Path) -> None:
    first = rows(night)
    assert [row.dpr_type for row in first] == ["BIAS"] * 5 + ["OBJECT"]
    with mock.patch.object(index_module, "read_header", side_effect=AssertionError):
        assert rows(night) == first


def test_a_changed_file_is_read_again(night: Path) -> None:
    before = rows(night)
    path = Path(before[0].path)
    path.write_bytes(path.read_bytes().replace(b"'BIAS    '", b"'DARK    '"))
    os.utime(path, ns=(1, 2))
    assert [row.dpr_type for row in rows(night)].count("DARK") == 1


def test_a_file_that_is_gone_leaves_the_index(night: Path) -> None:
    Path(rows(night)[0].path).unlink()
    assert len(rows(night)) == 5
    with sqlite3.connect(night / "out" / INDEX_NAME) as base:
        assert base.execute("SELECT COUNT(*) FROM frames").fetchone() == (5,)
    base.close()


@pytest.mark.parametrize("damage", ["delete", "garbage", "other layout"])
def test_losing_the_index_loses_nothing(night: Path, damage: str) -> None:
    first = rows(night)
    file = night / "out" / INDEX_NAME
    if damage == "delete":
        file.unlink()
    elif damage == "garbage":
        file.write_bytes(b"not a database" * 1000)
    else:
        base = sqlite3.connect(file)
        base.execute("PRAGMA user_version = 999")
        base.close()
    assert rows(night) == first


def test_a_folder_that_cannot_be_written_to_only_costs_time(night: Path) -> None:
    blocked = night / "file"
    blocked.touch()
    assert len(open_index(blocked / "out").rows(night / "raw", night / "out")) == 6


def test_products_and_hidden_files_are_no_input(night: Path) -> None:
    write_headers(night / "raw" / "reduced", stare("VIS", EVENING))
    write_headers(night / "raw" / ".hidden", stare("VIS", EVENING))
    (night / "raw" / "notes.txt").write_text("none of ours")
    assert len(find_files(night / "raw", night / "raw")) == 6
    assert len(find_files(night / "raw", night / "out")) == 7


def test_what_cannot_be_read_says_why(night: Path) -> None:
    (night / "raw" / "empty.fits").touch()
    (night / "raw" / "text.fits").write_text("no FITS at all\n" * 300)
    short = write_headers(night / "raw", stare("NIR", EVENING), data_bytes=20_000)[0]
    os.truncate(short, short.stat().st_size - 5000)
    problems = {row.name: row.problem for row in rows(night) if row.problem}
    assert problems["empty.fits"].startswith("is empty; if it is still being written, wait")
    assert problems["text.fits"] == "is not a FITS file"
    assert problems[short.name].startswith("truncated: at least ")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="does not exist"):
        find_files(tmp_path / "none", tmp_path)


def test_checksums_are_kept(night: Path) -> None:
    index = open_index(night / "out")
    index.remember_checksums([("/raw/a.fits", 5, 6, "abc")])
    assert open_index(night / "out").known_checksums() == {"/raw/a.fits": (5, 6, "abc")}
