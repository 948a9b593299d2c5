"""Absorption by the air's molecules, line by line: each species has its own dependence on water and air mass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from soxspipe.datamodel.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TelluricSpecies:
    """Optical depths at the zenith on a grid that is uniform in the logarithm of wavelength.

    Attributes
    ----------
    start_nm : float
        First wavelength, air.
    samples_per_e_fold : float
        The grid's resolution.
    depth : mapping of str to ndarray, shape (n,)
        By species; of ``H2O`` for 1 mm of precipitable water.
    """

    start_nm: float
    samples_per_e_fold: float
    depth: Mapping[str, FloatArray]

    def species_depth(self, name: str, wavelength_nm: FloatArray) -> FloatArray:
        """Optical depth of one species at the zenith, 0 outside the grid; shape of the input."""
        place = np.log(np.asarray(wavelength_nm) / self.start_nm) * self.samples_per_e_fold
        column = self.depth[name]
        return np.interp(place, np.arange(column.size), column, left=0.0, right=0.0)

    def transmission(self, wavelength_nm: FloatArray, *, airmass: float, water_mm: float) -> FloatArray:
        """Transmission of all species, monochromatic; the amounts are proportional to air mass (plane-parallel air).

        Parameters
        ----------
        wavelength_nm : ndarray, any shape
            Air.
        airmass : float
            Of the target.
        water_mm : float
            Precipitable water at the zenith, mm.
        """
        amounts = {name: airmass * (water_mm if name == "H2O" else 1.0) for name in self.depth}
        total = np.zeros(np.shape(wavelength_nm))
        for name, amount in amounts.items():
            total += amount * self.species_depth(name, wavelength_nm)
        return np.exp(-total)
