"""Tables of coefficients that are incomplete, contradictory or absurd."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from astropy.io import fits

from hostile.cards import set_cards
from hostile.case import BAD, Case
from support.inputs import raw_header, write_response_table
from support.small import Kit

Columns = dict[str, tuple[str, np.ndarray]]
Change = Callable[[Columns], "Columns | None"]
ANY = (0, 1, 2)


def cases() -> Iterator[Case]:
    """All of them."""
    for role, table, changes in (("order_table", 1, ORDER_CENTRES), ("order_table", 2, ORDER_LIMITS), ("disp_table", 1, DISPERSION)):
        for name, (change, status, says) in changes.items():
            names = f"{role}_VIS.fits" if status == BAD else ""
            spoil = partial(_edited, role=role, table=table, change=change)
            yield Case(name=f"{role} {table}: {name}", spoil=spoil, status=status, says=says, names=names, slow=0 in status)
    for role, n_tables in (("order_table", 2), ("disp_table", 1)):
        for table in range(1, n_tables + 1):
            for name, (cards, says) in STRUCTURE.items():
                spoil = partial(_carded, role=role, table=table, cards=cards)
                yield Case(name=f"{role} {table}: {name}", spoil=spoil, says=says, names=f"{role}_VIS.fits")
        gone = partial(_without_table, role=role, table=n_tables)
        yield Case(name=f"{role}: the last table missing", spoil=gone, says="tables", names=f"{role}_VIS.fits")
    for name, (coefficients, status, says) in RESPONSES.items():
        names = "resp.fits" if status == BAD else ""
        yield Case(
            name=f"response: {name}",
            spoil=partial(_response, coefficients=coefficients),
            status=status,
            says=says,
            names=names,
            slow=0 in status,
        )
    for name, (change, says) in RESPONSE_COLUMNS.items():
        yield Case(name=f"response: {name}", spoil=partial(_response, coefficients=[1.0, 2.0], change=change), says=says, names="resp.fits")


def _edited(kit: Kit, *, role: str, table: int, change: Change) -> None:
    _edit_table(kit.own(role), table, change)


def _edit_table(path: Path, table: int, change: Change) -> None:
    with fits.open(path) as hdus:
        loaded = [hdu.copy() for hdu in hdus]
    columns = {column.name: (column.format, np.array(loaded[table].data[column.name])) for column in loaded[table].columns}
    changed = change(columns)
    made = [fits.Column(name, form, array=values) for name, (form, values) in (columns if changed is None else changed).items()]
    loaded[table] = fits.BinTableHDU.from_columns(made)
    path.unlink()
    fits.HDUList(loaded).writeto(path, output_verify="ignore")


def _carded(kit: Kit, *, role: str, table: int, cards: dict[str, str | None]) -> None:
    set_cards(kit.own(role), hdu=table, **cards)


def _without_table(kit: Kit, *, role: str, table: int) -> None:
    path = kit.own(role)
    with fits.open(path) as hdus:
        loaded = fits.HDUList([hdu.copy() for place, hdu in enumerate(hdus) if place != table])
    path.unlink()
    loaded.writeto(path)


def _response(kit: Kit, *, coefficients: list[float], change: Change | None = None) -> None:
    path = write_response_table(kit.folder / "resp.fits", raw_header("SOXS", "VIS"), "VIS", coefficients)
    if change is not None:
        _edit_table(path, 1, change)
    kit.write_sof(extra=(path,))


def _set(name: str, value: float, row: int = 0) -> Change:
    def change(columns: Columns) -> None:
        form, values = columns[name]
        changed = np.array(values)
        changed[row] = value
        columns[name] = (form, changed)

    return change


def _drop(*names: str) -> Change:
    return lambda columns: {name: column for name, column in columns.items() if name not in names}


def _rename(old: str, new: str) -> Change:
    return lambda columns: {new if name == old else name: column for name, column in columns.items()}


def _as(name: str, form: str, value: object) -> Change:
    def change(columns: Columns) -> None:
        columns[name] = (form, np.array([value] * len(columns[name][1])))

    return change


def _all(prefix: str, value: float) -> Change:
    def change(columns: Columns) -> None:
        for name, (form, values) in columns.items():
            if name.startswith(prefix) and form == "D":
                columns[name] = (form, np.full_like(values, value))

    return change


def _scaled(prefix: str, factor: float) -> Change:
    def change(columns: Columns) -> None:
        for name, (form, values) in columns.items():
            if name.startswith(prefix) and form == "D":
                columns[name] = (form, values * factor)

    return change


def _rows(count: int) -> Change:
    return lambda columns: {name: (form, np.resize(values, count)) for name, (form, values) in columns.items()}


def _extra(name: str) -> Change:
    def change(columns: Columns) -> None:
        columns[name] = ("D", np.ones(len(next(iter(columns.values()))[1])))

    return change


def _many(columns: Columns) -> None:
    for number in range(800):
        columns[f"more{number}"] = ("D", np.ones(len(columns["cent_00"][1])))


def _nothing(columns: Columns) -> Columns:
    return {"nothing": ("D", np.zeros(1))}


ORDER_CENTRES: dict[str, tuple[Change, tuple[int, ...], str]] = {
    "no centres": (lambda c: {n: v for n, v in c.items() if not n.startswith("cent_")}, BAD, "cent_"),
    "a centre missing": (_drop("cent_00"), BAD, "columns cent_"),
    "a centre too many": (_extra("cent_99"), BAD, "columns cent_"),
    "a centre of NaN": (_set("cent_00", np.nan), BAD, "cent_00"),
    "a centre of infinity": (_set("cent_00", np.inf), BAD, "cent_00"),
    "a centre of 10^300": (_set("cent_00", 1e300), BAD, "cent_00|off the detector"),
    "centres all 0": (_all("cent_", 0.0), ANY, ""),
    "centres off the detector": (_scaled("cent_", 1e6), BAD, "off the detector|cent_"),
    "centres below 0": (_scaled("cent_", -1.0), BAD, "off the detector"),
    "centres as text": (_as("cent_00", "8A", "here"), BAD, "cent_00"),
    "centres as logicals": (_as("cent_00", "L", True), ANY, ""),
    "centres as vectors": (lambda c: c.update({"cent_00": ("3D", np.ones((1, 3)))}), BAD, "cent_00"),
    "no degree of the orders": (_drop("degorder_cent"), BAD, "degorder_cent"),
    "no degree along the order": (_drop("degy_cent"), BAD, "degx_cent|degy_cent"),
    "the other arm's degree": (_rename("degy_cent", "degx_cent"), BAD, "degx_cent"),
    "a degree of 99": (_set("degorder_cent", 99), BAD, "degorder_cent"),
    "a degree below 0": (_set("degorder_cent", -1), BAD, "degorder_cent"),
    "a degree that is wrong": (_set("degorder_cent", 2), BAD, "need"),
    "a degree as text": (_as("degorder_cent", "8A", "two"), BAD, "degorder_cent"),
    "edges crossed": (lambda c: c.update({"edgeup_c00": c["edgelow_c00"], "edgelow_c00": c["edgeup_c00"]}), ANY, ""),
    "an edge of NaN": (_set("edgeup_c00", np.nan), BAD, "edgeup_c00"),
    "edges of no width": (lambda c: c.update({n.replace("low", "up"): v for n, v in c.items() if n.startswith("edgelow_c")}), ANY, ""),
    "edges 10^6 px wide": (_scaled("edgeup_c", 1e3), ANY, ""),
    "a width below 0": (_scaled("std_", -1.0), ANY, ""),
    "no rows": (_rows(0), BAD, "no rows"),
    "other columns": (_nothing, BAD, "column|cent_"),
    "eight hundred columns more": (_many, ANY, ""),
}

ORDER_LIMITS: dict[str, tuple[Change, tuple[int, ...], str]] = {
    "no order numbers": (_drop("order"), BAD, "order"),
    "no lower limits": (_drop("ymin"), BAD, "ymin"),
    "no upper limits": (_drop("ymax"), BAD, "ymax"),
    "an order of NaN": (_set("order", np.nan), BAD, "order"),
    "an order of 4.5": (_set("order", 4.5), BAD, "order"),
    "an order of 0": (_set("order", 0), BAD, "order"),
    "an order of 10^9": (_set("order", 1e9), BAD, "order"),
    "an order below 0": (_set("order", -4), BAD, "order"),
    "an order of the other arm": (_set("order", 17), BAD, "none of which"),
    "orders as text": (_as("order", "4A", "four"), BAD, "order"),
    "an order twice": (_rows(2), BAD, "order"),
    "a hundred orders": (_rows(100), BAD, "order"),
    "limits the wrong way": (lambda c: c.update({"ymin": c["ymax"], "ymax": c["ymin"]}), BAD, "ymin|ymax"),
    "limits that are equal": (lambda c: c.update({"ymin": c["ymax"]}), BAD, "ymin|ymax"),
    "a limit of NaN": (_set("ymin", np.nan), BAD, "ymin"),
    "a limit of 10^9": (_set("ymax", 1e9), BAD, "ymax"),
    "limits beyond the detector": (_set("ymax", 4100.0), ANY, ""),
    "an order of three pixels": (_set("ymax", 4.0), ANY, ""),
    "the other arm's limits": (lambda c: {n.replace("y", "x"): v for n, v in c.items()}, BAD, "ymin|column"),
    "no rows": (_rows(0), BAD, "no rows"),
}

DISPERSION: dict[str, tuple[Change, tuple[int, ...], str]] = {
    "no axis": (_drop("axis"), BAD, "axis"),
    "two rows for x": (_as("axis", "1A", "x"), BAD, "axis"),
    "axes that are none": (_as("axis", "1A", "q"), BAD, "axis"),
    "one row": (_rows(1), BAD, "axis"),
    "no rows": (_rows(0), BAD, "no rows"),
    "three rows": (_rows(3), BAD, "axis"),
    "no degree": (_drop("order_deg"), BAD, "order_deg"),
    "a degree of 9": (_set("wavelength_deg", 9), BAD, "coefficients"),
    "a degree of 40": (_set("wavelength_deg", 40), BAD, "wavelength_deg"),
    "a degree below 0": (_set("slit_deg", -1), BAD, "slit_deg"),
    "a degree of NaN": (lambda c: c.update({"slit_deg": ("D", np.full(2, np.nan))}), BAD, "slit_deg"),
    "a degree too low": (_set("wavelength_deg", 1), BAD, "coefficients"),
    "a coefficient missing": (_drop("c000"), BAD, "coefficients"),
    "a coefficient too many": (_extra("c999"), BAD, "coefficients"),
    "a coefficient of NaN": (_set("c000", np.nan), BAD, "coefficients"),
    "a coefficient of infinity": (_set("c000", np.inf), BAD, "coefficient"),
    "a coefficient of 10^300": (_set("c000", 1e300), BAD, "coefficient"),
    "coefficients all 0": (_all("c", 0.0), ANY, ""),
    "coefficients turned about": (_scaled("c", -1.0), ANY, ""),
    "coefficients a million times too large": (_scaled("c", 1e6), ANY, ""),
    "coefficients as text": (_as("c000", "8A", "zero"), BAD, "coefficients"),
    "the rows exchanged": (lambda c: c.update({"axis": ("1A", np.array(["y", "x"]))}), ANY, ""),
    "shifted by 500 px": (lambda c: c.update({"c000": ("D", c["c000"][1] + 500.0)}), ANY, ""),
    "other columns": (_nothing, BAD, "axis"),
}

STRUCTURE: dict[str, tuple[dict[str, str | None], str]] = {
    "TFORM that is none": ({"TFORM1": "'Q'"}, "form|NAXIS1|bytes"),
    "TFORM of complex numbers": ({"TFORM1": "'M'"}, "form|NAXIS1|bytes"),
    "TFORM of 10^6 values": ({"TFORM1": "'999999D'"}, "form|NAXIS1|bytes"),
    "TFORM missing": ({"TFORM1": None}, "form|TFORM|NAXIS1|bytes"),
    "TFIELDS of 10^6": ({"TFIELDS": "1000000"}, "TFIELDS|NAXIS1|bytes|column"),
    "TFIELDS as text": ({"TFIELDS": "'many'"}, "TFIELDS"),
    "TFIELDS 0": ({"TFIELDS": "0"}, "TFIELDS|NAXIS1|bytes|columns|rows"),
    "NAXIS1 too small": ({"NAXIS1": "1"}, "NAXIS1|bytes"),
    "NAXIS2 of 10^12": ({"NAXIS2": "1000000000000"}, "truncated|NAXIS2|larger"),
    "PCOUNT of 10^12": ({"PCOUNT": "1000000000000"}, "truncated|PCOUNT"),
}

RESPONSES: dict[str, tuple[list[float], tuple[int, ...], str]] = {
    "all zero": ([0.0, 0.0], BAD, "all 0"),
    "NaN": ([np.nan, 1.0], BAD, "c0"),
    "infinity": ([np.inf], BAD, "c0"),
    "of degree 60": ([1e-3] * 61, BAD, "(?i)polyorder"),
    "below 0": ([-50.0], ANY, ""),
    "of 10^29": ([1e29], ANY, ""),
    "through zero": ([1.0, -750.0], ANY, ""),
}

RESPONSE_COLUMNS: dict[str, tuple[Change, str]] = {
    "no degree": (_drop("polyOrder"), "polyorder"),
    "a degree too high": (_set("polyOrder", 5), "c2"),
    "a degree below 0": (_set("polyOrder", -3), "polyorder"),
    "a coefficient missing": (_drop("c0"), "c0"),
    "coefficients as text": (_as("c0", "8A", "much"), "c0"),
    "no rows": (_rows(0), "no rows"),
}
