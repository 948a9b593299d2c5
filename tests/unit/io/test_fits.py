"""FITS files read with care: values as astropy has them, claims checked before anything is allocated."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from soxspipe.errors import InputError
from soxspipe.io.fits import open_fits, read_header, read_image, read_table


def write(path: Path, data: np.ndarray, **cards: object) -> Path:
    header = fits.Header(cards)
    fits.PrimaryHDU(data, header).writeto(path, overwrite=True)
    return path


def claim(path: Path, **cards: object) -> Path:
    """Overwrite header values of a file in place, its data left as they are."""
    content = bytearray(path.read_bytes())
    for keyword, value in cards.items():
        start = content.index(keyword.ljust(8).encode())
        content[start : start + 80] = f"{keyword:8}= {value!s:>20}".ljust(80).encode()
    path.write_bytes(bytes(content))
    return path


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.int64, np.float32, np.float64])
def test_every_pixel_type(tmp_path: Path, dtype: type) -> None:
    data = (np.arange(12).reshape(3, 4) * 7).astype(dtype)
    file = open_fits(write(tmp_path / "a.fits", data))
    pixels = read_image(file, file.images[0], None)
    np.testing.assert_array_equal(pixels, data)
    assert pixels.dtype.isnative
    assert pixels.flags.writeable
    assert read_image(file, file.images[0]).dtype == np.float32


def test_unsigned_pixels_of_two_bytes_stay_what_they_are(tmp_path: Path) -> None:
    data = np.array([[0, 1, 32767], [32768, 65534, 65535]], dtype=np.uint16)
    file = open_fits(write(tmp_path / "a.fits", data))
    pixels = read_image(file, file.images[0], None)
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels, data)


def test_scaling_and_blank_are_applied(tmp_path: Path) -> None:
    path = write(tmp_path / "a.fits", np.array([[1, 2], [3, -99]], np.int32))
    with fits.open(path, mode="update", do_not_scale_image_data=True) as hdus:
        hdus[0].header.update(BSCALE=0.5, BZERO=10.0, BLANK=-99)
    file = open_fits(path)
    np.testing.assert_array_equal(read_image(file, file.images[0], None), [[10.5, 11.0], [11.5, np.nan]])


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


def test_table_columns(tmp_path: Path) -> None:
    columns = [
        fits.Column("axis", "1A", array=["x", "y"]),
        fits.Column("n", "K", array=[1, 2]),
        fits.Column("c", "D", array=[0.5, np.nan]),
        fits.Column("flag", "L", array=[True, False]),
        fits.Column("v", "2E", array=np.array([[1, 2], [3, 4]])),
        fits.Column("u", "I", bzero=32768, array=np.array([40000, 1], np.uint16)),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "a.fits")
    file = open_fits(tmp_path / "a.fits")
    table = read_table(file, file.tables[0])
    assert table["axis"].tolist() == ["x", "y"]
    assert table["n"].tolist() == [1, 2]
    np.testing.assert_array_equal(table["c"], [0.5, np.nan])
    assert table["flag"].tolist() == [True, False]
    assert table["v"].shape == (2, 2)
    assert table["u"].tolist() == [40000.0, 1.0]


def test_tile_compressed_images_and_their_header(tmp_path: Path) -> None:
    data = np.arange(400, dtype=np.float32).reshape(20, 20)
    header = fits.Header({"INSTRUME": "SOXS", "EXPTIME": 3.0})
    tiles = fits.CompImageHDU(data, header, compression_type="GZIP_1", quantize_level=0)
    fits.HDUList([fits.PrimaryHDU(), tiles]).writeto(tmp_path / "a.fits.fz")
    file = open_fits(tmp_path / "a.fits.fz")
    np.testing.assert_array_equal(read_image(file, file.images[0]), data)
    assert file.header.get("INSTRUME") == "SOXS"
    assert read_header(tmp_path / "a.fits.fz").get("EXPTIME") == 3.0


def test_gzip_of_several_members(tmp_path: Path) -> None:
    content = write(tmp_path / "a.fits", np.ones((30, 30))).read_bytes()
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
    path = claim(write(tmp_path / "bad.fits", np.ones((20, 20), np.float32)), **cards)
    with pytest.raises(InputError, match=rf"bad\.fits: .*({message})"):
        read_image(file := open_fits(path), file.images[0])


@pytest.mark.parametrize(
    ("shape", "message"),
    [((4,), "NAXIS is 1, an image with 2 axes"), ((2, 3, 4), "NAXIS is 3"), ((3, 30_000), "larger than any detector")],
)
def test_shapes_that_no_detector_has(tmp_path: Path, shape: tuple[int, ...], message: str) -> None:
    file = open_fits(write(tmp_path / "bad.fits", np.zeros(shape, np.uint8)))
    with pytest.raises(InputError, match=message):
        read_image(file, file.images[0])


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


def test_a_gzip_bomb_is_capped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soxspipe.io.packed.MAX_UNPACKED_BYTES", 1 << 20)
    bomb = tmp_path / "bomb.fits.gz"
    bomb.write_bytes(gzip.compress(b"\0" * (4 << 20)))
    with pytest.raises(InputError, match="unpacks to more than 1 MB"):
        open_fits(bomb)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"hello", "is not a FITS file"), (b"SIMPLE  =                    T".ljust(2000), "truncated within a header")],
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


def test_a_column_of_variable_length_is_refused(tmp_path: Path) -> None:
    column = fits.Column("v", "PD()", array=np.array([np.ones(2), np.ones(3)], dtype=object))
    fits.BinTableHDU.from_columns([column]).writeto(tmp_path / "a.fits")
    file = open_fits(tmp_path / "a.fits")
    with pytest.raises(InputError, match="column 'v' has the form"):
        read_table(file, file.tables[0])
