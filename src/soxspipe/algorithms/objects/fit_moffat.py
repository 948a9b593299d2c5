"""The Moffat that describes an object's image along the slit, fitted together with what the sky may hold of its wings.

Wings of an image, the slit's illumination and the level of the sky trade light along the slit.  All are therefore free at once: width
and exponent of the Moffat, its scale and a constant in every row of cells, and one change of the illumination for the whole slit, which
every row shows as strongly as its sky is bright.  Their covariance gives what all of them together leave uncertain of the flux.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from soxspipe.algorithms.objects.moffat import Moffat
from soxspipe.algorithms.objects.profile_cells import Cells
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.numerics.polynomials import legendre
from soxspipe.numerics.rows import fit_rows

USUAL_WINGS, WINGS_PRIOR = 1.0 / 2.8, 0.09
"""Inverse exponents of stars behind telescopes: 2.6 to 2.7 on two instruments, 2.2 to 3.8 at most sites; a faint object shows none of its
own.  The flux goes with the inverse nearly in a straight line, so that the prior reaches as far in flux on both sides."""
SMEARED_BETA_PRIOR = 0.1
"""Of the exponent that places and wings together gave, a parabola of the sky allowed for; light of companions beside is not to change it."""
WIDTH_PRIOR = 0.2
"""In the logarithm: the width of the trace is trusted to 20 %."""
SLOPE = -0.2
"""Seeing goes with wavelength to the power -1/5 (Kolmogorov turbulence)."""
SLOPE_PRIOR = 0.3
"""Outer scale, focus and guiding may change the exponent by as much."""
LOWEST, HIGHEST = (np.log(0.2), -1.5, 1.0 / 8.0), (np.log(8.0), 1.0, 1.0 / 1.8)
"""Of log width (arcsec), its exponent of wavelength, and the inverse of beta: what seeing can be."""
LARGEST_STEP = (0.3, 0.3, 0.1)
"""Keeps the fit where it is nearly linear."""
NUISANCE_DEGREE = 2
"""Level and slope of the light that the sky has left, and its curvature."""
NUISANCE_PRIOR = 0.005
"""Of the peak: what is left beside the object of scattered light, say; what goes with the sky is a change of the illumination."""
NUISANCE_FWHM_ARCSEC = 1.0
"""A wider profile leaves less sky beside it, and more of it may be wrong."""
GRID_ARCSEC = 0.02
"""A fourteenth of a pixel: the profile is straight within it."""
SMEARED_ERROR = 0.006
"""Relative error of all fluxes of a star that guiding smeared: its places and its wings are told apart less well than their covariance
says.  Fourteen scenes (tails of 0.1 to 0.3 arcsec, trails of 1.2 to 2, doubled by 1, both arms) came out -0.9 to +1.2 % off, rms 0.6 %."""
PLACE_ERROR_FWHM = 0.03
"""Of the trace, in FWHM: what an object at the end of the slit loses beyond it goes with its place."""
STEPS = (1e-3, 1e-3, 1e-3)
"""Of numerical derivatives: small against the errors of width, slope and inverse beta, large against rounding."""
ROUNDS, SETTLED = 8, 1e-4
"""Gauss-Newton steps, and the largest that ends them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MoffatFit:
    """A fit.

    Attributes
    ----------
    moffat : Moffat
        The function.
    illumination_change : ndarray, shape (n,)
        Of the slit's illumination.
    flux_error : float
        Relative error of all fluxes that the errors of all these leave.
    cells : Cells
        The data without the light that the change of the illumination explains.
    """

    moffat: Moffat
    illumination_change: FloatArray
    flux_error: float
    cells: Cells


def fit_moffat(cells: Cells, start: Moffat, half_slit_arcsec: float, illumination_error: FloatArray | None = None) -> MoffatFit:
    """Width, its exponent of wavelength and beta, and a scale per row (the flux estimate's own error), by Gauss-Newton with priors.

    Parameters
    ----------
    cells : Cells
        Light of the object.
    start : Moffat
        Of the trace's width.
    half_slit_arcsec : float
        From the middle of the slit to its end.
    illumination_error : ndarray, shape (n,), or None
        Of the slit's illumination; None holds it.

    Returns
    -------
    MoffatFit
    """
    sky_error = np.zeros(0) if illumination_error is None else illumination_error
    on_slit = (cells.distance + cells.trace_arcsec[:, None]) / half_slit_arcsec
    # what a change of the illumination makes of the cells, shape (rows, bins, n)
    lit = np.moveaxis(legendre(on_slit, sky_error.size), 0, -1) * cells.sky[:, None, None]
    current = np.concatenate([_parameters(start), np.zeros(sky_error.size)])
    mean, prior = _priors(start, sky_error)
    low, high = (np.concatenate([limits, np.full(sky_error.size, end)]) for limits, end in ((LOWEST, -np.inf), (HIGHEST, np.inf)))
    most = np.concatenate([LARGEST_STEP, np.full(sky_error.size, np.inf)])
    for _ in range(ROUNDS):
        normal, right = _normal_equations(cells, start, current, lit)
        normal += np.diag(prior) + 1e-9 * np.eye(current.size)
        step = np.linalg.solve(normal, right - prior * (current - mean))
        current = np.clip(current + np.clip(step, -most, most), low, high)
        if np.abs(step).max() < SETTLED:
            break
    moffat, change = _moffat(start, current), current[3:]
    return MoffatFit(
        moffat=moffat,
        illumination_change=change,
        flux_error=_flux_error(cells, moffat, np.linalg.inv(normal), half_slit_arcsec),
        cells=replace(cells, value=cells.value - lit @ change),
    )


def _parameters(moffat: Moffat) -> FloatArray:
    """Log width, its exponent of wavelength, inverse of beta."""
    return np.array([np.log(moffat.fwhm_arcsec), moffat.slope, 1.0 / moffat.beta])


def _moffat(start: Moffat, parameters: FloatArray) -> Moffat:
    return replace(start, fwhm_arcsec=float(np.exp(parameters[0])), slope=float(parameters[1]), beta=float(1.0 / parameters[2]))


def _priors(start: Moffat, sky_error: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and inverse variance of the parameters; wings of a star that stood at several places were told from its places already."""
    wings, error = (USUAL_WINGS, WINGS_PRIOR) if len(start.places) == 1 else (1.0 / start.beta, SMEARED_BETA_PRIOR / start.beta**2)
    mean = np.array([np.log(start.fwhm_arcsec), SLOPE, wings])
    width = np.array([WIDTH_PRIOR, SLOPE_PRIOR, error])
    return np.append(mean, np.zeros(sky_error.size)), np.append(width, sky_error) ** -2.0


def _normal_equations(cells: Cells, start: Moffat, current: FloatArray, lit: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Normal matrix and right-hand side of a step, free scale and pedestal of every row projected out."""
    wave, pixel = cells.wavelength_nm[:, None], cells.pixel_arcsec[:, None]

    def model(p: FloatArray) -> FloatArray:
        return _moffat(start, p)(cells.distance, wave, pixel)

    here = model(current)
    value = cells.value - lit @ current[3:]
    scale, pedestal = scale_and_pedestal(cells, here, value, cells.weight, start.width_arcsec)
    moved = (current[:3] + step * unit for step, unit in zip(STEPS, np.eye(3), strict=True))
    changes = [scale * (model(p) - here) / step for p, step in zip(moved, STEPS, strict=True)]
    slopes = np.concatenate([np.stack(changes, axis=-1), lit], axis=-1)
    weight = _weight_without_outliers(cells, value - scale * here - pedestal, float(here.max()))
    columns = np.concatenate([value[..., None], slopes], axis=-1)
    terms, found = _fit_rows(cells, here, columns, weight, start.width_arcsec)
    left = columns - terms @ found
    # what rows may take under a prior is in one factor only: with it in both, the data would seem to know less than they do
    n = current.size
    weighted = (slopes * weight[..., None]).reshape(-1, n)
    return weighted.T @ left[..., 1:].reshape(-1, n), weighted.T @ left[..., 0].ravel()


def _weight_without_outliers(cells: Cells, residual: FloatArray, peak: float) -> FloatArray:
    """Weight of the cells against a formula that is good to a hundredth of its peak; 0 for those far off it."""
    use = cells.weight > 0
    weight = np.where(use, 1.0 / (1.0 / np.where(use, cells.weight, 1.0) + (0.01 * peak) ** 2), 0.0)
    limit = 5.0 / np.sqrt(np.where(use, weight, 1.0)) + 0.05 * peak
    return np.where(np.abs(residual) <= limit, weight, 0.0)


def _flux_error(cells: Cells, moffat: Moffat, covariance: FloatArray, half_slit_arcsec: float) -> float:
    """Relative error of all fluxes that the errors of a Moffat's width, beta and place and of the slit's illumination leave.

    Light that the profile does not hold goes to the sky, which is constant along the slit.  With their means over the slit off, a profile
    P in place of P + dP, or a sky that is wrong by dS, measures 1 + P (dP + dS) / (P P) of the flux.
    """
    slit = np.arange(-half_slit_arcsec, half_slit_arcsec, GRID_ARCSEC)
    power = np.maximum(cells.weight.sum(axis=1), 1e-30)
    trace, sky = (float(np.average(values, weights=power)) for values in (cells.trace_arcsec, cells.sky))
    parameters = _parameters(moffat)

    def above_mean(p: FloatArray, place: float = trace) -> FloatArray:
        light = _moffat(moffat, p)(slit - place, moffat.pivot_nm, GRID_ARCSEC)
        return np.asarray(light / (GRID_ARCSEC * light.sum()) - 1.0 / (GRID_ARCSEC * slit.size))

    here = above_mean(parameters)
    by_shape = [(above_mean(parameters + step * unit) - here) / step for step, unit in zip(STEPS, np.eye(3), strict=True)]
    by_shape[1][:] = 0.0  # about the middle of the arm the width's exponent of wavelength changes the colours, not the flux
    by_sky = sky * legendre(slit / half_slit_arcsec, covariance.shape[0] - 3)
    slope = np.concatenate([by_shape, by_sky]) @ here / float(here @ here)
    place_error = PLACE_ERROR_FWHM * moffat.width_arcsec
    misplaced = float((above_mean(parameters, trace + place_error) - here) @ here / (here @ here))
    centred = float((above_mean(parameters, place_error) - above_mean(parameters, 0.0)) @ above_mean(parameters, 0.0) / (here @ here))
    apart, _ = moffat.apart
    smeared = float(np.hypot(SMEARED_ERROR, apart / (1.0 - apart))) if len(moffat.places) > 1 else 0.0
    return float(np.hypot(np.hypot(np.sqrt(slope @ covariance @ slope), misplaced - centred), smeared))


def scale_and_pedestal(
    cells: Cells, shape: FloatArray, value: FloatArray, weight: FloatArray, fwhm_arcsec: float
) -> tuple[FloatArray, FloatArray]:
    """Weighted fit ``value = a shape + c_0 + c_1 d + c_2 d^2`` in every row: a, shape (rows, 1), and the rest, shape (rows, bins).

    The parabola is light that the sky model took from the object's wings (or left to them); it is no part of the profile.  An object twice
    as wide has wings twice as uncertain.
    """
    terms, found = _fit_rows(cells, shape, value[..., None], weight, fwhm_arcsec)
    return found[:, :1, 0], (terms[..., 1:] @ found[:, 1:])[..., 0]


def _fit_rows(
    cells: Cells, shape: FloatArray, columns: FloatArray, weight: FloatArray, fwhm_arcsec: float
) -> tuple[FloatArray, FloatArray]:
    """The terms of a row, shape (rows, bins, terms), and their factors for several columns of data, shape (rows, terms, columns)."""
    parabola, prior = sky_left(cells, float(np.abs(shape).max()), fwhm_arcsec)
    terms = np.concatenate([shape[..., None], parabola], axis=-1)
    found = fit_rows(terms, weight, columns, prior)
    found[~(weight > 0).any(axis=1), 0] = 1.0  # a row that shows nothing has the flux that was estimated
    return terms, found


def sky_left(cells: Cells, peak: float, fwhm_arcsec: float) -> tuple[FloatArray, FloatArray]:
    """What the sky may have left in a row beside an object of some peak and width.

    Returns
    -------
    ndarray, shape (rows, bins, terms)
        A parabola.
    ndarray, shape (rows, terms - 1)
        Inverse variances of its slope and curvature; the constant is free.
    """
    d = cells.distance / max(float(np.abs(cells.distance).max()), 1e-9)
    error = NUISANCE_PRIOR * max(1.0, fwhm_arcsec / NUISANCE_FWHM_ARCSEC) * peak
    return np.stack([d**k for k in range(NUISANCE_DEGREE + 1)], axis=-1), np.full((d.shape[0], NUISANCE_DEGREE), error**-2)
