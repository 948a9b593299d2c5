"""Light along the slit relative to the object's trace, in a few parts of every order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from soxspipe.algorithms.sky.subtract_sky import SkyFit
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.datamodel.geometry import OrderWindow
from soxspipe.datamodel.trace import ObjectTrace
from soxspipe.numerics.made_once import once_for_each_order
from soxspipe.numerics.robust import grouped_median, running_median

BIN_ARCSEC = 0.15
"""Half a pixel."""
REACH_ARCSEC = 5.0
"""Wings of a star at bad seeing, and the host around it."""
SHARE_PX = 63
"""Over which the light of dispersion pixels is smoothed: trace and pixel phase change more slowly."""
LEAST_SHARE_SNR = 20.0
"""Of the smoothed light: below it, differences of pixels matter less than noise."""
SHARE_LIMITS = (0.3, 3.0)
"""Darker pixels, in absorption, would weigh on noise alone."""
LINE_SIGMA, LEAST_LINE = 5.0, 0.1
"""A dispersion pixel further from its neighbours' light, in sigma and in units of that light, is in a line."""
STRUCK_SIGMA = 4.0
"""Only for pixels that were suspect already."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SlitRows:
    """One row for every part of every order, orders one after the other.

    Attributes
    ----------
    light, weight : ndarray, shape (rows, bins)
        Mean electrons per pixel above the sky, and the inverse of their variance; 0 in empty bins.
    distance_arcsec : ndarray, shape (rows, bins)
        Mean distance of a bin's pixels from the trace.
    sky : ndarray, shape (rows,)
        Mean sky, electrons per pixel.
    colour : ndarray, shape (rows,)
        Wavelength over its median.
    pixel_arcsec : float
        Typical pixel.
    """

    light: FloatArray
    weight: FloatArray
    distance_arcsec: FloatArray
    sky: FloatArray
    colour: FloatArray
    pixel_arcsec: float

    @property
    def n_lit(self) -> int:
        """Number of rows with a bin that has weight."""
        return int((self.weight > 0).any(axis=1).sum())

    @property
    def peak(self) -> FloatArray:
        """Light of the brightest bin of every row, positive, shape (rows,)."""
        return np.asarray(np.maximum(np.max(np.where(self.weight > 0, self.light, 0.0), axis=1), 1e-9))

    @property
    def parabola(self) -> FloatArray:
        """Terms of a parabola along the slit: 1, x and x^2, where x is 1 at the end of the reach; shape (rows, bins, 3)."""
        x = self.distance_arcsec / REACH_ARCSEC
        return np.stack([np.ones_like(x), x, x**2], axis=-1)

    def weight_beside(self, formula_error: FloatArray) -> FloatArray:
        """Weight of the bins against a formula that is good to `formula_error` (electrons, of the mean over all rows); shape (rows, bins).

        Errors of the formula are the same in all rows: their weight must not grow with the number of rows.
        """
        live = self.weight > 0
        variance = 1.0 / np.where(live, self.weight, 1.0) + self.n_lit * formula_error
        return np.where(live, 1.0 / variance, 0.0)


def measure_rows(fits: Sequence[SkyFit], rejected: Sequence[BoolArray], trace: ObjectTrace, parts: int) -> SlitRows:
    """Average the light along the slit.

    Parameters
    ----------
    fits : sequence of SkyFit
        Orders with their skies.
    rejected : sequence of ndarray of bool
        Pixels that a first profile takes for struck by cosmic rays.
    trace : ObjectTrace
        The object's.
    parts : int
        Rows per order.

    Returns
    -------
    SlitRows
        Bins of `BIN_ARCSEC` out to `REACH_ARCSEC` on both sides.
    """
    rows = [_order_rows(fit, struck, trace, parts) for fit, struck in zip(fits, rejected, strict=True)]
    light, weight, distance, sky, wave = (np.concatenate([row[k] for row in rows]) for k in range(5))
    pixel = float(np.median([_pixel_arcsec(fit.data.window) for fit in fits]))
    return SlitRows(light=light, weight=weight, distance_arcsec=distance, sky=sky, colour=wave / np.median(wave), pixel_arcsec=pixel)


def _order_rows(fit: SkyFit, struck: BoolArray, trace: ObjectTrace, parts: int) -> tuple[Any, ...]:
    n_bins = round(2.0 * REACH_ARCSEC / BIN_ARCSEC)
    data = fit.data
    distance = data.window.slit_arcsec - trace.orders[data.window.order].slit_arcsec[:, None]
    with np.errstate(invalid="ignore"):
        use = data.good & (np.abs(distance) < REACH_ARCSEC)
    part = np.arange(distance.shape[0]) * parts // distance.shape[0]
    pixel = np.flatnonzero(use)
    row, away = pixel // use.shape[1], distance.take(pixel)
    cell = part.take(row) * n_bins + ((away + REACH_ARCSEC) / BIN_ARCSEC).astype(np.int64)
    above = np.where(use, data.electrons - fit.electrons, 0.0)
    # the mean of the pixel's row along the slit: photons of the object's lines are noise in their rows alone
    level = np.maximum(above.sum(axis=1) / np.maximum(use.sum(axis=1), 1), 0.0)
    variance = data.variance(np.maximum(fit.electrons, 0.0) + level[:, None])
    share, lines = _share_of_part(level, np.sum(np.where(use, variance, 0.0), axis=1), use.sum(axis=1), part)
    share = share.take(row)
    light, sky = above.take(pixel) / share, fit.electrons.take(pixel)
    weight = 1.0 / (variance.take(pixel) / share**2)
    weight[lines.take(row)] = 0.0
    weight[_stand_out(light, weight, cell, np.flatnonzero(struck.take(pixel)))] = 0.0
    total = np.bincount(cell, weight, parts * n_bins)
    safe = np.where(total > 0, total, 1.0)
    middle = np.tile((np.arange(n_bins) + 0.5) * BIN_ARCSEC - REACH_ARCSEC, parts)
    of_part = np.maximum(total.reshape(parts, -1).sum(axis=1), 1e-30)
    return (
        (np.bincount(cell, weight * light, parts * n_bins) / safe).reshape(parts, -1),
        total.reshape(parts, -1),
        np.where(total > 0, np.bincount(cell, weight * away, parts * n_bins) / safe, middle).reshape(parts, -1),
        np.bincount(cell, weight * sky, parts * n_bins).reshape(parts, -1).sum(axis=1) / of_part,
        np.interp((np.arange(parts) + 0.5) / parts, [0.0, 1.0], _ends(data.window)),
    )


def _stand_out(light: FloatArray, weight: FloatArray, cell: IntArray, suspect: IntArray) -> IntArray:
    """Suspects that stand out of the median of their own cell: what a first profile cannot explain may be a host all along the slit."""
    asked = np.zeros(int(cell.max(initial=-1)) + 1, dtype=bool)
    asked[cell.take(suspect)] = True
    known = np.flatnonzero(asked.take(cell))
    usual = grouped_median(light.take(known), cell.take(known), asked.size).take(cell.take(suspect))
    return suspect[np.square(light.take(suspect) - usual) * weight.take(suspect) > STRUCK_SIGMA**2]


def _share_of_part(level: FloatArray, variance: FloatArray, count: IntArray, part: IntArray) -> tuple[FloatArray, BoolArray]:
    """Light of every dispersion pixel over the mean of its part, smooth, 1 where it is too faint to tell; and which stand out of it.

    Pixels of one bin lie at few places along an order, where its trace has their phase.  Unless all are brought to one brightness, the
    spectrum's slope makes neighbouring bins differ by per cents.  The mean is that of inverse variance: the dark ends of an order, noise
    over little flat, would give every exposure a brightness of its own, and a host that all of them share would be none.  Narrow lines, of
    a host or of the air, stand out: they lie in few pixels, each in other bins.
    """
    known = count > 0
    smooth = running_median(level, SHARE_PX, known)
    noise = np.sqrt(variance) / np.maximum(count, 1)
    share, lines = np.ones(level.size), np.zeros(level.size, dtype=bool)
    for k in np.unique(part):
        here = part == k
        seen = here & known & (noise > 0)
        if not seen.any():
            continue
        mean, error = float(np.average(smooth[seen], weights=noise[seen] ** -2)), float(np.median(noise[seen]))
        if mean > LEAST_SHARE_SNR * error / np.sqrt(SHARE_PX):
            share[here] = np.clip(smooth[here] / mean, *SHARE_LIMITS)
            lines[here] = np.abs(level - smooth)[here] > np.maximum(LINE_SIGMA * noise, LEAST_LINE * np.abs(smooth))[here]
    return share, lines


@once_for_each_order
def _ends(window: OrderWindow) -> tuple[float, float]:
    """First and last wavelength of an order, nm; made once for all frames of a night."""
    wavelength_nm = window.wavelength_nm
    rows = np.flatnonzero(np.isfinite(wavelength_nm).any(axis=1))
    return float(np.nanmedian(wavelength_nm[rows[0]])), float(np.nanmedian(wavelength_nm[rows[-1]]))


@once_for_each_order
def _pixel_arcsec(window: OrderWindow) -> float:
    """Median step between neighbouring pixels along the slit; made once for all frames of a night."""
    slit_arcsec = window.slit_arcsec
    some = slit_arcsec[:: max(slit_arcsec.shape[0] // 50, 1)]
    return float(np.nanmedian(np.abs(np.diff(some, axis=1))))
