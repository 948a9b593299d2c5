"""Absorption by the air's molecules, line by line: each species has its own dependence on water and air mass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from soxspipe.datamodel.arrays import FloatArray

_LINE_SAMPLES = 1.5
"""Width (sigma) of a line on the grid, in samples: strengths change from line to line, not within one."""
_WING_SAMPLES = 40
"""Reach of the wings that broadening gives."""


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

    def with_other_lines(self, *, strength_scatter: float, half_width_samples: float, seed: int) -> TelluricSpecies:
        """The same molecules with lines of other strengths and widths, for air that nothing was chosen on.

        Parameters
        ----------
        strength_scatter : float
            Of the logarithm of the strengths, line by line; their mean stays.
        half_width_samples : float
            Of the Lorentzian that widens the lines, in samples of the grid: more pressure.
        seed : int
            Of the strengths.
        """
        rng = np.random.default_rng(seed)
        return TelluricSpecies(
            start_nm=self.start_nm,
            samples_per_e_fold=self.samples_per_e_fold,
            depth={
                name: _widened(column * _strengths(rng, column.size, strength_scatter), half_width_samples)
                for name, column in self.depth.items()
            },
        )


def _strengths(rng: np.random.Generator, n: int, scatter: float) -> FloatArray:
    """Factors of mean 1 whose logarithm scatters, alike within a line, shape (n,)."""
    field = gaussian_filter1d(rng.normal(size=n), _LINE_SAMPLES)
    return np.asarray(np.exp(scatter * field / field.std() - 0.5 * scatter**2))


def _widened(depth: FloatArray, half_width: float) -> FloatArray:
    """Convolved with a Lorentzian of unit area; as it is without a width."""
    if half_width <= 0.0:
        return depth
    kernel = 1.0 / (1.0 + (np.arange(-_WING_SAMPLES, _WING_SAMPLES + 1) / half_width) ** 2)
    return np.convolve(np.asarray(depth, dtype=np.float64), kernel / kernel.sum(), mode="same")
