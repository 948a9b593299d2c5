"""Columns of FITS tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from soxspipe.errors import InputError
from soxspipe.io.fits import open_fits
from soxspipe.io.fits_columns import read_table


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


def test_a_column_of_variable_length_is_refused(tmp_path: Path) -> None:
    column = fits.Column("v", "PD()", array=np.array([np.ones(2), np.ones(3)], dtype=object))
    fits.BinTableHDU.from_columns([column]).writeto(tmp_path / "a.fits")
    file = open_fits(tmp_path / "a.fits")
    with pytest.raises(InputError, match="column 'v' has the form"):
        read_table(file, file.tables[0])
