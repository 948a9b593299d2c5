"""A disk that fills up, and folders that must not be written to."""

from __future__ import annotations

import os
import resource
import subprocess
from pathlib import Path

import pytest

from faults.process import leftovers, obey_permissions, products, run


def small_disk(folder: Path, megabytes: float) -> bool:
    """Mount a file system of a given size; False where that is not allowed."""
    folder.mkdir(exist_ok=True)
    options = f"size={int(megabytes * 1024)}k,mode=0777"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False)
    return done.returncode == 0


@pytest.fixture
def full_disk(tmp_path):
    """A folder on a disk of one megabyte and a half, less than the products need."""
    folder = tmp_path / "out"
    if os.getuid() != 0 or not small_disk(folder, 1.5):
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(small_kit, tmp_path, full_disk):
    ended = run(small_kit(), tmp_path)
    assert ended.status == 1
    assert "No space left on device" in ended.message
    assert "Traceback" not in ended.err
    assert products(tmp_path) == {}
    assert leftovers(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9, 1.02])
def test_a_disk_that_fills_up_leaves_the_old_products_untouched(share, small_kit, tmp_path):
    kit = small_kit()
    assert run(kit, tmp_path).status == 0
    before = products(tmp_path)
    largest = max(map(len, before.values()))

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(share * largest), resource.RLIM_INFINITY))

    ended = run(kit, tmp_path, "-x", before=limited, environment={"SOURCE_DATE_EPOCH": "1800000000"})
    if share > 1:
        assert ended.status == 0
        assert products(tmp_path) != before
    else:
        assert ended.status == 1
        assert "File too large" in ended.message
        assert products(tmp_path) == before
    assert leftovers(tmp_path) == []


@pytest.mark.slow
def test_a_tiny_disk_of_every_size(small_kit, tmp_path):
    """From a disk that holds nothing to one that holds everything: all of the products are there, or none."""
    if os.getuid() != 0:
        pytest.skip("needs to mount file systems")
    kit, ends = small_kit(), []
    for megabytes in (0.05, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 8.0):
        place = tmp_path / str(megabytes)
        place.mkdir()
        if not small_disk(place / "out", megabytes):
            pytest.skip("a small file system cannot be mounted here")
        ended = run(kit, place)
        made = products(place)
        subprocess.run(["umount", str(place / "out")], check=True)
        assert (ended.status, bool(made)) in ((0, True), (1, False)), ended.err
        ends.append(ended.status)
    assert ends[0] == 1
    assert ends[-1] == 0
    assert ends == sorted(ends, reverse=True)


@pytest.fixture
def own(small_kit, tmp_path):
    """A set and a place whose permissions may be changed."""
    kit = small_kit().copy(tmp_path / "set")
    kit.own("flat")
    (tmp_path / "place" / "out").mkdir(parents=True)
    return kit, tmp_path / "place"


def test_an_output_folder_that_must_not_be_written_to(own):
    kit, place = own
    (place / "out").chmod(0o555)
    ended = run(kit, place, before=obey_permissions)
    assert ended.status == 1
    assert "cannot write" in ended.message
    assert "Permission denied" in ended.message
    assert "clip_and_stack" not in ended.err  # said before anything was reduced
    assert list((place / "out").iterdir()) == []


@pytest.mark.slow
def test_an_unreadable_file(own):
    kit, place = own
    kit.files["flat"].chmod(0)
    ended = run(kit, place, before=obey_permissions)
    assert ended.status == 2
    assert ended.message.endswith("master_flat_VIS.fits: cannot be read (Permission denied)")
    kit.files["flat"].chmod(0o644)
    kit.sof.chmod(0)
    assert run(kit, place, before=obey_permissions).message.endswith(".sof: cannot be read (Permission denied)")


@pytest.mark.slow
def test_a_home_that_must_not_be_written_to(own):
    kit, place = own
    home = place / "home"
    home.mkdir()
    home.chmod(0o555)
    ended = run(kit, place, before=obey_permissions, environment={"HOME": str(home)})
    assert ended.status == 0, ended.err
    assert list(home.iterdir()) == []
    assert {path.stat().st_mode & 0o777 for path in (place / "out").rglob("*") if path.is_file()} == {0o644}
