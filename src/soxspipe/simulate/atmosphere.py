"""What the air does: absorption, refraction, seeing, and the light that a slit lets through."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from soxspipe.datamodel.arrays import FloatArray, read_only
from soxspipe.datamodel.calibrations import ExtinctionCurve

TELLURIC_MODEL_AIRMASS = 1.5
_ARCSEC_PER_RADIAN = 206264.806
_LA_SILLA_PRESSURE = 0.77
_FIXED_PATTERN_SEED = 19850
_PATTERN_CELLS = 16384
_PATTERN_WIDTH = 0.16
_OPTICAL_BANDS = (
    # start nm, stop nm, optical depth of the strongest lines at air mass 1.5, lines per nm
    (627.6, 631.5, 0.25, 6.0),
    (646.5, 658.5, 0.08, 3.0),
    (686.7, 694.0, 1.6, 6.0),
    (694.0, 710.0, 0.10, 3.0),
    (715.5, 735.5, 0.55, 4.0),
    (759.3, 769.5, 4.0, 6.0),
    (786.0, 808.0, 0.08, 2.0),
    (812.5, 835.0, 0.60, 4.0),
    (892.0, 899.7, 0.70, 4.0),
)
"""Bands below 900 nm, where the model atmosphere ends, as fans of lines."""


def telluric_transmission(
    wavelength_nm: FloatArray, model_nm: FloatArray, model_transmission: FloatArray, *, airmass: float, water: float = 1.0
) -> FloatArray:
    """Transmission of the telluric lines, resolved into a fixed pattern of narrow lines.

    Parameters
    ----------
    wavelength_nm : ndarray, shape (n,)
        Where; air.
    model_nm, model_transmission : ndarray, shape (m,)
        Smooth model at air mass 1.5; 1 is taken outside its range, and a built-in list of bands below 900 nm.
    airmass, water : float
        Optical depth scales with ``water * (airmass / 1.5)^0.6``.

    Notes
    -----
    The model is sampled at 0.5 nm.  Its optical depth is multiplied by a spiky pattern of mean 1, so that a spectrograph sees lines it
    does not resolve, as in the real sky; the pattern is the same in every scene.
    """
    with np.errstate(divide="ignore"):
        depth = -np.log(np.clip(np.interp(wavelength_nm, model_nm, model_transmission, left=1.0, right=1.0), 1e-6, 1.0))
    depth = depth * _line_pattern(wavelength_nm, density_per_nm=4.0) + _optical_depth_below_900(wavelength_nm)
    return np.exp(-depth * water * (airmass / TELLURIC_MODEL_AIRMASS) ** 0.6)


def extinction_transmission(wavelength_nm: FloatArray, curve: ExtinctionCurve, airmass: float) -> FloatArray:
    """Transmission of the air between the lines."""
    return np.asarray(1.0 / curve.factor(wavelength_nm, airmass))


def refraction_arcsec(wavelength_nm: FloatArray, *, reference_nm: float, airmass: float) -> FloatArray:
    """Differential refraction against `reference_nm`, arcsec towards the zenith (dispersion formula of dry air, La Silla pressure)."""
    tangent = np.sqrt(max(airmass**2 - 1.0, 0.0))
    return _ARCSEC_PER_RADIAN * _LA_SILLA_PRESSURE * tangent * (_refractivity(wavelength_nm) - _refractivity(np.asarray(reference_nm)))


def seeing_fwhm(wavelength_nm: FloatArray, fwhm_at_500_arcsec: float) -> FloatArray:
    """Seeing at a wavelength, ``lambda^-0.2``."""
    return fwhm_at_500_arcsec * np.power(np.asarray(wavelength_nm) / 500.0, -0.2)


def moffat_alpha(fwhm_arcsec: FloatArray, beta: float) -> FloatArray:
    """Core radius of a Moffat profile of a given width."""
    return np.asarray(fwhm_arcsec) / (2.0 * np.sqrt(2.0 ** (1.0 / beta) - 1.0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SlitImage:
    """A source seen through the slit: its light along the slit and across it, and the share that passes.

    Attributes
    ----------
    z : ndarray, shape (n,)
        Distance along the slit in units of the source's size, uniform.
    cumulative : ndarray, shape (n,)
        Share of the light that passes the slit's width, up to `z`; runs from 0 to 1.
    across_z, across : ndarray, shape (m,)
        Distance across the slit in units of its half width (-1..1), and light density there (sum 1).
    passed : float
        Share of the source's light inside the slit's width.
    """

    z: FloatArray
    cumulative: FloatArray
    across_z: FloatArray
    across: FloatArray
    passed: float


def moffat_through_slit(half_width: float, beta: float) -> SlitImage:
    """A Moffat star centred in a slit whose half width is `half_width` core radii."""
    z = np.linspace(-60.0, 60.0, 12001)
    node, weight = _gauss_nodes(24)
    norm = (beta - 1.0) / np.pi
    density = np.zeros_like(z)
    for across, share in zip(half_width * node, half_width * weight, strict=True):
        density += norm * share * np.power(1.0 + z**2 + across**2, -beta)
    cumulative = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(z))])
    across_z = np.linspace(-1.0, 1.0, 201)
    across = np.power(1.0 + (half_width * across_z) ** 2, 0.5 - beta)
    return SlitImage(
        z=z,
        cumulative=cumulative / cumulative[-1],
        across_z=across_z,
        across=across / across.sum(),
        passed=float(slit_share(half_width, beta)),
    )


def slit_share(half_width: float, beta: float) -> float:
    """Share of a centred Moffat star inside a slit of half width `half_width` core radii and any length."""
    node, weight = _gauss_nodes(60)
    angle = 0.5 * np.arctan(half_width) * (node + 1.0)
    marginal = np.cos(angle) ** (2.0 * beta - 3.0)  # (1 + t^2)^(1/2 - beta) dt with t = tan(angle)
    half = float(np.sum(weight * marginal) * 0.5 * np.arctan(half_width))
    full_angle = 0.25 * np.pi * (node + 1.0)
    full = float(np.sum(weight * np.cos(full_angle) ** (2.0 * beta - 3.0)) * 0.25 * np.pi)
    return half / full


def gaussian_through_slit(half_width: float) -> SlitImage:
    """A round Gaussian source in a slit whose half width is `half_width` standard deviations."""
    from scipy.special import erf

    z = np.linspace(-8.0, 8.0, 3201)
    across_z = np.linspace(-1.0, 1.0, 201)
    across = np.exp(-0.5 * (half_width * across_z) ** 2)
    return SlitImage(
        z=z,
        cumulative=0.5 * (1.0 + erf(z / np.sqrt(2.0))),
        across_z=across_z,
        across=across / across.sum(),
        passed=float(erf(half_width / np.sqrt(2.0))),
    )


@lru_cache(maxsize=4)
def _gauss_nodes(number: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights of Gauss-Legendre quadrature on -1..1."""
    node, weight = np.polynomial.legendre.leggauss(number)
    return read_only(node), read_only(weight)


def _refractivity(wavelength_nm: FloatArray) -> FloatArray:
    wavenumber2 = (1000.0 / np.asarray(wavelength_nm, dtype=np.float64)) ** 2
    return 1e-6 * (64.328 + 29498.1 / (146.0 - wavenumber2) + 255.4 / (41.0 - wavenumber2))


def _line_pattern(wavelength_nm: FloatArray, *, density_per_nm: float) -> FloatArray:
    """A fixed train of lines of mean 1: one line of random strength in each cell of the wavelength axis."""
    cell = np.asarray(wavelength_nm) * density_per_nm
    index = np.floor(cell).astype(np.int64)
    table = np.random.default_rng(_FIXED_PATTERN_SEED)
    strength, place = table.exponential(size=_PATTERN_CELLS), table.uniform(0.2, 0.8, size=_PATTERN_CELLS)
    total = np.zeros(cell.shape)
    for number in (index - 1, index, index + 1):
        line = number % _PATTERN_CELLS
        total += strength[line] * np.exp(-0.5 * ((cell - number - place[line]) / _PATTERN_WIDTH) ** 2)
    return np.asarray(total / (_PATTERN_WIDTH * np.sqrt(2.0 * np.pi)))


def _optical_depth_below_900(wavelength_nm: FloatArray) -> FloatArray:
    total = np.zeros(np.shape(wavelength_nm))
    for start, stop, strength, density in _OPTICAL_BANDS:
        inside = (wavelength_nm > start) & (wavelength_nm < stop)
        if not inside.any():
            continue
        place = (wavelength_nm[inside] - start) / (stop - start)
        envelope = np.sin(np.pi * np.clip(place, 0.0, 1.0) ** 0.7) ** 0.5
        total[inside] += strength * envelope * _line_pattern(wavelength_nm[inside], density_per_nm=density)
    return total
