"""Spectra of targets and of the night sky."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.calibrations import StandardStar

HC_ERG_CM = 6.62607015e-27 * 2.99792458e10
C_KM_S = 299792.458
FWHM_TO_SIGMA = 1.0 / 2.354820045
"""Of a Gaussian."""
BREAK_NM = 400.0
"""Below it metals of old stars take light away."""

_EJECTA_LINES = (
    # rest nm (air), depth of the absorption, height of the emission, relative width
    (393.4, 0.55, 0.10, 1.0),
    (412.8, 0.20, 0.05, 0.8),
    (448.1, 0.30, 0.12, 1.2),
    (501.8, 0.28, 0.12, 1.1),
    (516.9, 0.30, 0.15, 1.1),
    (545.4, 0.25, 0.05, 0.9),
    (564.0, 0.25, 0.08, 0.9),
    (587.6, 0.22, 0.15, 1.0),
    (635.5, 0.45, 0.25, 1.0),
    (777.4, 0.30, 0.10, 1.0),
    (854.2, 0.50, 0.45, 1.3),
    (1083.0, 0.35, 0.20, 1.1),
    (1092.7, 0.20, 0.10, 1.0),
    (1282.2, 0.15, 0.20, 1.0),
    (1600.0, 0.12, 0.15, 2.5),
    (1750.0, 0.10, 0.10, 2.5),
)
_HOST_LINES = (
    # rest nm (air), strength relative to the strongest
    (372.7, 0.9),
    (434.05, 0.16),
    (486.13, 0.35),
    (495.89, 0.3),
    (500.68, 0.9),
    (587.56, 0.05),
    (630.03, 0.06),
    (654.80, 0.1),
    (656.28, 1.0),
    (658.35, 0.3),
    (671.64, 0.18),
    (673.08, 0.14),
    (906.86, 0.12),
    (953.06, 0.3),
    (1083.03, 0.15),
    (1093.81, 0.05),
    (1256.68, 0.06),
    (1281.81, 0.06),
    (1643.55, 0.05),
    (1875.10, 0.12),
)


def ab_flux(wavelength_nm: FloatArray | float, ab_mag: float) -> FloatArray:
    """Flux of an AB magnitude, erg s-1 cm-2 A-1."""
    angstrom = 10.0 * np.asarray(wavelength_nm, dtype=np.float64)
    return np.asarray(10.0 ** (-0.4 * (ab_mag + 48.60)) * 2.99792458e18 / angstrom**2)


def photons_per_nm(wavelength_nm: FloatArray, flux: FloatArray) -> FloatArray:
    """Photons s-1 cm-2 nm-1 of a flux in erg s-1 cm-2 A-1."""
    return flux * 10.0 * wavelength_nm * 1e-7 / HC_ERG_CM


def power_law(wavelength_nm: FloatArray, *, slope: float, ab_mag: float, at_nm: float) -> FloatArray:
    """A power law in wavelength through an AB magnitude."""
    return ab_flux(at_nm, ab_mag) * np.power(wavelength_nm / at_nm, slope)


def supernova(
    wavelength_nm: FloatArray, *, temperature_k: float, velocity_km_s: float, redshift: float, ab_mag: float, at_nm: float
) -> FloatArray:
    """A thermal continuum with broad P Cygni lines, through an AB magnitude (of the continuum)."""
    rest = wavelength_nm / (1.0 + redshift)
    shape = _planck(rest, temperature_k) / _planck(np.asarray(at_nm / (1.0 + redshift)), temperature_k)
    lines = np.ones_like(rest)
    for line_nm, depth, height, width in _EJECTA_LINES:
        velocity = C_KM_S * (rest / line_nm - 1.0) / (velocity_km_s * width)
        lines *= 1.0 - depth * np.exp(-0.5 * ((velocity + 1.0) / 0.33) ** 2)
        lines += height * np.exp(-0.5 * (velocity / 0.42) ** 2)
    return ab_flux(at_nm, ab_mag) * shape * lines


def narrow_lines(wavelength_nm: FloatArray, *, flux: float, width_km_s: float, redshift: float) -> FloatArray:
    """Emission lines of an ionised gas; `flux` (erg s-1 cm-2) is that of the strongest; erg s-1 cm-2 A-1."""
    total = np.zeros_like(wavelength_nm)
    for rest_nm, strength in _HOST_LINES:
        centre = rest_nm * (1.0 + redshift)
        sigma = centre * width_km_s / C_KM_S * FWHM_TO_SIGMA
        near = np.abs(wavelength_nm - centre) < 8.0 * sigma
        profile = np.exp(-0.5 * ((wavelength_nm[near] - centre) / sigma) ** 2) / (10.0 * sigma * np.sqrt(2.0 * np.pi))
        total[near] += flux * strength * profile
    return total


def library(wavelength_nm: FloatArray, star: StandardStar, *, ab_mag: float | None, at_nm: float) -> FloatArray:
    """A tabulated spectrum, interpolated linearly; scaled to an AB magnitude unless that is None; 0 outside the table."""
    flux = np.interp(wavelength_nm, star.wavelength_nm, star.flux, left=0.0, right=0.0)
    if ab_mag is None:
        return flux
    there = float(np.interp(at_nm, star.wavelength_nm, star.flux, left=0.0, right=0.0))
    if there <= 0:
        raise ValueError(f"the spectrum of {star.name} has no flux at {at_nm:g} nm, where its magnitude is to hold")
    return flux * float(ab_flux(at_nm, ab_mag)) / there


def sky_continuum(wavelength_nm: FloatArray, ab_mag: float) -> FloatArray:
    """Continuum of the night sky, photons s-1 cm-2 arcsec-2 nm-1: grey in frequency, with the thermal rise beyond 1.8 micron."""
    thermal = 1.0 + 60.0 * np.exp((wavelength_nm - 2300.0) / 90.0)
    return photons_per_nm(wavelength_nm, ab_flux(wavelength_nm, ab_mag)) * thermal


def lamp(wavelength_nm: FloatArray, temperature_k: float) -> FloatArray:
    """Photons per nm of a flat-field lamp, arbitrary scale."""
    return _planck(wavelength_nm, temperature_k) * wavelength_nm


def _planck(wavelength_nm: FloatArray, temperature_k: float) -> FloatArray:
    wave = np.asarray(wavelength_nm, dtype=np.float64)
    return np.asarray((wave / 500.0) ** -5 / np.expm1(1.438777e7 / (wave * temperature_k)))
