"""Wavelengths in air and in vacuum.

References
----------
.. [1] Ciddor P. E., 1996, Applied Optics, 35, 1566, doi:10.1364/AO.35.001566.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from soxspipe.datamodel.arrays import FloatArray

Nanometres = TypeVar("Nanometres", float, FloatArray)

SCALE_HEIGHT_M = 8400.0
"""Of the air's pressure."""
ARCSEC_PER_RADIAN = 206264.806
INVERSION_STEPS = 3
"""Each step gains five digits (the index changes by 1e-5 of a shift in wavelength); three give the last digit of a double."""


def refractivity(vacuum_nm: Nanometres) -> Nanometres:
    """Refractive index of standard air less one.

    Dry air at 15 degrees Celsius and 101325 Pa with 450 ppm of carbon dioxide (equation 1 of Ciddor), from 230 to 1690 nm; fair
    beyond: 2.4 micron is 1e-9 off.

    Parameters
    ----------
    vacuum_nm : float or ndarray, any shape
        Vacuum wavelength, nm.
    """
    wavenumber_squared = (1000.0 / vacuum_nm) ** 2  # per square micron
    return 5.792105e-2 / (238.0185 - wavenumber_squared) + 1.67917e-3 / (57.362 - wavenumber_squared)


def vacuum_to_air(vacuum_nm: Nanometres) -> Nanometres:
    """Wavelength in standard air of a wavelength in vacuum, nm, any shape."""
    return vacuum_nm / (1.0 + refractivity(vacuum_nm))


def air_to_vacuum(air_nm: Nanometres) -> Nanometres:
    """Wavelength in vacuum of a wavelength in standard air, nm, any shape; the inverse of `vacuum_to_air` to 1e-14."""
    vacuum = air_nm * 1.0
    for _ in range(INVERSION_STEPS):
        vacuum = air_nm * (1.0 + refractivity(vacuum))
    return vacuum


def hydrogen_lines_air_nm(lower: int, uppers: range) -> FloatArray:
    """Wavelengths in air of a series of hydrogen, nm, shape (len(uppers),).

    Parameters
    ----------
    lower : int
        Principal quantum number of the lower level: 2 Balmer, 3 Paschen, 4 Brackett.
    uppers : range
        Of the upper levels.

    Notes
    -----
    Rydberg's formula with the constant of hydrogen, 109677.576 per cm (CODATA 2018 with the reduced mass); fine structure is left out
    (0.009 nm at H alpha, less for all others).
    """
    upper = np.array(list(uppers), dtype=np.float64)
    wavenumber_per_cm = 109677.576 * (1.0 / lower**2 - 1.0 / upper**2)
    return vacuum_to_air(1e7 / wavenumber_per_cm)


def refraction_arcsec(wavelength_nm: FloatArray, *, reference_nm: float, airmass: float, height_m: float) -> FloatArray:
    """How far the air lifts a star towards the zenith against another wavelength, arcsec, shape of the wavelengths.

    Parameters
    ----------
    wavelength_nm : ndarray, any shape
        Air.
    reference_nm : float
        Where it is 0.
    airmass : float
        Of the star (plane-parallel air).
    height_m : float
        Of the site; pressure falls by a factor e in 8.4 km.
    """
    tangent = float(np.sqrt(max(airmass**2 - 1.0, 0.0)))
    pressure = float(np.exp(-height_m / SCALE_HEIGHT_M))
    return ARCSEC_PER_RADIAN * pressure * tangent * (refractivity(wavelength_nm) - refractivity(reference_nm))
