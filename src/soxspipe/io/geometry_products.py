"""Tables and images of the geometry recipes, as HDUs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.algorithms.calibration.solve_map import SolvedMap
from soxspipe.algorithms.calibration.trace_orders import OrderCentres
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.detector import Arm
from soxspipe.datamodel.geometry import DispersionPolynomial
from soxspipe.datamodel.provenance import Card
from soxspipe.io.fits_writer import Column, Hdu, table_hdu
from soxspipe.io.products import trace_columns


def dispersion_hdus(
    cards: tuple[Card, ...], x: DispersionPolynomial, y: DispersionPolynomial, tables: Sequence[Hdu] = ()
) -> tuple[Hdu, ...]:
    """The dispersion table: a row for x and one for y, coefficients ``c<i><j><k>`` by name, NaN where an axis has none; then `tables`."""
    both = (x.coefficients, y.coefficients)
    names = sorted({f"c{i}{j}{k}" for c in both for i, j, k in np.ndindex(c.shape)})
    columns = [Column(name="axis", values=np.array(["x", "y"]), comment="detector axis that the row predicts")]
    columns += [
        Column(name=f"{what}_deg", values=np.array([c.shape[place] - 1 for c in both], dtype=np.int64), comment=f"degree in {what}")
        for place, what in enumerate(("order", "wavelength", "slit"))
    ]
    columns += [Column(name=name, values=np.array([_coefficient(c, name) for c in both])) for name in names]
    return Hdu(cards=cards), table_hdu("", columns), *tables


def _coefficient(c: FloatArray, name: str) -> float:
    i, j, k = (int(digit) for digit in name[1:])
    return float(c[i, j, k]) if i < c.shape[0] and j < c.shape[1] and k < c.shape[2] else float("nan")


def rows_hdu(name: str, rows: Mapping[str, NDArray[Any]], units: Mapping[str, str]) -> Hdu:
    """A plain table: columns as they stand in `rows`."""
    return table_hdu(name, [Column(name=key, values=values, unit=units.get(key, "")) for key, values in rows.items()])


def order_table_hdus(cards: tuple[Card, ...], centres: OrderCentres, arm: Arm, traces: Mapping[str, NDArray[Any]]) -> tuple[Hdu, ...]:
    """The order table: polynomials of centre and width, limits of the orders, and the centres sampled at every pixel."""
    a, b = arm.slit_axis, arm.dispersion_axis
    polynomials = trace_columns(b, centres.centre, centres.sigma)
    orders = sorted(centres.b_min)
    ends = [
        [float(centres.centre(order, np.array([centres.b_min[order], centres.b_max[order] - 1.0]))[k]) for order in orders]
        for k in range(2)
    ]
    limits = [
        Column(name="order", values=np.array(orders, dtype=np.float64)),
        Column(name=f"{b}min", values=np.array([centres.b_min[order] for order in orders], dtype=np.int64), unit="pix"),
        Column(name=f"{b}max", values=np.array([centres.b_max[order] for order in orders], dtype=np.int64), unit="pix"),
        Column(name=f"{a}min", values=np.minimum(ends[0], ends[1]), unit="pix"),
        Column(name=f"{a}max", values=np.maximum(ends[0], ends[1]), unit="pix"),
    ]
    units = dict.fromkeys(traces, "pix") | {"order": ""}
    return Hdu(cards=cards), table_hdu("", polynomials), table_hdu("", limits), rows_hdu("ORDER_TRACES", traces, units)


def map_hdus(cards: tuple[Card, ...], solved: SolvedMap) -> tuple[Hdu, ...]:
    """The map: WAVELENGTH, SLIT and ORDER as every reader knows them, then the error of the wavelength and where lines hold the solution."""
    return (
        Hdu(name="WAVELENGTH", cards=(*cards, ("BUNIT", "nm", "air; 0 where there is no solution")), data=solved.wavelength_nm),
        Hdu(name="SLIT", cards=(("BUNIT", "arcsec", ""),), data=solved.slit_arcsec),
        Hdu(name="ORDER", data=solved.order),
        Hdu(name="WAVELENGTH_ERR", cards=(("BUNIT", "nm", "1 sigma of the solution"),), data=solved.wavelength_error_nm),
        Hdu(
            name="CONSTRAINED",
            cards=(("COMMENT", "1 where lines of the order hold the solution, 0 where it goes beyond them", ""),),
            data=solved.constrained,
        ),
    )
