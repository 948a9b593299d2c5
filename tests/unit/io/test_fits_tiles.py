"""Tile-compressed images: what they claim is checked before they are unpacked."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from soxspipe.errors import InputError
from soxspipe.io.fits import open_fits, read_header
from soxspipe.io.fits_pixels import read_image
from support.claims import claim


def test_tile_compressed_images_and_their_header(tmp_path: Path) -> None:
    data = np.arange(400, dtype=np.float32).reshape(20, 20)
    header = fits.Header({"INSTRUME": "SOXS", "EXPTIME": 3.0})
    tiles = fits.CompImageHDU(data, header, compression_type="GZIP_1", quantize_level=0)
    fits.HDUList([fits.PrimaryHDU(), tiles]).writeto(tmp_path / "a.fits.fz")
    file = open_fits(tmp_path / "a.fits.fz")
    np.testing.assert_array_equal(read_image(file, file.images[0]), data)
    assert file.header.get("INSTRUME") == "SOXS"
    assert read_header(tmp_path / "a.fits.fz").get("EXPTIME") == 3.0


def test_a_tiled_image_that_claims_gigabytes_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bad.fits.fz"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(np.zeros((50, 50), np.int32))]).writeto(path)
    claim(path, ZNAXIS1=100_000, ZNAXIS2=100_000)
    file = open_fits(path)
    with pytest.raises(InputError, match="100000 x 100000 pixels is larger"):
        read_image(file, file.images[0])


def write_tiles(path: Path, data: np.ndarray, algorithm: str = "GZIP_1") -> Path:
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(data, compression_type=algorithm, quantize_level=0)]).writeto(path)
    return path


@pytest.mark.parametrize("algorithm", ["RICE_1", "GZIP_1", "GZIP_2"])
def test_corrupt_tiles_are_an_input_error(tmp_path: Path, algorithm: str) -> None:
    path = write_tiles(tmp_path / "a.fits.fz", np.random.default_rng(1).integers(0, 999, (20, 30)).astype(np.int32), algorithm)
    content = bytearray(path.read_bytes())
    content[-2880 : -2880 + 400] = b"\xff" * 400
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match=r"a\.fits\.fz: "):
        read_image(file := open_fits(path), file.images[0])


def test_a_tile_that_unpacks_to_more_than_the_image_is_refused(tmp_path: Path) -> None:
    path = write_tiles(tmp_path / "a.fits.fz", np.random.default_rng(1).integers(0, 1 << 30, (1, 3000)).astype(np.int32))
    content = bytearray(path.read_bytes())
    start = content.index(b"\x1f\x8b")
    bomb = gzip.compress(b"\0" * 4_000_000)
    content[start : start + len(bomb)] = bomb
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match="a tile unpacks to more than 24064 bytes"):
        read_image(file := open_fits(path), file.images[0])


@pytest.mark.parametrize(
    ("cards", "message"),
    [
        ({"ZTILE1": 90_000}, "ZTILE1 x ZTILE2 is 90000 x 1, tiles within 30 x 20 pixels"),
        ({"ZCMPTYPE": "'HCOMPRESS_1'"}, "ZCMPTYPE is 'HCOMPRESS_1'"),
        ({"ZNAXIS1": 31}, "corrupt|does not unpack"),
    ],
)
def test_false_claims_of_tiles(tmp_path: Path, cards: dict[str, object], message: str) -> None:
    path = claim(write_tiles(tmp_path / "a.fits.fz", np.ones((20, 30), np.int32)), **cards)
    with pytest.raises(InputError, match=message):
        read_image(file := open_fits(path), file.images[0])
