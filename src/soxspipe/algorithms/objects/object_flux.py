"""The object's flux along an order: optimal sums, and the same smoothed as far as its lines allow."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.numerics.robust import edge_padded, running_median
from soxspipe.numerics.rows import row_dot

FLUX_SMOOTH_PX = 15
"""Wider than a cosmic ray and its blur; a continuum changes little over it."""
LINE_SIGMA = 5.0
"""An emission line that stands out this much is flux, no noise."""
LEAST_SIGNIFICANCE = 12.0
"""Where rows are faint and averaged widely, a line must be beyond any doubt of its noise."""
BESIDE_LINE = 0.12
"""Of a line's height: half of what its brightest two rows leave to the rows beside them, where its peak falls between these two (sigma 0.85 px)."""
WANTED_SNR = 40.0
"""Weights known to 1 / 40 are as good as exact ones: the loss goes with the square."""
WIDEST_SMOOTH_PX = 201
"""Further away the blaze has changed."""
SOUND_POWER = 0.7
"""A row that has lost more of its weight tells neither flux nor place: what is left of it are wings, which no first profile knows."""


def flux_along(light: FloatArray, variance: FloatArray, shares: FloatArray, use: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Optimal sum per dispersion pixel and its error; 0 and infinity where nothing can be measured."""
    weight = np.where(use, shares / variance, 0.0)
    power = row_dot(weight, shares)
    known = power > 1e-30
    flux = np.where(known, row_dot(weight, np.where(use, light, 0.0)) / np.where(known, power, 1.0), 0.0)
    return flux, _error_of(power)


def has_core(shares: FloatArray, good: BoolArray) -> BoolArray:
    """Whether enough of the profile's weight lies on good pixels, shape (n_disp,); saturated stars have rows without."""
    return row_dot(np.where(good, shares, 0.0), shares) > SOUND_POWER * row_dot(shares, shares)


def flux_beside(light: FloatArray, weight: FloatArray, own: FloatArray, other: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Flux of a second source per dispersion pixel, solved with the object's, and its error; 0 and infinity where they cannot be told apart.

    Parameters
    ----------
    light, weight : ndarray, shape (n_disp, n_slit)
        Electrons above the sky, and their inverse variance; 0 leaves a pixel out.
    own, other : ndarray, shape (n_disp, n_slit)
        Light of the object and of the second source along the slit, for a flux of 1.
    """
    s11, s12, s22 = (np.sum(weight * a * b, axis=1) for a, b in ((own, own), (own, other), (other, other)))
    r1, r2 = (np.sum(weight * a * light, axis=1) for a in (own, other))
    determinant = s11 * s22 - s12**2
    solvable = determinant > 1e-6 * s11 * s22
    safe = np.where(solvable, determinant, 1.0)
    return (
        np.where(solvable, (s11 * r2 - s12 * r1) / safe, 0.0),
        np.where(solvable, np.sqrt(np.maximum(s11, 0.0) / safe), np.inf),
    )


def flux_error(variance: FloatArray, shares: FloatArray, use: BoolArray) -> FloatArray:
    """Error of `flux_along` alone."""
    return _error_of(row_dot(np.where(use, shares / variance, 0.0), shares))


def _error_of(power: FloatArray) -> FloatArray:
    """Error of a flux whose weights have this sum; infinity where there is none."""
    known = power > 1e-30
    return np.where(known, 1.0 / np.sqrt(np.where(known, power, 1.0)), np.inf)


def smooth_flux(flux: FloatArray, error: FloatArray) -> FloatArray:
    """Running median of the flux, but lines that stand out of it by `LINE_SIGMA` stay as they are."""
    level = running_median(flux, FLUX_SMOOTH_PX, np.isfinite(error))
    return np.where(np.abs(flux - level) > LINE_SIGMA * error, flux, level)


def flux_of_neighbours(flux: FloatArray, known: BoolArray) -> FloatArray:
    """Mean of the nearest known fluxes on both sides of every dispersion pixel, without its own; shape (n_disp,).

    Its own flux must not be in the variance that weighs it: bright noise would count for less than faint noise, and averages of faint
    spectra come out half a per cent low.  A line as narrow as the instrument makes it has half of its height there.
    """
    places = np.flatnonzero(known)
    if places.size < 2:
        return flux
    here = np.arange(flux.size)
    before = places[np.maximum(np.searchsorted(places, here) - 1, 0)]
    after = places[np.minimum(np.searchsorted(places, here, side="right"), places.size - 1)]
    first, last = places[0], places[-1]
    return 0.5 * (flux[np.where(here <= first, after, before)] + flux[np.where(here >= last, before, after)])


def steady_flux(flux: FloatArray, error: FloatArray, binning: int = 1) -> tuple[FloatArray, FloatArray]:
    """Flux smoothed until its noise no longer matters, with its error.

    A profile measured against a flux that holds the noise of the same pixels comes out too peaked, by about the inverse square of the
    flux's signal-to-noise; the running median is therefore as wide as that asks for, and lines that stand out of it are kept.

    Parameters
    ----------
    flux, error : ndarray, shape (n_disp,)
        As `flux_along` has them.
    binning : int
        Rows of the detector in one of these: where they are binned, lines may be as narrow as tracks of cosmic rays.
    """
    known = np.isfinite(error)
    typical = float(np.median(flux[known] / error[known])) if known.any() else 0.0
    width = int(np.clip((WANTED_SNR / max(typical, 1e-3)) ** 2, FLUX_SMOOTH_PX, WIDEST_SMOOTH_PX)) // 2 * 2 + 1
    level = running_median(flux, width, known)
    height = flux - level
    line = np.abs(height) > max(LINE_SIGMA, LEAST_SIGNIFICANCE) * error
    if binning == 1:
        line &= _wider_than_a_track(height, error)
    return np.where(line, flux, level), np.where(line, error, 1.25 * error / np.sqrt(width))


def _wider_than_a_track(height: FloatArray, error: FloatArray) -> BoolArray:
    """Rows that may be part of a line: beside them and the brighter of their neighbours there is light too, or nothing is known.

    A cosmic ray along the slit lights one or two rows.  Its flux squared would be its weight in the object's profile.
    """
    most = np.where(np.isfinite(error), np.abs(height) + 2.0 * np.where(np.isfinite(error), error, 0.0), np.inf)
    far_before, before, after, far_after = (edge_padded(most, 2)[k : k + height.size] for k in (0, 1, 3, 4))
    beside = np.where(after > before, np.maximum(before, far_after), np.maximum(after, far_before))
    return np.asarray((beside > BESIDE_LINE * np.abs(height)) | np.isinf(np.maximum(before, after)))
