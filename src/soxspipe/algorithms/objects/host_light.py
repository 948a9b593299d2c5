"""Smooth light of a host galaxy under the object, found by its width along the slit and taken off before the object is measured.

The light along the slit, relative to the trace, is a Moffat of the object's width, a wider Gaussian, and a parabola that the sky
model with its slit illumination may have taken or left.  Heights are free in every part of every order; widths are shared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from soxspipe.algorithms.objects.find_sources import moffat
from soxspipe.algorithms.sky.subtract_sky import SkyFit
from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.datamodel.trace import ObjectTrace

PARTS = 12
BIN_ARCSEC = 0.15
REACH_ARCSEC = 5.0
SIGMA_OF_FWHM = 0.42466
SLOPE = -0.2
TOLERANCE = 0.01
PARABOLA_PRIOR = 0.005
OBJECT_WIDTHS = (0.7, 0.76, 0.82, 0.88, 0.94, 1.0, 1.06)
HOST_WIDTHS = (2.0, 2.5, 3.0, 3.5, 4.0, 4.6, 5.3, 6.1, 7.0)
HOST_OFFSETS = (-1.0, -0.6, -0.3, 0.0, 0.3, 0.6, 1.0)
LEAST_SHARE = 0.06
LEAST_WIDTH_RATIO = 2.0
NEEDED_SIGNIFICANCE = 15.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HostLight:
    """A host: width and position relative to the trace (arcsec), peak (electrons per pixel) at the middle of the parts of every order."""

    fwhm_arcsec: float
    offset_arcsec: float
    share: float
    middle_px: dict[int, FloatArray]
    peak: dict[int, FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rows:
    """Light along the slit by part: mean electrons per pixel and weight, shape (orders * parts, bins); and wavelength over the median."""

    light: FloatArray
    weight: FloatArray
    colour: FloatArray
    distance: FloatArray


def measure_host(fits: Sequence[SkyFit], hits: Sequence[BoolArray], trace: ObjectTrace) -> HostLight | None:
    """Look for light of a host and measure it.

    Parameters
    ----------
    fits : sequence of SkyFit
        Orders with their first skies.
    hits : sequence of ndarray of bool
        Pixels struck by cosmic rays.
    trace : ObjectTrace
        The object.

    Returns
    -------
    HostLight or None
        None if a host is not significant (`NEEDED_SIGNIFICANCE`), holds less than `LEAST_SHARE` of the object's light, or is not at
        least `LEAST_WIDTH_RATIO` times as wide as the object: such light is told from the wings of the image no longer.
    """
    if trace.forced:
        return None
    rows = _measure_rows(fits, hits, trace)
    alone = min(_fit(rows, width * trace.fwhm_arcsec, None).misfit for width in OBJECT_WIDTHS) - rows.light.shape[0]
    first = min((_fit(rows, w * trace.fwhm_arcsec, (4.0, 0.0)) for w in OBJECT_WIDTHS), key=lambda found: found.misfit)
    if alone - first.misfit < NEEDED_SIGNIFICANCE**2 or first.share < 0.5 * LEAST_SHARE:
        return None
    tried = product(OBJECT_WIDTHS, HOST_WIDTHS, HOST_OFFSETS)
    best = min((_fit(rows, w * trace.fwhm_arcsec, (host, offset)) for w, host, offset in tried), key=lambda found: found.misfit)
    if best.share < LEAST_SHARE or best.host[0] < LEAST_WIDTH_RATIO * best.fwhm_arcsec:
        return None
    middles: dict[int, FloatArray] = {}
    peaks: dict[int, FloatArray] = {}
    for k, fit in enumerate(fits):
        order, n = fit.data.window.order, fit.data.window.b_px.size
        middles[order] = (np.arange(PARTS) + 0.5) * n / PARTS - 0.5
        peaks[order] = np.maximum(_steady(best.peak[k * PARTS : (k + 1) * PARTS]), 0.0)
    return HostLight(fwhm_arcsec=best.host[0], offset_arcsec=best.host[1], share=best.share, middle_px=middles, peak=peaks)


def take_host_off(fit: SkyFit, host: HostLight, trace: ObjectTrace) -> SkyFit:
    """The order without the host's light, whose shot noise stays in the variance."""
    data = fit.data
    distance = data.window.slit_arcsec - trace.orders[data.window.order].slit_arcsec[:, None]
    peak = np.interp(np.arange(distance.shape[0]), host.middle_px[data.window.order], host.peak[data.window.order])
    shape = _gaussian(distance - host.offset_arcsec, host.fwhm_arcsec)
    light = np.where(data.window.inside, peak[:, None] * np.nan_to_num(shape), 0.0)
    return replace(fit, data=data.without(light))


def _measure_rows(fits: Sequence[SkyFit], hits: Sequence[BoolArray], trace: ObjectTrace) -> _Rows:
    n_bins = round(2.0 * REACH_ARCSEC / BIN_ARCSEC)
    lights: list[Any] = []
    weights: list[Any] = []
    waves: list[Any] = []
    for fit, hit in zip(fits, hits, strict=True):
        data = fit.data
        distance = data.window.slit_arcsec - trace.orders[data.window.order].slit_arcsec[:, None]
        with np.errstate(invalid="ignore"):
            use = data.good & ~hit & (np.abs(distance) < REACH_ARCSEC)
        part = np.arange(distance.shape[0]) * PARTS // distance.shape[0]
        cell = (part[:, None] * n_bins + np.nan_to_num((distance + REACH_ARCSEC) / BIN_ARCSEC).astype(np.int64))[use]
        light = (data.electrons - fit.electrons)[use]
        level = max(float(light.mean()), 0.0) if light.size else 0.0
        weight = 1.0 / data.variance(np.maximum(fit.electrons, 0.0) + level)[use]
        total = np.bincount(cell, weight, PARTS * n_bins)
        lights.append(np.bincount(cell, weight * light, PARTS * n_bins) / np.where(total > 0, total, 1.0))
        weights.append(total)
        waves.append(np.interp((np.arange(PARTS) + 0.5) / PARTS, [0.0, 1.0], _ends(data.window.wavelength_nm)))
    wave = np.concatenate(waves)
    shape = (wave.size, n_bins)
    centre = (np.arange(n_bins) + 0.5) * BIN_ARCSEC - REACH_ARCSEC
    light, weight = np.concatenate(lights).reshape(shape), np.concatenate(weights).reshape(shape)
    tolerance = (TOLERANCE * np.maximum(light.max(axis=1, keepdims=True), 0.0)) ** 2
    weight = np.where(weight > 0, 1.0 / (1.0 / np.where(weight > 0, weight, 1.0) + tolerance), 0.0)
    return _Rows(light=light, weight=weight, colour=wave / np.median(wave), distance=centre)


def _ends(wavelength_nm: FloatArray) -> tuple[float, float]:
    rows = np.flatnonzero(np.isfinite(wavelength_nm).any(axis=1))
    return float(np.nanmedian(wavelength_nm[rows[0]])), float(np.nanmedian(wavelength_nm[rows[-1]]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fit:
    """Misfit (chi squared), widths, the host's peak in every row, and its share of the object's light."""

    misfit: float
    fwhm_arcsec: float
    host: tuple[float, float]
    peak: FloatArray
    share: float


def _fit(rows: _Rows, fwhm_arcsec: float, host: tuple[float, float] | None) -> _Fit:
    """Heights of object, host and parabola in every row for given widths."""
    x = rows.distance / REACH_ARCSEC
    width = fwhm_arcsec * rows.colour[:, None] ** SLOPE
    shared = [np.broadcast_to(x**k, rows.light.shape) for k in range(3)]
    if host is not None:
        shared.insert(0, np.broadcast_to(_gaussian(rows.distance - host[1], host[0]), rows.light.shape))
    terms = np.stack([moffat(rows.distance[None, :] / width, 1.0), *shared], axis=-1)
    weighted = (terms * rows.weight[..., None]).transpose(0, 2, 1)
    normal = weighted @ terms
    size = np.trace(normal, axis1=1, axis2=2)
    normal += np.where(size > 0, 1e-9 * size, 1.0)[:, None, None] * np.eye(terms.shape[-1])
    prior = (PARABOLA_PRIOR * np.maximum(rows.light.max(axis=1), 1e-9)) ** -2
    normal[:, [-2, -1], [-2, -1]] += prior[:, None]
    solution = np.linalg.solve(normal, weighted @ rows.light[..., None])
    misfit = float(np.sum(rows.weight * (rows.light - (terms @ solution)[..., 0]) ** 2))
    if host is None:
        return _Fit(misfit=misfit, fwhm_arcsec=fwhm_arcsec, host=(0.0, 0.0), peak=np.zeros(x.size), share=0.0)
    own, peak = solution[:, 0, 0] * width[:, 0], solution[:, 1, 0]
    share = float(np.sum(peak) * host[0] / max(float(np.sum(own)), 1e-30))
    return _Fit(misfit=misfit, fwhm_arcsec=fwhm_arcsec, host=host, peak=peak, share=share)


def _gaussian(distance: FloatArray, fwhm: float) -> FloatArray:
    return np.exp(-0.5 * (distance / (SIGMA_OF_FWHM * fwhm)) ** 2)


def _steady(values: FloatArray) -> FloatArray:
    """Median of each part and its neighbours: one spoilt part does not count."""
    padded = np.pad(values, 1, mode="edge")
    return np.asarray(np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0))
