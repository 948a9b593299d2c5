"""Rows of raw calibration frames, read where the frame lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from soxspipe.errors import InputError
from soxspipe.io.fits import open_fits
from soxspipe.io.raw_rows import rows_in_place

SHAPE = (6, 5)
NUMBERS = np.arange(30).reshape(SHAPE) * 2100 + 7


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32])
def test_rows_are_those_of_the_frame(tmp_path: Path, dtype: type[np.generic]) -> None:
    frame = (NUMBERS % 32000 if dtype is np.int16 else NUMBERS).astype(dtype)
    fits.writeto(tmp_path / "raw.fits", frame)
    read = rows_in_place(open_fits(tmp_path / "raw.fits"), frame)
    assert read is not None
    rows = read(2, 5)
    assert rows.dtype == frame.dtype
    np.testing.assert_array_equal(rows, frame[2:5])


def test_packed_scaled_and_cleaned_frames_are_not_read_in_place(tmp_path: Path) -> None:
    frame = NUMBERS.astype(np.float32)
    fits.writeto(tmp_path / "raw.fits.gz", frame)
    assert rows_in_place(open_fits(tmp_path / "raw.fits.gz"), frame) is None
    scaled = fits.PrimaryHDU(NUMBERS.astype(np.int16))
    scaled.header["BSCALE"] = 2.0
    scaled.writeto(tmp_path / "scaled.fits")
    assert rows_in_place(open_fits(tmp_path / "scaled.fits"), 2.0 * NUMBERS) is None
    gap = frame.copy()
    gap[1, 1] = np.nan
    fits.writeto(tmp_path / "gap.fits", gap)
    assert rows_in_place(open_fits(tmp_path / "gap.fits"), gap) is None


def test_a_file_cut_short_meanwhile_is_named(tmp_path: Path) -> None:
    path, frame = tmp_path / "raw.fits", NUMBERS.astype(np.float32)
    fits.writeto(path, frame)
    read = rows_in_place(open_fits(path), frame)
    assert read is not None
    path.write_bytes(path.read_bytes()[: 2880 + 40])
    with pytest.raises(InputError, match=r"raw\.fits: truncated"):
        read(0, 6)
