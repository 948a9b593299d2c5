"""What the air does: absorption, refraction, seeing, and the light that a slit lets through."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from soxspipe.datamodel.arrays import FloatArray, read_only
from soxspipe.datamodel.calibrations import ExtinctionCurve

_ARCSEC_PER_RADIAN = 206264.806
_LA_SILLA_PRESSURE = 0.77
"""Of the pressure at sea level, at 2400 m."""


def extinction_transmission(wavelength_nm: FloatArray, curve: ExtinctionCurve, airmass: float) -> FloatArray:
    """Transmission of the air between the lines."""
    return np.asarray(1.0 / curve.factor(wavelength_nm, airmass))


def refraction_arcsec(wavelength_nm: FloatArray, *, reference_nm: float, airmass: float) -> FloatArray:
    """Differential refraction against `reference_nm`, arcsec towards the zenith (dispersion formula of dry air, La Silla pressure)."""
    tangent = np.sqrt(max(airmass**2 - 1.0, 0.0))
    return _ARCSEC_PER_RADIAN * _LA_SILLA_PRESSURE * tangent * (_refractivity(wavelength_nm) - _refractivity(np.asarray(reference_nm)))


def seeing_fwhm(wavelength_nm: FloatArray, fwhm_at_500_arcsec: float, slope: float = -0.2) -> FloatArray:
    """Seeing at a wavelength, ``lambda^slope``."""
    return fwhm_at_500_arcsec * np.power(np.asarray(wavelength_nm) / 500.0, slope)


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


def slit_share(half_width: float, beta: float, off: float = 0.0) -> float:
    """Share of a Moffat star inside a slit of any length, half width and distance of its middle from the star in core radii."""
    marginal = partial(_marginal, beta=beta)
    return marginal(np.arctan(off - half_width), np.arctan(off + half_width)) / marginal(-0.5 * np.pi, 0.5 * np.pi)


def _marginal(start: float, stop: float, *, beta: float) -> float:
    """Integral of ``(1 + t^2)^(1/2 - beta)`` between angles whose tangents are the limits in t."""
    node, weight = _gauss_nodes(60)
    angle = 0.5 * (start + stop) + 0.5 * (stop - start) * node
    return float(np.sum(weight * np.cos(angle) ** (2.0 * beta - 3.0)) * 0.5 * (stop - start))


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
