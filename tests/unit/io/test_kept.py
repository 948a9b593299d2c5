"""What was read of a file is kept as long as the file is the same."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from soxspipe.io.kept import OPEN_FILE_BYTES, YOUNG_S, Kept, size_of
from soxspipe.io.stored import store


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    """A file that was not written just now."""
    path = tmp_path / "master.fits"
    path.write_bytes(b"first")
    return path


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock, ahead of all files."""
    now = time.time() + 10 * YOUNG_S
    monkeypatch.setattr(time, "time", lambda: now)


def reader(path: Path) -> tuple[Callable[[], bytes], list[bytes]]:
    calls: list[bytes] = []

    def read() -> bytes:
        calls.append(path.read_bytes())
        return calls[-1]

    return read, calls


@pytest.mark.usefixtures("later")
def test_a_file_is_read_once(old_file: Path) -> None:
    kept, (read, calls) = Kept(1000), reader(old_file)
    assert [kept.get([old_file], "as bytes", read) for _ in range(3)] == [b"first"] * 3
    assert len(calls) == 1
    kept.get([old_file], "in another way", read)
    kept.forget()
    kept.get([old_file], "as bytes", read)
    assert len(calls) == 3


@pytest.mark.usefixtures("later")
def test_a_file_that_was_replaced_is_read_again(old_file: Path, tmp_path: Path) -> None:
    kept, (read, _) = Kept(1000), reader(old_file)
    kept.get([old_file], "", read)
    seen = old_file.stat()
    other = tmp_path / "other"
    other.write_bytes(b"again")  # of the same size
    os.utime(other, ns=(seen.st_atime_ns, seen.st_mtime_ns))  # and time
    other.replace(old_file)
    assert kept.get([old_file], "", read) == b"again"


@pytest.mark.usefixtures("later")
def test_a_file_that_is_replaced_while_it_is_read_is_not_kept(old_file: Path) -> None:
    kept, (read, calls) = Kept(1000), reader(old_file)

    def slow() -> bytes:
        content = read()
        old_file.write_bytes(b"longer than before")
        return content

    assert kept.get([old_file], "", slow) == b"first"
    assert kept.get([old_file], "", read) == b"longer than before"
    assert len(calls) == 2


def test_a_file_changed_just_now_is_read_each_time(old_file: Path) -> None:
    kept, (read, calls) = Kept(1000), reader(old_file)
    for _ in range(2):
        kept.get([old_file], "", read)
    assert len(calls) == 2


@pytest.mark.usefixtures("later")
def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.write_bytes(b"")
    kept, made = Kept(2000), []

    def get(path: Path) -> None:
        kept.get([path], "", lambda: made.append(path.name) or np.zeros(800, np.uint8))

    for path in (*paths[:2], paths[0], paths[2], paths[0], paths[1]):
        get(path)
    assert made == ["a", "b", "c", "b"]
    kept.get(paths, "large", lambda: np.zeros(3000, np.uint8))
    kept.get([paths[1]], "", lambda: pytest.fail("a value too large to keep has driven out others"))


@pytest.mark.usefixtures("later")
def test_three_threads_get_the_same_value(old_file: Path) -> None:
    kept, (read, _) = Kept(1000), reader(old_file)
    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(lambda _: kept.get([old_file], "", read), range(60))) == {b"first"}


def test_errors_are_not_kept(old_file: Path) -> None:
    kept = Kept(1000)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            kept.get([old_file], "", lambda: 1 // 0)
    assert kept.get([old_file / "missing"], "", lambda: 3) == 3


def test_size() -> None:
    image = np.zeros((10, 10))
    assert size_of((image, "text")) == 800 + 64
    assert size_of(np.broadcast_to(np.float64(1.0), (10, 10))) == 8


@pytest.mark.usefixtures("later")
def test_files_of_small_images_are_few(old_file: Path) -> None:
    kept = Kept(10 * OPEN_FILE_BYTES)
    images = [kept.get([old_file], number, lambda: store(np.eye(3))) for number in range(12)]
    assert kept.get([old_file], 11, lambda: store(np.eye(3))) is images[11]
    assert kept.get([old_file], 0, lambda: store(np.eye(3))) is not images[0]  # went to make room
