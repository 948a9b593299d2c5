"""Two arms, one spectrum: their ratio where they overlap, and where one takes over from the other."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.datamodel.spectrum import FluxedSpectrum, JoinedSpectrum
from soxspipe.errors import AlgorithmError

CELL_NM = 1.0
"""Cells in which the arms are compared: wider than the resolution of either, so that line shapes do not matter."""
SHARED_NOISE = 2.0
"""Variance of the mean of a cell over that of independent samples (lag 1 of the merged grids: 0.24 to 0.6)."""
LARGEST_SCALE = 1.1
"""A larger difference is no slit loss to be scaled away: something is wrong, and the user is told."""
SIGNIFICANT = 3.0
"""A scale that is within three of its errors of 1 is 1."""
FEWEST_CELLS = 8
"""A median of fewer is moved by one bad cell."""
WORST_SIGNAL = 3.0
"""Signal-to-noise ratio of a cell below which its ratio is not Gaussian any more."""


def join_arms(
    blue: FluxedSpectrum, red: FluxedSpectrum, *, resolving_power: tuple[float, float] = (0.0, 0.0), apply_scale: bool = True
) -> JoinedSpectrum:
    """Join two arms, each on its own samples.

    Parameters
    ----------
    blue, red : FluxedSpectrum
        Flux-calibrated.
    resolving_power : tuple of float
        Of the two arms; 0 if unknown.
    apply_scale : bool
        Multiply the blue arm by the ratio of the two where it is significant (3 sigma) and at most 10 %.

    Returns
    -------
    JoinedSpectrum
        The blue arm up to the middle of the overlap, by the noise of both, and the red one from there.  Without an overlap that can
        be measured both stand as they are and the scale is NaN.

    Raises
    ------
    AlgorithmError
        If the blue arm is not the bluer one.
    """
    if blue.wavelength_nm[0] >= red.wavelength_nm[0] or blue.wavelength_nm[-1] >= red.wavelength_nm[-1]:
        raise AlgorithmError(
            f"the arms are in the wrong order: the first covers {blue.wavelength_nm[0]:.0f} to {blue.wavelength_nm[-1]:.0f} nm, "
            f"the second {red.wavelength_nm[0]:.0f} to {red.wavelength_nm[-1]:.0f} nm"
        )
    scale, error = measure_scale(blue, red)
    applied = bool(
        apply_scale and np.isfinite(scale) and abs(scale - 1.0) > SIGNIFICANT * error and 1 / LARGEST_SCALE <= scale <= LARGEST_SCALE
    )
    factor = scale if applied else 1.0
    join_nm = _meeting_point(blue, red)
    first, second = blue.wavelength_nm < join_nm, red.wavelength_nm >= join_nm
    return JoinedSpectrum(
        wavelength_nm=np.concatenate([blue.wavelength_nm[first], red.wavelength_nm[second]]),
        flux=np.concatenate([factor * blue.flux[first], red.flux[second]]),
        error=np.concatenate([factor * blue.error[first], red.error[second]]),
        quality=np.concatenate([blue.quality[first], red.quality[second]]),
        from_red=np.concatenate([np.zeros(int(first.sum()), dtype=bool), np.ones(int(second.sum()), dtype=bool)]),
        resolving_power=np.concatenate([np.full(int(first.sum()), resolving_power[0]), np.full(int(second.sum()), resolving_power[1])]),
        scale=scale,
        scale_error=error,
        applied=applied,
        join_nm=join_nm,
    )


def measure_scale(blue: FluxedSpectrum, red: FluxedSpectrum) -> tuple[float, float]:
    """Flux of the red arm over that of the blue one where both were measured, and its 1-sigma error; NaN where that cannot be told.

    Sums over cells of 1 nm are compared; the error is that of the scatter between cells where it is larger than that of the noise.
    """
    low, high = max(blue.wavelength_nm[0], red.wavelength_nm[0]), min(blue.wavelength_nm[-1], red.wavelength_nm[-1])
    edges = np.arange(np.ceil(low / CELL_NM) * CELL_NM, high, CELL_NM)
    if edges.size < FEWEST_CELLS + 1:
        return float("nan"), float("nan")
    (first, first_variance), (second, second_variance) = (_cells(one, edges) for one in (blue, red))
    known = np.isfinite(first) & np.isfinite(second) & (first > WORST_SIGNAL * np.sqrt(first_variance))
    known &= second > WORST_SIGNAL * np.sqrt(second_variance)
    if int(known.sum()) < FEWEST_CELLS:
        return float("nan"), float("nan")
    a, b = first[known], second[known]
    ratio = float(np.median(b / a))
    for _ in range(5):
        weight = 1.0 / (second_variance[known] + ratio**2 * first_variance[known])
        deviation = (b - ratio * a) * np.sqrt(weight)
        kept = np.abs(deviation) < 4.0 * max(1.0, 1.4826 * float(np.median(np.abs(deviation))))
        ratio = float(np.sum((weight * a * b)[kept]) / np.sum((weight * a * a)[kept]))
    information = float(np.sum((weight * a * a)[kept]))
    scatter = max(1.0, float(np.sqrt(np.mean(deviation[kept] ** 2))))
    return ratio, scatter / float(np.sqrt(information))


def why_no_scale(blue: FluxedSpectrum, red: FluxedSpectrum) -> str:
    """In words, why the ratio of two arms cannot be measured: they do not overlap, or one is negative or faint where they do."""
    low, high = max(blue.wavelength_nm[0], red.wavelength_nm[0]), min(blue.wavelength_nm[-1], red.wavelength_nm[-1])
    inside = [_sound(one) & (one.wavelength_nm >= low) & (one.wavelength_nm <= high) for one in (blue, red)]
    if high - low < FEWEST_CELLS * CELL_NM or not all(part.any() for part in inside):
        return "the arms do not overlap"
    for name, one, part in zip(("bluer", "redder"), (blue, red), inside, strict=True):
        if float(np.median(one.flux[part])) < 0:
            return f"the flux of the {name} arm is negative where the arms overlap"
    return "there is too little light where the arms overlap"


def _cells(spectrum: FluxedSpectrum, edges: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean flux and its variance in each cell; NaN where less than half of it was measured."""
    sound = _sound(spectrum)
    cell = np.floor((spectrum.wavelength_nm - edges[0]) / CELL_NM).astype(np.int64)
    inside = sound & (cell >= 0) & (cell < edges.size - 1)
    count = np.bincount(cell[inside], minlength=edges.size - 1).astype(np.float64)
    enough = count >= 0.5 * CELL_NM / float(np.median(np.diff(spectrum.wavelength_nm)))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(cell[inside], spectrum.flux[inside], edges.size - 1) / count
        variance = SHARED_NOISE * np.bincount(cell[inside], spectrum.error[inside] ** 2, edges.size - 1) / count**2
    return np.where(enough, mean, np.nan), np.where(enough, variance, np.nan)


def _sound(spectrum: FluxedSpectrum) -> BoolArray:
    bad = int(SpectrumFlag.NO_DATA | SpectrumFlag.SATURATED | SpectrumFlag.COSMIC_RAY | SpectrumFlag.EXTRAPOLATED_RESPONSE)
    return (spectrum.error > 0) & (spectrum.quality & bad == 0)


def _meeting_point(blue: FluxedSpectrum, red: FluxedSpectrum) -> float:
    """Where the relative noise of the red arm falls below that of the blue one, within the overlap; its middle where that is nowhere."""
    low, high = max(blue.wavelength_nm[0], red.wavelength_nm[0]), min(blue.wavelength_nm[-1], red.wavelength_nm[-1])
    if low >= high:
        return float(red.wavelength_nm[0])
    at = np.arange(low, high, CELL_NM)
    noise = []
    for one in (blue, red):
        sound = _sound(one)
        if sound.sum() < 2:
            return 0.5 * float(low + high)
        density = np.median(np.diff(one.wavelength_nm))  # noise of equal intervals, not of samples
        smooth = np.convolve(np.pad(one.error[sound], 25, mode="edge"), np.ones(51) / 51.0, "valid")
        noise.append(np.interp(at, one.wavelength_nm[sound], smooth) * np.sqrt(density))
    better = noise[1] < noise[0]
    if not better.any() or better.all():
        return 0.5 * float(low + high)
    return float(at[int(np.argmax(better))])
