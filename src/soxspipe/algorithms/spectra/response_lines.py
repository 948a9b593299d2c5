"""Absorption of the air in the bins of a standard star from lists of lines, where they match what the star shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy.ndimage import uniform_filter1d

from soxspipe.algorithms.spectra.response_air import MODEL_WATER_MM, SPECIES_SCATTER, BinnedAir, nearest_band
from soxspipe.algorithms.spectra.response_curve import StandardBins
from soxspipe.algorithms.spectra.telluric_model import STEP, Match, match_lines, narrow
from soxspipe.algorithms.spectra.telluric_template import Template, make_template, reference_from_standard
from soxspipe.datamodel.arrays import FloatArray, IntArray
from soxspipe.datamodel.spectrum import FluxedSpectrum
from soxspipe.datamodel.telluric import AirLines
from soxspipe.errors import AlgorithmError

LEAST_ERROR = 0.03
"""Of the depth of a bin from lists of lines; what they leave of the structure of its band is added (0.05 to 0.3)."""
LISTED_SCATTER = 0.03
"""Of the logarithm of a band's depth: its amount is fitted to the structure of its lines."""
LARGEST_CHANGE = 0.3
"""Of that amount: a band that is further off is not matched well."""


def with_listed_air(
    bins: StandardBins, star: FluxedSpectrum, expected: FloatArray, lines: AirLines, *, airmass: float, bin_nm: float
) -> StandardBins:
    """The bins with the depths of the lists of lines in every band that matches; as they are if none does.

    Parameters
    ----------
    bins : StandardBins
        Of the standard.
    star : FluxedSpectrum
        The standard with a first response.
    expected : ndarray, shape (n,)
        Its flux above the atmosphere at the same wavelengths, NaN where unknown.
    lines : AirLines
        Optical depths on a fine grid.
    airmass, bin_nm : float
        Of the standard, and width of the bins.
    """
    try:
        reference = reference_from_standard(star, expected, star="", airmass=airmass)
    except AlgorithmError:  # too little light in the bands
        return bins
    template = make_template(reference, star.wavelength_nm)
    match = match_lines(template, lines)
    if match is None:
        return bins
    wave, centre = star.wavelength_nm, bins.wavelength_nm
    width = max(1, round(bin_nm / float(np.median(np.diff(wave)))))
    through = uniform_filter1d(np.exp(-_depth_by_band(template, match)), width)
    covered = (centre - bin_nm > lines.start_nm) & (centre + bin_nm < lines.stop_nm)
    band = np.where(covered & np.isin(number := nearest_band(centre), match.bands), number, -1)
    air = _with_water(bins.air, match.water - float(np.log(MODEL_WATER_MM)))
    return replace(bins, air=_with_depth(air, -np.log(np.interp(centre, wave, through)), band, match.left))


def _depth_by_band(template: Template, match: Match) -> FloatArray:
    """Depth at every sample with the amounts by which each band's own structure is matched best: strengths of bands are 5 to 10 % off."""
    depth = match.depth(0.0, 0.0)
    slope = (match.depth(STEP, STEP) - depth) / STEP
    number = nearest_band(template.wavelength_nm)
    through = np.exp(-depth)
    left, moved = (narrow(values, template.wavelength_nm) for values in (template.transmission - through, -slope * through))
    for band in match.bands:
        inside = (template.band == band) & (template.variance > 0)
        amount = float(np.sum(left[inside] * moved[inside]) / np.sum(moved[inside] ** 2))
        depth = np.where(number == band, depth + np.clip(amount, -LARGEST_CHANGE, LARGEST_CHANGE) * slope, depth)
    return depth


def _with_water(air: BinnedAir, log_ratio: float) -> BinnedAir:
    """The amount that the lists tell, over the model atmosphere's, is what is expected of water in all bands."""
    told = SPECIES_SCATTER["H2O"] ** -2 * np.concatenate([air.water, np.zeros(air.n_bands)])
    amounts, saturations = np.split(air.expected, 2)
    expected = np.concatenate([np.where(air.water, log_ratio, amounts), saturations])
    return replace(air, expected=expected, precision=air.precision + np.diag(told))


def _with_depth(air: BinnedAir, depth: FloatArray, band: IntArray, left: Mapping[int, float]) -> BinnedAir:
    """The depth as template of one more group of bins for every band, -1 for bins that stay as they are."""
    numbers, group = np.unique(band[band >= 0], return_inverse=True)
    n, more = air.n_bands, numbers.size
    place, listed = np.array(air.band), band >= 0
    place[listed] = n + group
    error = np.array(air.error)
    error[listed] = LEAST_ERROR + np.array([left[int(number)] for number in numbers])[group]
    amounts, saturations = np.split(air.expected, 2)
    precision = np.zeros((2 * (n + more), 2 * (n + more)))
    old = np.concatenate([np.arange(n), n + more + np.arange(n)])
    new = np.setdiff1d(np.arange(2 * (n + more)), old)
    precision[np.ix_(old, old)] = air.precision
    precision[new, new] = LISTED_SCATTER**-2
    return BinnedAir(
        template=np.where(listed, depth, air.template),
        band=place,
        expected=np.concatenate([amounts, np.zeros(more), saturations, np.zeros(more)]),
        precision=precision,
        error=error,
        water=np.concatenate([air.water, np.zeros(more, dtype=bool)]),
    )
