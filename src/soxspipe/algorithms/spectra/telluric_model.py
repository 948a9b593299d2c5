r"""Growth of absorption with the amount of gas from lists of lines, where they match what a standard shows.

Lines that the instrument does not resolve do not deepen in proportion to the gas.  With the optical depths :math:`\tau` of water and of the
well-mixed gases on a grid that resolves them, the depth that the instrument sees is

.. math:: D(w, m) = -\ln\left(G * e^{-w \tau_w - m \tau_m}\right)

with the line-spread function G.  Only ratios of D are used: the standard's own depth carries what the lists have wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d

from soxspipe.algorithms.spectra.telluric_bands import BANDS
from soxspipe.algorithms.spectra.telluric_template import GROWTH_NODES, RESOLVING_POWER, Template
from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.datamodel.telluric import AirLines

COARSENING = 4
"""Fine samples that are averaged once the light is known: lines need them, the line-spread function does not."""
USUAL_WATER_MM = 2.5
"""At the zenith above La Silla, where the search begins."""
ROUNDS = 8
"""Of the search for the standard's water, resolution and place; it converges in four."""
STEP, ENOUGH = 1e-3, 5e-3
"""Of the derivatives, and below which the search ends; both of logarithms, and of samples."""
LARGEST_STEPS = np.array([0.7, 0.1, 0.5])
"""Of water, resolving power and place in one round."""
MATCH = 0.35
"""Of a band's structure that may be left when the model is taken away from what the standard shows: lists of two editions leave 0.05, lines
at other places 1; in between, the lines that the spectrum itself suggests are the better guess."""
SMOOTH_NM = 3.6
"""Structure is what is narrower: wider than a group of lines, narrower than a band."""
LEAST_DEPTH, MOST_DEPTH = 1e-4, 3.2
"""Between which depths are compared: less is not absorption, more shows no light."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Model:
    """Optical depths about the samples of a spectrum, on the fine grid: of water (1 mm) and of the mixed gases at the standard's air mass."""

    start_nm: float
    samples_per_e_fold: float
    water: FloatArray
    mixed: FloatArray
    wavelength_nm: FloatArray

    def seen(self, log_water: float, log_power: float, shift_px: float, log_mixed: float = 0.0) -> FloatArray:
        """Transmission at the instrument's resolution, at the samples."""
        sharp = np.exp(-np.exp(log_water) * self.water - np.exp(log_mixed) * self.mixed).reshape(-1, COARSENING).mean(axis=1)
        per_e_fold = self.samples_per_e_fold / COARSENING
        blurred = gaussian_filter1d(sharp, per_e_fold / np.exp(log_power) / 2.3548)
        step = float(np.median(np.diff(self.wavelength_nm)))
        place = np.log((self.wavelength_nm - shift_px * step) / self.start_nm) * per_e_fold - 0.5 * (1.0 - 1.0 / COARSENING)
        return np.interp(place, np.arange(blurred.size), blurred)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Match:
    """A standard's air as lists of lines have it: logarithms of water (mm) and resolving power, and the place of the lines.

    `left` names the bands that match, with the part of their structure that the model leaves.
    """

    model: _Model
    water: float
    power: float
    shift_px: float
    left: Mapping[int, float]

    @property
    def bands(self) -> tuple[int, ...]:
        """That match."""
        return tuple(self.left)

    def depth(self, log_water: float, log_mixed: float) -> FloatArray:
        """As the instrument sees it, for logarithms of the amounts over the standard's."""
        seen = self.model.seen(self.water + log_water, self.power, self.shift_px, log_mixed)
        return np.clip(-np.log(np.maximum(seen, np.exp(-MOST_DEPTH))), LEAST_DEPTH, MOST_DEPTH)


def match_lines(template: Template, lines: AirLines) -> Match | None:
    """Fit the lists of lines to what a standard shows in bands that they cover; None if no band matches."""
    known = (template.band >= 0) & (template.variance > 0)
    whole = [
        number for number, band in enumerate(BANDS)
        if np.any(template.band == number) and band.start_nm > lines.start_nm and band.stop_nm < lines.stop_nm
    ]  # fmt: skip
    inside = known & np.isin(template.band, whole)
    if not inside.any():
        return None
    model = _model(template, lines, inside)
    water, power, shift = _search(template, model, inside)
    seen = model.seen(water, power, shift)
    left = {number: _left(template, seen, inside & (template.band == number)) for number in whole}
    bands = {number: part for number, part in left.items() if part < MATCH}
    return Match(model=model, water=water, power=power, shift_px=shift, left=bands) if bands else None


def with_model(template: Template, lines: AirLines) -> Template:
    """A standard with the growth of its absorption in every band where the lists of lines match what it shows.

    Parameters
    ----------
    template : Template
        Growth and shares of water are replaced in bands that match.
    lines : AirLines
        Optical depths on a fine grid.
    """
    match = match_lines(template, lines)
    if match is None:
        return template
    matched = (template.variance > 0) & np.isin(template.band, match.bands)
    growth, share = np.array(np.broadcast_to(template.growth, (GROWTH_NODES.size, matched.size))), np.array(template.water_share)
    first = match.depth(0.0, 0.0)
    for node, change in enumerate(GROWTH_NODES):
        growth[node, matched] = np.log(match.depth(change, change) / first)[matched]
    of_water, of_mixed = (first - match.depth(*less) for less in ((-STEP, 0.0), (0.0, -STEP)))
    share[matched] = np.clip(of_water / np.maximum(of_water + of_mixed, 1e-9), 0.0, 1.0)[matched]
    return replace(template, growth=growth, water_share=share, modelled=matched)


def _model(template: Template, lines: AirLines, inside: BoolArray) -> _Model:
    """The part of the grid that holds the samples, with room for the line-spread function and the search."""
    wave = template.wavelength_nm
    low, high = float(wave[inside][0]) * 0.998, float(wave[inside][-1]) * 1.002
    first = max(int(np.log(low / lines.start_nm) * lines.samples_per_e_fold), 0)
    last = min(int(np.log(high / lines.start_nm) * lines.samples_per_e_fold), lines.water.size)
    last -= (last - first) % COARSENING
    return _Model(
        start_nm=lines.start_nm * float(np.exp(first / lines.samples_per_e_fold)),
        samples_per_e_fold=lines.samples_per_e_fold,
        water=lines.water[first:last],
        mixed=lines.mixed[first:last] * template.airmass,
        wavelength_nm=wave,
    )


def _search(template: Template, model: _Model, inside: BoolArray) -> tuple[float, float, float]:
    """Logarithms of the standard's water (mm in the line of sight) and resolving power, and the place of its lines in samples."""
    water = template.water_mm or USUAL_WATER_MM
    found = np.array([np.log(water * template.airmass), np.log(RESOLVING_POWER), 0.0])
    for _ in range(ROUNDS):
        seen = model.seen(*found)
        slopes = np.column_stack([(model.seen(*(found + STEP * unit)) - seen)[inside] / STEP for unit in np.eye(3)])
        step = np.linalg.lstsq(slopes, (template.transmission - seen)[inside], rcond=None)[0]
        found = found + np.clip(step, -LARGEST_STEPS, LARGEST_STEPS)
        if np.all(np.abs(step) < ENOUGH):
            break
    return float(found[0]), float(found[1]), float(found[2])


def _left(template: Template, seen: FloatArray, band: BoolArray) -> float:
    """Part of the structure of a band, beyond the noise, that the model leaves; 1 where there is none."""
    noise = float(np.mean(template.variance[band]))
    fine = [narrow(values, template.wavelength_nm) for values in (template.transmission, template.transmission - seen)]
    structure, left = (float(np.mean(values[band] ** 2)) - noise for values in fine)
    return float(np.sqrt(max(left, 0.0) / structure)) if structure > 0 else 1.0


def narrow(values: FloatArray, wavelength_nm: FloatArray) -> FloatArray:
    """What is narrower than `SMOOTH_NM`, shape of the input."""
    return np.asarray(values - gaussian_filter1d(values, SMOOTH_NM / float(np.median(np.diff(wavelength_nm)))))
