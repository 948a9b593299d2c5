"""FITS files read with care: claims are checked before anything is allocated, faults are named with the file."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from soxspipe.errors import InputError
from soxspipe.io.fits import open_fits, read_header
from soxspipe.io.fits_pixels import read_image
from support.claims import claim, write_image


def test_units_are_found_by_name_and_kind(tmp_path: Path) -> None:
    hdus = fits.HDUList(
        [
            fits.PrimaryHDU(),
            fits.ImageHDU(np.ones((2, 2)), name="flux"),
            fits.BinTableHDU.from_columns([fits.Column("a", "D", array=[1.0])]),
        ]
    )
    hdus.writeto(tmp_path / "a.fits")
    file = open_fits(tmp_path / "a.fits")
    assert [hdu.name for hdu in file.images] == ["FLUX"]
    assert len(file.tables) == 1
    assert len(file.hdus) == 3


def test_gzip_of_several_members(tmp_path: Path) -> None:
    content = write_image(tmp_path / "a.fits", np.ones((30, 30))).read_bytes()
    packed = tmp_path / "b.fits.gz"
    packed.write_bytes(gzip.compress(content[:3000]) + gzip.compress(content[3000:]))
    file = open_fits(packed)
    assert read_image(file, file.images[0]).sum() == 900


@pytest.mark.parametrize(
    ("cards", "message"),
    [
        ({"NAXIS1": 40}, "truncated, [0-9]+ bytes of HDU 0 are missing"),
        ({"NAXIS1": 400_000_000}, "truncated"),
        ({"NAXIS1": -4}, "NAXIS1 is -4, a whole number"),
        ({"NAXIS1": "'many'"}, "NAXIS1 is 'many'"),
        ({"NAXIS": 3}, "NAXIS3 is None"),
        ({"BITPIX": 12}, "truncated|BITPIX is 12"),
        ({"NAXIS": 100}, "NAXIS3 is None"),
    ],
)
def test_false_claims(tmp_path: Path, cards: dict[str, object], message: str) -> None:
    path = claim(write_image(tmp_path / "bad.fits", np.ones((20, 20), np.float32)), **cards)
    with pytest.raises(InputError, match=rf"bad\.fits: .*({message})"):
        read_image(file := open_fits(path), file.images[0])


def test_a_gzip_bomb_is_capped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soxspipe.io.packed.MAX_UNPACKED_BYTES", 1 << 20)
    bomb = tmp_path / "bomb.fits.gz"
    bomb.write_bytes(gzip.compress(b"\0" * (4 << 20)))
    with pytest.raises(InputError, match="unpacks to more than 1 MB"):
        open_fits(bomb)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; if it is still being written, wait"),
        (b"hello", "is not a FITS file"),
        (b"SIMPLE  =                    T".ljust(2000), "truncated within a header"),
    ],
)
def test_what_is_not_fits(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.fits"
    path.write_bytes(content)
    for read in (open_fits, read_header):
        with pytest.raises(InputError, match=message):
            read(path)


@pytest.mark.parametrize(
    ("name", "content"), [("a.fits.gz", b"\x1f\x8bjunk"), ("a.fits.gz", b""), ("a.fits.Z", b"junk"), ("a.fits.fz", b"junk")]
)
def test_broken_packing_is_an_input_error(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=r"a\.fits"):
        open_fits(tmp_path / name)


def test_header_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.fits"
    path.write_bytes(b"SIMPLE  =                    T".ljust(80) + b" " * (2880 * 500))
    with pytest.raises(InputError, match="no END within 400 blocks"):
        open_fits(path)


def test_folder_and_missing_file(tmp_path: Path) -> None:
    (tmp_path / "dir.fits").mkdir()
    with pytest.raises(InputError, match="is a directory"):
        open_fits(tmp_path / "dir.fits")
    with pytest.raises(InputError, match=r"cannot be read \(No such file"):
        open_fits(tmp_path / "gone.fits")
