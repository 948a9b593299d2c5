"""Files are written whole or not at all."""

import os

import pytest

from soxspipe.errors import ProductError
from soxspipe.io.atomic import TEMPORARY_PREFIX, commit, discard, remove_unfinished, stage, write_whole


def interrupted():
    yield b"half"
    raise KeyboardInterrupt


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, interrupted())
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_staged_files_get_their_names_together(tmp_path):
    staged = [stage(tmp_path / name, [name.encode()], owner="me") for name in ("a", "b")]
    assert not (tmp_path / "a").exists()
    commit(staged)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a", "b"]
    assert (tmp_path / "b").read_bytes() == b"b"


def test_discarded_files_are_gone(tmp_path):
    discard([stage(tmp_path / "a", [b"x"])])
    assert list(tmp_path.iterdir()) == []


def test_only_what_the_same_owner_left_is_removed(tmp_path):
    for owner in ("one", "one-two"):
        stage(tmp_path / "file", [b"x"], owner=owner)
    remove_unfinished(tmp_path, "one")
    left = [entry.name for entry in tmp_path.iterdir()]
    assert len(left) == 1
    assert left[0].startswith(f"{TEMPORARY_PREFIX}one-two~")


def test_what_may_still_be_written_is_left_alone(tmp_path):
    young, old = (stage(tmp_path / "file", [b"x"]).temporary for _ in range(2))
    os.utime(old, (1.0, 1.0))
    remove_unfinished(tmp_path, "", older_than_s=60.0)
    assert list(tmp_path.iterdir()) == [young]


def test_permissions_follow_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        write_whole(tmp_path / "a", [b"x"])
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_folder_that_is_a_file_is_an_error_that_names_the_product(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ProductError, match=r"cannot write .*a\.fits"):
        write_whole(tmp_path / "file" / "a.fits", [b"x"])


def test_a_full_disk_is_a_product_error_and_leaves_nothing(tmp_path, monkeypatch):
    def full(descriptor, view):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(ProductError, match="No space left"):
        write_whole(tmp_path / "a.fits", [b"x"])
    assert list(tmp_path.iterdir()) == []
