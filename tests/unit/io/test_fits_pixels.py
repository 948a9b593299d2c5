"""Pixels of FITS images: every type, scaling, and shapes that no detector has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from soxspipe.errors import InputError
from soxspipe.io.fits import open_fits
from soxspipe.io.fits_pixels import ROWS_AT_ONCE, image_rows, read_image
from support.claims import write_image


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.int64, np.float32, np.float64])
def test_every_pixel_type(tmp_path: Path, dtype: type) -> None:
    data = (np.arange(12).reshape(3, 4) * 7).astype(dtype)
    file = open_fits(write_image(tmp_path / "a.fits", data))
    pixels = read_image(file, file.images[0], None)
    np.testing.assert_array_equal(pixels, data)
    assert pixels.dtype.isnative
    assert pixels.flags.writeable
    assert read_image(file, file.images[0]).dtype == np.float32


def test_images_of_more_rows_than_are_read_at_once(tmp_path: Path) -> None:
    data = np.arange(3.0 * (2 * ROWS_AT_ONCE + 5)).reshape(-1, 3)
    file = open_fits(write_image(tmp_path / "a.fits", data))
    np.testing.assert_array_equal(read_image(file, file.images[0], None), data)
    assert [len(rows) for rows in image_rows(file, file.images[0])] == [ROWS_AT_ONCE, ROWS_AT_ONCE, 5]


def test_unsigned_pixels_of_two_bytes_stay_what_they_are(tmp_path: Path) -> None:
    data = np.array([[0, 1, 32767], [32768, 65534, 65535]], dtype=np.uint16)
    file = open_fits(write_image(tmp_path / "a.fits", data))
    pixels = read_image(file, file.images[0], None)
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels, data)


def test_scaling_and_blank_are_applied(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.fits", np.array([[1, 2], [3, -99]], np.int32))
    with fits.open(path, mode="update", do_not_scale_image_data=True) as hdus:
        hdus[0].header.update(BSCALE=0.5, BZERO=10.0, BLANK=-99)
    file = open_fits(path)
    np.testing.assert_array_equal(read_image(file, file.images[0], None), [[10.5, 11.0], [11.5, np.nan]])


@pytest.mark.parametrize(
    ("shape", "message"),
    [((4,), "NAXIS is 1, an image with 2 axes"), ((2, 3, 4), "NAXIS is 3"), ((3, 30_000), "larger than any detector")],
)
def test_shapes_that_no_detector_has(tmp_path: Path, shape: tuple[int, ...], message: str) -> None:
    file = open_fits(write_image(tmp_path / "bad.fits", np.zeros(shape, np.uint8)))
    with pytest.raises(InputError, match=message):
        read_image(file, file.images[0])


ROWS = ROWS_AT_ONCE + 3


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.float32, np.float64])
def test_more_rows_than_are_read_at_once(kind: type[Any], tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 200, (ROWS, 5)).astype(kind)
    pixels[0, 0] = np.finfo(kind).max if np.issubdtype(kind, np.floating) else np.iinfo(kind).max
    fits.writeto(tmp_path / "image.fits", pixels)
    opened = open_fits(tmp_path / "image.fits")
    found = read_image(opened, opened.images[0], None)
    assert found.dtype == pixels.dtype
    assert np.array_equal(found, pixels)
