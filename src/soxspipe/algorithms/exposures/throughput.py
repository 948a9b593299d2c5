"""How much light one exposure gathered against another, slowly with wavelength, and which level the sum is to have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import betainc

from soxspipe.algorithms.objects.moffat import Moffat
from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.datamodel.spectrum import OrderSpectrum
from soxspipe.numerics.robust import running_median

BLOCK_SAMPLES = 256
"""Clouds are grey, so blocks may be long; several in an order show whether it is so."""
HIGHEST_DEGREE = 2
"""Slit losses change with wavelength as slowly as seeing does."""
WORTH_A_TERM = 9.0
"""A coefficient is kept where it lowers chi square by 3 sigma."""
CLIP_SIGMA = 4.0
"""Wider than noise, so that only samples which disagree are left out."""
CLEAR_SHARE = 0.9
"""Exposures whose air lets through at least this share of the clearest one's light count as clear; slit losses aside."""
SLIT_LOSS_ERROR, LEAST_SLIT_ERROR = 0.3, 0.03
"""What is not known of a slit's transmission: a part of how much it differs between exposures (on ten simulated sets under one sky, ratios
corrected by the seeing were off by 0.06 to 0.54 of the logarithm of the correction, by 0.3 in the middle), and 3 % for images that guiding
smeared."""
SMOOTH_SAMPLES = 31
"""Weights must not follow the noise of single samples, which would bias the ratio."""
SLIT_STEPS = 32
"""Across the slit: steps of 0.03 to 0.16 arcsec, in which an image of 0.5 arcsec hardly changes."""
CORE_ROUNDS = 12
"""Bisections, which leave 0.02 % of the core radius."""
KNOWN_WELL = 0.05
"""A ratio whose error is larger does not decide which exposures are clear."""

TURBULENCE_BETA = 4.765
"""Exponent of the Moffat function that a star's image has behind turbulent air alone."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LightRatio:
    """Light of one exposure over that of the reference: a polynomial in scaled wavelength, its mean, and the mean's error."""

    coefficients: FloatArray
    centre_nm: float
    half_nm: float
    mean: float
    error: float

    def at(self, wavelength_nm: FloatArray) -> FloatArray:
        """The ratio at some wavelengths; that of the nearest end outside the range measured."""
        scaled = np.clip((wavelength_nm - self.centre_nm) / self.half_nm, -1.0, 1.0)
        return np.asarray(np.polynomial.polynomial.polyval(scaled, self.coefficients))


def constant_ratio(value: float, error: float = 0.0) -> LightRatio:
    """The same at every wavelength."""
    return LightRatio(coefficients=np.array([value]), centre_nm=1.0, half_nm=1.0, mean=value, error=error)


def measure_ratio(spectra: Sequence[OrderSpectrum], reference: Sequence[OrderSpectrum], expected: float) -> LightRatio:
    """Light of an exposure over the reference's.

    Parameters
    ----------
    spectra, reference : sequence of OrderSpectrum
        The same orders on the same wavelengths.
    expected : float
        Ratio of the exposure times, taken where the spectra do not say otherwise.

    Returns
    -------
    LightRatio
        `expected` where no block of samples shows light.
    """
    blocks = [block for one, other in zip(spectra, reference, strict=True) for block in _blocks(one, other)]
    if not blocks:
        return constant_ratio(expected)
    wave, ratio, error = (np.array(column) for column in zip(*blocks, strict=True))
    # blocks reach half their length beyond their middles
    centre, half = 0.5 * (wave.min() + wave.max()), max(0.5 * float(np.ptp(wave)) * wave.size / max(wave.size - 1, 1), 1e-6)
    scaled, use = (wave - centre) / half, np.ones(wave.size, dtype=bool)
    coefficients = np.array([expected])
    for _ in range(3):
        if use.sum() < 1:
            return constant_ratio(expected)
        coefficients = _fit(scaled[use], ratio[use], error[use])
        pull = np.abs(ratio - np.polynomial.polynomial.polyval(scaled, coefficients)) / error
        use = pull < CLIP_SIGMA * max(1.0, float(np.median(pull)) / 0.67)
    weight = 1.0 / error[use] ** 2
    mean = float(np.average(np.polynomial.polynomial.polyval(scaled[use], coefficients), weights=weight))
    own = 1.0 / float(np.sqrt(weight.sum()))
    if abs(mean - expected) < 2.0 * own and own > 0.01 * abs(expected):
        return constant_ratio(expected, own)  # too faint to tell; noise would only be carried into the scale
    return LightRatio(coefficients=coefficients, centre_nm=float(centre), half_nm=half, mean=mean, error=own)


def slit_transmission(fwhm_arcsec: float, slit_width_arcsec: float | None) -> float:
    """Share of a star's light that passes a slit on which it is centred; 1 where the slit's width is not known.

    The image is the Moffat function that comes closest to that of the turbulent air [1]_.

    References
    ----------
    .. [1] Trujillo I. et al., 2001, MNRAS, 328, 977, doi:10.1046/j.1365-8711.2001.04937.x.
    """
    if slit_width_arcsec is None or not fwhm_arcsec > 0:
        return 1.0
    return float(share_within(np.asarray(fwhm_arcsec), slit_width_arcsec))


def share_within(
    fwhm_arcsec: FloatArray, slit_width_arcsec: float, beta: float = TURBULENCE_BETA, off_arcsec: FloatArray | float = 0.0
) -> FloatArray:
    """Share of Moffat images of exponent `beta` within a slit whose middle is `off_arcsec` away; shape of the widths."""
    squared = 0.25 * fwhm_arcsec**2 / (2.0 ** (1.0 / beta) - 1.0)

    def beside(edge: FloatArray | float) -> FloatArray:
        """Share between the image's middle and an edge, counted negative on its other side, twice."""
        return np.sign(edge) * betainc(0.5, beta - 1.0, np.square(edge) / (squared + np.square(edge)))

    return np.asarray(0.5 * (beside(0.5 * slit_width_arcsec - off_arcsec) + beside(0.5 * slit_width_arcsec + off_arcsec)))


def round_transmission(seeing: Moffat | None, wavelength_nm: FloatArray, slit_width_arcsec: float | None) -> FloatArray:
    """Share of a round image's light that passes a slit; 1 where the slit's width or the image is not known.

    The image is the round Moffat whose part in the slit is as wide as what was seen there.  Summed along the slit, it falls off across it
    with an exponent that is smaller by one half.
    """
    if slit_width_arcsec is None or seeing is None:
        return np.ones(wavelength_nm.shape)
    across, step = _across(slit_width_arcsec)
    beta = seeing.beta - 0.5
    width = 2.0 * _core_radius(seeing.fwhm_arcsec, seeing.beta, across) * np.sqrt(2.0 ** (1.0 / beta) - 1.0)
    image = replace(seeing, fwhm_arcsec=width, beta=beta, places=((0.0, 1.0),))
    return np.asarray(image(across, wavelength_nm[:, None], step).sum(axis=1) * step)


def images_with_common_wings(images: Sequence[Moffat | None]) -> list[Moffat | None]:
    """Images of several exposures, each of its own width, with the exponent of the first, which is the deepest.

    Wings belong to telescope and site more than to one exposure, and one that is dim shows none of its own: it has those that stars
    usually have, with which another share of its light would seem to pass the slit.
    """
    first = images[0]
    return [image if image is None or first is None else replace(image, beta=first.beta) for image in images]


def round_width(seen_arcsec: float, slit_width_arcsec: float, beta: float) -> float:
    """FWHM of the round Moffat image of exponent `beta` whose part in a slit is `seen_arcsec` wide along it.

    Summed across a wide slit the image is 5 to 15 % wider than a cut through its middle, since wings fall off more slowly there.
    """
    core = _core_radius(seen_arcsec, beta, _across(slit_width_arcsec)[0])
    return float(2.0 * core * np.sqrt(2.0 ** (1.0 / beta) - 1.0))


def _across(slit_width_arcsec: float) -> tuple[FloatArray, float]:
    """Middles of steps across a slit, and their length."""
    step = slit_width_arcsec / SLIT_STEPS
    return (np.arange(SLIT_STEPS) + 0.5) * step - 0.5 * slit_width_arcsec, step


def _core_radius(fwhm_arcsec: float, beta: float, across_arcsec: FloatArray) -> float:
    """Core radius of the round Moffat whose part in the slit has the width seen (bisection)."""
    half = 0.5 * fwhm_arcsec
    most = half / np.sqrt(2.0 ** (1.0 / beta) - 1.0)
    low, high = 0.3 * most, most
    for _ in range(CORE_ROUNDS):
        core = 0.5 * (low + high)
        middle, edge = (np.sum((1.0 + (across_arcsec**2 + y * y) / core**2) ** -beta) for y in (0.0, half))
        low, high = (low, core) if edge > 0.5 * middle else (core, high)
    return 0.5 * (low + high)


def clear_exposures(throughputs: Sequence[float], errors: Sequence[float], transmissions: Sequence[float]) -> BoolArray:
    """Which exposures were taken through clear air: within `CLEAR_SHARE` of the best, once slit losses are allowed for.

    An exposure that is left out by mistake shifts the level by as much as its slit losses are wrong, so that their error counts too.

    Parameters
    ----------
    throughputs, errors : sequence of float
        Light per second of each exposure against the reference's.
    transmissions : sequence of float
        Of the slit, by the seeing of each.
    """
    air = np.array(throughputs) / np.array(transmissions)
    own = np.array(errors) / np.array(transmissions)
    known = own <= KNOWN_WELL * np.maximum(air, 1e-9)
    best = float(np.max(air[known])) if known.any() else float(np.max(air))
    corrected = np.abs(np.log(np.array(transmissions) / transmissions[int(np.argmin(np.abs(air - best)))]))
    limit = CLEAR_SHARE * best * np.exp(-np.hypot(LEAST_SLIT_ERROR, SLIT_LOSS_ERROR * corrected))
    return np.asarray(air + 3.0 * own >= limit)


def transmissions_that_differ(transmissions: FloatArray, clear: BoolArray) -> BoolArray:
    """Which slit transmissions differ from the mean of the clear exposures' by more than is unknown of them.

    The image of an exposure in clouds is measured with little light; its noise is not to shift the level of all.

    Parameters
    ----------
    transmissions : ndarray, shape (n,)
        Share of the light that the slit let through.
    clear : ndarray of bool, shape (n,)
        Which exposures were taken through clear air; one at least.
    """
    return np.asarray(np.abs(np.log(transmissions / transmissions[clear].mean())) > LEAST_SLIT_ERROR)


def _blocks(one: OrderSpectrum, other: OrderSpectrum) -> list[tuple[float, float, float]]:
    """Wavelength, ratio and error of blocks of samples; weights are smoothed, so that they do not follow the noise of the flux."""
    good = np.isfinite(one.flux) & np.isfinite(other.flux) & np.isfinite(one.variance) & np.isfinite(other.variance)
    good &= (one.variance > 0) & (other.variance > 0)
    if good.sum() < BLOCK_SAMPLES // 8:
        return []
    index = np.flatnonzero(good)
    f, g, vf, vg = one.flux[index], other.flux[index], one.variance[index], other.variance[index]
    weight = 1.0 / (running_median(vf, SMOOTH_SAMPLES) + running_median(vg, SMOOTH_SAMPLES))
    weight = np.where(vf + vg < 3.0 / weight, weight, 0.0)
    found = []
    for part in np.array_split(np.arange(index.size), max(index.size // BLOCK_SAMPLES, 1)):
        w = weight[part]
        up, down = float(np.sum(w * f[part])), float(np.sum(w * g[part]))
        noise = float(np.sqrt(np.sum(w**2 * vg[part])))
        if down < 5.0 * noise:
            continue
        ratio = up / down
        error = float(np.sqrt(np.sum(w**2 * (vf[part] + ratio**2 * vg[part])))) / down
        found.append((float(np.median(one.wavelength_nm[index[part]])), ratio, error))
    return found


def _fit(x: FloatArray, y: FloatArray, error: FloatArray) -> FloatArray:
    """Polynomial of the lowest degree that no further term improves by `WORTH_A_TERM` in chi square (scaled to 1 a degree of freedom)."""
    best = np.array([np.average(y, weights=1.0 / error**2)])
    chi = float(np.sum(((y - best[0]) / error) ** 2))
    for degree in range(1, min(HIGHEST_DEGREE, x.size - 2) + 1):
        tried = np.polynomial.polynomial.polyfit(x, y, degree, w=1.0 / error)
        left = float(np.sum(((y - np.polynomial.polynomial.polyval(x, tried)) / error) ** 2))
        if chi - left > WORTH_A_TERM * max(1.0, left / max(x.size - degree - 1, 1)):
            best, chi = tried, left
    return best
