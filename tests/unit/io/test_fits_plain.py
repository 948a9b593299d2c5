"""What needs no conversion is read without astropy, and is what astropy reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

from soxspipe.io.fits import open_fits
from soxspipe.io.fits_columns import read_table
from soxspipe.io.fits_pixels import ROWS_AT_ONCE, read_image

ROWS = ROWS_AT_ONCE + 3


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.float32, np.float64])
def test_pixels_of_every_type(kind: type[Any], tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 200, (ROWS, 5)).astype(kind)
    pixels[0, 0] = np.finfo(kind).max if np.issubdtype(kind, np.floating) else np.iinfo(kind).max
    fits.writeto(tmp_path / "image.fits", pixels)
    opened = open_fits(tmp_path / "image.fits")
    found = read_image(opened, opened.images[0], None)
    assert found.dtype == pixels.dtype
    assert np.array_equal(found, pixels)


def test_columns_of_every_form(tmp_path: Path) -> None:
    columns: dict[str, tuple[str, NDArray[Any]]] = {
        "byte": ("B", np.array([1, 255], np.uint8)),
        "short": ("I", np.array([-1, 2], np.int16)),
        "whole": ("J", np.array([-3, 4], np.int32)),
        "long": ("K", np.array([5, -6], np.int64)),
        "single": ("E", np.array([0.5, np.nan], np.float32)),
        "double": ("1D", np.array([0.1, 2.0])),
        "several": ("3E", np.arange(6, dtype=np.float32).reshape(2, 3)),
        "text": ("6A", np.array(["ab", "c d e"])),
    }
    made = [fits.Column(name, form, array=values) for name, (form, values) in columns.items()]
    fits.BinTableHDU.from_columns(made).writeto(tmp_path / "table.fits")
    opened = open_fits(tmp_path / "table.fits")
    found = read_table(opened, opened.tables[0])
    for name, (_, values) in columns.items():
        assert found[name].dtype.kind == values.dtype.kind
        assert np.array_equal(found[name], values, equal_nan=values.dtype.kind == "f"), name


def test_astropy_is_not_imported_for_them(tmp_path: Path) -> None:
    fits.BinTableHDU.from_columns([fits.Column("a", "D", array=[1.0])]).writeto(tmp_path / "table.fits")
    code = (
        "import sys; from pathlib import Path; from soxspipe.io.fits import open_fits; from soxspipe.io.fits_columns import read_table;"
        "opened = open_fits(Path(sys.argv[1])); read_table(opened, opened.tables[0]); print('astropy' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code, tmp_path / "table.fits"], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
