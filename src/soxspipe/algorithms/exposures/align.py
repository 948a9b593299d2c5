"""One order's spectrum on the wavelengths of another exposure's, with the covariance of its errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.datamodel.spectrum import OrderSpectrum

HALF_TAPS = 3
"""Six points: lines of 2 px FWHM come out within 0.5 %, where a straight line between two would lose 10 %."""
SAME_PX = 0.02
"""Closer samples are taken as they are."""
LOST_SHARE = 0.3
"""A sample whose missing neighbours would weigh more is missing too."""


def align_order(spectrum: OrderSpectrum, covariance: FloatArray, reference: OrderSpectrum) -> tuple[OrderSpectrum, FloatArray]:
    """Interpolate a spectrum at the wavelengths of another.

    Parameters
    ----------
    spectrum : OrderSpectrum
        Of one exposure.
    covariance : ndarray, shape (n_lags, n)
        Of its neighbouring fluxes.
    reference : OrderSpectrum
        The same order of the exposure whose wavelengths are wanted.

    Returns
    -------
    OrderSpectrum
        With the pixels and wavelengths of `reference`; samples outside the spectrum are NaN and flagged NO_DATA.
    ndarray, shape (n_lags, n)
        Covariance of the new samples.

    Notes
    -----
    Flattened electrons per native pixel are a density in pixels, so they are interpolated (Lagrange, six points) and not summed:
    ``f' = R f`` and ``C' = R C R^T``.
    """
    measured = np.isfinite(spectrum.flux) & np.isfinite(spectrum.variance) & (spectrum.variance > 0)
    place = np.interp(reference.wavelength_nm, spectrum.wavelength_nm, np.arange(spectrum.flux.size), left=np.nan, right=np.nan)
    near = np.nan_to_num(np.rint(place), nan=-1).astype(np.int64)
    if np.nanmax(np.abs(place - near), initial=0.0) <= SAME_PX and np.all(np.diff(near[near >= 0]) == 1):
        matrix = _selection(near, spectrum.flux.size)
    else:
        matrix = _lagrange(place, spectrum.flux.size)
    lost = np.asarray(abs(matrix) @ (~measured).astype(np.float64)) > LOST_SHARE
    lost |= ~np.isfinite(place)
    flux = matrix @ _filled(spectrum.flux, measured)
    bands = _banded(np.where(measured, spectrum.variance, 0.0), np.where(measured, covariance, 0.0))
    carried = (matrix @ bands @ matrix.T).tocsr()
    n_lags, n = covariance.shape[0], flux.size
    moved = [np.concatenate([carried.diagonal(lag), np.zeros(min(lag, n))])[:n] for lag in range(n_lags + 1)]
    lost |= moved[0] <= 0
    nearest = np.clip(near, 0, spectrum.flux.size - 1)
    quality = np.where(lost, spectrum.quality[nearest] | int(SpectrumFlag.NO_DATA), spectrum.quality[nearest])
    smooth = {
        name: matrix @ np.nan_to_num(getattr(spectrum, name))
        for name in (
            "boxcar",
            "boxcar_robust",
            "boxcar_restored",
            "sky",
            "sky_aperture",
            "profile_fraction",
            "aperture_fraction",
            "mean_flat",
        )
    }
    aligned = replace(
        reference,
        flux=np.where(lost, np.nan, flux),
        variance=np.where(lost, np.inf, moved[0]),
        quality=quality.astype(np.int32),
        **smooth,
    )
    return aligned, np.where(lost, 0.0, np.stack(moved[1:])) if n_lags else np.zeros((0, n))


def _selection(near: IntArray, n: int) -> sparse.csr_matrix:
    rows = np.flatnonzero((near >= 0) & (near < n))
    return sparse.csr_matrix((np.ones(rows.size), (rows, near[rows])), shape=(near.size, n))


def _lagrange(place: FloatArray, n: int) -> sparse.csr_matrix:
    """Weights of the six samples around each place; near the ends the outermost six."""
    known = np.flatnonzero(np.isfinite(place))
    first = np.clip(np.floor(place[known]).astype(np.int64) - HALF_TAPS + 1, 0, max(n - 2 * HALF_TAPS, 0))
    taps = np.arange(min(2 * HALF_TAPS, n))
    offset = place[known] - first
    weights = np.ones((known.size, taps.size))
    for tap in taps:
        for other in taps:
            if other != tap:
                weights[:, tap] *= (offset - other) / (tap - other)
    rows = np.repeat(known, taps.size)
    return sparse.csr_matrix((weights.ravel(), (rows, (first[:, None] + taps).ravel())), shape=(place.size, n))


def _filled(values: FloatArray, measured: BoolArray) -> FloatArray:
    """Values with gaps bridged by straight lines."""
    if not measured.any():
        return np.zeros(values.shape)
    x = np.arange(values.size)
    return np.where(measured, values, np.interp(x, x[measured], values[measured]))


def _banded(variance: FloatArray, covariance: FloatArray) -> sparse.csr_matrix:
    """Covariance matrix of neighbouring samples; element (k-1, i) of `covariance` is that of samples i and i + k."""
    n = variance.size
    bands, lags = [variance], [0]
    for lag, row in enumerate(covariance, start=1):
        if lag < n:
            bands += [row[: n - lag], row[: n - lag]]
            lags += [lag, -lag]
    return sparse.diags(bands, lags, shape=(n, n), format="csr")
