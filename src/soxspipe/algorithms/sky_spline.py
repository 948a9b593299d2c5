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

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_solve_banded, cholesky_banded

from soxspipe.algorithms.piece_sums import piece_products
from soxspipe.algorithms.robust import grouped_median
from soxspipe.algorithms.splines import basis_and_slopes, bspline_basis, clamped_knots, evaluate
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray

SHIFT_AXIS_DEGREE = 4
SHIFT_SLIT_DEGREE = 3
SHIFT_PRIOR_PX = 0.1
ILLUMINATION_PRIOR = 0.1
LARGEST_STEP_PX = 0.5
START_BIN = 0.5
CLOSEST_KNOTS = 0.55
WIDEST_KNOTS = 2.2
EMPTY_KNOTS = 6.0
LINE_SIGNIFICANCE = 2.5
FILTER_WIDTH = 1.3
CURVATURE_SIGMA = 6.0
MEDIAN_NOISE = 1.25
LSF_SIGMA_PX = 1.0


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
    knots, coefficients, degree
        The spline S(u), u in px.
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
    """

    knots: FloatArray
    coefficients: FloatArray
    degree: int
    illumination: FloatArray
    shift: FloatArray
    u_range: tuple[float, float]
    expected_illumination: FloatArray | None = None
    illumination_prior: float = ILLUMINATION_PRIOR

    def shifted(self, u: FloatArray, slit: FloatArray) -> FloatArray:
        """``u + delta(u, s)``, shape of `u`."""
        if not self.shift.size:
            return u
        along = chebyshev(scale(u, self.u_range), self.shift.shape[0])
        across = legendre(slit, self.shift.shape[1])
        total = np.array(u, dtype=np.float64)
        for j in range(self.shift.shape[1]):
            total += np.tensordot(self.shift[:, j], along, axes=1) * across[j]
        return total

    def gain(self, slit: FloatArray) -> FloatArray:
        """``g(s)``, shape of `slit`."""
        if not self.illumination.size:
            return np.ones(np.shape(slit))
        return 1.0 + np.tensordot(self.illumination, legendre(slit, self.illumination.size), axes=1)

    def __call__(self, u: FloatArray, slit: FloatArray) -> FloatArray:
        """Sky in flattened electrons at any pixels."""
        return self.gain(slit) * evaluate(self.shifted(u, slit), self.knots, self.coefficients, self.degree)

    def local_range(self, u: FloatArray, half_width_px: float = 1.25) -> FloatArray:
        """Largest minus smallest sky within `half_width_px` of each u: how much a small error of position may cost."""
        step = 0.25
        low = float(self.knots[0])
        grid = np.arange(low, float(self.knots[-1]) + step, step)
        values = evaluate(grid, self.knots, self.coefficients, self.degree)
        reach = round(half_width_px / step)
        padded = np.pad(values, reach, mode="edge")
        pieces = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
        spread = pieces.max(axis=1) - pieces.min(axis=1)
        return spread.take(((u - low) * (1.0 / step) + 0.5).astype(np.int64), mode="clip")


def scale(u: FloatArray, u_range: tuple[float, float]) -> FloatArray:
    """Map `u_range` to -1..1, clamped."""
    return np.clip((2.0 * u - u_range[0] - u_range[1]) / (u_range[1] - u_range[0]), -1.0, 1.0)


def chebyshev(x: FloatArray, n: int) -> FloatArray:
    """T_0 .. T_{n-1} at `x`, shape (n, ...)."""
    terms = [np.ones(np.shape(x)), np.asarray(x)]
    while len(terms) < n:
        terms.append(2.0 * x * terms[-1] - terms[-2])
    return np.stack(terms[:n])


def legendre(x: FloatArray, n: int) -> FloatArray:
    """P_1 .. P_n at `x`, shape (n, ...): the constant is left out."""
    terms = [np.ones(np.shape(x)), np.asarray(x)]
    for k in range(1, n):
        terms.append(((2 * k + 1) * x * terms[k] - k * terms[k - 1]) / (k + 1))
    return np.stack(terms[1 : n + 1])


def median_spectrum(
    pixels: SkyPixels, use: BoolArray, u_range: tuple[float, float], bin_px: float = START_BIN
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Median sky in bins of `bin_px`: grid, value and noise of one pixel; empty bins are bridged."""
    n = max(4, int(np.ceil((u_range[1] - u_range[0]) / bin_px)))
    bins = np.clip(((pixels.u - u_range[0]) / bin_px).astype(np.int64), 0, n - 1)
    value = grouped_median(pixels.electrons[use], bins[use], n)
    noise = np.sqrt(grouped_median(pixels.variance[use], bins[use], n))
    grid = u_range[0] + (np.arange(n) + 0.5) * bin_px
    found = np.isfinite(value)
    if not found.any():
        return grid, np.zeros(n), np.ones(n)
    return grid, np.interp(grid, grid[found], value[found]), np.interp(grid, grid[found], noise[found])


def place_knots(
    grid: FloatArray, value: FloatArray, noise: FloatArray, pixels_per_px: FloatArray, significance: float, min_points: int, lsf_px: float
) -> FloatArray:
    """Break points of the spline: as close as lines are bright, wide where there are none.

    A cubic spline with knots h apart misses a line of height A and width sigma by about A (h / sigma)^4 / 128.  Holding this at a
    fixed small share of the noise n of one pixel gives ``h = sigma (significance n / A)^(1/4)``, kept between `CLOSEST_KNOTS` and
    `WIDEST_KNOTS` line widths.  A is the largest within 3 line widths of what a filter of the shape of a line finds (faint lines) and of
    the curvature, ``sigma^2 |S''|`` (bright, narrow ones).  Where the filter finds nothing, knots stand `EMPTY_KNOTS` line widths apart:
    every knot costs the object signal.

    Parameters
    ----------
    grid, value, noise : ndarray, shape (n,)
        Sky spectrum in steps of `bin_px` and noise of one pixel.
    pixels_per_px : ndarray, shape (n,)
        Pixels that can be used per px of u.
    significance : float
        Line height in sigma at which knots stand one line width apart.
    min_points : int
        Fewest pixels between two knots.
    lsf_px : float
        Standard deviation of the line-spread function, px.

    Returns
    -------
    ndarray
        Strictly increasing, from the first to the last grid edge.
    """
    bin_px = float(grid[1] - grid[0])
    bin_noise = MEDIAN_NOISE * noise / np.sqrt(np.maximum(pixels_per_px * bin_px, 1.0))
    smooth = np.convolve(np.pad(value, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    curvature = np.abs(np.diff(np.pad(smooth, 1, mode="edge"), n=2)) / bin_px**2
    # a noisy median is curved as well: this is more than it ever is without a line
    bright = np.where(curvature > CURVATURE_SIGMA * bin_noise / bin_px**2, curvature, 0.0) * lsf_px**2
    line, error = find_lines(value, bin_noise, FILTER_WIDTH * lsf_px / bin_px)
    reach = round(3.0 * lsf_px / bin_px)
    height = _largest_near(np.maximum(bright, line), reach)
    empty = _largest_near(line / error, reach) < LINE_SIGNIFICANCE
    spacing = lsf_px * np.power(significance * noise / np.maximum(height, 1e-9 * noise), 0.25)
    spacing = np.where(empty, EMPTY_KNOTS * lsf_px, np.clip(spacing, CLOSEST_KNOTS * lsf_px, WIDEST_KNOTS * lsf_px))
    spacing = np.maximum(spacing, min_points / np.maximum(pixels_per_px, 1e-3))
    kernel = np.exp(-0.5 * (np.arange(-8, 9) * bin_px / (1.5 * lsf_px)) ** 2)
    density = np.convolve(np.pad(1.0 / spacing, 8, mode="edge"), kernel / kernel.sum(), mode="valid")
    total = np.concatenate([[0.0], np.cumsum(density * bin_px)])
    edges = np.append(grid - 0.5 * bin_px, grid[-1] + 0.5 * bin_px)
    return np.interp(np.linspace(0.0, total[-1], max(4, round(total[-1])) + 1), total, edges)


def _largest_near(value: FloatArray, reach: int) -> FloatArray:
    """Largest value within `reach` samples of each."""
    return np.asarray(np.lib.stride_tricks.sliding_window_view(np.pad(value, reach, mode="edge"), 2 * reach + 1).max(axis=1))


def find_lines(value: FloatArray, noise: FloatArray, width: float) -> tuple[FloatArray, FloatArray]:
    """Height of a line (or depth of a gap) of the given width at each sample of a spectrum, and its error.

    Parameters
    ----------
    value, noise : ndarray, shape (n,)
        Spectrum and the error of each sample.
    width : float
        Standard deviation of the line, samples.

    Returns
    -------
    height, error : ndarray, shape (n,)
        From the response to minus the second derivative of a Gaussian, which sees neither level nor slope.
    """
    half = int(np.ceil(5.0 * width))
    x = np.arange(-half, half + 1) / width
    line = np.exp(-0.5 * x**2)
    shape = (1.0 - x**2) * line
    shape -= shape.mean()
    shape /= np.sum(shape * line)
    height = np.abs(np.convolve(np.pad(value, half, mode="edge"), shape, mode="valid"))
    error = np.sqrt(np.convolve(np.pad(noise**2, half, mode="edge"), shape**2, mode="valid"))
    return height, np.maximum(error, 1e-30)


def start_spline(breaks: FloatArray, degree: int, u_range: tuple[float, float], illumination_order: int, *, with_shift: bool) -> SkySpline:
    """A spline of zeros on `breaks`, to be filled by `gauss_newton`."""
    knots = clamped_knots(breaks, degree)
    return SkySpline(
        knots=knots,
        coefficients=np.zeros(knots.size - degree - 1),
        degree=degree,
        illumination=np.zeros(illumination_order),
        shift=np.zeros((SHIFT_AXIS_DEGREE + 1, SHIFT_SLIT_DEGREE) if with_shift else (0, 0)),
        u_range=u_range,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Linearised:
    """A spline at given pixels, and what a step from there needs.

    Attributes
    ----------
    first : ndarray of int, shape (n,)
        First spline that does not vanish at each pixel.
    basis : ndarray, shape (degree + 1, n)
        Their values, times the illumination.
    sky : ndarray, shape (n,)
        The model.
    plain : ndarray, shape (n,)
        The model without illumination.
    slope : ndarray, shape (n,)
        Derivative of the model by u.
    """

    first: IntArray
    basis: FloatArray
    sky: FloatArray
    plain: FloatArray
    slope: FloatArray


def linearise(spline: SkySpline, pixels: SkyPixels) -> Linearised:
    """Evaluate model, basis and slope at the pixels, all from one evaluation of the basis."""
    first, basis, slopes = basis_and_slopes(spline.shifted(pixels.u, pixels.slit), spline.knots, spline.degree)
    plain, slope = np.zeros(first.size), np.zeros(first.size)
    for k in range(spline.degree + 1):
        coefficient = spline.coefficients[first + k]
        plain += basis[k] * coefficient
        slope += slopes[k] * coefficient
    gain = spline.gain(pixels.slit)
    basis *= gain
    return Linearised(first=first, basis=basis, sky=gain * plain, plain=plain, slope=gain * slope)


def fit_linear(spline: SkySpline, pixels: SkyPixels, weight: FloatArray) -> SkySpline:
    """Solve for the spline alone, illumination and shift held; weights of shape (n,), 0 leaves a pixel out."""
    first, basis = bspline_basis(spline.shifted(pixels.u, pixels.slit), spline.knots, spline.degree)
    n, width = spline.coefficients.size, spline.degree + 1
    columns = [*(basis * spline.gain(pixels.slit)), pixels.electrons]
    band, right = spline_normal(piece_products(first, columns, weight, n - spline.degree), width, n)
    factor = cholesky_banded(regularised(band), lower=True)
    return replace(spline, coefficients=cho_solve_banded((factor, True), right))


def gauss_newton(spline: SkySpline, pixels: SkyPixels, weight: FloatArray, here: Linearised) -> SkySpline:
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

    Returns
    -------
    SkySpline
        The next solution, on the same knots.
    """
    n_gain, (n_along, n_across) = spline.illumination.size, spline.shift.shape
    n = spline.coefficients.size
    if n_gain + n_along * n_across == 0:
        return fit_linear(spline, pixels, weight)
    across = legendre(pixels.slit, max(n_gain, n_across))
    terms = [here.plain * across[k] for k in range(n_gain)] + [here.slope * across[j] for j in range(n_across)]
    sums = piece_products(here.first, [*here.basis, *terms, pixels.electrons], weight, n - spline.degree)
    band, right = spline_normal(sums, spline.degree + 1, n)
    factor = cholesky_banded(regularised(band), lower=True)
    # along the order the Chebyshev polynomials are constant within a piece of the spline
    middle = 0.5 * (spline.knots[spline.degree : n] + spline.knots[spline.degree + 1 : n + 1])
    along = chebyshev(scale(middle, spline.u_range), n_along) if n_along else np.zeros((0, middle.size))
    border, dense, dense_right = _shape_normal(sums, spline.degree + 1, n, n_gain, along)
    prior = np.concatenate([np.full(n_gain, spline.illumination_prior**-2), np.full(n_along * n_across, SHIFT_PRIOR_PX**-2)])
    expected = 0.0 if spline.expected_illumination is None else spline.expected_illumination
    current = np.concatenate([spline.illumination - expected, spline.shift.T.ravel()])
    dense[np.diag_indices_from(dense)] += prior
    dense_right = dense_right - prior * current
    solved = cho_solve_banded((factor, True), np.column_stack([right, border]))
    schur = dense - border.T @ solved[:, 1:]
    step = np.linalg.solve(schur, dense_right - border.T @ solved[:, 0])
    largest = np.abs(step[n_gain:]).max(initial=0.0)
    step = step * min(1.0, LARGEST_STEP_PX / largest) if largest > 0 else step
    return replace(
        spline,
        coefficients=solved[:, 0] - solved[:, 1:] @ step,
        illumination=spline.illumination + step[:n_gain],
        shift=spline.shift + step[n_gain:].reshape(n_across, n_along).T,
    )


def spline_normal(sums: FloatArray, width: int, n: int) -> tuple[FloatArray, FloatArray]:
    """Lower band (width, n) of a spline's normal matrix and right-hand side (n,).

    Parameters
    ----------
    sums : ndarray, shape (n - width + 1, m, m + 1)
        Of `piece_products`, whose first columns are the basis values and whose last are the data.
    width : int
        Basis values per pixel.
    n : int
        Number of splines.
    """
    pieces = n - width + 1
    band, right = np.zeros((width, n)), np.zeros(n)
    for a in range(width):
        right[a : a + pieces] += sums[:, a, -1]
        for c in range(a, width):
            band[c - a, a : a + pieces] += sums[:, a, c]
    return band, right


def _shape_normal(sums: FloatArray, width: int, n: int, n_gain: int, along: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Border (n, p), dense block (p, p) and right-hand side (p,) of the shape terms: illumination first, then shift by slit degree."""
    pieces, n_terms = sums.shape[0], sums.shape[1] - width
    rows = [np.ones((1, pieces))] * n_gain + [along] * (n_terms - n_gain)
    start = np.concatenate([[0], np.cumsum([row.shape[0] for row in rows])]).astype(np.int64)
    p = int(start[-1])
    border, dense, right = np.zeros((n, p)), np.zeros((p, p)), np.zeros(p)
    for m in range(n_terms):
        here = slice(start[m], start[m + 1])
        right[here] = rows[m] @ sums[:, width + m, -1]
        for a in range(width):
            border[a : a + pieces, here] += (sums[:, a, width + m] * rows[m]).T
        for other in range(m, n_terms):
            there = slice(start[other], start[other + 1])
            block = (rows[m] * sums[:, width + m, width + other]) @ rows[other].T
            dense[here, there] = block
            dense[there, here] = block.T
    # the increments of the shape are counted from the current solution, which the spline's own unknowns already reproduce
    return border, dense, right


def regularised(band: FloatArray) -> FloatArray:
    """Add a ridge relative to the local diagonal, and one that carries pieces without data by their neighbours."""
    diagonal = band[0]
    around = diagonal.copy()
    for shift in (1, 2, 4, 8, 16):
        around = np.maximum(around, 1e-2 * np.maximum(np.roll(around, shift), np.roll(around, -shift)))
    around = np.maximum(around, 1e-12 * max(float(diagonal.max(initial=0.0)), 1e-30))
    tie = 1e-7 * around
    result = band.copy()
    result[0] += tie
    result[0, 1:] += tie[:-1]
    result[1, :-1] -= tie[:-1]
    result[0] += 1e-10 * around
    return result
