"""Cut the orders out of a frame as rectangles that follow their curve."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.arrays import FloatArray, IntArray
from soxspipe.datamodel.geometry import Geometry, OrderWindow

SHORTEST_ORDER_PX = 30
POSITION_DEGREE = 6


def cut_orders(geometry: Geometry) -> tuple[OrderWindow, ...]:
    """Make the window of every order that the dispersion map holds.

    Parameters
    ----------
    geometry : Geometry
        Its dispersion map gives order, wavelength and slit position of every pixel.

    Returns
    -------
    tuple of OrderWindow
        By ascending order number; orders with less than `SHORTEST_ORDER_PX` dispersion pixels solved about the slit's centre are left out.
    """
    mapped = geometry.dispersion_map
    with np.errstate(invalid="ignore"):
        along_b = np.where((mapped.wavelength_nm > 0) & np.isfinite(mapped.slit_arcsec), mapped.order, 0)
    if geometry.arm.dispersion_axis == "x":
        along_b = along_b.T
    n_a = along_b.shape[1]
    flat = np.flatnonzero(along_b.ravel())
    number = along_b.ravel()[flat]
    b_all, a_all = np.divmod(flat, n_a)
    windows = []
    for order in np.unique(number):
        here = number == order
        window = _window(int(order), b_all[here], a_all[here], n_a, geometry)
        if window is not None:
            windows.append(window)
    return tuple(windows)


def _window(order: int, b: IntArray, a: IntArray, n_a: int, geometry: Geometry) -> OrderWindow | None:
    first = np.flatnonzero(np.diff(b, prepend=-1))
    last = np.append(first[1:], b.size) - 1
    b_found, low, high = b[first], a[first], a[last]
    if b_found.size < SHORTEST_ORDER_PX:
        return None
    width = min(int((high - low).max()) + 1, n_a)
    b_px = np.arange(b_found[0], b_found[-1] + 1)
    a_start = np.clip(np.round(np.interp(b_px, b_found, low)).astype(np.int64), 0, n_a - width)
    a_px = a_start[:, None] + np.arange(width)
    n_columns = geometry.shape[1]
    index = a_px * n_columns + b_px[:, None] if geometry.arm.dispersion_axis == "x" else b_px[:, None] * n_columns + a_px
    mapped = geometry.dispersion_map
    wavelength = mapped.wavelength_nm.reshape(-1)[index].astype(np.float64)
    slit = mapped.slit_arcsec.reshape(-1)[index].astype(np.float64)
    solved = (mapped.order.reshape(-1)[index] == order) & np.isfinite(wavelength) & np.isfinite(slit) & (wavelength > 0)
    inside = solved & (np.abs(slit) <= geometry.arm.slit_length_arcsec / 2)
    window = OrderWindow(
        order=order,
        b_px=b_px,
        a_start=a_start,
        index=index,
        wavelength_nm=np.where(inside, wavelength, np.nan),
        slit_arcsec=np.where(inside, slit, np.nan),
        inside=inside,
    )
    return window if np.count_nonzero(np.isfinite(centre_wavelength(window))) >= SHORTEST_ORDER_PX else None


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
    centre = centre_wavelength(window)
    found = np.isfinite(centre)
    b = window.b_px.astype(np.float64)
    series = np.polynomial.Chebyshev.fit(centre[found], b[found], min(POSITION_DEGREE, max(int(found.sum()) - 2, 1)))
    u = np.zeros(window.index.shape)
    # no slit is tilted by more than an order's length: a wavelength that says so is wrong
    u[window.inside] = np.clip(series(window.wavelength_nm[window.inside]), b[0] - b.size, b[-1] + b.size)
    return u, float(np.sqrt(np.mean((series(centre[found]) - b[found]) ** 2)))


def centre_wavelength(window: OrderWindow, slit_arcsec: FloatArray | float = 0.0) -> FloatArray:
    """Wavelength (nm) at a slit position in every dispersion pixel, linear between neighbouring pixels; NaN where the map ends."""
    target = np.broadcast_to(np.asarray(slit_arcsec, dtype=np.float64), window.b_px.shape)
    distance = np.where(window.inside, np.abs(window.slit_arcsec - target[:, None]), np.inf)
    rows = np.arange(distance.shape[0])
    nearest = np.argmin(distance, axis=1)
    distance[rows, nearest] = np.inf
    second = np.argmin(distance, axis=1)
    s0, s1 = window.slit_arcsec[rows, nearest], window.slit_arcsec[rows, second]
    w0, w1 = window.wavelength_nm[rows, nearest], window.wavelength_nm[rows, second]
    with np.errstate(invalid="ignore", divide="ignore"):
        wave = w0 + (w1 - w0) * (target - s0) / (s1 - s0)
    return np.where(np.abs(s0 - target) <= np.abs(s1 - s0), wave, np.nan)
