"""What the object's profile is fitted to: its light in cells of distance from the trace and dispersion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.objects.object_flux import LEAST_SIGNIFICANCE, SOUND_POWER, flux_along, has_core, steady_flux
from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.algorithms.orders.windows import rows_px_per_arcsec
from soxspipe.datamodel.arrays import FloatArray, IntArray
from soxspipe.datamodel.geometry import OrderWindow
from soxspipe.datamodel.trace import ObjectTrace, OrderTrace
from soxspipe.numerics.made_once import once_for_each_order
from soxspipe.numerics.rows import row_dot, row_max

CELL_ARCSEC = 0.05
"""A sixth of a pixel: the profile is straight within it."""
CHUNKS = 8
"""The profile hardly changes within an eighth of an order."""
PEAK_TOLERANCE = 0.1
"""A first profile is right to a tenth of its peak."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Measured light per arcsec, shape (orders * chunks, bins): value, its weight, mean distance; and what is the same all along a row.

    That is wavelength, size of a pixel, the sky in units of the value, and the place of the trace on the slit.
    """

    value: FloatArray
    weight: FloatArray
    distance: FloatArray
    wavelength_nm: FloatArray
    pixel_arcsec: FloatArray
    sky: FloatArray
    trace_arcsec: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chunks:
    """An order's dispersion pixels in `CHUNKS` parts.

    Attributes
    ----------
    number : ndarray of int, shape (n_disp,)
        Part of each dispersion pixel.
    middle_px, wavelength_nm : ndarray, shape (CHUNKS,)
        Middle row of the window and wavelength of each part.
    pixel_arcsec : ndarray, shape (n_disp,)
        Arcsec per pixel of each row.
    typical_arcsec : float
        Their median.
    """

    number: IntArray
    middle_px: FloatArray
    wavelength_nm: FloatArray
    pixel_arcsec: FloatArray
    typical_arcsec: float


@once_for_each_order
def chunks_of(window: OrderWindow) -> Chunks:
    """Parts of an order's window, made once for all frames of a night."""
    number = np.arange(window.b_px.size) * CHUNKS // window.b_px.size
    wave = np.full(CHUNKS, np.nan)
    for chunk in np.unique(number[window.inside.any(axis=1)]):
        rows = slice(*np.searchsorted(number, [chunk, chunk + 1]))
        wave[chunk] = np.median(window.wavelength_nm[rows][window.inside[rows]])
    pixel = 1.0 / np.maximum(np.abs(rows_px_per_arcsec(window)), 1e-6)
    known = np.isfinite(wave)  # all chunks, unless the dispersion map has holes
    return Chunks(
        number=number,
        middle_px=np.array([np.flatnonzero(number == chunk).mean() for chunk in range(CHUNKS)]),
        wavelength_nm=wave if known.all() else np.interp(np.arange(CHUNKS), np.flatnonzero(known), wave[known]),
        pixel_arcsec=pixel,
        typical_arcsec=float(np.median(pixel)),
    )


def measure_cells(
    orders: Sequence[OrderData],
    skies: Sequence[FloatArray],
    trace: ObjectTrace,
    shares: Sequence[FloatArray],
    chunks: Sequence[Chunks],
    *,
    clip: float,
    reach_arcsec: float,
) -> Cells:
    """Light per arcsec over the object's flux, in cells of distance from the trace and parts of the orders.

    Parameters
    ----------
    orders, skies : sequence
        Orders and their sky models.
    trace : ObjectTrace
        The object's.
    shares : sequence of ndarray
        Profile so far in every order, by which the flux is measured.
    chunks : sequence of Chunks
        Parts of every order.
    clip : float
        Pixels further from the profile (sigma, plus a tenth of its peak) are left out.
    reach_arcsec : float
        Furthest distance.

    Returns
    -------
    Cells
        `CHUNKS` rows per order.
    """
    n_bins = int(np.ceil(2 * reach_arcsec / CELL_ARCSEC))
    parts = []
    for data, sky, share, part in zip(orders, skies, shares, chunks, strict=True):
        parts.append(_order_cells(data, sky, trace.orders[data.window.order], share, part, clip, reach_arcsec, n_bins))
    return Cells(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def _order_cells(
    data: OrderData, sky: FloatArray, path: OrderTrace, shares: FloatArray, part: Chunks, clip: float, reach: float, n_bins: int
) -> dict[str, FloatArray]:
    """The fields of `Cells` for one order: its `CHUNKS` rows."""
    window = data.window
    light = data.electrons - sky
    distance = np.where(window.inside, window.slit_arcsec - path.slit_arcsec[:, None], 1e3)
    use = data.good & (np.abs(distance) < reach) & has_core(shares, data.good)[:, None]
    measured, error = flux_along(light, data.variance(sky), shares, use)
    flux, smooth_error = steady_flux(measured, error, data.binning[0])
    use &= (flux > LEAST_SIGNIFICANCE * smooth_error)[:, None]
    variance = data.variance(np.maximum(sky, 0.0) + np.maximum(flux, 0.0)[:, None] * np.maximum(shares, 0.0))
    peak = np.maximum(flux, 0.0) * row_max(shares)
    alike = np.abs(light - flux[:, None] * shares) <= clip * np.sqrt(variance) + PEAK_TOLERANCE * peak[:, None]
    # a line of the object has the profile; where much of the core is clipped, it is a hit that lifts the flux
    power = np.where(use, shares**2, 0.0)
    struck = (flux == measured) & (row_dot(power, alike.astype(np.float64)) < SOUND_POWER * np.sum(power, axis=1))
    use &= alike & ~struck[:, None]
    pixel = part.pixel_arcsec
    per_arcsec = flux[:, None] * pixel[:, None]
    weight = np.where(use, per_arcsec**2 / variance, 0.0)
    cell = part.number[:, None] * n_bins + np.clip(((distance + reach) / CELL_ARCSEC), 0, n_bins - 1).astype(np.int64)
    chosen = np.flatnonzero(weight > 0)
    index, w = cell.take(chosen), weight.take(chosen)
    total = np.bincount(index, w, CHUNKS * n_bins)
    safe = np.where(total > 0, total, 1.0)
    per_light = 1.0 / np.where(per_arcsec > 0, per_arcsec, 1.0)
    value = np.bincount(index, w * (light * per_light).take(chosen), CHUNKS * n_bins) / safe
    mean_distance = np.bincount(index, w * distance.take(chosen), CHUNKS * n_bins) / safe
    row = index // n_bins
    of_row = np.maximum(np.bincount(row, w, CHUNKS), 1e-30)
    places = np.bincount(part.number, path.slit_arcsec, CHUNKS) / np.maximum(np.bincount(part.number, minlength=CHUNKS), 1)
    return {
        "value": value.reshape(CHUNKS, -1),
        "weight": total.astype(np.float64).reshape(CHUNKS, -1),
        "distance": mean_distance.reshape(CHUNKS, -1),
        "wavelength_nm": part.wavelength_nm,
        "pixel_arcsec": np.full(CHUNKS, part.typical_arcsec),
        "sky": np.bincount(row, w * (sky * per_light).take(chosen), CHUNKS) / of_row,
        "trace_arcsec": places,
    }
