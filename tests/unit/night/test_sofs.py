"""Sets-of-files on the disk."""

from __future__ import annotations

from pathlib import Path

from soxspipe.night.sofs import first_entry, is_edited, is_hand_made, sof_text, write_sof


def test_a_set_of_files_is_two_columns(tmp_path: Path) -> None:
    text = sof_text([("/a/long/path.fits", "OBJECT_VIS"), ("/b.fits", "MASTER_BIAS_VIS")])
    assert text.splitlines()[:2] == ["/a/long/path.fits OBJECT_VIS", "/b.fits           MASTER_BIAS_VIS"]
    assert not is_edited(text)
    path = tmp_path / "sof" / "x.sof"
    assert write_sof(path, [("/b.fits", "T")])
    assert write_sof(path, [("/c.fits", "T")])
    assert "/c.fits" in path.read_text()


def test_an_edited_set_of_files_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.sof"
    write_sof(path, [("/b.fits", "T")])
    assert not is_hand_made(path)
    path.write_text(path.read_text().replace("/b.fits", "/mine.fits"))
    assert is_hand_made(path)
    assert not write_sof(path, [("/c.fits", "T")])
    assert "/mine.fits" in path.read_text()
    (tmp_path / "y.sof").write_text("/own.fits TAG\n")
    assert is_hand_made(tmp_path / "y.sof")


def test_the_first_entry_of_what_was_written_here(tmp_path: Path) -> None:
    path = tmp_path / "x.sof"
    assert first_entry(path) == ""
    write_sof(path, [("/with a blank/b.fits", "STD,FLUX_VIS"), ("/c.fits", "T")])
    assert first_entry(path) == "/with a blank/b.fits"
    path.write_text("/own.fits TAG\n")
    assert first_entry(path) == ""
