"""Dispersion solution: a weighted linear least-squares fit of what the frame adds to the predicted geometry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.calibration.choose_degrees import choose_degrees, penalties, total_degree
from soxspipe.algorithms.calibration.dispersion_basis import DispersionBasis, box_basis, degree_terms
from soxspipe.algorithms.calibration.every_term import EveryTerm, fit_every_term
from soxspipe.algorithms.calibration.predict_lines import pixels_of
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray, freeze
from soxspipe.datamodel.geometry import DispersionPolynomial
from soxspipe.numerics.robust import mad_sigma

ROBUST_SCALES_PX = (2.0, 1.4, 1.0, 0.7, 0.5, 0.3, 0.2, 0.1)
"""Least scale of the residuals from turn to turn: what bends away is followed first, and only then do single outliers lose their weight."""
CAUCHY = 2.0
"""Residuals of this many times the scale count half in the robust fits."""
LEAST_SIZE_PX = 0.05
"""Coefficients are never expected to be smaller than lines can be measured."""
PIXEL_UNIT = 1000.0
"""Scales pixels to about 1, so that the columns of the fit have one size."""
ROUGH_SLIT_DEGREE = 2
"""The image of the slit is tilted and bent, and no more than that is needed to find lines."""
MOST_DEGREES = (12, 9, 4, 0)
"""Degrees of the fit that tells how much lines scatter about any smooth solution."""
FIRST_SCATTER_PX = 0.05
"""Scatter of lines before it is known: the reference's solutions have as much."""
LARGEST_NORMAL_CONDITION = 1e11
"""Normal equations square the condition; beyond this fewer than four of float64's sixteen digits would be left."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArcPoints:
    """Pinhole images with their places, shape (n,): order, wavelength (nm), slit position (arcsec), x and y with errors (px), and line number."""

    order: IntArray
    wavelength_nm: FloatArray
    slit_arcsec: FloatArray
    x: FloatArray
    y: FloatArray
    x_error: FloatArray
    y_error: FloatArray
    line: IntArray

    def __post_init__(self) -> None:
        shape = self.order.shape
        freeze(self, **dict.fromkeys(("wavelength_nm", "slit_arcsec", "x", "y", "x_error", "y_error", "line"), shape))

    def where(self, use: BoolArray) -> ArcPoints:
        """Some of them."""
        names = ("order", "wavelength_nm", "slit_arcsec", "x", "y", "x_error", "y_error", "line")
        return ArcPoints(**{name: getattr(self, name)[use] for name in names})

    @property
    def places(self) -> tuple[IntArray, FloatArray, FloatArray]:
        """Order, wavelength and slit position."""
        return self.order, self.wavelength_nm, self.slit_arcsec


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AxisFit:
    """Fit of one detector axis.

    Attributes
    ----------
    terms : ndarray of int, shape (p, 2)
        Function of the basis and degree in slit position.
    coefficients : ndarray, shape (p,)
        Of what is added to the predicted geometry.
    covariance : ndarray, shape (p, p)
        Of the coefficients.
    affine : tuple of float
        Constant, and coefficients of the predicted x and y over `PIXEL_UNIT`, by which the prediction was moved first; zeros for a plain fit.
    degrees : tuple of int
        Degree in order and wavelength for each degree in slit position.
    misfit_px : float
        Scatter of whole lines beyond their errors: what the terms cannot follow, and wavelengths that are not as listed.
    left_out_px : float
        Rms error of lines predicted from all others.
    every : EveryTerm or None
        The fit with all terms, which tells what the chosen ones may have missed; None before the lines are settled, and for degrees asked for.
    """

    terms: IntArray
    coefficients: FloatArray
    covariance: FloatArray
    affine: tuple[float, float, float]
    degrees: tuple[int, ...]
    misfit_px: float
    left_out_px: float
    every: EveryTerm | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DispersionFit:
    """Dispersion solution of an arm: functions (`bases`) and fits along `x` and `y`, and both as polynomials `x_polynomial` and `y_polynomial`."""

    bases: tuple[DispersionBasis, DispersionBasis]
    x: AxisFit
    y: AxisFit
    x_polynomial: DispersionPolynomial
    y_polynomial: DispersionPolynomial

    def pixels(self, order: IntArray, wavelength_nm: FloatArray, slit_arcsec: FloatArray) -> tuple[FloatArray, FloatArray]:
        """X and y of light."""
        return pixels_of(self.x_polynomial, self.y_polynomial, order, wavelength_nm, slit_arcsec)

    def errors(self, order: IntArray, wavelength_nm: FloatArray, slit_arcsec: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Errors of x and y (px) of light.

        The larger of two: the error of the fit with every term; that of the solution's coefficients and its distance from that fit, which
        holds the noise of that fit already.  Where there is no such fit, the latter with the scatter of lines beyond their errors.
        """
        places = order, wavelength_nm, slit_arcsec
        x, y = (_axis_errors(basis, fit, places) for basis, fit in zip(self.bases, (self.x, self.y), strict=True))
        return x, y


def _axis_errors(basis: DispersionBasis, fit: AxisFit, places: tuple[IntArray, FloatArray, FloatArray]) -> FloatArray:
    design = basis.design(fit.terms, *places)
    own = ((design @ fit.covariance) * design).sum(axis=1)
    if fit.every is None:
        return np.asarray(np.sqrt(own + fit.misfit_px**2))
    whole = basis.design(fit.every.terms, *places)
    apart = design @ fit.coefficients - whole @ fit.every.coefficients
    return np.asarray(np.sqrt(np.maximum(((whole @ fit.every.covariance) * whole).sum(axis=1), own + apart**2)))


def fit_dispersion(
    basis: DispersionBasis,
    predicted: tuple[DispersionPolynomial, DispersionPolynomial],
    points: ArcPoints,
    *,
    rough_degree: int | None = None,
    degrees: tuple[tuple[int, ...], tuple[int, ...]] | None = None,
    box: tuple[tuple[int, int, int], tuple[int, int, int]] | None = None,
    with_every_term: bool = False,
) -> DispersionFit:
    """Fit x and y of the pinhole images.

    Parameters
    ----------
    basis : DispersionBasis
        Variables of the arm.
    predicted : tuple of DispersionPolynomial
        Geometry as known beforehand, x and y.
    points : ArcPoints
        The images; outliers already left out, but for a rough fit.
    rough_degree : int, optional
        Makes a robust fit of this degree, for the time in which many of the lines may be wrong.
    degrees : tuple, optional
        Degrees that were chosen already, for x and y; else they are chosen here.
    box : tuple, optional
        Degrees in order, wavelength and slit position that are asked for, for x and y: the tables then hold these and no others, and the
        predicted geometry is not used.
    with_every_term : bool
        Also fit every term, for the errors; once the lines are settled.
    """
    if box is not None:
        bases = [box_basis(basis, degrees[0], degrees[1]) for degrees in box]
        fits = [_fit_box(plain, points, degrees, axis) for plain, axis, degrees in zip(bases, "xy", box, strict=True)]
        return _as_polynomials((bases[0], bases[1]), fits[0], fits[1], None)
    known = pixels_of(predicted[0], predicted[1], *points.places)
    fits = [
        _fit_axis(basis, known, points, axis, rough_degree, degrees[k] if degrees else None, with_every_term) for k, axis in enumerate("xy")
    ]
    return _as_polynomials((basis, basis), fits[0], fits[1], predicted)


def _fit_axis(
    basis: DispersionBasis,
    known: tuple[FloatArray, FloatArray],
    points: ArcPoints,
    axis: str,
    rough_degree: int | None,
    degrees: tuple[int, ...] | None,
    with_every_term: bool,
) -> AxisFit:
    """Move the prediction as a whole, then fit what is left in functions of growing degree."""
    values, error = (points.x, points.x_error) if axis == "x" else (points.y, points.y_error)
    affine, left = _moved(known, values - (known[0] if axis == "x" else known[1]))
    with_slit = bool(np.ptp(points.slit_arcsec) > 1.0)
    size = max(3.0 * float(np.std(left)), LEAST_SIZE_PX)
    if rough_degree is not None:
        degrees = (rough_degree, ROUGH_SLIT_DEGREE) if with_slit else (rough_degree,)
        terms = degree_terms(basis, degrees)
        coefficients = _robust(basis.design(terms, *points.places), left, penalties(basis, terms, size))
        return AxisFit(
            terms=terms, coefficients=coefficients, covariance=np.zeros((len(terms),) * 2), affine=affine, degrees=degrees,
            misfit_px=0.0, left_out_px=float("nan"),
        )  # fmt: skip
    scatter, trial = FIRST_SCATTER_PX**2, degrees or MOST_DEGREES[: 4 if with_slit else 1]
    fit = _solved(basis, degree_terms(basis, trial), points, left, error**2 + scatter, size)
    if degrees is None:
        variance = error**2 + _extra_variance(left - fit.model, error, points.line)
        degrees = choose_degrees(basis, points.places, points.line, left, variance, with_slit=with_slit, penalty_px=size)
        fit = _solved(basis, degree_terms(basis, degrees), points, left, variance, size)
    terms = degree_terms(basis, degrees)
    size = max(float(np.sqrt(np.mean((fit.coefficients * np.maximum(total_degree(basis, terms), 1) ** 2) ** 2))), LEAST_SIZE_PX)
    variance = error**2 + _extra_variance(left - fit.model, error, points.line)
    fit = _solved(basis, terms, points, left, variance, size)
    return AxisFit(
        terms=terms, coefficients=fit.coefficients, covariance=fit.covariance, affine=affine, degrees=degrees,
        misfit_px=_line_misfit(left - fit.model, error, points.line),
        left_out_px=_left_out(fit.hat_root, left - fit.model, np.sqrt(variance), points.line),
        every=fit_every_term(basis, points.places, points.line, left, variance, with_slit=with_slit) if with_every_term else None,
    )  # fmt: skip


def _fit_box(basis: DispersionBasis, points: ArcPoints, degrees: tuple[int, int, int], axis: str) -> AxisFit:
    """Weighted fit of all powers up to the degrees asked for."""
    values, error = (points.x, points.x_error) if axis == "x" else (points.y, points.y_error)
    terms = degree_terms(basis, (0,) * (degrees[2] + 1))
    fit = _solved(basis, terms, points, values, error**2 + FIRST_SCATTER_PX**2, None)
    variance = error**2 + _extra_variance(values - fit.model, error, points.line)
    fit = _solved(basis, terms, points, values, variance, None)
    return AxisFit(
        terms=terms, coefficients=fit.coefficients, covariance=fit.covariance, affine=(0.0, 0.0, 0.0), degrees=degrees,
        misfit_px=_line_misfit(values - fit.model, error, points.line),
        left_out_px=_left_out(fit.hat_root, values - fit.model, np.sqrt(variance), points.line),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Solved:
    """Solution of one linear system: coefficients, covariance, model at the points, and a root of the hat matrix (weighted points x rank)."""

    coefficients: FloatArray
    covariance: FloatArray
    model: FloatArray
    hat_root: FloatArray


def _solved(
    basis: DispersionBasis, terms: IntArray, points: ArcPoints, values: FloatArray, variance: FloatArray, size_px: float | None
) -> _Solved:
    """Weighted least squares with scaled columns; coefficients of expected size `size_px` at degree 1, or of any size."""
    design = basis.design(terms, *points.places)
    error = np.sqrt(variance)
    penalty = penalties(basis, terms, size_px) if size_px else np.zeros(len(terms))
    weighted = design / error[:, None]
    scale = 1.0 / np.sqrt((weighted**2).sum(axis=0) + penalty + 1e-30)
    weighted *= scale
    size, vectors = np.linalg.eigh(weighted.T @ weighted + np.diag(penalty * scale**2))
    if size[0] * LARGEST_NORMAL_CONDITION < size[-1]:  # powers of order and of wavelength, which go together: squares lose too much
        u, singular, vt = np.linalg.svd(np.concatenate([weighted, np.diag(np.sqrt(penalty) * scale)]), full_matrices=False)
        keep = singular > 1e-12 * singular[0]
        root, hat = vt[keep].T / singular[keep], u[: len(values), keep]
    else:
        root = vectors / np.sqrt(size)
        hat = weighted @ root
    coefficients = scale * (root @ (hat.T @ (values / error)))
    covariance = (root @ root.T) * scale[:, None] * scale[None, :]
    return _Solved(coefficients=coefficients, covariance=covariance, model=design @ coefficients, hat_root=hat)


def _left_out(hat_root: FloatArray, residual: FloatArray, error: FloatArray, line: IntArray) -> float:
    """Rms over lines of their median error when predicted without them: ``(1 - H_ll)^-1 r_l``, all lines of as many images at once."""
    order = np.argsort(line, kind="stable")
    starts = np.flatnonzero(np.diff(line[order], prepend=-1))
    count = np.diff(np.append(starts, line.size))
    errors = []
    for number in np.unique(count):
        part = order[starts[count == number][:, None] + np.arange(number)]
        root = hat_root[part]
        rest = np.eye(number) - root @ root.transpose(0, 2, 1)
        rest[:, range(number), range(number)] += 1e-9
        errors.append(np.median(np.linalg.solve(rest, (residual[part] / error[part])[..., None])[..., 0] * error[part], axis=1))
    return float(np.sqrt(np.mean(np.square(np.concatenate(errors)))))


def _moved(known: tuple[FloatArray, FloatArray], difference: FloatArray) -> tuple[tuple[float, float, float], FloatArray]:
    """Robust shift, rotation and stretch of the prediction along one axis, and what it leaves."""
    design = np.stack([np.ones(difference.size), known[0] / PIXEL_UNIT, known[1] / PIXEL_UNIT], axis=1)
    coefficients = _robust(design, difference, np.full(3, 1e-12))
    return (float(coefficients[0]), float(coefficients[1]), float(coefficients[2])), difference - design @ coefficients


def _robust(design: FloatArray, values: FloatArray, penalty: FloatArray) -> FloatArray:
    """Least squares with Cauchy's weights, from equal weights on."""
    weight = np.ones(values.size)
    coefficients: FloatArray = np.zeros(design.shape[1])
    for least in ROBUST_SCALES_PX:
        weighted = design * weight[:, None]
        coefficients = np.linalg.solve(weighted.T @ design + np.diag(penalty * ROBUST_SCALES_PX[-1] ** 2), weighted.T @ values)
        residual = values - design @ coefficients
        scale = max(mad_sigma(residual), least)
        weight = 1.0 / (1.0 + (residual / (CAUCHY * scale)) ** 2)
    return coefficients


def _extra_variance(residual: FloatArray, error: FloatArray, line: IntArray) -> FloatArray:
    """What residuals have beyond the errors: the same for all images (inside lines), and for lines as a whole times their number of images."""
    index, count, mean = _line_means(residual, line)
    inside = residual - mean[index]
    many = count[index] > 2
    own = 0.0
    if many.any():
        share = 1.0 - 1.0 / count[index[many]]
        own = max(0.0, mad_sigma(inside[many] / np.sqrt(share)) ** 2 - float(np.median(error[many])) ** 2)
    whole = max(0.0, mad_sigma(mean) ** 2 - float(np.median(np.bincount(index, error**2 + own) / count**2)))
    return np.asarray(own + whole * count[index])


def _line_misfit(residual: FloatArray, error: FloatArray, line: IntArray) -> float:
    """Scatter of lines beyond what the errors of their images explain (px)."""
    index, count, mean = _line_means(residual, line)
    return float(np.sqrt(max(0.0, mad_sigma(mean) ** 2 - float(np.median(np.bincount(index, error**2) / count**2)))))


def _line_means(residual: FloatArray, line: IntArray) -> tuple[IntArray, IntArray, FloatArray]:
    _, index = np.unique(line, return_inverse=True)
    count = np.bincount(index)
    return index, count, np.bincount(index, residual) / count


def _as_polynomials(
    bases: tuple[DispersionBasis, DispersionBasis],
    x: AxisFit,
    y: AxisFit,
    predicted: tuple[DispersionPolynomial, DispersionPolynomial] | None,
) -> DispersionFit:
    """Prediction, its motion and the fit as one polynomial for each axis, in extended precision."""
    made = []
    for k, fit in enumerate((x, y)):
        total = bases[k].powers(fit.terms, fit.coefficients)
        if predicted is not None:
            factors = [np.longdouble(value) / np.longdouble(PIXEL_UNIT) for value in fit.affine[1:]]
            factors[k] += 1
            for factor, polynomial in zip(factors, predicted, strict=True):
                total = _sum(total, factor * polynomial.coefficients)
            total[0, 0, 0] += np.longdouble(fit.affine[0])
        made.append(DispersionPolynomial(coefficients=total))
    return DispersionFit(bases=bases, x=x, y=y, x_polynomial=made[0], y_polynomial=made[1])


def _sum(first: FloatArray, second: FloatArray) -> FloatArray:
    total = np.zeros(np.maximum(first.shape, second.shape), dtype=np.longdouble)
    total[tuple(slice(0, n) for n in first.shape)] += first
    total[tuple(slice(0, n) for n in second.shape)] += second
    return total
