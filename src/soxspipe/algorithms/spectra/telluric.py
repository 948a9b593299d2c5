r"""Telluric absorption from standard stars of the night.

A standard shows the transmission of the air at the instrument's own resolution.  Above the target the amounts of water and of the well-mixed
gases differ; lines that are not resolved do not deepen in proportion.  How the depth of each sample grows with the amount is told by lists of
lines where they match what the standard shows (`telluric_model`), else by the likeliest lines that give the spectra of all standards
(`telluric_lines`); only ratios of depths are used, so that the standard's own depth stays.  The ratios of the amounts and, where no list
tells, how far each band departs from proportion are fitted to the target.

Which standard is nearest in its air is found by a first fit with the random-band model of Malkmus (1967, J. Opt. Soc. Am., 57,
323, doi:10.1364/JOSA.57.000323), whose depth :math:`\beta (\sqrt{1 + 2 k u / \beta} - 1)` is linear in the amount u while it is weak
and goes as its root when it is saturated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.spectra.telluric_bands import BANDS, WELL_MIXED, band_index
from soxspipe.algorithms.spectra.telluric_cells import Cells, Splines, emission_lines, make_cells
from soxspipe.algorithms.spectra.telluric_model import with_model
from soxspipe.algorithms.spectra.telluric_pairs import relative_amounts, with_others
from soxspipe.algorithms.spectra.telluric_template import (
    MARGIN_NM,
    SATURATED_TRANSMISSION,
    SATURATION,
    SATURATION_PRIOR,
    Change,
    Template,
    grown,
    make_template,
)
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.datamodel.spectrum import FluxedSpectrum
from soxspipe.datamodel.telluric import AirLines, SpeciesAmount, TelluricCorrection, TelluricReference
from soxspipe.errors import AlgorithmError
from soxspipe.numerics.robust import mad_sigma
from soxspipe.numerics.splines import bspline_basis, clamped_knots

BENDING_PRIOR = 0.3
"""Scatter of the logarithm of what a band's growth departs from proportion, over that of the lines that its spectrum suggests."""
OWN_PRIOR = 0.2
"""Scatter of the logarithm of a band's own amount, where its lines are guessed, about that which bands with lists of lines tell: a guess that
saturates too little (the amount came out 7 % low) must not pull them."""
SHARE_PRIOR, PAIRED_SHARE_PRIOR = 0.2, 0.1
"""Of water's share of the depth of a band about what is expected: as much as there is expected, and half of it behind a second standard."""
AIRMASS_PRIOR = 0.03
"""Scatter of the logarithm of well-mixed amounts about the ratio of air masses: pressure changes by less than 1 % in a night, the rest is
for the model."""
WATER_PRIOR, RADIOMETER_PRIOR = 0.7, 0.15
"""The same for water, which changes by factors within a night, and where a radiometer measured it for both (0.1 to 0.3 mm of 2 mm each)."""
SHIFT_PRIOR_PX, BLUR_PRIOR_PX2 = 1.0, 1.5
"""In samples of the merged grid: flexure left after the sky lines, and what seeing does to the line-spread function."""
KNOT_NM = 6.0
"""Distance of the knots of the target's own continuum: a third of the width of a supernova feature of 6000 km/s at 760 nm (followed to
0.3 %), and wider than the structure of the bands, of 1 to 3 nm, that tells them apart."""
MODEL_ERROR, LISTED_MODEL_ERROR, SHARED_MODEL_ERROR = 0.12, 0.05, 0.2
"""Relative error of the depth for a change of the amount by a factor e, where lines are guessed and where lists of them match, and, in a guessed
band of two gases, for a change of one over the other: single lines are of one or the other (chi 0.9 to 1.15, `benchmarks/telluric.py`)."""
LEAST_ERROR = 0.005
"""Of a cell over its flux: model and continuum are no better, and bands of bright stars must not pull the others with what theirs leave."""
ROUNDS = 12
"""Bounds the time of a fit that does not converge."""
CAP = 4.0
"""Residuals beyond this many times their scatter count as this many: a cosmic ray is not absorption."""
MOVING = ("shift", "blur")
"""Parameters that move or widen the standard's lines; the others leave its depth as it is."""
STEP = 1e-3
"""Of the derivatives: small against every parameter, large against rounding."""


def correct_telluric(
    target: FluxedSpectrum,
    references: Sequence[TelluricReference],
    *,
    airmass: float,
    water_mm: float | None = None,
    shared_noise: float = 1.0,
    lines: AirLines | None = None,
) -> TelluricCorrection:
    """Take the telluric absorption out of a spectrum.

    Parameters
    ----------
    target : FluxedSpectrum
        Flux-calibrated, or counts: only the shape matters.
    references : sequence of TelluricReference
        Standards of the same arm; the one whose air is nearest to the target's is used, with what the others show of its lines.
    airmass : float
        Of the target.
    water_mm : float or None
        Precipitable water at the zenith above the target, where the header has it; with the standard's it predicts the amount of water.
    shared_noise : float
        Variance of the mean of neighbouring samples over that of independent ones: 1 + 2 (sum of their correlations).
    lines : AirLines or None
        From lists of lines; they tell how absorption grows with the amount where they match the standard.

    Returns
    -------
    TelluricCorrection
        Where the target has too little light to tell, amounts are predicted from the air masses, with the error that this has.

    Raises
    ------
    AlgorithmError
        If there is no reference.
    """
    if not references:
        raise AlgorithmError("there is no standard star to take the telluric absorption from")
    templates = [make_template(reference, target.wavelength_nm) for reference in references]
    seen = _Seen(target=target, airmass=airmass, water_mm=water_mm, shared_noise=shared_noise)
    nearest = _nearest(seen, templates)
    others = [template for template in templates if template is not nearest]
    problem = _problem(seen, with_others(with_model(nearest, lines) if lines else nearest, others))
    fitted = _fit(problem)
    return _corrected(target, problem, fitted, tuple(reference.star for reference in references))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seen:
    """The target, and the air it was seen through as far as the header says."""

    target: FluxedSpectrum
    airmass: float
    water_mm: float | None
    shared_noise: float

    def expected(self, species: str, template: Template) -> tuple[float, float]:
        """Logarithm of a species' amount over the standard's before the spectrum is looked at, and its scatter."""
        by_path = float(np.log(self.airmass / template.airmass))
        if species in WELL_MIXED:
            return by_path, AIRMASS_PRIOR
        if self.water_mm and template.water_mm:
            return by_path + float(np.log(self.water_mm / template.water_mm)), RADIOMETER_PRIOR
        return by_path, WATER_PRIOR


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Problem:
    """What is fitted: means over resolution elements in and beside bands, the continuum's splines, and the parameters' names, starts, scatters."""

    target: FluxedSpectrum
    template: Template
    cells: Cells
    flux: FloatArray
    variance: FloatArray
    basis: Splines
    bands: tuple[int, ...]
    names: tuple[str, ...]
    start: FloatArray
    scatter: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fitted:
    """Parameters, their covariance, the share of each prior's variance that the data took away, and the scatter about the model."""

    values: FloatArray
    covariance: FloatArray
    told: FloatArray
    chi: float


def _nearest(seen: _Seen, templates: Sequence[Template]) -> Template:
    """The template of the standard whose air is most like the target's, by a first fit with the one whose air mass is."""
    first = min(templates, key=lambda template: abs(float(np.log(seen.airmass / template.airmass))))
    if len(templates) == 1:
        return first
    problem = _problem(seen, first)
    fitted = _fit(problem)
    return min(templates, key=lambda template: _distance(problem, fitted, template))


def _distance(problem: _Problem, fitted: _Fitted, other: Template) -> float:
    """How far the target's air is from a standard's: squared logarithms of the ratio for water and, in the mean, for the other gases."""
    by_name = dict(zip(problem.names, fitted.values.tolist(), strict=True))
    away = {name: (by_name[name] - apart) ** 2 for name, apart in relative_amounts(problem.template, other).items() if name in by_name}
    mixed = [away[name] for name in WELL_MIXED if name in away]
    return away.get("H2O", 0.0) + (sum(mixed) / len(mixed) if mixed else 0.0)


def _problem(seen: _Seen, template: Template) -> _Problem:
    target = seen.target
    wave = target.wavelength_nm
    bad = int(SpectrumFlag.NO_DATA | SpectrumFlag.SATURATED | SpectrumFlag.COSMIC_RAY)
    sound = (target.error > 0) & (target.quality & bad == 0)
    near = np.zeros(wave.shape, dtype=bool)
    present = [number for number in range(len(BANDS)) if np.any(template.band == number)]
    for number in present:
        near |= (wave > BANDS[number].start_nm - MARGIN_NM) & (wave < BANDS[number].stop_nm + MARGIN_NM)
    deep = (template.band >= 0) & (template.transmission < 2.5 * SATURATED_TRANSMISSION)
    used = sound & near & ~deep & ~emission_lines(target, template, seen.shared_noise)
    names, start, scatter = _parameters(seen, template, present)
    low, high = float(wave[0]), float(wave[-1])
    knots = clamped_knots(np.linspace(low, high, max(int((high - low) / KNOT_NM), 2) + 1), 3)
    cells = make_cells(wave, used, seen.shared_noise)
    first, splines = bspline_basis(cells.mean(wave), knots, 3)
    flux = cells.mean(np.asarray(target.flux, dtype=np.float64))
    return _Problem(
        target=target,
        template=template,
        cells=cells,
        flux=flux,
        variance=cells.mean_variance(np.asarray(target.error, dtype=np.float64) ** 2) + (LEAST_ERROR * flux) ** 2,
        basis=Splines(first=first, values=splines, n_splines=knots.size - 4),
        bands=tuple(present),
        names=names,
        start=start,
        scatter=scatter,
    )


def _parameters(seen: _Seen, template: Template, bands: Sequence[int]) -> tuple[tuple[str, ...], FloatArray, FloatArray]:
    """Names of what is fitted, with what is expected of each before the fit, and its scatter."""
    species = sorted({BANDS[number].species for number in bands} | ({"H2O"} if any(BANDS[number].is_mixed for number in bands) else set()))
    mixed = [number for number in bands if BANDS[number].is_mixed]
    random = [number for number in bands if np.isnan(template.growth[0, template.band == number]).any()]
    guessed = [number for number in bands if not template.modelled[template.band == number].any()]
    expected = {
        "shift": (0.0, SHIFT_PRIOR_PX),
        "blur": (0.0, BLUR_PRIOR_PX2),
        **{name: seen.expected(name, template) for name in species},
        **{f"saturation {n}": (float(np.log(SATURATION)), SATURATION_PRIOR) for n in random},
        **{f"own {n}": (0.0, OWN_PRIOR) for n in guessed if len(guessed) < len(bands)},
        **{f"bending {n}": (0.0, BENDING_PRIOR) for n in guessed if n not in random},
        **{f"water {n}": (0.0, PAIRED_SHARE_PRIOR if template.paired else SHARE_PRIOR) for n in guessed if n in mixed},
    }
    start, scatter = (np.array(column) for column in zip(*expected.values(), strict=True))
    return tuple(expected), start, scatter


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Air:
    """Transmission above the target, and its slope with the standard's transmission; shape (n,)."""

    through: FloatArray
    slope: FloatArray


def _moved(problem: _Problem, values: FloatArray) -> FloatArray:
    """The standard's optical depth with the shift and the blur among the parameters."""
    by_name = dict(zip(problem.names, values.tolist(), strict=True))
    return problem.template.moved(by_name["shift"], by_name["blur"])


def _air(problem: _Problem, values: FloatArray, seen: FloatArray, *, of: str = "", known: _Air | None = None) -> _Air:
    """The air above the target at every sample, from the standard's depth `seen`; 1 with slope 0 outside the bands.

    With a parameter `of` alone changed from those of the air `known`, only the bands that it acts on are worked out.
    """
    by_name = dict(zip(problem.names, values.tolist(), strict=True))
    through, slope = (np.ones(seen.shape), np.zeros(seen.shape)) if known is None else (known.through.copy(), known.slope.copy())
    for number in problem.bands:
        if known is not None and not _acts_on(of, number):
            continue
        inside = problem.template.band == number
        own = by_name.get(f"own {number}", 0.0)
        change = Change(
            log_water=by_name.get("H2O", 0.0) + own,
            log_mixed=by_name.get(BANDS[number].species, 0.0) + own,
            saturation=float(np.exp(by_name.get(f"saturation {number}", 0.0))),
            more_water=by_name.get(f"water {number}", 0.0),
            bending=float(np.exp(by_name.get(f"bending {number}", 0.0))),
        )
        depth, growth = grown(problem.template, inside, seen[inside], change)
        through[inside] = np.exp(-depth)
        slope[inside] = growth * np.exp(seen[inside] - depth)
    return _Air(through=through, slope=slope)


def _acts_on(name: str, number: int) -> bool:
    """Whether a parameter of the air, not of the lines' place and width, changes a band."""
    kind, _, of_band = name.partition(" ")
    if of_band:
        return int(of_band) == number
    return kind == BANDS[number].species or (kind == "H2O" and BANDS[number].is_mixed)


def _fit(problem: _Problem) -> _Fitted:
    """Gauss-Newton over the few parameters of the air; the target's continuum is solved for at every step.

    The standard is noisy as well: each residual is held against the error of both, whose share changes with the parameters, as in
    orthogonal regression.  Without it amounts come out too small by the standard's noise over its depth.
    """
    values, prior = problem.start.copy(), problem.scatter**-2
    if problem.flux.size < 3 * (problem.basis.n_splines + values.size):
        return _Fitted(values=values, covariance=np.diag(problem.scatter**2), told=np.zeros(values.size), chi=float("nan"))
    seen = _moved(problem, values)
    continuum = _continuum(problem, _air(problem, values, seen), np.zeros(problem.flux.size))
    chi, normal = float("nan"), np.diag(prior)
    for _ in range(ROUNDS):
        seen = _moved(problem, values)
        continuum = _continuum(problem, _air(problem, values, seen), continuum)
        air = _air(problem, values, seen)
        residual = _residual(problem, air, continuum)
        slopes = np.empty((residual.size, values.size))
        for k, name in enumerate(problem.names):
            ahead = values.copy()
            ahead[k] += STEP
            changed = _air(problem, ahead, _moved(problem, ahead)) if name in MOVING else _air(problem, ahead, seen, of=name, known=air)
            slopes[:, k] = (residual - _residual(problem, changed, continuum)) / STEP
        limit = CAP * max(mad_sigma(residual[: problem.flux.size]), 1.0)
        capped = np.clip(residual, -limit, limit)
        chi = float(np.sqrt(np.mean(capped[: problem.flux.size] ** 2)))
        normal = slopes.T @ slopes + np.diag(prior)
        step = np.linalg.solve(normal, slopes.T @ capped + prior * (problem.start - values))
        step = np.clip(step, -problem.scatter, problem.scatter)  # each for itself: well-mixed gases, held to 3 %, do not hold up the water
        values = values + step
        if np.all(np.abs(step) < 0.02 / np.sqrt(np.diag(normal))):
            break
    inverse = np.linalg.inv(normal)
    return _Fitted(values=values, covariance=inverse * max(chi, 1.0) ** 2, told=1.0 - np.diag(inverse) * prior, chi=chi)


def _total_error(problem: _Problem, air: _Air, continuum: FloatArray) -> FloatArray:
    """Error of target and standard together as flux of the target, for every cell."""
    standard = problem.cells.mean_variance(problem.template.variance * air.slope**2)
    return np.sqrt(problem.variance + continuum**2 * standard)


def _continuum(problem: _Problem, air: _Air, before: FloatArray) -> FloatArray:
    """Flux above the air in every cell: a smooth spline, with weights from the one before."""
    return problem.basis.fitted(problem.flux, problem.cells.mean(air.through), 1.0 / _total_error(problem, air, before))


def _residual(problem: _Problem, air: _Air, continuum: FloatArray) -> FloatArray:
    """Flux less the best model under this air, in errors, then the logarithm of the errors as residuals of their own.

    The sum of squares is then minus twice the logarithm of the likelihood; `continuum` is only for the errors.
    """
    through, error = problem.cells.mean(air.through), _total_error(problem, air, continuum)
    misfit = (problem.flux - problem.basis.fitted(problem.flux, through, 1.0 / error) * through) / error
    growth = np.sqrt(1.0 + 2.0 * np.log(np.maximum(error**2 / problem.variance, 1.0)) / 2.0)
    return np.concatenate([misfit, growth])


def _corrected(target: FluxedSpectrum, problem: _Problem, fitted: _Fitted, standards: tuple[str, ...]) -> TelluricCorrection:
    seen = _moved(problem, fitted.values)
    air = _air(problem, fitted.values, seen)
    through = air.through
    slopes = _slopes(problem, fitted.values, seen, through)
    from_fit = np.maximum(np.einsum("ni,ij,nj->n", slopes, fitted.covariance, slopes), 0.0)
    from_standard = air.slope**2 * problem.template.variance
    from_model = (_depth_error(problem, fitted.values) * through * np.log(np.maximum(through, 1e-6))) ** 2
    transmission_error = np.sqrt(from_fit + from_standard + from_model)
    saturated = (problem.template.band >= 0) & (
        (through < SATURATED_TRANSMISSION) | (problem.template.transmission < SATURATED_TRANSMISSION)
    )
    saturated |= (band_index(target.wavelength_nm) >= 0) & (problem.template.variance <= 0)  # the standard shows nothing there
    safe = np.where(saturated, 1.0, through)
    flux = np.where(saturated, 0.0, target.flux / safe)
    error = np.where(saturated, 0.0, np.hypot(target.error, target.flux / safe * transmission_error) / safe)
    quality = np.array(target.quality)
    quality[saturated] |= int(SpectrumFlag.TELLURIC_SATURATED | SpectrumFlag.NO_DATA)
    position = {name: place for place, name in enumerate(problem.names)}
    sigma = np.sqrt(np.diag(fitted.covariance))
    return TelluricCorrection(
        wavelength_nm=target.wavelength_nm,
        transmission=through,
        transmission_error=transmission_error,
        flux=flux,
        error=error,
        quality=quality,
        saturated=saturated,
        amounts=_amounts(problem, fitted, sigma),
        shift_px=float(fitted.values[position["shift"]]),
        shift_error_px=float(sigma[position["shift"]]),
        blur_px2=float(fitted.values[position["blur"]]),
        blur_error_px2=float(sigma[position["blur"]]),
        chi=fitted.chi,
        standards=standards,
    )


def _slopes(problem: _Problem, values: FloatArray, seen: FloatArray, through: FloatArray) -> FloatArray:
    """Derivatives of the transmission by the fitted values, shape (samples, values)."""
    slopes = np.empty((through.size, values.size))
    for k in range(values.size):
        ahead = values.copy()
        ahead[k] += STEP
        moved = _moved(problem, ahead) if problem.names[k] in MOVING else seen
        slopes[:, k] = (_air(problem, ahead, moved).through - through) / STEP
    return slopes


def _depth_error(problem: _Problem, values: FloatArray) -> FloatArray:
    """Relative error of the depth by how much the amounts changed from the standard to the target, shape (n,)."""
    by_name = dict(zip(problem.names, values.tolist(), strict=True))
    found = np.zeros(problem.template.band.shape)
    for number in problem.bands:
        inside = problem.template.band == number
        water, share = by_name.get("H2O", 0.0), problem.template.water_share[inside]
        other = by_name[BANDS[number].species]
        listed = problem.template.modelled[inside]
        change = share * abs(water) + (1.0 - share) * abs(other)
        apart = SHARED_MODEL_ERROR * abs(water - other) * (~listed)
        found[inside] = np.hypot(np.where(listed, LISTED_MODEL_ERROR, MODEL_ERROR) * change, apart)
    return found


def _amounts(problem: _Problem, fitted: _Fitted, sigma: FloatArray) -> Mapping[str, SpeciesAmount]:
    """Ratios of amounts; they count as measured where the data took away half of the prior's variance."""
    found = {}
    for place, name in enumerate(problem.names):
        if name in WELL_MIXED or name == "H2O":
            ratio = float(np.exp(fitted.values[place]))
            found[name] = SpeciesAmount(ratio=ratio, error=ratio * float(sigma[place]), measured=bool(fitted.told[place] > 0.5))
    return found
