"""Names stay inside the folder they are meant for."""

from pathlib import Path

import pytest

from soxspipe.io.file_names import distinct_name, file_name, qc_folder, reduced_folder, safe_name


@pytest.mark.parametrize("text", ["../../etc/passwd", "a/b\\c", ".hidden", "x" * 400, "", "nul\x00", "<img src=x>", "caf\u00e9", "a b\tc"])
def test_safe_names_have_no_way_out(text):
    name = safe_name(text)
    assert name
    assert Path(name).name == name
    assert not name.startswith(".")
    assert len(name) <= 160
    assert name.isascii()


def test_sof_names_are_kept():
    name = "20250302T020000_NIR_1X1_12_STARE_OBJECT_300PT0S_SOXS_SN2026ABC"
    assert safe_name(name) == name


def test_folders_and_file_names_follow_the_contract():
    assert reduced_folder(Path("out"), "2025-03-01", "soxs-stare") == Path("out/reduced/2025-03-01/soxs-stare")
    assert qc_folder(Path("out"), "2025-03-01", "soxs-stare-std") == Path("out/qc/2025-03-01/soxs-stare-std")
    assert file_name("set_a", "_OBJTRACE.fits", upper=True) == "SET_A_OBJTRACE.fits"


@pytest.mark.parametrize(("one", "other"), [("my set", "my_set"), ("a" * 170, "a" * 171), ("x", "x "), ("naïve", "na_ve"), (".a", "a")])
def test_names_of_two_sets_of_files_are_two(one: str, other: str) -> None:
    names = {distinct_name(one), distinct_name(other)}
    assert len(names) == 2
    assert all(name == safe_name(name) for name in names)


def test_a_safe_name_stays_what_it_is() -> None:
    assert distinct_name("20250302T020000_VIS_1x1") == "20250302T020000_VIS_1x1"


def test_names_for_the_archive_are_shortened_and_stay_distinct():
    names = [file_name("a" * 90 + end, "_SPECTRUM_1D.fits", longest=68) for end in "xy"]
    assert [len(name) for name in names] == [68, 68]
    assert names[0] != names[1]
    assert file_name("short", "_SPECTRUM_1D.fits", longest=68) == "short_SPECTRUM_1D.fits"
