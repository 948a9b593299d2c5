"""The image of a star along the slit: a Moffat, averaged over pixels."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, lgamma, pi, sqrt

import numpy as np

from soxspipe.datamodel.arrays import FloatArray

BETA = 3.5
"""Of seeing as telescopes show it: between 2.5 and 4.8 (Trujillo et al. 2001, MNRAS 328, 977)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moffat:
    """Pixel-averaged Moffat of unit integral: FWHM at `pivot_nm`, exponent of wavelength, beta; and where it stood (arcsec, share)."""

    fwhm_arcsec: float
    slope: float
    beta: float
    pivot_nm: float
    places: tuple[tuple[float, float], ...] = ((0.0, 1.0),)

    @property
    def width_arcsec(self) -> float:
        """FWHM with the places it stood at added in quadrature."""
        mean = sum(share * at for at, share in self.places)
        return float(np.hypot(self.fwhm_arcsec, 2.3548 * np.sqrt(sum(share * (at - mean) ** 2 for at, share in self.places))))

    def __call__(self, distance: FloatArray, wavelength_nm: FloatArray | float, pixel_arcsec: FloatArray | float) -> FloatArray:
        """Light per arcsec averaged over a pixel."""
        return np.asarray(sum(share * self._standing(distance - at, wavelength_nm, pixel_arcsec) for at, share in self.places))

    def _standing(self, distance: FloatArray, wavelength_nm: FloatArray | float, pixel_arcsec: FloatArray | float) -> FloatArray:
        fwhm = self.fwhm_arcsec * np.power(np.asarray(wavelength_nm) / self.pivot_nm, self.slope)
        alpha = fwhm / (2.0 * np.sqrt(2.0 ** (1.0 / self.beta) - 1.0))
        norm = _moffat_norm(self.beta) / alpha
        total = np.zeros(np.broadcast(distance, alpha).shape)
        for node, weight in zip(*np.polynomial.legendre.leggauss(4), strict=True):
            t = (distance + 0.5 * node * pixel_arcsec) / alpha
            total = total + 0.5 * weight * np.power(1.0 + t * t, -self.beta)
        return norm * total


def _moffat_norm(beta: float) -> float:
    """Inverse of the integral of (1 + t^2)^-beta over the line."""
    return exp(lgamma(beta) - lgamma(beta - 0.5)) / sqrt(pi)
