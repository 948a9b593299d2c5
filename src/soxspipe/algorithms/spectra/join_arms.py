"""Two arms, one spectrum: their ratio where they overlap, and where one takes over from the other."""

from __future__ import annotations

from typing import NamedTuple

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
"""A larger difference is not a slit loss to be scaled away: something is wrong, and the user is told."""
SIGNIFICANT = 3.0
"""A scale that is within three of its errors of 1 is 1."""
FEWEST_CELLS = 8
"""A median of fewer is moved by one bad cell."""
LEAST_SIGNAL = 10.0
"""Signal-to-noise ratio of an arm over the whole overlap below which the ratio is worse than the 10 % that may be scaled away."""
NEGATIVE_CELLS = 5
"""As many cells three sigma below zero do not come by chance (0.07 are expected of the 50 of SOXS): the sky or a star in the off-frame."""


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

    The ratio of weighted sums over cells of 1 nm, which noise does not bias as it does the mean of ratios or a fitted slope; the error is
    that of the scatter between cells where it is larger than that of the noise.
    """
    overlap = _compare(blue, red)
    if overlap.why_not:
        return float("nan"), float("nan")
    a, b = overlap.blue, overlap.red
    ratio = float(np.median(b) / np.median(a))
    for _ in range(5):
        weight = 1.0 / (overlap.red_variance + ratio**2 * overlap.blue_variance)
        deviation = (b - ratio * a) * np.sqrt(weight)
        kept = np.abs(deviation) < 4.0 * max(1.0, 1.4826 * float(np.median(np.abs(deviation))))
        ratio = float(np.sum((weight * b)[kept]) / np.sum((weight * a)[kept]))
    scatter = max(1.0, float(np.sqrt(np.mean(deviation[kept] ** 2))))
    return ratio, scatter * float(np.sqrt(np.sum(weight[kept])) / np.sum((weight * a)[kept]))


def why_no_scale(blue: FluxedSpectrum, red: FluxedSpectrum) -> str:
    """In words, why the ratio of two arms cannot be measured: they do not overlap, or one is negative or faint where they do; else empty."""
    return _compare(blue, red).why_not


class _Overlap(NamedTuple):
    """Mean flux of both arms in cells that both measured, variances, and why they cannot be compared (empty if they can)."""

    blue: FloatArray
    blue_variance: FloatArray
    red: FloatArray
    red_variance: FloatArray
    why_not: str


def _compare(blue: FluxedSpectrum, red: FluxedSpectrum) -> _Overlap:
    low, high = max(blue.wavelength_nm[0], red.wavelength_nm[0]), min(blue.wavelength_nm[-1], red.wavelength_nm[-1])
    edges = np.arange(np.ceil(low / CELL_NM) * CELL_NM, high, CELL_NM)
    if edges.size < FEWEST_CELLS + 1:
        nothing = np.empty(0)
        return _Overlap(nothing, nothing, nothing, nothing, "the arms do not overlap")
    means = [_cells(one, edges) for one in (blue, red)]
    both = np.logical_and(*(np.isfinite(mean) for mean, _ in means))
    (first, first_variance), (second, second_variance) = ((mean[both], variance[both]) for mean, variance in means)
    why_not = "the arms do not overlap" if not all(np.isfinite(mean).any() for mean, _ in means) else ""
    why_not = why_not or ("too few samples are good in both arms where they overlap" if int(both.sum()) < FEWEST_CELLS else "")
    why_not = why_not or _dark("bluer", first, first_variance) or _dark("redder", second, second_variance)
    return _Overlap(first, first_variance, second, second_variance, why_not)


def _dark(name: str, flux: FloatArray, variance: FloatArray) -> str:
    """In words, why the light of an arm cannot be compared; empty if it can."""
    negative = int(np.sum(flux < -SIGNIFICANT * np.sqrt(variance)))
    if negative >= NEGATIVE_CELLS:
        return f"the flux of the {name} arm is negative where the arms overlap (in {negative} of {flux.size} nm)"
    signal = float(np.sum(flux / variance) / np.sqrt(np.sum(1.0 / variance)))
    return (
        f"there is too little light in the {name} arm where the arms overlap (S/N {max(signal, 0.0):.1f} in all)"
        if signal < LEAST_SIGNAL
        else ""
    )


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
