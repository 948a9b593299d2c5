"""The sky of one order: a B-spline in dispersion, scaled and shifted smoothly along the slit.

The model of a flattened pixel is ``g(s) S(u + delta(u, s))`` with u the dispersion pixel at slit centre that the map assigns to the
pixel's wavelength, S the spline, ``g = 1 + sum_k gamma_k P_k(s)`` the slit illumination and
``delta = sum_ij d_ij T_i(u) P_j(s)``, j >= 1, what is left of the map's error and the line tilt (a shift common to the whole slit is
S's own affair).  P are Legendre and T Chebyshev polynomials.  Everything is solved at once by Gauss-Newton steps: the spline's normal
matrix is banded, the few shape terms are a dense border to it.

References
----------
.. [1] Kelson D. D., 2003, PASP, 115, 688, doi:10.1086/375502.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.linalg import cho_solve_banded, cholesky_banded

from soxspipe.algorithms.sky.normal_equations import regularised, shape_normal, spline_normal
from soxspipe.datamodel.arrays import FloatArray, IntArray
from soxspipe.numerics.piece_sums import PixelBlocks, pixel_blocks, spline_products
from soxspipe.numerics.polynomials import chebyshev, legendre
from soxspipe.numerics.robust import largest_near
from soxspipe.numerics.splines import SplineSpace, clamped_knots, horner, spline_space

SHIFT_AXIS_DEGREE = 4
"""Errors of the map change slowly along an order."""
SHIFT_SLIT_DEGREE = 3
"""Shift, tilt and bend of the slit's image."""
SHIFT_PRIOR_PX = 0.1
"""Maps are expected to be good to a tenth of a pixel."""
WIDTH_SLIT_DEGREE = 2
"""Focus changes along the slit by a slope and a curvature."""
SECOND_ORDER_PX2 = 0.05
"""Below it the square of a width's change is worth 0.1 % of a line."""

DIFFERENCE_PX = 1.0
"""Of the second difference; smaller than a line."""
WIDTH_PRIOR_PX2 = 0.3
"""Of half the variance by which lines are wider at one end of the slit than in its middle: 30 % of a usual line."""

WINGS_PRIOR = 0.05
"""Of the object's light: what its rough model has left."""
WINGS_GAIN = 2.0
"""Chi squared that each term of wings across the slit must save (Akaike): of a faint object in a bright sky they are the illumination over
again, and what noise makes of the two together bends the sky under the object by several of its errors."""
ILLUMINATION_PRIOR = 0.1
"""Slits are lit evenly to some per cent, without a flat to a tenth."""
LARGEST_STEP_PX = 0.5
"""Half a line width: a longer step leaves the region where the fit is linear."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SkyPixels:
    """The pixels of one order that may take part, shape (n,): u (px), slit position scaled to -1..1, flattened electrons, variance."""

    u: FloatArray
    slit: FloatArray
    electrons: FloatArray
    variance: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SkySpline:
    """Solution of one order.

    Attributes
    ----------
    space : SplineSpace
        Splines in u (px).
    coefficients : ndarray, shape (n_splines,)
        Of S(u).
    illumination : ndarray, shape (n_illumination,)
        gamma_1, gamma_2, ...
    shift : ndarray, shape (n_T, n_P)
        d_ij in px.
    u_range : tuple of float
        Range of u that T is scaled to.
    expected_illumination : ndarray or None
        Prior mean of gamma; None is zero.
    illumination_prior : float
        Standard deviation of that prior.
    width : ndarray, shape (n_width,)
        Half the variance (px^2) that is added to lines along the slit, coefficients of P_1, P_2; empty where lines have one width.
    illumination_error : ndarray, shape (n_illumination,)
        Of gamma, with all else free that was; empty before the first step.
    illumination_doubt : ndarray, shape (n_illumination,)
        The same with wings of the object free also where they do not show.
    """

    space: SplineSpace
    coefficients: FloatArray
    illumination: FloatArray
    shift: FloatArray
    u_range: tuple[float, float]
    expected_illumination: FloatArray | None = None
    illumination_prior: float = ILLUMINATION_PRIOR
    width: FloatArray = field(default_factory=lambda: np.zeros(0))
    illumination_error: FloatArray = field(default_factory=lambda: np.zeros(0))
    illumination_doubt: FloatArray = field(default_factory=lambda: np.zeros(0))

    @property
    def knots(self) -> FloatArray:
        """Of the spline, px."""
        return self.space.knots

    def shape_terms(self, u: FloatArray, slit: FloatArray) -> ShapeTerms:
        """The polynomials of illumination and shift at any pixels."""
        n_along, n_across = self.shift.shape
        return ShapeTerms(
            along=chebyshev(scale(np.ravel(u), self.u_range), n_along),
            across=legendre(np.ravel(slit), max(n_across, self.illumination.size, self.width.size)),
        )

    def shifted(self, u: FloatArray, terms: ShapeTerms) -> FloatArray:
        """``u + delta(u, s)`` within the knots, beyond which nothing is known; shape (n,)."""
        moved = np.array(u, dtype=np.float64).ravel()
        for along, across in zip(self.shift.T @ terms.along, terms.across, strict=False):  # illumination may need more terms
            moved += along * across
        return np.clip(moved, self.knots[0], self.knots[-1], out=moved)

    def place(self, u: FloatArray, terms: ShapeTerms) -> tuple[IntArray, FloatArray]:
        """Piece of the spline that holds each pixel, and the position t within it; shape (n,)."""
        return self.space.locate(self.shifted(u, terms))

    def gain(self, terms: ShapeTerms) -> FloatArray:
        """``g(s)``, shape (n,)."""
        return 1.0 + self.illumination @ terms.across[: self.illumination.size]

    def widened(self, terms: ShapeTerms) -> FloatArray | None:
        """Half the variance added to lines, px^2, shape (n,); None where lines have one width."""
        return self.width @ terms.across[: self.width.size] if self.width.size else None

    def curved(self, widened: FloatArray, piece: IntArray) -> FloatArray:
        """What second derivatives by the position within a piece are multiplied with where lines are widened, shape (n,)."""
        return widened * self.space.per_unit.take(piece) ** 2

    def plain(self, piece: IntArray, t: FloatArray, widened: FloatArray | None) -> FloatArray:
        """``S + widened S'' + widened^2 S^(4) / 2`` at places on the spline, shape (n,): the sky without illumination."""
        polynomials = self.space.polynomials(self.coefficients)
        value = horner(polynomials, piece, t)
        if widened is None:
            return value
        second_order = 0.5 * widened**2 * self.fourth(polynomials, piece, t, widened)
        return value + widened * self.curvature(polynomials, piece, t) + second_order

    def fourth(self, polynomials: FloatArray, piece: IntArray, t: FloatArray, widened: FloatArray) -> FloatArray:
        """Fourth derivative by u, from differences of the second; 0 where widths change too little for it to count."""
        if np.abs(widened).max(initial=0.0) < SECOND_ORDER_PX2:
            return np.zeros(t.shape)
        u = self.space.left.take(piece) + t / self.space.per_unit.take(piece)
        low, high = (self.curvature(polynomials, *self.space.locate(np.ravel(u) + step)) for step in (-DIFFERENCE_PX, DIFFERENCE_PX))
        middle = self.curvature(polynomials, piece, t)
        return (low.reshape(t.shape) + high.reshape(t.shape) - 2.0 * middle) / DIFFERENCE_PX**2

    def curvature(self, polynomials: FloatArray, piece: IntArray, t: FloatArray) -> FloatArray:
        """Second derivative by u."""
        order = np.arange(2, self.space.degree + 1)
        return horner(polynomials[2:] * ((order * (order - 1))[:, None] * self.space.per_unit**2), piece, t)

    def __call__(self, u: FloatArray, slit: FloatArray) -> FloatArray:
        """Sky in flattened electrons at any pixels, shape of `u`."""
        terms = self.shape_terms(u, slit)
        piece, t = self.place(u, terms)
        sky = self.gain(terms) * self.plain(piece, t, self.widened(terms))
        return sky.reshape(np.shape(u))

    def local_range(self, u: FloatArray, half_width_px: float = 1.25) -> FloatArray:
        """Largest minus smallest sky within `half_width_px` of each u: how much a small error of position may cost."""
        step = 0.25
        low = float(self.knots[0])
        grid = np.arange(low, float(self.knots[-1]) + step, step)
        values = self.space.evaluate(grid, self.coefficients)
        reach = round(half_width_px / step)
        spread = largest_near(values, reach) + largest_near(-values, reach)
        return spread.take(((u - low) * (1.0 / step) + 0.5).astype(np.int64), mode="clip")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShapeTerms:
    """Polynomials at given pixels: Chebyshev in u, shape (n_T, n), and Legendre in slit position from degree 1 on, shape (n_P, n)."""

    along: FloatArray
    across: FloatArray


def scale(u: FloatArray, u_range: tuple[float, float]) -> FloatArray:
    """Map `u_range` to -1..1, clamped."""
    return np.clip((2.0 * u - u_range[0] - u_range[1]) / (u_range[1] - u_range[0]), -1.0, 1.0)


def start_spline(breaks: FloatArray, degree: int, u_range: tuple[float, float], illumination_order: int, *, with_shift: bool) -> SkySpline:
    """A spline of zeros on `breaks`, to be filled by `gauss_newton`."""
    space = spline_space(clamped_knots(breaks, degree), degree)
    return SkySpline(
        space=space,
        coefficients=np.zeros(space.n_splines),
        illumination=np.zeros(illumination_order),
        shift=np.zeros((SHIFT_AXIS_DEGREE + 1, SHIFT_SLIT_DEGREE) if with_shift else (0, 0)),
        u_range=u_range,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Linearised:
    """A spline at given pixels, and what a step from there needs.

    Attributes
    ----------
    blocks : PixelBlocks
        Pixels by the piece of the spline that holds them.
    powers : ndarray, shape (degree + 1, n)
        Powers of the position within it, times the illumination.
    across : ndarray, shape (n_P, n)
        Polynomials in slit position.
    sky : ndarray, shape (n,)
        The model.
    plain : ndarray, shape (n,)
        The model without illumination.
    slope : ndarray, shape (n,)
        Derivative of the model by u.
    curvature : ndarray, shape (n,) or (0,)
        Derivative of the model by the change of width; empty where lines have one width.
    second_order : ndarray, shape (n,), or None
        Part of the model that is of second order in the change of width, which a step takes as given.
    """

    blocks: PixelBlocks
    powers: FloatArray
    across: FloatArray
    sky: FloatArray
    plain: FloatArray
    slope: FloatArray
    curvature: FloatArray
    second_order: FloatArray | None = None


def powers_of(t: FloatArray, degree: int, factor: FloatArray, curved: FloatArray | None = None) -> FloatArray:
    """`factor` times 1, t, t^2, ... up to the degree, each with `curved` times its second derivative by t; shape (degree + 1, n)."""
    powers = np.empty((degree + 1, t.size))
    powers[0] = factor
    for k in range(degree):
        np.multiply(powers[k], t, out=powers[k + 1])
    if curved is not None:
        for k in range(degree, 1, -1):  # from above: lower powers are still bare
            powers[k] += k * (k - 1) * curved * powers[k - 2]
    return powers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placed:
    """Where pixels lie on a spline: piece and position t within it, shape (n,), the pixels by piece, and the polynomials of its shape."""

    piece: IntArray
    t: FloatArray
    blocks: PixelBlocks
    terms: ShapeTerms


def place_pixels(spline: SkySpline, u: FloatArray, slit: FloatArray, terms: ShapeTerms | None = None) -> Placed:
    """Find the pixels' places on a spline, with its shift as it is; `terms` are those of the pixels, if they are at hand."""
    shape = terms if terms is not None else spline.shape_terms(u, slit)
    piece, t = spline.place(u, shape)
    return Placed(piece=piece, t=t, blocks=pixel_blocks(piece, spline.space.n_pieces), terms=shape)


def linearise(spline: SkySpline, placed: Placed) -> Linearised:
    """Evaluate the model and its derivatives at the pixels."""
    space, gain = spline.space, spline.gain(placed.terms)
    polynomials = space.polynomials(spline.coefficients)
    derivative = polynomials[1:] * (np.arange(1, space.degree + 1)[:, None] * space.per_unit)
    widened = spline.widened(placed.terms)
    plain, curvature, curved = horner(polynomials, placed.piece, placed.t), np.zeros(0), None
    second_order = None
    if widened is not None:
        bend = spline.curvature(polynomials, placed.piece, placed.t)
        fourth = spline.fourth(polynomials, placed.piece, placed.t, widened)
        second_order = 0.5 * gain * widened**2 * fourth
        plain = plain + widened * bend + 0.5 * widened**2 * fourth
        curvature, curved = gain * (bend + widened * fourth), spline.curved(widened, placed.piece)
    return Linearised(
        blocks=placed.blocks,
        powers=powers_of(placed.t, space.degree, gain, curved),
        curvature=curvature,
        second_order=second_order,
        across=placed.terms.across,
        sky=gain * plain,
        plain=plain,
        slope=gain * horner(derivative, placed.piece, placed.t),
    )


def fit_linear(spline: SkySpline, electrons: FloatArray, weight: FloatArray, placed: Placed) -> SkySpline:
    """Solve for the spline alone, illumination, shift and width held (this to first order); weights of shape (n,), 0 leaves a pixel out."""
    space, widened = spline.space, spline.widened(placed.terms)
    curved = None if widened is None else spline.curved(widened, placed.piece)
    columns = [*powers_of(placed.t, space.degree, spline.gain(placed.terms), curved), electrons]
    band, right = spline_normal(spline_products(space, placed.blocks, columns, weight), space.degree + 1, space.n_splines)
    factor = cholesky_banded(regularised(band), lower=True)
    return replace(spline, coefficients=cho_solve_banded((factor, True), right))


def _shape_step(normal: FloatArray, right: FloatArray, n_doubtful: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Step of the shape, its errors, and those with all terms free.

    The last `n_doubtful` terms stay 0 unless they save chi squared of `WINGS_GAIN` each.
    """
    inverse = np.linalg.inv(normal)
    step, error = inverse @ right, _errors(inverse)
    doubtful = slice(right.size - n_doubtful, None)
    saved = float(step[doubtful] @ np.linalg.solve(inverse[doubtful, doubtful], step[doubtful]))
    if saved < WINGS_GAIN * n_doubtful:
        sure, sure_error, _ = _shape_step(normal[: doubtful.start, : doubtful.start], right[: doubtful.start], 0)
        return np.append(sure, np.zeros(n_doubtful)), np.append(sure_error, np.zeros(n_doubtful)), error
    return step, error, error


def _errors(covariance: FloatArray) -> FloatArray:
    """Standard deviations; infinity where rounding leaves a negative variance, since hardly anything determines the term."""
    variance = np.diag(covariance)
    return np.asarray(np.sqrt(np.where(variance > 0, variance, np.inf)))


def gauss_newton(spline: SkySpline, pixels: SkyPixels, weight: FloatArray, here: Linearised, wings: FloatArray | None = None) -> SkySpline:
    """One step for spline, illumination and shift together.

    Parameters
    ----------
    spline : SkySpline
        Current solution.
    pixels : SkyPixels
        Data.
    weight : ndarray, shape (n,)
        1 / variance; 0 leaves a pixel out.
    here : Linearised
        The current solution at the pixels.
    wings : ndarray, shape (n_wings, n), or None
        Light of the object that may be left in the data, each row times an unknown factor of about `WINGS_PRIOR`: what changes along the
        order as the object does is not the slit's illumination.  All but the first take part only if they save chi squared.

    Returns
    -------
    SkySpline
        The next solution, on the same knots.
    """
    n_gain, n_width, (n_along, n_across) = spline.illumination.size, spline.width.size, spline.shift.shape
    space, n = spline.space, spline.space.n_splines
    more = np.zeros((0, weight.size)) if wings is None else wings
    columns = [*here.powers, *(here.plain * here.across[:n_gain]), *(here.slope * here.across[:n_across])]
    columns += [*(here.curvature * here.across[:n_width] if n_width else ()), *more]
    columns.append(pixels.electrons if here.second_order is None else pixels.electrons - here.second_order)
    sums = spline_products(space, here.blocks, columns, weight)
    band, right = spline_normal(sums, space.degree + 1, n)
    factor = cholesky_banded(regularised(band), lower=True)
    # along the order the Chebyshev polynomials are constant within a piece of the spline
    middle = 0.5 * (spline.knots[space.degree : n] + spline.knots[space.degree + 1 : n + 1])
    along = chebyshev(scale(middle, spline.u_range), n_along) if n_along else np.zeros((0, middle.size))
    once = np.ones((1, middle.size))
    border, dense, dense_right = shape_normal(
        sums, space.degree + 1, n, [*[once] * n_gain, *[along] * n_across, *[once] * (n_width + len(more))]
    )
    shape_priors = ((n_gain, spline.illumination_prior), (n_along * n_across, SHIFT_PRIOR_PX))
    priors = (*shape_priors, (n_width, WIDTH_PRIOR_PX2), (len(more), WINGS_PRIOR))
    prior = np.concatenate([np.full(number, width**-2) for number, width in priors])
    expected = 0.0 if spline.expected_illumination is None else spline.expected_illumination
    current = np.concatenate([spline.illumination - expected, spline.shift.T.ravel(), spline.width, np.zeros(len(more))])
    dense[np.diag_indices_from(dense)] += prior
    dense_right = dense_right - prior * current
    solved = cho_solve_banded((factor, True), np.column_stack([right, border]))
    schur = dense - border.T @ solved[:, 1:]
    step, error, doubt = _shape_step(schur, dense_right - border.T @ solved[:, 0], n_doubtful=max(len(more) - 1, 0))
    of_shift = slice(n_gain, n_gain + n_along * n_across)
    largest = np.abs(step[of_shift]).max(initial=0.0)
    step = step * min(1.0, LARGEST_STEP_PX / largest) if largest > 0 else step
    return replace(
        spline,
        coefficients=solved[:, 0] - solved[:, 1:] @ step,
        illumination=spline.illumination + step[:n_gain],
        illumination_error=error[:n_gain],
        illumination_doubt=doubt[:n_gain],
        shift=spline.shift + step[of_shift].reshape(n_across, n_along).T,
        width=spline.width + step[of_shift.stop : of_shift.stop + n_width],
    )
