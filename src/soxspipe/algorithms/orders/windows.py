"""Cut the orders out of a frame as rectangles that follow their curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray, read_only
from soxspipe.datamodel.geometry import Geometry, OrderWindow
from soxspipe.numerics.made_once import once_for_each, once_for_each_order

SHORTEST_ORDER_PX = 30
"""A shorter piece of an order has neither sky nor trace that could be fitted."""
POSITION_DEGREE = 6
"""The position of a wavelength along the dispersion is smooth."""
LEAST_STEPS = 3
"""Fewer do not tell the length of a pixel on the slit."""
ROWS_AT_ONCE = 64
"""Bounds the memory; the result does not depend on it."""


@once_for_each
def cut_orders(geometry: Geometry) -> tuple[OrderWindow, ...]:
    """Make the window of every order that the dispersion map holds, once for all frames of a night.

    Parameters
    ----------
    geometry : Geometry
        Its dispersion map gives order, wavelength and slit position of every pixel.

    Returns
    -------
    tuple of OrderWindow
        By ascending order number; orders with less than `SHORTEST_ORDER_PX` dispersion pixels solved about the slit's centre are left out.
    """
    first, last = _edges(geometry)
    windows = (_window(order, first[order], last[order], geometry) for order in np.flatnonzero((last >= 0).any(axis=1)).tolist())
    return tuple(window for window in windows if window is not None)


def _edges(geometry: Geometry) -> tuple[IntArray, IntArray]:
    """First and last slit-axis pixel of every order number in every dispersion pixel, shape (largest number + 1, n_disp).

    Where an order has no solved pixel, the first is beyond the frame and the last is -1.
    """
    mapped = geometry.dispersion_map
    along_x = geometry.arm.dispersion_axis == "x"
    n_b, n_a = geometry.shape[::-1] if along_x else geometry.shape
    shape = (int(mapped.order.max()) + 1, n_b)
    first, last = np.full(shape, n_a), np.full(shape, -1)
    for start in range(0, geometry.shape[0], ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        solved = (mapped.order[rows] > 0) & (mapped.wavelength_nm[rows] > 0) & np.isfinite(mapped.slit_arcsec[rows])
        pixels = np.flatnonzero(solved)
        y = pixels // geometry.shape[1]
        x = pixels - y * geometry.shape[1]
        b, a = (x, y + start) if along_x else (y + start, x)
        place = mapped.order[rows].reshape(-1)[pixels].astype(np.int64) * n_b + b
        np.minimum.at(first.reshape(-1), place, a)
        np.maximum.at(last.reshape(-1), place, a)
    return first, last


def _window(order: int, first: IntArray, last: IntArray, geometry: Geometry) -> OrderWindow | None:
    b_found = np.flatnonzero(last >= 0)
    if b_found.size < SHORTEST_ORDER_PX:
        return None
    low, high = first[b_found], last[b_found]
    n_a = geometry.shape[0] if geometry.arm.dispersion_axis == "x" else geometry.shape[1]
    width = min(int((high - low).max()) + 1, n_a)
    b_px = np.arange(b_found[0], b_found[-1] + 1)
    a_start = np.clip(np.round(np.interp(b_px, b_found, low)).astype(np.int64), 0, n_a - width)
    a_px = a_start[:, None] + np.arange(width)
    n_columns = geometry.shape[1]
    index = a_px * n_columns + b_px[:, None] if geometry.arm.dispersion_axis == "x" else b_px[:, None] * n_columns + a_px
    mapped = geometry.dispersion_map
    wavelength = mapped.wavelength_nm.reshape(-1).take(index).astype(np.float64)
    slit = mapped.slit_arcsec.reshape(-1).take(index).astype(np.float64)
    solved = (mapped.order.reshape(-1).take(index) == order) & np.isfinite(wavelength) & np.isfinite(slit) & (wavelength > 0)
    inside = solved & (np.abs(slit) <= geometry.arm.half_slit_arcsec)
    window = OrderWindow(
        order=order,
        b_px=b_px,
        a_start=a_start,
        index=index,
        wavelength_nm=np.where(inside, wavelength, np.nan),
        slit_arcsec=np.where(inside, slit, np.nan),
        inside=inside,
        half_slit_arcsec=geometry.arm.half_slit_arcsec,
    )
    return window if np.count_nonzero(np.isfinite(middle_wavelength(window))) >= SHORTEST_ORDER_PX else None


def dispersion_position(window: OrderWindow) -> tuple[FloatArray, float]:
    """Dispersion pixel that each pixel's wavelength has at slit centre.

    Parameters
    ----------
    window : OrderWindow
        Map of the order.

    Returns
    -------
    u : ndarray, shape of the window
        Pixels, 0 outside the order; a Chebyshev polynomial of degree `POSITION_DEGREE` in wavelength.
    rms : float
        Of that polynomial (px).
    """
    series, rms = _position_series(window)
    b = window.b_px
    u = np.zeros(window.index.shape)
    # no slit is tilted by more than an order's length: a wavelength that says so is wrong
    u[window.inside] = np.clip(series(window.wavelength_nm[window.inside]), float(b[0]) - b.size, float(b[-1]) + b.size)
    return u, rms


@once_for_each_order
def _position_series(window: OrderWindow) -> tuple[np.polynomial.Chebyshev, float]:
    """Dispersion pixel as a polynomial of the wavelength at slit centre, and its rms (px); made once for all frames of a night."""
    centre = middle_wavelength(window)
    found = np.isfinite(centre)
    b = window.b_px[found].astype(np.float64)
    series = np.polynomial.Chebyshev.fit(centre[found], b, min(POSITION_DEGREE, max(b.size - 2, 1)))
    return series, float(np.sqrt(np.mean((series(centre[found]) - b) ** 2)))


@once_for_each_order
def rows_px_per_arcsec(window: OrderWindow) -> FloatArray:
    """Pixels along the slit axis per arcsec of every dispersion pixel, negative where the slit runs against them, shape (n_disp,).

    The median of the order where the map has less than `LEAST_STEPS` pixels of the slit; made once for all frames of a night.
    """
    with np.errstate(invalid="ignore"):
        step = np.diff(window.slit_arcsec, axis=1)
    count = np.isfinite(step).sum(axis=1)
    arcsec = np.nansum(step, axis=1) / np.maximum(count, 1)
    known = (count >= LEAST_STEPS) & (arcsec != 0)
    return read_only(1.0 / np.where(known, arcsec, np.median(arcsec[known]) if known.any() else 1.0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SlitEnds:
    """Where the slit's light and the pixels of an order that it falls on end.

    Attributes
    ----------
    dark : ndarray of bool, shape of the window, or None
        Pixels that lie beyond the slit's ends; None where there are none.
    between_arcsec : ndarray, shape (n_disp, 4)
        Slit positions: the slit's lower end, the outer edges of the first and the last pixel that it lights, its upper end.
    """

    dark: BoolArray | None
    between_arcsec: FloatArray


@once_for_each_order
def slit_ends(window: OrderWindow) -> SlitEnds:
    """Ends of the slit against the pixels of an order (`SlitEnds`), in a row without pixels all at the slit's centre; made once for all frames of a night."""
    half = window.half_slit_arcsec
    low, high = window.lit_arcsec or (-half, half)
    with np.errstate(invalid="ignore"):
        dark = (window.slit_arcsec < low) | (window.slit_arcsec > high)
    place = np.where(dark, np.nan, window.slit_arcsec)
    half_px = 0.5 / np.abs(rows_px_per_arcsec(window))
    first, last = np.fmin.reduce(place, axis=1) - half_px, np.fmax.reduce(place, axis=1) + half_px
    between = np.stack([np.full(first.size, low), first, last, np.full(first.size, high)], axis=1)
    between[~np.isfinite(first)] = 0.0
    return SlitEnds(dark=read_only(dark) if dark.any() else None, between_arcsec=read_only(between))


@once_for_each_order
def slit_reach_arcsec(window: OrderWindow) -> float:
    """Furthest slit position of an order's pixels, which -1..1 is scaled to, arcsec; made once for all frames of a night."""
    return max(float(np.nanmax(np.abs(window.slit_arcsec))), 1e-9)


@once_for_each_order
def middle_wavelength(window: OrderWindow) -> FloatArray:
    """Wavelength (nm) at the slit's centre in every dispersion pixel (`centre_wavelength`), made once for all frames of a night."""
    return read_only(centre_wavelength(window))


def centre_wavelength(window: OrderWindow, slit_arcsec: FloatArray | float = 0.0) -> FloatArray:
    """Wavelength (nm) at a slit position in every dispersion pixel, linear between neighbouring pixels; NaN where the map ends."""
    target = np.broadcast_to(np.asarray(slit_arcsec, dtype=np.float64), window.b_px.shape)
    rows, nearest, second = _two_nearest(window, target)
    s0, s1 = window.slit_arcsec[rows, nearest], window.slit_arcsec[rows, second]
    w0, w1 = window.wavelength_nm[rows, nearest], window.wavelength_nm[rows, second]
    with np.errstate(invalid="ignore", divide="ignore"):
        wave = w0 + (w1 - w0) * (target - s0) / (s1 - s0)
    return np.where(np.abs(s0 - target) <= np.abs(s1 - s0), wave, np.nan)


def slit_to_pixel(window: OrderWindow, slit_arcsec: FloatArray) -> FloatArray:
    """Slit-axis pixel at which each dispersion pixel has the slit position given, shape (n_disp,); extrapolated past the ends of the slit."""
    rows, nearest, second = _two_nearest(window, slit_arcsec)
    s0, s1 = window.slit_arcsec[rows, nearest], window.slit_arcsec[rows, second]
    with np.errstate(invalid="ignore", divide="ignore"):
        pixel = window.a_start + nearest + (second - nearest) * (slit_arcsec - s0) / (s1 - s0)
    known = np.isfinite(pixel)
    if not known.any():
        return np.full(rows.size, np.nan)
    return np.where(known, pixel, np.interp(rows, rows[known], pixel[known]))


def _two_nearest(window: OrderWindow, slit_arcsec: FloatArray) -> tuple[IntArray, IntArray, IntArray]:
    """Every row (dispersion pixel) of a window, and the columns of the pixel nearest to its slit position and of the next one; shape (n_disp,)."""
    distance = np.where(window.inside, np.abs(window.slit_arcsec - slit_arcsec[:, None]), np.inf)
    rows = np.arange(distance.shape[0])
    nearest = np.argmin(distance, axis=1)
    distance[rows, nearest] = np.inf
    return rows, nearest, np.argmin(distance, axis=1)
