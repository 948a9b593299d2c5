"""Set-of-files, folders and lists to paths."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soxspipe.errors import InputError, MissingInputError, SoxspipeError
from soxspipe.io.sof import resolve_inputs


def touch(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.touch()
    return paths


def test_lines_comments_tags_and_blanks(tmp_path: Path) -> None:
    a, b, c, d = touch(tmp_path, "a.fits", "b c.fits.gz", "D.FITS", "e.fits.Z")
    sof = tmp_path / "night.sof"
    sof.write_text("# a comment\n\na.fits  OBJECT_NIR\n  # indented\nb c.fits.gz\tFLAT\nD.FITS\ne.fits.Z TAG\nsupplementary.txt\n")
    resolved = resolve_inputs(sof)
    assert resolved.paths == (a, b, c, d)
    assert resolved.sof_name == "night"
    assert list(resolved.tags.values()) == ["OBJECT_NIR", "FLAT", "", "TAG"]


def test_relative_paths_are_tried_beside_the_sof_then_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside, cwd = tmp_path / "beside", tmp_path / "cwd"
    beside.mkdir()
    cwd.mkdir()
    both = touch(beside, "both.fits")[0]
    touch(cwd, "both.fits", "only.fits")
    monkeypatch.chdir(cwd)
    sof = beside / "x.sof"
    sof.write_text("both.fits A\nonly.fits B")
    assert resolve_inputs(str(sof)).paths == (both, Path("only.fits"))


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (frame,) = touch(tmp_path, "a.fits")
    sof = tmp_path / "x.sof"
    sof.write_text("~/a.fits TAG")
    assert resolve_inputs("~/x.sof").paths == (frame,)


def test_several_sets_of_files_are_refused(tmp_path: Path) -> None:
    sofs = touch(tmp_path, "a.sof", "b.sof")
    with pytest.raises(MissingInputError, match=r"none of the 2 inputs is a FITS file; a set-of-files or a folder is given alone"):
        resolve_inputs(sofs)


def test_a_file_listed_twice_counts_once(tmp_path: Path) -> None:
    (frame,) = touch(tmp_path, "a.fits")
    link = tmp_path / "link.fits"
    link.symlink_to(frame)
    assert resolve_inputs([str(frame), link]).paths == (frame,)


def test_folder_holds_its_fits_files_by_name(tmp_path: Path) -> None:
    b, a = touch(tmp_path, "b.fits.fz", "a.FITS")
    touch(tmp_path, ".hidden.fits", "notes.txt")
    (tmp_path / "sub.fits").mkdir()
    assert resolve_inputs(tmp_path).paths == (a, b)
    assert resolve_inputs(tmp_path).sof_name == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "lists no FITS file"),
        (b"# only a comment\n", "lists no FITS file"),
        (b"gone.fits TAG", r"line 1 lists 'gone\.fits', which does not exist"),
        (b"a\0b.fits TAG", "line 1 is not a path"),
        (b"x" * 5000 + b".fits", "line 1 is not a path"),
        (b"\xff\xfe\x00", r"not UTF-8 text \(byte 0\)"),
    ],
)
def test_a_bad_sof_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    sof = tmp_path / "bad.sof"
    sof.write_bytes(content)
    with pytest.raises(InputError, match=rf"bad\.sof: .*{message}"):
        resolve_inputs(sof)


def test_missing_things_are_missing_inputs(tmp_path: Path) -> None:
    for given_input in (tmp_path / "no.sof", tmp_path / "no.fits", [tmp_path / "no.fits"], [], tmp_path):
        with pytest.raises(MissingInputError):
            resolve_inputs(given_input)


@pytest.mark.parametrize("given_input", [7, None, [3], b"x.sof", {"a": 1}, "", "a\0b.sof"])
def test_other_types_are_refused(given_input: object) -> None:
    with pytest.raises(InputError):
        resolve_inputs(given_input)  # type: ignore[arg-type]


def test_a_sof_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    sof = tmp_path / "x.sof"
    sof.write_bytes(b"a.fits\n" * 200_000)
    with pytest.raises(InputError, match="larger than 1 MB"):
        resolve_inputs(sof)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_content_breaks_it(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    sof = tmp_path_factory.getbasetemp() / "fuzz.sof"
    sof.write_bytes(content)
    try:
        resolve_inputs(sof)
    except SoxspipeError:
        return
    pytest.fail("no random text names an existing file")


def test_what_is_there_in_place_of_a_missing_file_is_told(tmp_path: Path) -> None:
    touch(tmp_path, "a.fits.gz", "b.fits", "c.fits.Z")
    (tmp_path / "d.fits").symlink_to("/no/such/place.fits")
    sof = tmp_path / "night.sof"
    for listed, told in {
        "a.fits": "; 'a.fits.gz' is there, so correct the line",
        "b.fits.gz": "; 'b.fits' is there, so correct the line",
        "c.fits.fz": "; 'c.fits.Z' is there, so correct the line",
        "d.fits": "; it is a link to '/no/such/place.fits', which leads nowhere",
        "e.fits": "nor in the working directory",
    }.items():
        sof.write_text(f"{listed} TAG\n")
        with pytest.raises(MissingInputError) as caught:
            resolve_inputs(sof)
        assert str(caught.value).endswith(told)
