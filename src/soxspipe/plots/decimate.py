"""Fewer points for the same picture: binned spectra with their spread, block-averaged images, limits set by the object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray, Image


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BinnedSpectrum:
    """A spectrum in bins of equally many samples; every array has shape (n_bins,).

    Attributes
    ----------
    wavelength_nm : ndarray
        Mean wavelength of the bin.
    mean : ndarray
        Mean of the good samples; NaN in a bin without any.
    low, high : ndarray
        Smallest and largest good sample of the bin.
    error : ndarray
        Root mean square error of one sample.
    per_bin : int
        Samples in a bin.
    """

    wavelength_nm: FloatArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    error: FloatArray
    per_bin: int


def bin_spectrum(
    wavelength_nm: FloatArray, value: FloatArray, error: FloatArray | None = None, *, good: BoolArray | None = None, max_bins: int = 1000
) -> BinnedSpectrum:
    """Bin a spectrum for drawing.

    Parameters
    ----------
    wavelength_nm, value : ndarray, shape (n,)
        Samples in the order in which they are drawn.
    error : ndarray, shape (n,), optional
        1-sigma error of each sample.
    good : ndarray of bool, shape (n,), optional
        Samples that take part; those that are not finite never do.
    max_bins : int
        At most this many bins.

    Returns
    -------
    BinnedSpectrum
        All arrays are empty when there are no samples.
    """
    wave = np.asarray(wavelength_nm, np.float64)
    per_bin = max(1, -(-wave.size // max_bins))
    if wave.size == 0:
        empty = np.empty(0)
        return BinnedSpectrum(wavelength_nm=empty, mean=empty, low=empty, high=empty, error=empty, per_bin=1)
    use = np.isfinite(value) if good is None else np.isfinite(value) & good
    sample = np.where(use, value, np.nan).astype(np.float64)
    start = np.arange(0, wave.size, per_bin)
    counted = np.add.reduceat(use, start, dtype=np.int64)
    some = np.where(counted > 0, counted, 1)
    mean = np.where(counted > 0, np.add.reduceat(np.where(use, sample, 0.0), start) / some, np.nan)
    if error is None:
        sigma = np.zeros(start.size)
    else:
        squared = np.where(use & np.isfinite(error), error, 0.0).astype(np.float64) ** 2
        sigma = np.sqrt(np.add.reduceat(squared, start) / some)
    length = np.diff(np.append(start, wave.size))
    return BinnedSpectrum(
        wavelength_nm=np.add.reduceat(wave, start) / length,
        mean=mean,
        low=np.fmin.reduceat(sample, start),
        high=np.fmax.reduceat(sample, start),
        error=sigma,
        per_bin=per_bin,
    )


def object_limits(
    value: FloatArray, error: FloatArray | None = None, *, good: BoolArray | None = None, kept: BoolArray | None = None, pad: float = 0.08
) -> tuple[float, float]:
    """Axis limits that show all of the object, not its outliers.

    What stands above 5 sigma is never cut, unless it is noisier than its own light makes it (residuals of sky lines); of the rest the 0.5
    and 99.5 percentiles are shown, without samples whose error is more than four times the median error (sky lines, ends of orders).  Zero is shown when it is near.  Where there is no error, no sample is cut.

    Parameters
    ----------
    value, error : ndarray, shape (n,)
        Samples or bins; `error` optional.
    good : ndarray of bool, shape (n,), optional
        Samples whose percentiles set the limits, for example those outside telluric bands.
    kept : ndarray of bool, shape (n,), optional
        Samples that are not cut where they stand above 5 sigma; those of `good` by default.
    pad : float
        Free space above and below, as a share of the range.

    Returns
    -------
    tuple of float
        Lower and upper limit; (0, 1) if nothing is finite.
    """
    use = np.isfinite(value) if good is None else np.isfinite(value) & good
    if error is not None and use.any():
        use &= (error <= 4.0 * np.median(error[use])) | (np.abs(value) > 5.0 * error)
    if not use.any():
        use = np.isfinite(value)
    if not use.any():
        return 0.0, 1.0
    low, high = (float(limit) for limit in np.percentile(value[use], [0.5, 99.5]))
    certain = value[use] if error is None else value[_certain(value, error, use, use if kept is None else kept)]
    low, high = float(np.min(certain, initial=low)), float(np.max(certain, initial=high))
    if 0.0 < low < 0.5 * high:
        low = 0.0
    if 0.0 > high > 0.5 * low:
        high = 0.0
    span = (high - low) or abs(high) or 1.0
    return (low - pad * span, high + pad * span)


def _certain(value: FloatArray, error: FloatArray, typical: BoolArray, kept: BoolArray) -> BoolArray:
    """Samples that are the object's beyond doubt: above 5 sigma, with an error that grows no faster than the root of their light, as photons' does."""
    level, noise = np.median(np.abs(value[typical])), np.median(error[typical])
    brighter = np.sqrt(np.maximum(np.abs(value), level) / (level or 1.0))
    return np.isfinite(value) & kept & (np.abs(value) > 5.0 * error) & (error <= 4.0 * noise * brighter)


def block_mean(image: Image, rows: int, columns: int) -> Image:
    """Average an image in blocks of `rows` times `columns`, leaving out what is not finite; an incomplete block at the end is dropped."""
    if rows == 1 and columns == 1:
        return np.asarray(image)
    stop_row, stop_column = image.shape[0] // rows * rows, image.shape[1] // columns * columns
    parts = [image[row:stop_row:rows, column:stop_column:columns] for row in range(rows) for column in range(columns)]
    total = parts[0].astype(np.float32)
    for part in parts[1:]:
        total += part
    if np.isfinite(total).all():
        return total / np.float32(len(parts))
    counted = np.zeros(total.shape, dtype=np.int16)
    total[:] = 0.0
    for part in parts:
        finite = np.isfinite(part)
        counted += finite
        np.add(total, part, out=total, where=finite)
    return np.where(counted > 0, total / np.maximum(counted, 1), np.float32(np.nan))
