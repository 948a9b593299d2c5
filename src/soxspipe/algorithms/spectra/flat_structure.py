"""Structure of the flat that comes back in the spectrum, because the flat is wrong there or its fringes stood elsewhere.

A pixel's response is in the frame and in the flat alike, and the division takes it out.  An error of the flat is in the flat alone: the
spectrum holds it upside down.  Fringes of the sky and of the lamp differ in phase: the spectrum holds the difference, as those of the
flat displaced.  In either case the spectrum holds what a linear filter makes of the flat under the object, and the filter is measured:
in bands of an octave, the cross spectrum of both over the power of the flat.  Structure that the object has by itself is not in the
flat, and averages out.

References
----------
.. [1] Welch P., 1967, IEEE Trans. Audio Electroacoust., 15, 70, doi:10.1109/TAU.1967.1161901.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from soxspipe.algorithms.sky.sky_and_object import N_LAGS
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.datamodel.spectrum import OrderSpectrum
from soxspipe.numerics.robust import mad_sigma, running_mean, running_median

ComplexArray = NDArray[np.complex128]

LEVEL_PX = 101
"""Lamp, blaze and continua are smooth over as many pixels."""
SKY_LEVEL_PX = 31
"""Wider than a sky line, narrower than what the object's continuum bends over."""
SEGMENT_PX = 256
"""Twice the longest period, so that a window does not mix it with the level."""
PERIODS_PX = (128.0, 64.0, 32.0, 16.0, 8.0)
"""Ends of the bands.  Shorter structure is within the width of a line, where the pixels' own noise rules, which the errors have."""
CLIP_SIGMA = 4.0
"""Lines of air and object that are deeper are not to outweigh the rest."""
ROUNDS = 8
"""Of fits with clipped rests, each of which takes half of what is missing, and mostly more."""
LARGEST_TEXTURE = 0.1
"""Defects are deeper than fringes are."""
LEAST_SNR = 3.0
"""Below it a flux over its level says nothing."""
WINDOW_NOISE = 2.0
"""Sums over neighbouring frequencies and half-overlapping Hann windows scatter by more than independent ones: 1 + 2 (4/9 + 2/36)."""
SURE = 16.0
"""Power over that of chance: by chance in one of e^16 = 9 million bands."""
SURE_OF_ONE = 12.0
"""The same for one order, once the arm's orders together are sure: one of 160 000 bands."""
ALIKE = 9.0
"""An order whose own filter differs from the arm's by more does not share it: one of 8000."""
LEAST_SHARE = 0.003
"""Of the flux: smaller structure is within the flat's own noise, which the errors have."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlatStructure:
    """Spectra without the structure, their covariances, and its rms in every order as a share of the flux (empty: nothing was found)."""

    spectra: tuple[OrderSpectrum, ...]
    covariances: tuple[FloatArray, ...]
    rms: dict[int, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Filter:
    """From flat to spectrum in every band, shape (n_bands,): cross spectrum, power of the flat, and variance of the cross spectrum by chance."""

    cross: ComplexArray
    power: FloatArray
    chance: FloatArray

    @property
    def value(self) -> ComplexArray:
        """The filter; 0 where the flat has no structure."""
        return np.asarray(self.cross / np.where(self.power > 0, self.power, np.inf))

    @property
    def variance(self) -> FloatArray:
        """Of its value."""
        return np.asarray(self.chance / np.where(self.power > 0, self.power, np.inf) ** 2)

    def exceeds(self, limit: float) -> BoolArray:
        """Bands whose cross spectrum has more than `limit` times the power of chance."""
        return np.asarray(np.abs(self.cross) ** 2 > limit * np.maximum(self.chance, 1e-300))


def remove_flat_structure(spectra: Sequence[OrderSpectrum], covariances: Sequence[FloatArray]) -> FlatStructure:
    """Take structure of the flat out of the spectra as far as it is there beyond doubt.

    Parameters
    ----------
    spectra : sequence of OrderSpectrum
        Orders of one arm, flattened; of several exposures, if they were solved on their own.
    covariances : sequence of ndarray, shape (n_lags, n)
        Of neighbouring fluxes.

    Returns
    -------
    FlatStructure
        Fluxes and sums over 1 + structure, less its share of the sky, the mean flat times it; what stays is in variance and covariance.
    """
    textures = [_texture(one) for one in spectra]
    filters = [_measure(one, texture) for one, texture in zip(spectra, textures, strict=True)]
    arm = _Filter(**{name: np.sum([getattr(one, name) for one in filters], axis=0) for name in ("cross", "power", "chance")})
    nothing = FlatStructure(spectra=tuple(spectra), covariances=tuple(covariances), rms={})
    if not arm.exceeds(SURE).any():
        return nothing
    parts = [_structure(texture, *_chosen(one, arm)) for one, texture in zip(filters, textures, strict=True)]
    rms: dict[int, float] = {}
    for one, (structure, _) in zip(spectra, parts, strict=True):
        rms[one.order] = max(rms.get(one.order, 0.0), float(np.sqrt(np.sum(structure**2) / max(structure.size, 1))))
    if max(rms.values(), default=0.0) < LEAST_SHARE:
        return nothing
    cleaned = [
        _without(one, covariance, structure, left) for one, covariance, (structure, left) in zip(spectra, covariances, parts, strict=True)
    ]
    rows, rest = _rows_of_sky([one for one, _ in cleaned], [structure for structure, _ in parts])
    if rows:
        cleaned = [
            _without_sky(one, covariance, rows, rest, structure) for (one, covariance), (structure, _) in zip(cleaned, parts, strict=True)
        ]
    return FlatStructure(spectra=tuple(one for one, _ in cleaned), covariances=tuple(one for _, one in cleaned), rms=rms)


def _in_pixels(one: OrderSpectrum, values: FloatArray) -> FloatArray:
    """Values in the order of detector pixels, in which fringes move alike in all orders; the same again leads back."""
    return values[..., ::-1] if one.b_px.size > 1 and one.b_px[0] > one.b_px[-1] else values


def _over_level(values: FloatArray, known: BoolArray) -> FloatArray:
    """Values over a level that lines and single pixels do not move, less 1; 0 where they are not known or the level is none."""
    place = np.flatnonzero(known)
    if place.size < LEVEL_PX:
        return np.zeros(values.size)
    filled = np.interp(np.arange(values.size), place, values[place])
    level, _ = running_mean(running_median(filled, LEVEL_PX), np.ones(values.size, dtype=bool), LEVEL_PX // 2)
    lit = known & (level > 0)
    return np.where(lit, filled / np.where(lit, level, 1.0) - 1.0, 0.0)


def _texture(one: OrderSpectrum) -> FloatArray:
    """Structure of the flat under the object, in the order of pixels."""
    return _in_pixels(one, np.clip(_over_level(one.mean_flat, one.mean_flat > 0), -LARGEST_TEXTURE, LARGEST_TEXTURE))


def _wiggles(one: OrderSpectrum) -> FloatArray:
    """Structure of the flux, in the order of pixels; 0 where the flux is faint."""
    known = np.isfinite(one.flux) & np.isfinite(one.variance) & (one.variance > 0)
    structure = _over_level(np.where(known, one.flux, 0.0), known)
    sure = known & (np.abs(one.flux) > LEAST_SNR * np.sqrt(np.where(known, one.variance, np.inf)))
    limit = CLIP_SIGMA * mad_sigma(structure[sure]) if sure.sum() > LEVEL_PX else 0.0
    return _in_pixels(one, np.where(sure, np.clip(structure, -limit, limit), 0.0))


def _pieces(values: FloatArray) -> FloatArray:
    """Half-overlapping stretches, shape (n_pieces, SEGMENT_PX)."""
    if values.size < SEGMENT_PX:
        return np.zeros((0, SEGMENT_PX))
    return np.lib.stride_tricks.sliding_window_view(values, SEGMENT_PX)[:: SEGMENT_PX // 2]


def _band_of(n: int) -> IntArray:
    """Band of every frequency of a real Fourier transform of `n` samples; -1 outside all."""
    frequency, ends = np.fft.rfftfreq(n), 1.0 / np.array(PERIODS_PX)
    inside = (frequency >= ends[0]) & (frequency < ends[-1])
    return np.where(inside, np.searchsorted(ends, frequency, side="right") - 1, -1)


def _measure(one: OrderSpectrum, texture: FloatArray) -> _Filter:
    """Cross spectrum of flux and flat; stretches count by the inverse of the power that the flux has in them, its lines included."""
    wiggles, window = _pieces(_wiggles(one)), np.hanning(SEGMENT_PX + 1)[:-1]
    strength = np.mean(wiggles**2, axis=1, keepdims=True)
    weight = np.where(strength > 0, 1.0 / np.where(strength > 0, strength, 1.0), 0.0)
    flux, flat = np.fft.rfft(wiggles * window, axis=1), np.fft.rfft(_pieces(texture) * window, axis=1)
    products, band = weight * flux * flat.conj(), _band_of(SEGMENT_PX)
    masks = [band == k for k in range(len(PERIODS_PX) - 1)]
    return _Filter(
        cross=np.array([products[:, mask].sum() for mask in masks]),
        power=np.array([np.sum((weight * np.abs(flat) ** 2)[:, mask]) for mask in masks]),
        chance=WINDOW_NOISE * np.array([np.sum(np.abs(products[:, mask]) ** 2) for mask in masks]),
    )


def _chosen(own: _Filter, arm: _Filter) -> tuple[ComplexArray, FloatArray]:
    """Filter of an order in every band and its variance: its own where that is sure, the arm's where the order does not contradict it, else none."""
    sure = arm.exceeds(SURE)
    by_itself = own.exceeds(SURE_OF_ONE)
    alike = np.abs(own.value - arm.value) ** 2 < ALIKE * (own.variance + arm.variance)
    value = np.where(by_itself, own.value, np.where(alike, arm.value, 0.0))
    variance = np.where(by_itself, own.variance, np.where(alike, arm.variance, 0.0))
    return np.where(sure, value, 0.0), np.where(sure, variance, 0.0)


def _structure(texture: FloatArray, value: ComplexArray, variance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What the filter makes of the flat's structure, shape (n,), and the covariance of what it leaves at lags 0 .. `N_LAGS`, shape (N_LAGS + 1, n)."""
    if not texture.size:  # an order without a wavelength
        return texture, np.zeros((N_LAGS + 1, 0))
    transform, band = np.fft.rfft(texture), _band_of(texture.size)
    bands = [np.fft.irfft(np.where(band == k, transform, 0.0), texture.size) for k in range(value.size)]
    filtered = np.fft.irfft(np.where(band >= 0, transform * value[band], 0.0), texture.size)
    # of a band whose flat holds errors and true response in the shares w and 1 - w (filter -w), w (1 - w) of the power stays
    left = np.maximum(-value.real * (1.0 + value.real) - value.imag**2, 0.0) + variance
    covariance = np.zeros((N_LAGS + 1, texture.size))
    everywhere = np.ones(texture.size, dtype=bool)
    for part, share in zip(bands, left, strict=True):
        for lag in range(N_LAGS + 1):
            covariance[lag] += share * running_mean(part * np.roll(part, -lag), everywhere, LEVEL_PX // 2)[0]
    return filtered, covariance


def _rows_of_sky(spectra: Sequence[OrderSpectrum], structures: Sequence[FloatArray]) -> tuple[float, float]:
    """How many rows of sky the structure has left in the flux, and the square of how many are left without its likeness; 0 if not beyond doubt.

    The flat's error is in the sky under the object too.  The sky's model, which all rows of the slit make, holds part of it, and the
    rest is in the flux, as so many pixels as the profile weighs: fitted to all orders, weighted by their variances.
    """
    expected, sizes, seen = [], [], []
    for one, structure in zip(spectra, structures, strict=True):
        known = np.isfinite(one.flux) & np.isfinite(one.variance) & (one.variance > 0)
        if known.sum() < SEGMENT_PX:
            continue
        sky_error = np.where(known, one.sky, 0.0) / np.sqrt(np.where(known, one.variance, 1.0))
        expected.append(_in_pixels(one, structure) * sky_error)
        sizes.append(float(structure.std()) * sky_error)
        seen.append(_above_level(np.where(known, one.flux, 0.0), known) / np.sqrt(np.where(known, one.variance, np.inf)))
    x, z, y = (np.concatenate([*some, np.zeros(1)]) for some in (expected, sizes, seen))
    power, rows = max(float(x @ x), 1e-300), 0.0
    for _ in range(ROUNDS):  # what is left is clipped, so that lines of air and object do not count, and those of the sky do
        left = x * np.clip(y - rows * x, -CLIP_SIGMA, CLIP_SIGMA)
        rows += float(left.sum()) / power
    if rows <= 0 or (rows * power) ** 2 <= SURE * float(left @ left):
        return 0.0, 0.0
    rest = np.clip(y - rows * x, -CLIP_SIGMA, CLIP_SIGMA) ** 2 - 1.0
    return rows, max(float(np.sum(rest * z**2) / np.sum(z**4)), 0.0)


def _above_level(values: FloatArray, known: BoolArray) -> FloatArray:
    """Values less a level that lines and single pixels do not move; 0 where they are not known."""
    filled = np.interp(np.arange(values.size), np.flatnonzero(known), values[known])
    return np.where(known, filled - running_median(filled, SKY_LEVEL_PX), 0.0)


def _without_sky(
    one: OrderSpectrum, covariance: FloatArray, rows: float, rest: float, structure: FloatArray
) -> tuple[OrderSpectrum, FloatArray]:
    """An order without the structure of so many rows of sky, and its covariance; what stays, `rest` (rows squared), is as wide as the structure."""
    structure, sky = _in_pixels(one, structure), np.maximum(np.nan_to_num(one.sky), 0.0)
    away = structure * rows * sky
    alike = rest * np.array([float(np.mean(structure * np.roll(structure, -lag))) for lag in range(N_LAGS + 1)])
    cleaned = replace(
        one,
        flux=one.flux - away,
        variance=one.variance + alike[0] * sky**2,
        boxcar=one.boxcar - away,
        boxcar_robust=one.boxcar_robust - away,
        boxcar_restored=one.boxcar_restored - away,
    )
    neighbours = [covariance[lag - 1] + alike[lag] * sky * np.roll(sky, -lag) for lag in range(1, N_LAGS + 1)]
    return cleaned, np.where(np.isfinite(cleaned.flux), np.stack(neighbours), 0.0)


def _without(one: OrderSpectrum, covariance: FloatArray, structure: FloatArray, left: FloatArray) -> tuple[OrderSpectrum, FloatArray]:
    """An order over 1 + structure, and its covariance."""
    factor, left = 1.0 + _in_pixels(one, structure), _in_pixels(one, left)
    light = np.nan_to_num(one.flux / factor)
    cleaned = replace(
        one,
        flux=one.flux / factor,
        variance=one.variance / factor**2 + light**2 * left[0],
        boxcar=one.boxcar / factor,
        boxcar_robust=one.boxcar_robust / factor,
        boxcar_restored=one.boxcar_restored / factor,
        mean_flat=one.mean_flat * factor,
    )
    neighbours = [covariance[lag - 1] / factor**2 + light * np.roll(light, -lag) * left[lag] for lag in range(1, left.shape[0])]
    return cleaned, np.where(np.isfinite(cleaned.flux), np.stack(neighbours), 0.0)
