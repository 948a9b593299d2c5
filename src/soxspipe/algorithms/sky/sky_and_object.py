"""Sky and object of one order solved together, with the object's errors as the sky leaves them.

With the shape of the sky (illumination, shift along the slit) and the object's profile known, a flattened pixel in dispersion pixel b
is ``g(s) sum_k c_k B_k(u) + f_b P``.  The unknown fluxes f are eliminated (their block is diagonal), which leaves a banded system
for the spline c; its inverse gives the share that the sky's own error has in the variance of every f and in the covariance of
neighbours.  Without the sky this is Horne's optimal sum.

References
----------
.. [1] Horne K., 1986, PASP, 98, 609, doi:10.1086/131801.
.. [2] Kelson D. D., 2003, PASP, 115, 688, doi:10.1086/375502.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_solve_banded, cholesky_banded

from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.algorithms.sky.normal_equations import regularised, spline_normal
from soxspipe.algorithms.sky.sky_spline import SkySpline, powers_of
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.numerics.piece_sums import PixelBlocks, pixel_blocks, spline_products
from soxspipe.numerics.rows import row_dot
from soxspipe.numerics.splines import SplineSpace, horner

N_LAGS = 3
"""Pixels of one slit position are tilted over no more rows than these."""
LARGEST_JUMP = 24
"""Wider couplings would fill the band matrix; such tilt is not met."""
NEGLIGIBLE_KNOTS = 24
"""The influence of a knot falls by a factor of 3.7 to the next (cubic splines): nothing is left after 24."""
SMALLEST_SHARE = 1e-5
"""Light below it changes no sum, and leaving it out saves pixels."""
LEAST_POWER = 0.02
"""Of the row's weight: with less, the flux is a guess."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JointSolution:
    """Sky and object of one order.

    Attributes
    ----------
    spline : SkySpline
        With the new coefficients.
    flux, variance : ndarray, shape (n_disp,)
        Flattened electrons per dispersion pixel; NaN and infinity where less than `LEAST_POWER` of the profile is left.
    covariance : ndarray, shape (n_lags, n_disp)
        Element (k - 1, b) is the covariance of f_b and f_{b+k}.
    sky_variance : ndarray, shape of the window
        Variance of the sky model.
    """

    spline: SkySpline
    flux: FloatArray
    variance: FloatArray
    covariance: FloatArray
    sky_variance: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JointGeometry:
    """What does not change while fluxes and weights do: piece of the spline, position t within it, and illumination; shape of the window.

    `blocks` are the pixels by piece, without those that no weight will ever count.
    """

    blocks: PixelBlocks
    piece: IntArray
    t: FloatArray
    gain: FloatArray
    widened: FloatArray | None = None


def joint_geometry(spline: SkySpline, u_px: FloatArray, slit: FloatArray, good: BoolArray) -> JointGeometry:
    """Find the places of all pixels of a window within the spline; those that are not `good` are in no sum."""
    terms = spline.shape_terms(u_px, slit)
    piece, t = spline.place(u_px, terms)
    return JointGeometry(
        blocks=pixel_blocks(piece, spline.space.n_pieces, np.flatnonzero(good)),
        piece=piece.reshape(u_px.shape),
        t=t.reshape(u_px.shape),
        gain=spline.gain(terms).reshape(u_px.shape),
        widened=None if (widened := spline.widened(terms)) is None else widened.reshape(u_px.shape),
    )


def evaluate_sky(spline: SkySpline, geometry: JointGeometry) -> FloatArray:
    """Sky on the window from places already at hand."""
    return geometry.gain * spline.plain(geometry.piece, geometry.t, geometry.widened)


def solve_sky_and_object(
    data: OrderData, spline: SkySpline, geometry: JointGeometry, shares: FloatArray, weight: FloatArray
) -> JointSolution:
    """Solve for the sky spline and the object's flux in every dispersion pixel.

    Parameters
    ----------
    data : OrderData
        The order.
    spline : SkySpline
        Knots and shape of the sky; its coefficients are solved for again.
    geometry : JointGeometry
        Its basis.
    shares : ndarray, shape of the window
        Object profile; each row sums to 1.
    weight : ndarray, shape of the window
        1 / variance; 0 leaves a pixel out.

    Returns
    -------
    JointSolution
    """
    n, used = spline.space.n_splines, weight > 0
    electrons = np.where(used, data.electrons - _second_order(spline, geometry), 0.0)
    curved = None if geometry.widened is None else spline.curved(geometry.widened, geometry.piece).ravel()
    powers = powers_of(geometry.t.ravel(), spline.space.degree, geometry.gain.ravel(), curved)
    sums = spline_products(spline.space, geometry.blocks, [*powers, electrons.ravel()], weight.ravel())
    band, right = spline_normal(sums, spline.space.degree + 1, n)
    carries = used & (np.abs(shares) > SMALLEST_SHARE)
    carried = np.where(carries, shares, 0.0)
    pulling = carried * weight
    power = row_dot(pulling, carried)
    solvable = (row_dot(carried, carried) > LEAST_POWER * row_dot(shares, shares)) & (power > 0)
    carries &= solvable[:, None]
    safe = np.where(solvable, power, 1.0)
    pull = np.where(solvable, row_dot(pulling, electrons), 0.0)
    base, coupling = _coupling(spline.space, geometry.piece, powers, pulling, carries)
    reduced, reduced_right = _eliminate(band, right, base, coupling / safe[:, None], coupling, pull / safe, solvable)
    factor = cholesky_banded(_regularised_wide(reduced), lower=True)
    coefficients = cho_solve_banded((factor, True), reduced_right)
    around = coefficients[np.minimum(base[:, None] + np.arange(coupling.shape[1]), n - 1)]
    flux = np.where(solvable, (pull - np.sum(coupling * around, axis=1)) / safe, np.nan)
    solved = replace(spline, coefficients=coefficients)
    inverse = _LocalInverse(factor, n, reach=coupling.shape[1] + _largest_jump(base, solvable))
    leverage = np.where(solvable[:, None], coupling / safe[:, None], 0.0)
    shared = inverse.neighbours(base, leverage, N_LAGS)
    return JointSolution(
        spline=solved,
        flux=flux,
        variance=np.where(solvable, 1.0 / safe + np.maximum(shared[0], 0.0), np.inf),
        covariance=shared[1:],
        sky_variance=np.where(data.window.inside, inverse.sky_variance(spline.space, geometry), 0.0),
    )


def _second_order(spline: SkySpline, geometry: JointGeometry) -> FloatArray | float:
    """Part of the sky that is of second order in the change of the lines' width, from the spline as it is."""
    if geometry.widened is None:
        return 0.0
    polynomials = spline.space.polynomials(spline.coefficients)
    fourth = spline.fourth(polynomials, geometry.piece, geometry.t, geometry.widened)
    return 0.5 * geometry.gain * geometry.widened**2 * fourth


def _coupling(
    space: SplineSpace, piece: IntArray, powers: FloatArray, pulling: FloatArray, carries: BoolArray
) -> tuple[IntArray, FloatArray]:
    """Sums of weight x share x spline per dispersion pixel: first spline index (n_disp,), and the row of couplings from there on.

    The sums are of powers first, per dispersion pixel and piece; `pulling` is weight x share, `powers` those of all pixels.
    """
    n_disp = piece.shape[0]
    occupied = carries.any(axis=1)
    base = np.where(occupied, np.where(carries, piece, space.n_pieces).min(axis=1), 0)
    last = np.where(carries, piece, 0).max(axis=1)
    n_near = int((last - base)[occupied].max(initial=0)) + 1
    index = np.flatnonzero(carries)
    slot = (piece + (np.arange(n_disp) * n_near - base)[:, None]).take(index)
    pulled = pulling.take(index)
    sums = np.stack([np.bincount(slot, pulled * power.take(index), n_disp * n_near) for power in powers], axis=-1)
    near = np.minimum(base[:, None] + np.arange(n_near), space.n_pieces - 1)
    by_spline = (space.powers[near] @ sums.reshape(n_disp, n_near, -1, 1))[..., 0]
    coupling = np.zeros((n_disp, n_near + space.degree))
    for k in range(space.degree + 1):
        coupling[:, k : k + n_near] += by_spline[:, :, k]
    return base, coupling


def _largest_jump(base: IntArray, solvable: BoolArray) -> int:
    """Furthest that the couplings of dispersion pixels up to `N_LAGS` apart begin from each other; `LARGEST_JUMP` at most."""
    jumps = [np.abs(base[lag:] - base[:-lag])[solvable[lag:] & solvable[:-lag]] for lag in range(1, N_LAGS + 1)]
    return min(int(np.concatenate(jumps).max(initial=0)), LARGEST_JUMP)


def _eliminate(
    band: FloatArray, right: FloatArray, base: IntArray, ratio: FloatArray, coupling: FloatArray, pull: FloatArray, solvable: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Normal matrix and right-hand side of the spline after the fluxes are eliminated."""
    n, reach = band.shape[1], coupling.shape[1]
    reduced = np.zeros((max(reach, band.shape[0]), n + reach))
    reduced[: band.shape[0], :n] = band
    reduced_right = np.zeros(n + reach)
    reduced_right[:n] = right
    rows = np.flatnonzero(solvable)
    first_ratio, second, place = ratio[rows], coupling[rows], base[rows, None] + np.arange(reach)
    reduced_right -= np.bincount(place.ravel(), (second * pull[rows, None]).ravel(), n + reach)
    for lag in range(reach):
        product = first_ratio[:, : reach - lag] * second[:, lag:]
        reduced[lag] -= np.bincount(place[:, : reach - lag].ravel(), product.ravel(), n + reach)
    return reduced[:, :n], reduced_right[:n]


def _regularised_wide(band: FloatArray) -> FloatArray:
    result = band.copy()
    narrow = regularised(band[:2])
    result[:2] = narrow
    result[0] = np.maximum(result[0], 1e-30)
    return result


class _LocalInverse:
    """Elements of the inverse of a banded matrix near its diagonal.

    The inverse decays within a few knots: solved for a right-hand side with ones at every so many places, the system gives columns of the
    inverse that do not disturb each other where they are not negligible.

    Parameters
    ----------
    factor : ndarray
        Banded Cholesky factor (lower) of the matrix.
    n : int
        Its size.
    reach : int
        Furthest distance from the diagonal that is asked for.
    """

    def __init__(self, factor: FloatArray, n: int, reach: int) -> None:
        self.reach, self.spacing = reach, 2 * reach + NEGLIGIBLE_KNOTS
        probes = np.zeros((n, self.spacing), order="F")
        probes[np.arange(n), np.arange(n) % self.spacing] = 1.0
        self.columns = np.ascontiguousarray(cho_solve_banded((factor, True), probes, overwrite_b=True))

    def _at(self, row: IntArray, column: IntArray) -> FloatArray:
        return self.columns.take(row * self.spacing + column % self.spacing, mode="clip")

    def neighbours(self, base: IntArray, left: FloatArray, n_lags: int) -> FloatArray:
        """``left_b^T inverse left_{b+lag}`` for lags 0 .. `n_lags`, shape (n_lags + 1, m); `left_b`, shape (m, r), begins at ``base_b``."""
        m, r = left.shape
        furthest = self.reach - r
        stretch, offset = np.arange(r), np.arange(-furthest, r + furthest)
        part = self._at((base[:, None] + stretch)[:, :, None], (base[:, None] + offset)[:, None, :])
        seen = (left[:, None, :] @ part)[:, 0]
        result = np.zeros((n_lags + 1, m))
        for lag in range(n_lags + 1):
            jump = base[lag:] - base[: m - lag]
            start = np.arange(m - lag) * offset.size + furthest + np.clip(jump, -furthest, furthest)
            near = row_dot(seen.take(start[:, None] + stretch), left[lag:])
            result[lag, : m - lag] = np.where(np.abs(jump) <= furthest, near, 0.0)
        return result

    def sky_variance(self, space: SplineSpace, geometry: JointGeometry) -> FloatArray:
        """Variance of the sky at every pixel of the window: within a piece, a polynomial of twice the degree."""
        covariance = self._at(space.near[:, :, None], space.near[:, None, :])
        of_powers = space.powers.transpose(0, 2, 1) @ covariance @ space.powers
        polynomials = np.zeros((2 * space.degree + 1, space.n_pieces))
        for k in range(space.degree + 1):
            polynomials[k : k + space.degree + 1] += of_powers[:, k].T
        # where weights differ by many powers of ten, rounding may leave less than nothing
        return geometry.gain**2 * np.maximum(horner(polynomials, geometry.piece, geometry.t), 0.0)
