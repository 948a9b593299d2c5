"""Orders cut out of the frame and laid straight: slit vertical, wavelength growing to the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soxspipe.datamodel.arrays import BoolImage, FloatArray, IntArray, freeze
from soxspipe.datamodel.geometry import Geometry
from soxspipe.datamodel.stored_image import Pixels, seen
from soxspipe.datamodel.trace import ObjectTrace
from soxspipe.numerics.made_once import once_for_each

REACH_PX = 40
"""Rows looked at on either side of an order's centre at most."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Strip:
    """Where the pixels of one straightened order come from.

    Attributes
    ----------
    order : int
        Detector order number.
    label : str
        Band, or the number.
    index : ndarray of int, shape (n_slit, n_disp)
        Flat index into the frame; pixels are moved whole, never resampled.
    inside : ndarray of bool, shape (n_slit, n_disp)
        True on the order.
    wavelength_nm : ndarray, shape (n_disp,)
        At the slit centre, ascending.
    b_px : ndarray of int, shape (n_disp,)
        Dispersion pixel of every column.
    a_first : ndarray, shape (n_disp,)
        Slit-axis pixel of row 0.
    slit_step : int
        1 where the slit-axis pixel grows with the row, -1 where it falls.
    """

    order: int
    label: str
    index: IntArray
    inside: BoolImage
    wavelength_nm: FloatArray
    b_px: IntArray
    a_first: FloatArray
    slit_step: int

    def __post_init__(self) -> None:
        shape = self.index.shape
        freeze(self, index=shape, inside=shape, wavelength_nm=shape[1:], b_px=shape[1:], a_first=shape[1:])

    def cutout(self, image: Pixels) -> FloatArray:
        """Cut the order out of a frame; NaN outside the order."""
        pixels = seen(image).reshape(-1).take(self.index)
        return np.where(self.inside, pixels.astype(np.float32, copy=False), np.float32(np.nan))

    def place(self, b_px: FloatArray, a_px: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Column and row on the strip of points on the frame; NaN for points off its ends."""
        in_order = np.argsort(self.b_px)
        column = np.interp(b_px, self.b_px[in_order], in_order.astype(np.float64), left=np.nan, right=np.nan)
        first = np.interp(np.rint(b_px), self.b_px[in_order], self.a_first[in_order])
        return column, self.slit_step * (a_px - first)

    def trace_row(self, trace: ObjectTrace) -> FloatArray:
        """Row of the object's trace at every column; NaN where there is none."""
        rows = np.full(self.b_px.size, np.nan)
        if self.order in trace.orders:
            found = trace.orders[self.order]
            at = np.argsort(found.b_px)
            a_px = np.interp(self.b_px, found.b_px[at], found.a_px[at], left=np.nan, right=np.nan)
            rows = self.slit_step * (a_px - self.a_first)
        return rows


def lay_straight(geometry: Geometry, orders: Sequence[int] | None = None) -> tuple[Strip, ...]:
    """Lay orders straight, bluest first.

    Parameters
    ----------
    geometry : Geometry
        Its order table gives the centres, its map the extent on the slit.
    orders : sequence of int, optional
        Only these; all of the order table by default.

    Returns
    -------
    tuple of Strip
        Orders without a solved pixel are left out.
    """
    every = _all_strips(geometry)
    return every if orders is None else tuple(strip for strip in every if strip.order in orders)


@once_for_each
def _all_strips(geometry: Geometry) -> tuple[Strip, ...]:
    strips = [strip for order in geometry.order_table.orders if (strip := _strip(geometry, order)) is not None]
    return tuple(sorted(strips, key=lambda strip: float(strip.wavelength_nm[0])))


def _strip(geometry: Geometry, order: int) -> Strip | None:
    ny, nx = geometry.shape
    along_x = geometry.arm.dispersion_axis == "x"
    n_disp, n_slit = (nx, ny) if along_x else (ny, nx)
    b = np.arange(n_disp)
    reach = _reach(geometry, order)
    first = np.rint(_order_centre(geometry, order, b)).astype(np.int64) - reach
    a = first[None, :] + np.arange(2 * reach + 1)[:, None]
    inside = (a >= 0) & (a < n_slit)
    a = np.clip(a, 0, n_slit - 1)
    index = a * nx + b[None, :] if along_x else b[None, :] * nx + a
    wavelength = geometry.dispersion_map.wavelength_nm.reshape(-1).take(index)
    inside &= (geometry.dispersion_map.order.reshape(-1).take(index) == order) & np.isfinite(wavelength) & (wavelength > 0)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if rows.size == 0 or columns.size < 2:
        return None
    keep = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    index, inside = index[keep], inside[keep]
    mean_wave = _mean_along_slit(wavelength[keep], inside)
    b, first = b[keep[1]], first[keep[1]] + rows[0]
    slit_step = 1
    if _falls(geometry.dispersion_map.slit_arcsec.reshape(-1).take(index), inside):
        index, inside, first, slit_step = index[::-1], inside[::-1], first + index.shape[0] - 1, -1
    along = slice(None, None, -1 if mean_wave[0] > mean_wave[-1] else 1)
    return Strip(
        order=order,
        label=geometry.arm.label(order),
        index=np.ascontiguousarray(index[:, along], dtype=np.int32),  # kept, so half the memory counts
        inside=np.ascontiguousarray(inside[:, along]),
        wavelength_nm=mean_wave[along],
        b_px=b[along],
        a_first=first[along].astype(np.float64),
        slit_step=slit_step,
    )


def _reach(geometry: Geometry, order: int) -> int:
    """Rows to look at on either side of the centre: half the slit and some more where the edges are known."""
    table = geometry.order_table
    if table.low is None or table.high is None or order not in table.b_min:
        return REACH_PX
    b = np.linspace(table.b_min[order], table.b_max[order], 9)
    half = np.maximum(table.high(order, b) - table.centre(order, b), table.centre(order, b) - table.low(order, b))
    return min(REACH_PX, int(np.ceil(np.max(half) / geometry.slit_binning)) + 2)


def _order_centre(geometry: Geometry, order: int, b: IntArray) -> FloatArray:
    """Slit-axis pixel of the order's centre on the binned frame."""
    unbinned = (b + 0.5) * geometry.dispersion_binning - 0.5
    return (geometry.order_table.centre(order, unbinned) + 0.5) / geometry.slit_binning - 0.5


def _mean_along_slit(wavelength: FloatArray, inside: BoolImage) -> FloatArray:
    """Mean wavelength of every column; columns without a solved pixel take it from their neighbours."""
    counted = inside.sum(axis=0)
    mean = np.sum(np.where(inside, wavelength, 0.0), axis=0) / np.maximum(counted, 1)
    solved = np.flatnonzero(counted)
    return np.interp(np.arange(mean.size), solved, mean[solved])


def _falls(slit: FloatArray, inside: BoolImage) -> bool:
    """Whether slit position falls with the row, judged at the column with the most pixels."""
    best = int(np.argmax(inside.sum(axis=0)))
    measured = slit[inside[:, best], best]
    return bool(measured[0] > measured[-1])


def join_strips(cuts: Sequence[FloatArray], gap: int = 3) -> tuple[FloatArray, tuple[int, ...]]:
    """Set straightened orders one under the other.

    Parameters
    ----------
    cuts : sequence of ndarray, shape (n_slit, n_disp)
        From top to bottom; sizes may differ.
    gap : int
        Empty rows between orders.

    Returns
    -------
    sheet : ndarray, shape (n_rows, n_columns)
        Row 0 is at the bottom, as slit positions grow upwards; NaN where there is nothing.
    bottoms : tuple of int
        Row at which each order starts.
    """
    width = max(cut.shape[1] for cut in cuts)
    height = sum(cut.shape[0] for cut in cuts) + gap * (len(cuts) - 1)
    sheet = np.full((height, width), np.nan, dtype=np.float32)
    bottoms = []
    top = height
    for cut in cuts:
        rows = cut.shape[0]
        sheet[top - rows : top, : cut.shape[1]] = cut
        bottoms.append(top - rows)
        top -= rows + gap
    return sheet, tuple(bottoms)
