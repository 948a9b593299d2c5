"""Where an object lies off a trace: the shift of a template along the slit that its light asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.algorithms.objects.object_flux import has_core
from soxspipe.algorithms.objects.trace_surface import TracePoints
from soxspipe.algorithms.orders.order_data import EVERY_ROW, OrderData
from soxspipe.datamodel.arrays import FloatArray, IntArray
from soxspipe.numerics.robust import running_median
from soxspipe.numerics.rows import row_dot

CHUNK_PX = 40
"""A trace does not move within as many pixels; faint objects need their light."""
TEMPLATE_SIGMA = 0.42
"""Sigma of a Gaussian over its FWHM, 1 / 2.355."""
TEMPLATE_REACH = 7.0
"""In sigma: a Gaussian is 2e-11 of its peak there, and nothing in a sum."""
ROWS_APART = 16
"""A window follows its order to a pixel over as many rows, a tenth of that reach at most."""
PEAK_TOLERANCE = 0.3
"""A Gaussian is not the profile, and may miss it by this share of its peak."""
PEAK_FLOOR = 0.05
"""Bright pixels are limited by the template, not by their photons."""
REJECT_SIGMA = 6.0
"""Only what no profile explains."""
FLUX_SMOOTH_PX = 15
"""Wider than a cosmic ray and its blur; a continuum changes little over it."""
LINE_SIGMA = 5.0
"""An emission line that stands out this much is flux, no noise."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TracedOrder:
    """An order as the trace sees it: its data, sky-subtracted electrons, variance, and scale (shape of the window unless given).

    Attributes
    ----------
    data : OrderData
        The order.
    light : ndarray
        Flattened electrons without sky.
    variance : ndarray
        Of `light`, positive.
    centre_nm : ndarray, shape (n_disp,)
        Wavelength at slit centre; NaN where the map ends.
    px_per_arcsec : ndarray, shape (n_disp,)
        Signed slit scale.
    """

    data: OrderData
    light: FloatArray
    variance: FloatArray
    centre_nm: FloatArray
    px_per_arcsec: FloatArray


def at_columns(one: TracedOrder, rows: IntArray, half_b: float) -> TracePoints:
    """Dispersion pixels of an order as points of the surface; `half_b` is half of the frame's length along the dispersion."""
    b = one.data.window.b_px[rows]
    return TracePoints(
        order=np.full(rows.size, one.data.window.order),
        b=b / half_b - 1.0,
        wavelength_nm=one.centre_nm[rows],
        px_per_arcsec=one.px_per_arcsec[rows],
    )


def matched_offsets(
    one: TracedOrder, rows: IntArray, offset: FloatArray, fwhm: float, half_b: float, *, keep_lines: bool
) -> tuple[TracePoints, FloatArray, FloatArray]:
    """Maximum-likelihood shift of a Gaussian template per chunk of `CHUNK_PX` dispersion pixels: where, offset and error (arcsec)."""
    sigma = TEMPLATE_SIGMA * fwhm
    columns = _columns_near(one.data.window.slit_arcsec, rows, offset, TEMPLATE_REACH * sigma)

    def near(image: NDArray[Any]) -> NDArray[Any]:
        return image[:, columns].take(rows, axis=0)

    good, inside = near(one.data.good), near(one.data.window.inside)
    t = np.where(inside, (near(one.data.window.slit_arcsec) - offset[:, None]) / sigma, 0.0)
    shape = inside * np.exp(-0.5 * np.minimum(t * t, 80.0))
    whole = has_core(shape, good)
    good &= whole[:, None]
    shape *= good
    light = np.where(good, near(one.light), 0.0)
    noise2 = np.where(good, near(one.variance), np.inf)
    weight = 1.0 / noise2
    measured = _amplitude(light, shape, weight)
    flux = running_median(measured, FLUX_SMOOTH_PX, whole)
    if keep_lines:
        noise = 1.0 / np.sqrt(np.maximum(row_dot(weight * shape, shape), 1e-30))
        flux = np.where(measured - flux > LINE_SIGMA * noise, measured, flux)
    expected = np.maximum(flux, 0.0)[:, None] * shape
    alike = np.abs(light - expected) <= REJECT_SIGMA * np.sqrt(noise2) + PEAK_TOLERANCE * np.maximum(flux, 0.0)[:, None]
    weight = alike / (noise2 + (PEAK_FLOOR * flux[:, None]) ** 2)
    slope = t * shape
    weighted = weight * shape
    slope -= shape * (row_dot(weighted, slope) / np.maximum(row_dot(weighted, shape), 1e-30))[:, None]
    weighted = weight * slope
    pull = row_dot(weighted, light) * flux / sigma
    information = row_dot(weighted, slope) * flux**2 / sigma**2
    middle, shift, error = _of_chunks(pull, information, 0.5 * fwhm)
    return at_columns(one, rows[middle], half_b), offset[middle] + shift, error


def _of_chunks(pull: FloatArray, information: FloatArray, furthest: float) -> tuple[IntArray, FloatArray, FloatArray]:
    """Middle of each chunk, its shift (not beyond `furthest`) and error; NaN where nothing is known of it."""
    chunk = np.arange(pull.size) // CHUNK_PX
    total = np.bincount(chunk, information)
    middle = np.clip((np.arange(total.size) * CHUNK_PX + CHUNK_PX // 2), 0, pull.size - 1)
    known = total > 0
    safe = np.where(known, total, 1.0)
    shift = np.clip(np.bincount(chunk, pull) / safe, -furthest, furthest)
    return middle, np.where(known, shift, np.nan), np.where(known, 1.0 / np.sqrt(safe), np.nan)


def _columns_near(slit_arcsec: FloatArray, rows: IntArray, offset: FloatArray, reach_arcsec: float) -> slice:
    """Columns of a window that come near the object anywhere, as every `ROWS_APART`th row tells; all of them if none does."""
    some = rows[::ROWS_APART]
    with np.errstate(invalid="ignore"):
        close = np.abs(slit_arcsec[some] - offset[::ROWS_APART, None]) < reach_arcsec
    columns = np.flatnonzero(close.any(axis=0))
    return slice(int(columns[0]), int(columns[-1]) + 1) if columns.size else EVERY_ROW


def _amplitude(light: FloatArray, shape: FloatArray, weight: FloatArray) -> FloatArray:
    weighted = weight * shape
    return row_dot(weighted, light) / np.maximum(row_dot(weighted, shape), 1e-30)
