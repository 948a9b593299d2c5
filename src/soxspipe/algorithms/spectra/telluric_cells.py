"""Cells of half a resolution element in which the telluric absorption is fitted, and the target's continuum in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solveh_banded
from scipy.ndimage import maximum_filter1d, percentile_filter

from soxspipe.algorithms.spectra.telluric_template import RESOLVING_POWER, SATURATED_TRANSMISSION, Template
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.datamodel.spectrum import FluxedSpectrum

LINE_WINDOW_NM, LINE_PERCENTILE, LINE_SIGMA, LINE_REACH = 12.0, 90.0, 6.0, 3
"""Narrow emission lines stand by 6 sigma above the brightest tenth of the 12 nm around, twice the distance of the knots; three half resolution
elements on either side go with them.  The continuum cannot follow them, and in the bands they would pull the amounts (9 times the water of
the standard for a supernova whose host has H alpha in the band at 650 nm)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Samples that are fitted, shape (m,), the cell of each, and the number of samples in every cell, shape (n_cells,)."""

    sample: IntArray
    cell: IntArray
    count: FloatArray
    shared_noise: float

    def mean(self, values: FloatArray) -> FloatArray:
        """Mean over each cell of an array over all samples."""
        return np.bincount(self.cell, values[self.sample], self.count.size) / self.count

    def mean_variance(self, variance: FloatArray) -> FloatArray:
        """Variance of the mean; neighbouring samples share noise."""
        return self.mean(variance) / self.count * self.shared_noise


def emission_lines(target: FluxedSpectrum, template: Template, shared_noise: float) -> BoolArray:
    """True for samples in narrow lines that stand above the light around, as it is above the standard's air; shape (n,)."""
    width = _cell_width(target.wavelength_nm)
    cell = np.arange(target.wavelength_nm.size) // width
    count = np.bincount(cell)
    flux = np.bincount(cell, target.flux) / count
    error = np.sqrt(shared_noise * np.bincount(cell, target.error**2)) / count
    window = max(3, round(LINE_WINDOW_NM / float(np.median(np.diff(target.wavelength_nm))) / width))
    through = np.clip(np.bincount(cell, template.transmission) / count, 2.5 * SATURATED_TRANSMISSION, 1.0)
    above = flux > percentile_filter(flux / through, LINE_PERCENTILE, size=window) + LINE_SIGMA * error
    return np.asarray(maximum_filter1d(above.astype(np.int8), 2 * LINE_REACH + 1)[cell] > 0)


def _cell_width(wave: FloatArray) -> int:
    """Samples in half a resolution element."""
    return max(1, round(0.5 * float(np.median(wave)) / RESOLVING_POWER / float(np.median(np.diff(wave)))))


def make_cells(wave: FloatArray, used: BoolArray, shared_noise: float) -> Cells:
    """Cells of half a resolution element."""
    width = _cell_width(wave)
    sample = np.flatnonzero(used)
    _, cell, count = np.unique(sample // width, return_inverse=True, return_counts=True)
    return Cells(sample=sample, cell=cell, count=count.astype(np.float64), shared_noise=shared_noise)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Splines:
    """B-splines at the samples that are fitted: first spline of each sample, values of shape (degree + 1, n)."""

    first: IntArray
    values: FloatArray
    n_splines: int

    def fitted(self, flux: FloatArray, through: FloatArray, weight: FloatArray) -> FloatArray:
        """The spline S that minimises the sum of ``(weight (flux - through S))^2``, at the samples."""
        degree = self.values.shape[0] - 1
        scaled = (through * weight) ** 2
        bands = np.zeros((degree + 1, self.n_splines))
        term = np.zeros(self.n_splines)
        for i in range(degree + 1):
            term += np.bincount(self.first + i, self.values[i] * flux * through * weight**2, self.n_splines)
            for j in range(i + 1):
                bands[i - j] += np.bincount(self.first + j, self.values[i] * self.values[j] * scaled, self.n_splines)
        bands[0] += 1e-9 * max(float(bands[0].max()), 1e-300)
        coefficients = solveh_banded(bands, term, lower=True)
        return sum(self.values[i] * coefficients[self.first + i] for i in range(degree + 1))
