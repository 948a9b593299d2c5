"""Columns of FITS tables."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

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


def test_columns_that_need_no_conversion(tmp_path: Path) -> None:
    columns: dict[str, tuple[str, NDArray[Any]]] = {
        "byte": ("B", np.array([1, 255], np.uint8)),
        "short": ("I", np.array([-1, 2], np.int16)),
        "whole": ("J", np.array([-3, 4], np.int32)),
        "long": ("K", np.array([5, -6], np.int64)),
        "single": ("E", np.array([0.5, np.nan], np.float32)),
        "double": ("1D", np.array([0.1, 2.0])),
        "several": ("3E", np.arange(6, dtype=np.float32).reshape(2, 3)),
        "text": ("6A", np.array(["ab", "c d e"])),
        "yes": ("L", np.array([True, False])),
    }
    made = [fits.Column(name, form, array=values) for name, (form, values) in columns.items()]
    fits.BinTableHDU.from_columns(made).writeto(tmp_path / "table.fits")
    opened = open_fits(tmp_path / "table.fits")
    found = read_table(opened, opened.tables[0])
    for name, (_, values) in columns.items():
        assert found[name].dtype.kind == values.dtype.kind
        assert np.array_equal(found[name], values, equal_nan=values.dtype.kind == "f"), name


def test_astropy_is_imported_for_others_alone(tmp_path: Path) -> None:
    fits.BinTableHDU.from_columns([fits.Column("a", "D", array=[1.0])]).writeto(tmp_path / "table.fits")
    code = (
        "import sys; from pathlib import Path; from soxspipe.io.fits import open_fits; from soxspipe.io.fits_columns import read_table;"
        "opened = open_fits(Path(sys.argv[1])); read_table(opened, opened.tables[0]); print('astropy' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code, tmp_path / "table.fits"], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
