"""Calibration tables → values.

The response table has three forms.  Release 0.17 of the reference has HDU 1 alone: one row with ``polyOrder`` and ``c0 ... cN`` (highest
power first).  Release 0.19 has a table ``RESPONSE`` with WAVE [nm] and RESPONSE [1e-17 erg cm-2 A-1 per electron per unbinned pixel], and
the card ``ESO PRO RESP BASIS = PER_UNBINNED_PIXEL``.  Ours holds both, and three more tables, found by EXTNAME:

``RESPONSE_SAMPLED``
    WAVE [nm], RESPONSE, RESPONSE_ERR [erg cm-2 A-1 per electron per native pixel]; header cards ``SOXS RESP STAR``, ``AIRMASS``,
    ``SEEING``, ``FLATMD5``, ``BINX``, ``BINY``, ``EXTREM`` (whether counts are to be corrected for extinction first), ``WMIN``, ``WMAX``.
``RESPONSE_BINS``
    WAVE, RESPONSE, RESPONSE_ERR, USED: the measured points.
``FLAT_LEVEL``
    ORDER, WAVE, LEVEL: the flat that the response holds for.

A table of the reference's forms expects extinction to be removed in VIS and UVB, and not in NIR.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.detector import Arm, Axis
from soxspipe.datamodel.geometry import DispersionPolynomial, OrderPolynomial, OrderTable
from soxspipe.datamodel.spectrum import FlatLevel, ResponseCurve
from soxspipe.errors import InputError
from soxspipe.io.classify import ClassifiedFile
from soxspipe.io.fits import FitsFile, open_fits
from soxspipe.io.fits_columns import read_table
from soxspipe.io.fits_header import Header
from soxspipe.io.headers import number_of, slit_width_of, text_of

MAX_DEGREE = 9
"""Of the published tables."""
MAX_ORDERS = 64
"""More than any arm has."""
MAX_ORDER_NUMBER = 10_000
"""Echelle orders lie below 30; a larger number is a broken file."""
MAX_COEFFICIENT = 1e30
"""Beyond it, powers of pixels overflow."""
MAX_PIXEL = 4200
"""The longest detector and a little more."""
RESPONSE_UNIT = 1e-17
"""Of the reference's response, erg cm-2 A-1 per electron."""
BASIS_KEYWORD, UNBINNED = "ESO PRO RESP BASIS", "PER_UNBINNED_PIXEL"

Columns = Mapping[str, NDArray[Any]]


def read_order_table(file: ClassifiedFile) -> OrderTable:
    """Read an order location table.

    Raises
    ------
    InputError
        If tables, columns or coefficients are missing or do not fit each other, or the dispersion axis is not the arm's.
    """
    opened = open_fits(file.path)
    if len(opened.tables) < 2:
        raise InputError(f"{file.path}: holds {len(opened.tables)} tables, an order table has two (coefficients, and limits of the orders)")
    fits_of, limits = (_columns(opened, index) for index in (0, 1))
    axis: Axis = "y" if "degy_cent" in fits_of else "x"
    if axis != file.facts.arm.dispersion_axis:
        raise InputError(
            f"{file.path}: column deg{axis}_cent is there, deg{file.facts.arm.dispersion_axis}_cent is needed in arm {file.arm}"
        )
    centre = _order_polynomial(opened, fits_of, "cent", axis)
    if centre is None:
        raise InputError(f"{file.path}: has no columns cent_00, cent_01, ..., the order centres are needed")
    orders = _order_numbers(opened, limits)
    return OrderTable(
        dispersion_axis=axis,
        orders=orders,
        **_limits(opened, limits, orders, axis),
        centre=centre,
        low=_order_polynomial(opened, fits_of, "edgelow", axis),
        high=_order_polynomial(opened, fits_of, "edgeup", axis),
        sigma=_order_polynomial(opened, fits_of, "std", axis),
    )


def read_dispersion_table(file: ClassifiedFile) -> tuple[DispersionPolynomial, DispersionPolynomial]:
    """Read the dispersion solution: the polynomials of x and of y.

    Raises
    ------
    InputError
        If a row, column or coefficient is missing.
    """
    opened = open_fits(file.path)
    columns = _columns(opened, 0)
    axes = [str(axis).strip().lower() for axis in np.atleast_1d(_column(opened, columns, "axis"))]
    for axis in ("x", "y"):
        if axes.count(axis) != 1:
            raise InputError(
                f"{file.path}: column axis holds {', '.join(map(repr, axes)) or 'nothing'}, one row 'x' and one row 'y' are needed"
            )
    return _dispersion_polynomial(opened, columns, axes.index("x")), _dispersion_polynomial(opened, columns, axes.index("y"))


def read_response(file: ClassifiedFile) -> ResponseCurve:
    """Read a response table of any of the three forms; the header says through which slit the standard was seen.

    Raises
    ------
    InputError
        If columns are missing, the response is not positive anywhere, or the file does not say what its counts are counted in.
    """
    slit = text_of(file.header, file.facts.slit_keyword)
    return replace(_read_curve(file), slit_width_arcsec=slit_width_of(slit))


def _read_curve(file: ClassifiedFile) -> ResponseCurve:
    opened = open_fits(file.path)
    names = {hdu.name: index for index, hdu in reversed(list(enumerate(opened.tables)))}
    if "RESPONSE" in names and "RESPONSE_SAMPLED" not in names:
        return _unbinned_response(file, opened, names["RESPONSE"])
    columns = _columns(opened, 0)
    degree = _whole(opened, columns, "polyorder", 0)
    if degree > 3 * MAX_DEGREE:
        raise InputError(f"{file.path}: column polyOrder is {degree}, at most {3 * MAX_DEGREE} is taken")
    polynomial = np.array([_number(opened, columns, f"c{index}", 0) for index in range(degree + 1)])
    if "RESPONSE_SAMPLED" not in names:
        return _polynomial_response(file, polynomial)
    return _sampled_response(file, opened, names["RESPONSE_SAMPLED"], polynomial)


def _unbinned_response(file: ClassifiedFile, opened: FitsFile, index: int) -> ResponseCurve:
    """The form of release 0.19, which has no errors; rows that are not above 0 say nothing."""
    basis = text_of(file.header, BASIS_KEYWORD)
    if basis != UNBINNED:
        raise InputError(f"{file.path}: {BASIS_KEYWORD} is {basis!r}, {UNBINNED} is needed to read its table RESPONSE")
    columns = _columns(opened, index)
    wave, value = (_column(opened, columns, name) for name in ("wave", "response"))
    if wave.ndim != 1 or value.ndim != 1 or wave.dtype.kind not in "iuf" or value.dtype.kind not in "iuf":
        raise InputError(f"{file.path}: columns WAVE and RESPONSE hold something that is not a number")
    with np.errstate(invalid="ignore"):
        known = np.isfinite(wave) & np.isfinite(value) & (value > 0)
    wave, value = wave[known].astype(np.float64), value[known].astype(np.float64)
    if wave.size < 2 or np.any(np.diff(wave) <= 0):
        raise InputError(f"{file.path}: table RESPONSE has {wave.size} rows above 0, two or more at ascending WAVE are needed")
    return ResponseCurve(
        polynomial=np.zeros(1),
        wavelength_nm=wave,
        response=value * RESPONSE_UNIT,
        error=np.zeros(wave.size),
        valid_nm=(float(wave[0]), float(wave[-1])),
        extinction_removed=_reference_removes_extinction(file.facts.arm),
        star=text_of(file.header, file.instrument.keywords.object),
    )


def _polynomial_response(file: ClassifiedFile, polynomial: FloatArray) -> ResponseCurve:
    if not polynomial.any():
        raise InputError(f"{file.path}: columns c0 ... c{polynomial.size - 1} are all 0, a response is needed")
    return ResponseCurve(
        polynomial=polynomial,
        wavelength_nm=np.empty(0),
        response=np.empty(0),
        error=np.empty(0),
        valid_nm=(-math.inf, math.inf),
        extinction_removed=_reference_removes_extinction(file.facts.arm),
        star=text_of(file.header, file.instrument.keywords.object),
    )


def _reference_removes_extinction(arm: Arm) -> bool:
    return arm.name != "NIR"


def _sampled_response(file: ClassifiedFile, opened: FitsFile, index: int, polynomial: FloatArray) -> ResponseCurve:
    header, curve = opened.tables[index].header, _columns(opened, index)
    wave, value, error = (_finite_column(opened, curve, name) for name in ("wave", "response", "response_err"))
    if wave.size < 2 or np.any(np.diff(wave) <= 0):
        raise InputError(f"{file.path}: column WAVE of RESPONSE_SAMPLED does not ascend")
    if not np.any(value > 0):
        raise InputError(f"{file.path}: column RESPONSE of RESPONSE_SAMPLED is nowhere above 0")
    bins = _bins(opened)
    return ResponseCurve(
        polynomial=polynomial,
        wavelength_nm=wave,
        response=value,
        error=error,
        valid_nm=(_card(header, "WMIN", float(wave[0])), _card(header, "WMAX", float(wave[-1]))),
        **bins,
        extinction_removed=bool(header.get("SOXS RESP EXTREM", _reference_removes_extinction(file.facts.arm))),
        star=text_of(header, "SOXS RESP STAR"),
        airmass=number_of(header, "SOXS RESP AIRMASS"),
        seeing_arcsec=number_of(header, "SOXS RESP SEEING"),
        slit_angle_deg=number_of(header, "SOXS RESP SLITANG"),
        flat_md5=text_of(header, "SOXS RESP FLATMD5"),
        binning=(int(_card(header, "BINX", 1.0)), int(_card(header, "BINY", 1.0))),
        flat_level=read_flat_level(opened),
        over_end=header.get("SOXS RESP SLITEND") is True,
    )


def read_flat_level(opened: FitsFile) -> FlatLevel | None:
    """The table ``FLAT_LEVEL`` of a product, samples sorted by order and wavelength; None if it has none.

    Raises
    ------
    InputError
        If it holds what is not a number, or no order.
    """
    index = next((index for index, hdu in enumerate(opened.tables) if hdu.name == "FLAT_LEVEL"), None)
    if index is None:
        return None
    columns = _columns(opened, index)
    order, wave, level = (_finite_column(opened, columns, name) for name in ("order", "wave", "level"))
    if np.any(np.abs(order) > MAX_ORDER_NUMBER):
        raise InputError(f"{opened.path}: column ORDER of FLAT_LEVEL holds {float(np.abs(order).max()):g}, which is not an order")
    rank = np.lexsort((wave, order))
    return FlatLevel(order=order[rank].astype(np.int64), wavelength_nm=wave[rank], level=level[rank])


def _bins(opened: FitsFile) -> dict[str, Any]:
    index = next((index for index, hdu in enumerate(opened.tables) if hdu.name == "RESPONSE_BINS"), None)
    if index is None:
        return {}
    columns = _columns(opened, index)
    wave, value, error = (_column(opened, columns, name).astype(np.float64) for name in ("wave", "response", "response_err"))
    used = _column(opened, columns, "used").astype(bool)
    return {"bins_nm": wave, "bins_value": value, "bins_error": error, "bins_used": used}


def _card(header: Header, name: str, default: float) -> float:
    value = number_of(header, f"SOXS RESP {name}")
    return default if value is None else value


def _columns(opened: FitsFile, index: int) -> dict[str, NDArray[Any]]:
    """Columns of one of the file's tables, names in lower case."""
    if index >= len(opened.tables):
        raise InputError(f"{opened.path}: holds {len(opened.tables)} tables, table {index + 1} is needed")
    table = {name.lower(): values for name, values in read_table(opened, opened.tables[index]).items()}
    if not table or next(iter(table.values())).shape[0] == 0:
        raise InputError(f"{opened.path}: table {index + 1} has no rows")
    return table


def _column(opened: FitsFile, columns: Columns, name: str) -> NDArray[Any]:
    if name not in columns:
        raise InputError(f"{opened.path}: has no column {name}, found are {_listed(columns)}")
    return columns[name]


def _listed(columns: Columns) -> str:
    names = list(columns)
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _finite_column(opened: FitsFile, columns: Columns, name: str) -> FloatArray:
    values = _column(opened, columns, name)
    if values.ndim != 1 or values.dtype.kind not in "iuf" or not np.all(np.isfinite(values)):
        raise InputError(f"{opened.path}: column {name} holds something that is not a finite number")
    return values.astype(np.float64)


def _number(opened: FitsFile, columns: Columns, name: str, row: int) -> float:
    values = _column(opened, columns, name)
    if values.ndim != 1 or values.dtype.kind not in "iuf" or not np.isfinite(values[row]) or abs(values[row]) > MAX_COEFFICIENT:
        raise InputError(f"{opened.path}: column {name} is {str(values[row])[:40]!r}, a finite number is needed")
    return float(values[row])


def _whole(opened: FitsFile, columns: Columns, name: str, row: int, *, most: int = 3 * MAX_DEGREE) -> int:
    number = _number(opened, columns, name, row)
    if not number.is_integer() or not 0 <= number <= most:
        raise InputError(f"{opened.path}: column {name} is {number:g}, a whole number from 0 to {most} is needed")
    return int(number)


def _order_polynomial(opened: FitsFile, columns: Columns, what: str, axis: Axis) -> OrderPolynomial | None:
    """Coefficients of one line of the order table, in column order; None if the table does not have them."""
    names = [name for name in columns if name.startswith(f"{what}_")]
    if not names:
        return None
    shape = tuple(_whole(opened, columns, f"deg{part}_{what}", 0, most=MAX_DEGREE) + 1 for part in ("order", axis))
    if len(names) != shape[0] * shape[1]:
        raise InputError(
            f"{opened.path}: {len(names)} columns {what}_..., degorder_{what} {shape[0] - 1} and deg{axis}_{what} {shape[1] - 1} "
            f"need {shape[0] * shape[1]}"
        )
    return OrderPolynomial(coefficients=np.array([_number(opened, columns, name, 0) for name in names]).reshape(shape))


def _order_numbers(opened: FitsFile, limits: Columns) -> tuple[int, ...]:
    numbers = _finite_column(opened, limits, "order")
    orders = tuple(int(number) for number in numbers)
    if any(order != number for order, number in zip(orders, numbers, strict=True)) or not all(0 < order < 100 for order in orders):
        raise InputError(f"{opened.path}: column order holds {str(numbers.tolist())[:60]}, order numbers from 1 to 99 are needed")
    if len(set(orders)) != len(orders) or len(orders) > MAX_ORDERS:
        raise InputError(f"{opened.path}: column order lists {len(orders)} orders, {len(set(orders))} of them different")
    return orders


def _limits(opened: FitsFile, limits: Columns, orders: tuple[int, ...], axis: Axis) -> dict[str, dict[int, float]]:
    low, high = (_finite_column(opened, limits, f"{axis}{end}") for end in ("min", "max"))
    for order, start, stop in zip(orders, low, high, strict=True):
        if not -MAX_PIXEL <= start < stop <= 2 * MAX_PIXEL:
            raise InputError(
                f"{opened.path}: order {order} runs from {axis}min {start:g} to {axis}max {stop:g}, a range on the detector is needed"
            )
    return {"b_min": dict(zip(orders, low.tolist(), strict=True)), "b_max": dict(zip(orders, high.tolist(), strict=True))}


def _dispersion_polynomial(opened: FitsFile, columns: Columns, row: int) -> DispersionPolynomial:
    """Coefficients of one axis: columns ``cijk`` in file order, those that are NaN left out."""
    shape = tuple(_whole(opened, columns, f"{part}_deg", row, most=MAX_DEGREE) + 1 for part in ("order", "wavelength", "slit"))
    names = [name for name in columns if len(name) == 4 and name[0] == "c" and name[1:].isdigit()]
    values = np.array(
        [columns[name][row] for name in names if columns[name].ndim == 1 and columns[name].dtype.kind == "f"], dtype=np.float64
    )
    values = values[~np.isnan(values)]
    needed = math.prod(shape)
    if values.size != needed:
        raise InputError(
            f"{opened.path}: row {row + 1} has {values.size} finite coefficients cijk, degrees {shape[0] - 1}, {shape[1] - 1}, {shape[2] - 1} need {needed}"
        )
    if not np.all(np.abs(values) < MAX_COEFFICIENT):
        raise InputError(f"{opened.path}: row {row + 1} has a coefficient beyond {MAX_COEFFICIENT:g}")
    return DispersionPolynomial(coefficients=values.reshape(shape))
