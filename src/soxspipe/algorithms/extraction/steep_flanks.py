"""Light of a dispersion pixel on a flank so steep that the object's spectrum changes along the tilt of its lines.

An optimal sum rests on the core of the profile, and so tells the spectrum at the trace.  The light of the whole dispersion pixel is more
where lines are tilted: on one side of the trace the spectrum is brighter by more than it is fainter on the other.
"""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.numerics.rows import row_dot

KNOWN_SIGMA = 3.0
"""Fluxes below this say nothing of the slope."""
STEEP = 0.2
"""Change of the logarithm of the flux per pixel.  Lines are tilted by less than half a pixel over an image, which then adds 0.5 % at most."""


def light_beside_trace(flux: FloatArray, error: FloatArray, shares: FloatArray, weight: FloatArray, u_px: FloatArray) -> FloatArray:
    """What dispersion pixels hold beyond the optimal sum, where that is more than its error; 0 elsewhere.

    Parameters
    ----------
    flux, error : ndarray, shape (n_disp,)
        Optimal sum; NaN and infinity where nothing was measured.
    shares : ndarray, shape (n_disp, n_slit)
        The object's profile.
    weight : ndarray, shape (n_disp, n_slit)
        One over the variance of the pixels in the sum, 0 for those left out.
    u_px : ndarray, shape (n_disp, n_slit)
        Dispersion coordinate of the pixels: the same along a tilted line.

    Returns
    -------
    ndarray, shape (n_disp,)
        Electrons, to be added to the flux; as much is to be added to its error, since the spectrum between pixels is not known.
    """
    beside = np.zeros(flux.size)
    known = np.flatnonzero(np.isfinite(flux) & (flux > KNOWN_SIGMA * error))
    if known.size < 2:
        return beside
    logarithm = np.interp(np.arange(flux.size), known, np.log(flux[known]))
    rows = known[np.abs(np.gradient(logarithm))[known] > STEEP]
    if not rows.size:
        return beside
    share, used = np.maximum(shares[rows], 0.0), weight[rows]
    total = np.maximum(share.sum(axis=1), 1e-30)
    away = u_px[rows] - (row_dot(share, u_px[rows]) / total)[:, None]
    there = np.interp(rows[:, None] + away, np.arange(flux.size), logarithm)
    seen = share * np.exp(there - logarithm[rows, None])
    whole = seen.sum(axis=1) / total
    optimal = row_dot(used * share, seen) / np.maximum(row_dot(used * share, share), 1e-30)
    found = flux[rows] * (whole - optimal)
    beside[rows] = np.where(np.abs(found) > error[rows], found, 0.0)
    return beside
