"""Columns of a binary table of a FITS file, read by astropy from the data and the few cards that describe them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.errors import FETCH_AGAIN, InputError
from soxspipe.io.fits import FitsFile, errors_named
from soxspipe.io.fits_header import Header
from soxspipe.io.fits_units import Hdu, extension_header, whole_number

MAX_TABLE_BYTES = 32 << 20
"""Calibration tables have some kilobytes, sampled spectra some megabytes."""
_FORMS = re.compile(r"(\d{0,6})([LABIJKED])")
"""Numbers, text and yes-or-no values of a fixed length."""
_PLAIN = {"A": "S", "L": "S1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
"""Types of numpy of the forms that lie in a file as they are used; a yes or no is a letter there."""
_YES = b"T"


def read_table(file: FitsFile, hdu: Hdu) -> dict[str, NDArray[Any]]:
    """Read a binary table as columns by name, in column order.

    Raises
    ------
    InputError
        If the table is too large, or a column has a form that calibration tables do not use.
    """
    path, header = file.path, hdu.header
    n_rows, width, n_columns = (whole_number(path, header, key, most=1 << 31) for key in ("NAXIS2", "NAXIS1", "TFIELDS"))
    if n_rows * width > MAX_TABLE_BYTES:
        raise InputError(f"{path}: a table of {n_rows} rows of {width} bytes is larger than any calibration table")
    names = [str(header.get(f"TTYPE{column}", "")).strip() or f"col{column}" for column in range(1, n_columns + 1)]
    if len(set(names)) != n_columns:
        raise InputError(f"{path}: columns of the table cannot be told apart, two have one name")
    cards: list[tuple[str, Any]] = [("BITPIX", 8), ("NAXIS", 2), ("NAXIS1", width), ("NAXIS2", n_rows)]
    cards += [("PCOUNT", 0), ("GCOUNT", 1), ("TFIELDS", n_columns)]
    for column, name in enumerate(names, start=1):
        cards += _column_cards(path, header, column, name)
    with errors_named(path), np.errstate(over="ignore", invalid="ignore"):
        data = file.data(hdu)[: n_rows * width]
        columns, needed = _plain_columns(cards, data, width) or _converted_columns(cards, data)
        if needed != width:
            raise InputError(
                f"{path}: the table is damaged: its rows have {width} bytes (NAXIS1), but their columns {needed} (TFORM); {FETCH_AGAIN}"
            )
        return {name: _native(columns[i], header.get(f"TNULL{i + 1}")) for i, name in enumerate(names)}


def _plain_columns(cards: Sequence[tuple[str, Any]], data: bytes, width: int) -> tuple[list[NDArray[Any]], int] | None:
    """Columns as they lie in the file, and bytes of their rows; None where one has to be converted.

    Tables of a cold command are such ones; astropy takes longer to import than all of them to read.
    """
    forms = [_FORMS.fullmatch(value) for key, value in cards if key.startswith("TFORM")]
    if any(key.startswith(("TSCAL", "TZERO")) for key, _ in cards) or not all(
        form and form[2] in _PLAIN and form[1] != "0" for form in forms
    ):
        return None
    kinds = [f"S{form[1] or 1}" if form[2] == "A" else f"({form[1] or 1},){_PLAIN[form[2]]}" for form in forms if form]
    record = np.dtype([(f"f{i}", kind.removeprefix("(1,)")) for i, kind in enumerate(kinds)])
    if record.itemsize != width:
        return [], record.itemsize
    table = np.frombuffer(data, record)
    columns = [table[f"f{i}"] for i in range(len(kinds))]
    return [np.asarray(column == _YES) if form and form[2] == "L" else column for form, column in zip(forms, columns, strict=True)], width


def _converted_columns(cards: Sequence[tuple[str, Any]], data: bytes) -> tuple[list[NDArray[Any]], int]:
    """The same by astropy."""
    from astropy.io import fits

    table = fits.BinTableHDU.fromstring(extension_header("BINTABLE", list(cards)) + data)
    return [np.asarray(table.data.field(i)) for i in range(len(table.columns))], table.columns.dtype.itemsize


def _column_cards(path: Path, header: Header, column: int, name: str) -> list[tuple[str, Any]]:
    """Cards that describe one column; its name is a number, so that any name can be read."""
    form = str(header.get(f"TFORM{column}", "")).strip().upper()
    if not _FORMS.fullmatch(form):
        raise InputError(f"{path}: column {name!r} has the form {form!r}, a column of numbers or text is needed")
    scaling = [(f"{key}{column}", header.get(f"{key}{column}", default)) for key, default in (("TSCAL", 1), ("TZERO", 0))]
    if not all(isinstance(number, int | float) and np.isfinite(number) for _, number in scaling):
        raise InputError(f"{path}: column {name!r} is scaled by {scaling[0][1]!r} and {scaling[1][1]!r}, numbers are needed")
    return [(f"TTYPE{column}", f"C{column}"), (f"TFORM{column}", form), *(scaling if [n for _, n in scaling] != [1, 0] else [])]


def _native(values: NDArray[Any], null: object) -> NDArray[Any]:
    """Native byte order, text stripped, TNULL made NaN."""
    if values.dtype.kind in "SU":
        return np.char.strip(values.astype(np.str_))
    native = values.astype(values.dtype.newbyteorder("="))
    if null is not None and native.dtype.kind in "iu":
        return np.where(native == null, np.nan, native)
    return native
