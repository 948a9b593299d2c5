"""A quick look at one exposure: where its object stands, how bright and wide it is, and where its sky lines lie.

Only one dispersion pixel in `EVERY_ROW` and a narrow strip of sky are looked at, so that the look costs a fraction of a solution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from soxspipe.algorithms.frames.detrend import pedestal_level
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray, freeze
from soxspipe.datamodel.calibrations import Masters
from soxspipe.datamodel.frame import Exposure
from soxspipe.datamodel.geometry import OrderWindow
from soxspipe.numerics.medians import quick_mad_sigma
from soxspipe.numerics.robust import grouped_median, row_median

EVERY_ROW = 8
"""An eighth of the rows holds enough light for shift and seeing of anything that leaves a trace."""
LOOKED_AT = slice(EVERY_ROW // 2, None, EVERY_ROW)
"""Those rows, as far from the first as from the last."""
BIN_ARCSEC = 0.3
"""About a pixel."""
STRIP_HALF_ARCSEC = 0.5
"""Half the width of the strip of sky; lines tilt by less than a pixel over it."""
LEAST_FLAT = 0.05
"""Pixels with less response add noise alone."""
MEDIAN_ERROR = 1.2533
"""Error of a median over that of a mean."""
EDGE_ARCSEC = 0.5
"""Slit ends are not looked at."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuickLook:
    """What a quick look shows.

    Attributes
    ----------
    slit_arcsec : ndarray, shape (n,)
        Centres of the bins along the slit.
    light, error : ndarray, shape (n,)
        Object light per integration, electrons per pixel, and its error.
    position_arcsec, width_arcsec, throughput : float
        Of the brightest object: centroid, width of a rectangle of its height and light, and light; NaN where none stands out.
    position_error, width_error, throughput_error : float
        Their errors.
    significance : float
        Of the highest bin.
    strips : tuple of ndarray
        Sky along each order, electrons, shape (n_disp,).
    sky : float
        Median sky, electrons per pixel.
    """

    slit_arcsec: FloatArray
    light: FloatArray
    error: FloatArray
    position_arcsec: float
    width_arcsec: float
    throughput: float
    position_error: float
    width_error: float
    throughput_error: float
    significance: float
    strips: tuple[FloatArray, ...]
    sky: float

    def __post_init__(self) -> None:
        shape = self.slit_arcsec.shape
        freeze(self, slit_arcsec=shape, light=shape, error=shape)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Some pixels of an order and what the masters say of them, the same for all exposures.

    Attributes
    ----------
    where : tuple of ndarray of int
        Rows and columns in the frame.
    own : Masters
        Their pixels.
    flat : ndarray
        The flat, 1 without one.
    usable : ndarray of bool
        Inside the order, not flagged by a master, lit by the flat.
    """

    where: tuple[IntArray, IntArray]
    own: Masters
    flat: FloatArray
    usable: BoolArray


def sample(masters: Masters, index: IntArray, inside: BoolArray, n_columns: int) -> Sample:
    """Pixels of a frame of `n_columns`, given by their flat indices."""
    where = np.divmod(index, n_columns)
    own = masters.cutout(lambda image: image[where])
    flat = np.ones(index.shape) if own.flat is None else own.flat.electrons
    usable = inside & (flat > LEAST_FLAT)
    for master in (own.bias, own.dark, own.flat):
        if master is not None:
            usable &= master.flags == 0
    return Sample(where=where, own=own, flat=flat, usable=usable)


def sample_rows(windows: Sequence[OrderWindow], masters: Masters, n_columns: int) -> tuple[Sample, ...]:
    """One row in `EVERY_ROW` of every order."""
    return tuple(sample(masters, window.index[LOOKED_AT], window.inside[LOOKED_AT], n_columns) for window in windows)


def sample_strips(windows: Sequence[OrderWindow], masters: Masters, n_columns: int, slit_arcsec: float) -> tuple[Sample, ...]:
    """A narrow strip along every order near a slit position, shape (n_disp, 3)."""
    return tuple(_sample_strip(window, masters, n_columns, slit_arcsec) for window in windows)


def strip_beside(position_arcsec: float, half_slit_arcsec: float) -> float:
    """Slit position at which the sky is looked at: the middle of the half in which the object, if there is one, does not stand."""
    return -0.5 * half_slit_arcsec if position_arcsec >= 0.0 else 0.5 * half_slit_arcsec


def look_at(
    exposure: Exposure,
    windows: Sequence[OrderWindow],
    masters: Masters,
    samples: Sequence[Sample] | None = None,
    strips: Sequence[Sample] | None = None,
) -> QuickLook:
    """Look at one exposure.

    Parameters
    ----------
    exposure : Exposure
        In electrons, with bias and dark.
    windows : sequence of OrderWindow
        The orders.
    masters : Masters
        Bias, dark and flat as far as they are there.
    samples, strips : sequence of Sample or None
        Of `sample_rows` and `sample_strips`, if they are at hand; None takes the strip `strip_beside` the object.

    Returns
    -------
    QuickLook
    """
    half_slit = windows[0].half_slit_arcsec
    edges = np.arange(-half_slit + EDGE_ARCSEC, half_slit - EDGE_ARCSEC + 0.5 * BIN_ARCSEC, BIN_ARCSEC)
    total, power, weights = np.zeros((3, edges.size - 1))
    skies = []
    rows = samples if samples is not None else sample_rows(windows, masters, exposure.shape[1])
    for window, pixels in zip(windows, rows, strict=True):
        order = _order_light(exposure, window, pixels, edges)
        weight = np.where(order.number > 0, 1.0 / order.noise**2, 0.0)
        total += weight * np.nan_to_num(order.light)
        power += np.where(order.number > 0, weight**2 * (MEDIAN_ERROR * order.noise) ** 2 / np.maximum(order.number, 1), 0.0)
        weights += weight
        skies.append(order.sky)
    known = weights > 0
    light = np.where(known, total / np.where(known, weights, 1.0), 0.0)
    error = np.where(known, np.sqrt(power) / np.where(known, weights, 1.0), np.inf)
    centre = 0.5 * (edges[1:] + edges[:-1])
    measured = _measure(centre, light, error)
    beside = strips if strips is not None else sample_strips(windows, masters, exposure.shape[1], strip_beside(measured[0], half_slit))
    return QuickLook(
        slit_arcsec=centre,
        light=light,
        error=error,
        position_arcsec=measured[0],
        width_arcsec=measured[1],
        throughput=measured[2],
        position_error=measured[3],
        width_error=measured[4],
        throughput_error=measured[5],
        significance=float(np.max(np.where(known, light / error, 0.0), initial=0.0)),
        strips=tuple(_sky_of_strip(exposure, pixels) for pixels in beside),
        sky=float(np.median(np.concatenate(skies))) if any(sky.size for sky in skies) else float("nan"),
    )


class _OrderLight(NamedTuple):
    """Median light of each bin along the slit without the row's sky, noise of a pixel, pixels per bin, and the skies of the rows."""

    light: FloatArray
    noise: float
    number: IntArray
    sky: FloatArray


def _order_light(exposure: Exposure, window: OrderWindow, pixels: Sample, edges: FloatArray) -> _OrderLight:
    electrons, good = _flattened(exposure, pixels)
    sky = row_median(electrons, good)
    light = electrons - sky[:, None]
    place = np.searchsorted(edges, np.where(window.inside[LOOKED_AT], window.slit_arcsec[LOOKED_AT], np.inf)) - 1
    use = good & (place >= 0) & (place < edges.size - 1)
    if not use.any():
        empty = np.zeros(edges.size - 1)
        return _OrderLight(empty, 1.0, empty.astype(np.int64), np.empty(0))
    values, group = light[use], place[use]
    number = np.bincount(group, minlength=edges.size - 1)
    medians = grouped_median(values, group, edges.size - 1)
    lit = good.any(axis=1)
    detected = sky[lit] * row_median(pixels.flat, good)[lit]
    return _OrderLight(medians, max(quick_mad_sigma(values - medians[group]), 1e-3), number, detected)


def _flattened(exposure: Exposure, pixels: Sample) -> tuple[FloatArray, BoolArray]:
    """Flattened electrons of some pixels without bias and dark, and which are good."""
    part = exposure.part(pixels.where)
    electrons = part.electrons - pedestal_level(exposure.exptime_s, pixels.own)
    return electrons / np.where(pixels.flat > LEAST_FLAT, pixels.flat, 1.0), pixels.usable & (part.flags == 0)


def _sample_strip(window: OrderWindow, masters: Masters, n_columns: int, slit_arcsec: float) -> Sample:
    """Three pixels of each row nearest to a slit position."""
    near = np.abs(np.where(window.inside, window.slit_arcsec, np.inf) - slit_arcsec)
    first = np.argmin(near, axis=1)
    columns = np.clip(first[:, None] + np.arange(-1, 2)[None, :], 0, near.shape[1] - 1)
    rows = np.arange(near.shape[0])[:, None]
    return sample(masters, window.index[rows, columns], near[rows, columns] < STRIP_HALF_ARCSEC, n_columns)


def _sky_of_strip(exposure: Exposure, pixels: Sample) -> FloatArray:
    """Median of the pixels of each row of a strip, electrons; NaN where there is none."""
    electrons, good = _flattened(exposure, pixels)
    return np.where(good.any(axis=1), row_median(electrons * pixels.flat, good), np.nan)


def _measure(centre: FloatArray, light: FloatArray, error: FloatArray) -> tuple[float, float, float, float, float, float]:
    """Centroid, width and light of the brightest object, then their errors; NaN where there is no light."""
    nothing = (float("nan"),) * 6
    smooth = np.convolve(light, [0.25, 0.5, 0.25], mode="same")
    peak = int(np.argmax(smooth))
    if not smooth[peak] > 0:
        return nothing
    background = float(np.median(light))  # wings and an uneven sky
    above = light - background
    near = np.flatnonzero(np.abs(centre - centre[peak]) <= _reach(centre, smooth - background, peak))
    flux = float(above[near].sum()) * BIN_ARCSEC
    if not flux > 0:
        return nothing
    position = float(np.sum(above[near] * centre[near])) * BIN_ARCSEC / flux
    moment = float(np.sum(np.square(above[near]))) * BIN_ARCSEC
    width = flux**2 / moment  # of a rectangle of this light and sum of squares
    noise = error[near] * BIN_ARCSEC
    position_error = float(np.sqrt(np.sum(np.square(noise * (centre[near] - position))))) / flux
    flux_error = float(np.sqrt(np.sum(np.square(noise))))
    return position, width, flux, position_error, 2.0 * width * flux_error / flux, flux_error


def _reach(centre: FloatArray, smooth: FloatArray, peak: int) -> float:
    """Distance from the peak out to which light counts: 3 times that at which it has fallen to a half, within limits."""
    low = smooth < 0.5 * smooth[peak]
    distance = np.abs(centre - centre[peak])[low]
    return float(np.clip(3.0 * distance.min() if distance.size else 2.0, 1.2, 4.0))
