"""Whether the tables and images that say where light falls belong together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.detector import Arm
from soxspipe.datamodel.geometry import DispersionMap, DispersionPolynomial, OrderTable, SpectralFormat
from soxspipe.errors import InputError

SAMPLES = 200
"""Along an order; enough to see gaps of a per cent."""
MOST_APART = 0.75
"""Of the slit's length between an order's centre and the slit's middle: beyond, most of the order is looked for beside itself."""
USUAL_PX_PER_ARCSEC = 3.6
"""For solutions of a single pinhole, which do not say."""
MOST_MISSING = 0.05
"""Of an order's wavelengths on the detector; maps end a little before the spectral format does."""


def require_one_place(
    table_name: str,
    solution_name: str,
    table: OrderTable,
    solution: tuple[DispersionPolynomial, DispersionPolynomial],
    limits: SpectralFormat,
    arm: Arm,
) -> None:
    """Raise if most orders stand somewhere else in the order table than in the dispersion table.

    Parameters
    ----------
    table_name, solution_name : str
        Names of the files, for the message.
    table : OrderTable
        Centres of the orders.
    solution : tuple of DispersionPolynomial
        Of x and of y.
    limits : SpectralFormat
        Wavelengths of the orders.
    arm : Arm
        Its slit's length.

    Raises
    ------
    InputError
        With the typical distance, px and arcsec.
    """
    apart = [
        found for entry in limits.orders if entry.order in table.orders for found in _distance(table, solution, entry.order, entry.full_nm)
    ]
    if not apart:
        return
    px, scale = np.median([one[0] for one in apart]), np.median([one[1] for one in apart])
    arcsec = float(px / scale)
    if abs(arcsec) > MOST_APART * arm.slit_length_arcsec:
        raise InputError(
            f"{table_name}: its orders lie {px:+.0f} px ({abs(arcsec):.0f} arcsec) along the slit from where {solution_name} has them, at most "
            f"{MOST_APART * arm.slit_length_arcsec:g} arcsec are taken; the two are not of one set"
        )


def _distance(
    table: OrderTable, solution: tuple[DispersionPolynomial, DispersionPolynomial], order: int, range_nm: tuple[float, float]
) -> Iterator[tuple[float, float]]:
    """Distance of an order's centre from the slit's middle (px), and pixels an arcsec; nothing where the solution has no number."""
    x, y = solution
    wave = np.linspace(*range_nm, SAMPLES)
    along, across = (x, y) if table.dispersion_axis == "x" else (y, x)
    with np.errstate(over="ignore", invalid="ignore"):
        b, a, higher = along(order, wave, 0.0 * wave), across(order, wave, 0.0 * wave), across(order, wave, 0.0 * wave + 1.0)
        inside = np.isfinite(a) & np.isfinite(b) & (b >= table.b_min[order]) & (b <= table.b_max[order])
        if inside.any():
            scale = float(np.median(np.abs(higher - a)[inside]))
            yield float(np.median((table.centre(order, b) - a)[inside])), scale if scale > 0 else USUAL_PX_PER_ARCSEC


def missing_wavelengths(
    mapped: DispersionMap, table: OrderTable, limits: SpectralFormat, arm: Arm, binning: tuple[int, int]
) -> tuple[str, ...]:
    """A sentence where the map has no wavelengths although its polynomials have: a hole, or the end of an order cut off.

    Parameters
    ----------
    mapped : DispersionMap
        As it is used.
    table : OrderTable
        Says how far each order reaches.
    limits : SpectralFormat
        Wavelengths of the orders.
    arm : Arm
        For the names of orders.
    binning : tuple of int
        (x, y) of the map.
    """
    if mapped.x is None or mapped.y is None:
        return ()
    shares = {}
    for entry in limits.orders:
        if entry.order in table.orders:
            known = _known(mapped, table, entry.order, entry.full_nm, binning)
            if known.size >= SAMPLES // 10:
                shares[entry.order] = 1.0 - float(np.mean(known))
    holes = {order: share for order, share in shares.items() if share > MOST_MISSING}
    if not holes:
        return ()
    named = ", ".join(f"{arm.label(order)} ({share:.0%})" for order, share in holes.items())
    return (f"the dispersion image has no wavelengths in part of order {named}; that part of the spectrum is missing",)


def _known(mapped: DispersionMap, table: OrderTable, order: int, range_nm: tuple[float, float], binning: tuple[int, int]) -> FloatArray:
    """1 where the map has a wavelength, 0 where not, along the middle of an order as far as it is on the detector."""
    assert mapped.x is not None
    assert mapped.y is not None
    wave = np.linspace(*range_nm, SAMPLES)
    with np.errstate(over="ignore", invalid="ignore"):
        x, y = (np.nan_to_num(along(order, wave, 0.0 * wave), nan=-1e6) for along in (mapped.x, mapped.y))
        b = x if table.dispersion_axis == "x" else y
        column, row = (np.clip((pixel + 0.5) / factor, -1.0, 1e6).astype(np.int64) for pixel, factor in zip((x, y), binning, strict=True))
    rows, columns = mapped.order.shape
    on = (column >= 0) & (column < columns) & (row >= 0) & (row < rows) & (x >= 0) & (y >= 0)
    on &= (b >= table.b_min[order]) & (b <= table.b_max[order])
    return np.isfinite(mapped.wavelength_nm[row[on], column[on]]).astype(np.float64)
