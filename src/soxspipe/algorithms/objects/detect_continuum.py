"""Slices across the orders, Gaussian peaks, a global polynomial trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from soxspipe.algorithms.objects.matched_filter import TracedOrder, at_columns, matched_offsets
from soxspipe.algorithms.objects.trace_surface import TracePoints, TraceSurface, fit_surface
from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.algorithms.orders.windows import middle_wavelength, rows_px_per_arcsec, slit_to_pixel
from soxspipe.algorithms.settings import AlgorithmSettings
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.datamodel.geometry import Geometry
from soxspipe.datamodel.trace import ContinuumSamples, ObjectTrace, OrderTrace, SlitSource
from soxspipe.numerics.medians import MAD_TO_SIGMA
from soxspipe.numerics.robust import row_median, running_mean


class ContinuumSettings(AlgorithmSettings):
    """Settings of `detect_continuum`."""

    order_sample_count: int = Field(150, ge=10, le=5000, description="Number of cross-order slices per order.")
    slice_length: int = Field(50, ge=7, le=2000, description="Length of each slice along the slit (px).")
    slice_width: int = Field(7, ge=1, le=500, description="Width of each slice along the dispersion (px).")
    peak_sigma_limit: float = Field(
        1.5, ge=0, description="Height above the median, in sigma of the slice, at which a peak counts as detected."
    )
    order_deg: int = Field(4, ge=0, le=9, description="Degree of the order component of the global polynomial fitted to the trace.")
    disp_axis_deg: int = Field(4, ge=0, le=9, description="Degree of the dispersion-axis component of the global polynomial.")
    poly_fitting_residual_clipping_sigma: float = Field(
        3.0, gt=0, description="Clipping limit (median and MAD) of the global polynomial fit."
    )
    poly_clipping_iteration_limit: int = Field(
        10, ge=0, le=100, description="Maximum number of clipping rounds of the global polynomial fit."
    )


MATCHED_ROUNDS = 5
"""It ends when the trace stays (`CLOSE_ENOUGH_ARCSEC`); bounds the time for faint ones."""
CLOSE_ENOUGH_ARCSEC = 0.003
"""A hundredth of a pixel, which changes no weight to speak of."""
SMOOTH_HALF_PX = 7
"""Photon noise is taken from a mean of as many rows, so that a pixel does not set its own weight."""
SURFACE_STEP_PX = 16
"""Between them a cubic over the frame that changes by 0.05 arcsec is straight to 2e-4 of a pixel."""
GAUSS_ROUNDS = 6
"""Gauss-Newton from the peak as measured; bounds the time."""


def detect_continuum(
    orders: Sequence[OrderData],
    skies: Sequence[FloatArray],
    source: SlitSource | None,
    sources: Sequence[SlitSource],
    geometry: Geometry,
    settings: ContinuumSettings,
    *,
    forced_arcsec: float = 0.0,
    fwhm_arcsec: float = 1.0,
    keep_lines: bool = False,
) -> ObjectTrace:
    """Follow the object through all orders.

    Slices across every order give Gaussian centres, all at once; one surface is fitted to their offsets from the slit centre
    (`trace_surface`), and then refined on every dispersion pixel with a matched filter, whose weights are the Fisher information, so
    that faint orders contribute what they know and no more.

    Parameters
    ----------
    orders : sequence of OrderData
        All orders.
    skies : sequence of ndarray
        Sky model of each, shape of its window.
    source : SlitSource or None
        The object to follow; None makes a forced trace at `forced_arcsec`.
    sources : sequence of SlitSource
        All objects found, for the record.
    geometry : Geometry
        For axes and frame size.
    settings : ContinuumSettings
        Slices, detection, degrees, clipping.
    forced_arcsec, fwhm_arcsec : float
        Slit position and width of a forced trace.
    keep_lines : bool
        The object has lines alone: narrow peaks of its flux are not smoothed away.

    Returns
    -------
    ObjectTrace
        Trace of every order and the slices behind it.
    """
    traced = [_traced_order(data, sky) for data, sky in zip(orders, skies, strict=True)]
    numbers = tuple(data.window.order for data in orders)
    half_b = 0.5 * (geometry.shape[1] if geometry.arm.dispersion_axis == "x" else geometry.shape[0])
    position = forced_arcsec if source is None else source.slit_arcsec
    width = fwhm_arcsec if source is None else source.fwhm_arcsec
    slices = [_measure_slices(one, position, width, half_b, settings) for one in traced]
    points = _points([s.points for s in slices])
    offset, error = (np.concatenate([getattr(s, name) for s in slices]) for name in ("offset_arcsec", "error_arcsec"))
    surface: TraceSurface | None = None
    used = np.zeros(offset.size, dtype=bool)
    if source is not None:
        surface, used = _surface_of_slices(points, offset, error, position, numbers, settings)
        surface = _refine(traced, surface, width, half_b, settings, keep_lines=keep_lines)
    rows = _solved_rows(traced)
    found = [np.full(row.size, position) for row in rows] if surface is None else _along(surface, traced, rows, half_b)
    traces = {one.data.window.order: _order_trace(one, row, at, width) for one, row, at in zip(traced, rows, found, strict=True)}
    return ObjectTrace(
        orders=traces,
        samples=_samples(slices, points, used, traces, traced),
        sources=tuple(sources),
        significance=0.0 if source is None else source.significance,
        forced=source is None,
        fwhm_arcsec=width,
        order_deg=settings.order_deg,
        axis_deg=settings.disp_axis_deg,
    )


def _surface_of_slices(
    points: TracePoints, offset: FloatArray, error: FloatArray, centre_arcsec: float, orders: tuple[int, ...], settings: ContinuumSettings
) -> tuple[TraceSurface, BoolArray]:
    """Surface through the slices of all orders with the settings' degrees and clipping, and which slices it follows."""
    return fit_surface(
        points,
        offset,
        error,
        centre_arcsec=centre_arcsec,
        orders=orders,
        order_deg=settings.order_deg,
        axis_deg=settings.disp_axis_deg,
        clip_sigma=settings.poly_fitting_residual_clipping_sigma,
        clip_rounds=settings.poly_clipping_iteration_limit,
    )


def _traced_order(data: OrderData, sky: FloatArray) -> TracedOrder:
    return TracedOrder(
        data=data,
        light=data.electrons - sky,
        variance=data.variance(np.maximum(sky, running_mean(data.electrons, data.good, SMOOTH_HALF_PX)[0])),
        centre_nm=middle_wavelength(data.window),
        px_per_arcsec=rows_px_per_arcsec(data.window),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Slices:
    """Measured slices of one order."""

    points: TracePoints
    b_px: FloatArray
    offset_arcsec: FloatArray
    error_arcsec: FloatArray
    sigma_arcsec: FloatArray
    detected: BoolArray


def _points(parts: Sequence[TracePoints]) -> TracePoints:
    return TracePoints(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in ("order", "b", "wavelength_nm", "px_per_arcsec")}
    )


def _measure_slices(one: TracedOrder, position: float, fwhm: float, half_b: float, settings: ContinuumSettings) -> _Slices:
    """Collapse slices of the order and fit a Gaussian to each, all at once."""
    solved = np.flatnonzero(np.isfinite(one.centre_nm))
    centres = np.unique(np.round(np.linspace(solved[0], solved[-1], settings.order_sample_count + 2)[1:-1]).astype(np.int64))
    centres = centres[np.isfinite(one.centre_nm[centres])]
    half = settings.slice_width // 2
    rows = np.clip(centres[:, None] + np.arange(-half, settings.slice_width - half), 0, one.light.shape[0] - 1)
    slit = one.data.window.slit_arcsec[centres]
    length = settings.slice_length / np.abs(one.px_per_arcsec[centres])
    near = np.abs(slit - position) <= 0.5 * length[:, None]
    # the window follows the order in steps of a pixel: rows are aligned by detector pixel, not by column of the window
    start = one.data.window.a_start
    column = np.arange(slit.shape[1]) - (start[rows] - start[centres][:, None])[:, :, None]
    there = (column >= 0) & (column < slit.shape[1])
    place = (rows[:, :, None], np.clip(column, 0, slit.shape[1] - 1))
    good = one.data.good[place] & there
    value = row_median(one.light[place].transpose(0, 2, 1), good.transpose(0, 2, 1))
    noise2 = np.sum(np.where(good, one.variance[place], 0.0), axis=1) / np.maximum(good.sum(axis=1), 1) ** 2 * 1.3
    usable = near & np.isfinite(slit) & (good.sum(axis=1) > 0)
    amplitude, offset, sigma, error = _fit_gaussians(slit, value, noise2, usable, position, fwhm / 2.3548)
    level = row_median(value, usable)
    spread = np.where(usable.any(axis=1), MAD_TO_SIGMA * row_median(np.abs(value - level[:, None]), usable), np.inf)
    height = np.max(np.where(usable & (np.abs(slit - offset[:, None]) < fwhm), value, -np.inf), axis=1)
    detected = (height > level + settings.peak_sigma_limit * spread) & (amplitude > 0) & np.isfinite(error)
    detected &= (np.abs(offset - position) < 0.5 * length) & (sigma > 0.25 * fwhm / 2.3548) & (sigma < 3.0 * fwhm / 2.3548)
    return _Slices(
        points=at_columns(one, centres, half_b),
        b_px=one.data.window.b_px[centres].astype(np.float64),
        offset_arcsec=np.where(detected, offset, np.nan),
        error_arcsec=np.where(detected, error, np.nan),
        sigma_arcsec=np.where(detected, sigma, np.nan),
        detected=detected,
    )


def _fit_gaussians(
    slit: FloatArray, value: FloatArray, noise2: FloatArray, usable: BoolArray, position: float, sigma: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Gauss-Newton fit of amplitude, centre, width and level to every slice: amplitude, centre, sigma, error of the centre, shape (n,) each."""
    n = slit.shape[0]
    x = np.nan_to_num(slit)
    weight = np.where(usable, 1.0 / np.maximum(noise2, 1e-12), 0.0)
    centre, width, level = np.full(n, position), np.full(n, sigma), np.zeros(n)
    amplitude = np.zeros(n)
    prior = np.zeros((n, 4, 4))
    prior[:, 1, 1], prior[:, 2, 2] = sigma**-2, (0.3 * sigma) ** -2
    prior[:, 0, 0] = prior[:, 3, 3] = 1e-12
    normal = prior
    for round_ in range(GAUSS_ROUNDS):
        t = (x - centre[:, None]) / width[:, None]
        shape = np.exp(-0.5 * np.minimum(t * t, 80.0))
        if round_ == 0:
            amplitude = np.maximum(np.sum(weight * shape * value, axis=1) / np.maximum(np.sum(weight * shape**2, axis=1), 1e-30), 1e-6)
        slope = amplitude[:, None] * shape * t / width[:, None]
        terms = np.stack([shape, slope, slope * t, np.ones_like(shape)], axis=-1)
        residual = value - amplitude[:, None] * shape - level[:, None]
        weighted = (terms * weight[..., None]).transpose(0, 2, 1)
        normal = weighted @ terms + prior
        right = (weighted @ residual[..., None])[..., 0]
        right[:, 1] -= (centre - position) * sigma**-2
        right[:, 2] -= (width - sigma) * (0.3 * sigma) ** -2
        step = np.linalg.solve(normal, right[..., None])[..., 0]
        amplitude = amplitude + step[:, 0]
        centre = centre + np.clip(step[:, 1], -sigma, sigma)
        width = np.clip(width + np.clip(step[:, 2], -0.3 * sigma, 0.3 * sigma), 0.3 * sigma, 3.0 * sigma)
        level = level + step[:, 3]
    covariance = np.linalg.inv(normal)[:, 1, 1]
    return amplitude, centre, width, np.sqrt(np.where(covariance > 0, covariance, np.inf))


def _refine(
    traced: Sequence[TracedOrder], surface: TraceSurface, fwhm: float, half_b: float, settings: ContinuumSettings, *, keep_lines: bool
) -> TraceSurface:
    """Repeat the fit of the surface on matched-filter offsets of all dispersion pixels until it stands still."""
    rows = _solved_rows(traced)
    after = _along(surface, traced, rows, half_b)
    for _ in range(MATCHED_ROUNDS):
        before = after
        parts = [
            matched_offsets(one, row, offset, fwhm, half_b, keep_lines=keep_lines)
            for one, row, offset in zip(traced, rows, before, strict=True)
        ]
        centre = float(np.median(np.concatenate(before)))
        surface, _ = fit_surface(
            _points([part[0] for part in parts]),
            np.concatenate([part[1] for part in parts]),
            np.concatenate([part[2] for part in parts]),
            centre_arcsec=centre,
            orders=surface.orders,
            order_deg=settings.order_deg,
            axis_deg=settings.disp_axis_deg,
            clip_sigma=max(settings.poly_fitting_residual_clipping_sigma, 3.0),
            clip_rounds=min(settings.poly_clipping_iteration_limit, 3),
        )
        after = _along(surface, traced, rows, half_b)
        change = max(float(np.abs(new - old).max()) for new, old in zip(after, before, strict=True))
        if change < CLOSE_ENOUGH_ARCSEC:
            break
    return surface


def _solved_rows(traced: Sequence[TracedOrder]) -> list[IntArray]:
    """Dispersion pixels of every order that the map has a wavelength for."""
    return [np.flatnonzero(np.isfinite(one.centre_nm)) for one in traced]


def _along(surface: TraceSurface, traced: Sequence[TracedOrder], rows: Sequence[IntArray], half_b: float) -> list[FloatArray]:
    """The surface at some dispersion pixels (ascending) of every order, from every `SURFACE_STEP_PX`th of them."""
    some = [np.append(row[:-1:SURFACE_STEP_PX], row[-1]) for row in rows]
    found = surface(_points([at_columns(one, few, half_b) for one, few in zip(traced, some, strict=True)]))
    parts = np.split(found, np.cumsum([few.size for few in some])[:-1])
    return [np.interp(row, few, part) for row, few, part in zip(rows, some, parts, strict=True)]


def _order_trace(one: TracedOrder, rows: IntArray, found: FloatArray, fwhm: float) -> OrderTrace:
    """Trace of an order from offsets that were found at some of its dispersion pixels."""
    window = one.data.window
    offset = np.interp(window.b_px, window.b_px[rows], found)
    return OrderTrace(
        order=window.order,
        b_px=window.b_px,
        a_px=slit_to_pixel(window, offset),
        slit_arcsec=offset,
        sigma_px=np.abs(one.px_per_arcsec) * fwhm / 2.3548,
    )


def _samples(
    slices: Sequence[_Slices], points: TracePoints, used: BoolArray, traces: Mapping[int, OrderTrace], traced: Sequence[TracedOrder]
) -> ContinuumSamples:
    offset = np.concatenate([s.offset_arcsec for s in slices])
    b_px = np.concatenate([s.b_px for s in slices])
    fitted_slit, fitted_px, measured_px = (np.full(offset.size, np.nan) for _ in range(3))
    for one in traced:
        here = points.order == one.data.window.order
        trace = traces[one.data.window.order]
        fitted_slit[here] = np.interp(b_px[here], trace.b_px, trace.slit_arcsec)
        fitted_px[here] = np.interp(b_px[here], trace.b_px, trace.a_px)
    measured_px = fitted_px + (offset - fitted_slit) * points.px_per_arcsec
    return ContinuumSamples(
        order=points.order,
        b_px=b_px,
        a_px=measured_px,
        wavelength_nm=points.wavelength_nm,
        offset_arcsec=offset,
        sigma_px=np.concatenate([s.sigma_arcsec for s in slices]) * np.abs(points.px_per_arcsec),
        detected=np.concatenate([s.detected for s in slices]),
        used=used,
        residual_px=fitted_px - measured_px,
    )
