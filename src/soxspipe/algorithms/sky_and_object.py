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

from soxspipe.algorithms.order_data import OrderData
from soxspipe.algorithms.piece_sums import piece_products
from soxspipe.algorithms.sky_spline import SkySpline, regularised, spline_normal
from soxspipe.algorithms.splines import bspline_basis
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray

N_LAGS = 3
BLOCK = 96
SMALLEST_SHARE = 1e-5
LEAST_POWER = 0.02


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
    """What does not change while fluxes and weights do: pieces and values of the spline per pixel (window shape; values scaled by g)."""

    first: IntArray
    basis: FloatArray


def joint_geometry(spline: SkySpline, u_px: FloatArray, slit: FloatArray) -> JointGeometry:
    """Evaluate the spline's basis once for all pixels of a window."""
    shifted = spline.shifted(u_px, slit)
    first, basis = bspline_basis(shifted.ravel(), spline.knots, spline.degree)
    gain = spline.gain(slit).ravel()
    return JointGeometry(first=first.reshape(u_px.shape), basis=(basis * gain).reshape(-1, *u_px.shape))


def evaluate_sky(spline: SkySpline, geometry: JointGeometry) -> FloatArray:
    """Sky on the window from basis values already at hand."""
    total = np.zeros(geometry.first.shape)
    for a in range(geometry.basis.shape[0]):
        total += geometry.basis[a] * spline.coefficients[geometry.first + a]
    return total


def solve_sky_and_object(
    data: OrderData, spline: SkySpline, geometry: JointGeometry, shares: FloatArray, weight: FloatArray, *, with_errors: bool = True
) -> JointSolution:
    """Solve for the sky spline and the object's flux in every dispersion pixel.

    Parameters
    ----------
    data : OrderData
        The order.
    spline : SkySpline
        Knots and shape of the sky; its coefficients are solved anew.
    geometry : JointGeometry
        Its basis.
    shares : ndarray, shape of the window
        Object profile; each row sums to 1.
    weight : ndarray, shape of the window
        1 / variance; 0 leaves a pixel out.
    with_errors : bool
        Work out variances and covariances too.

    Returns
    -------
    JointSolution
        Zeros in place of errors if they were not asked for.
    """
    n, width = spline.coefficients.size, geometry.basis.shape[0]
    used = weight > 0
    band, right = _sky_normal(geometry, data.electrons, weight, used, n)
    carries = used & (np.abs(shares) > SMALLEST_SHARE)
    power = np.sum(np.where(carries, weight * shares**2, 0.0), axis=1)
    full = np.sum(shares**2, axis=1)
    left = np.sum(np.where(carries, shares**2, 0.0), axis=1)
    solvable = (left > LEAST_POWER * full) & (power > 0)
    carries &= solvable[:, None]
    safe = np.where(solvable, power, 1.0)
    pull = np.sum(np.where(carries, weight * shares * data.electrons, 0.0), axis=1)
    base, coupling = _coupling(geometry, shares, weight, carries)
    reduced, reduced_right = _eliminate(band, right, base, coupling / safe[:, None], coupling, pull / safe, solvable)
    factor = cholesky_banded(_regularised_wide(reduced), lower=True)
    coefficients = cho_solve_banded((factor, True), reduced_right)
    around = coefficients[np.minimum(base[:, None] + np.arange(coupling.shape[1]), n - 1)]
    flux = np.where(solvable, (pull - np.sum(coupling * around, axis=1)) / safe, np.nan)
    solved = replace(spline, coefficients=coefficients)
    if not with_errors:
        nothing = np.zeros(flux.shape)
        return JointSolution(
            spline=solved, flux=flux, variance=nothing, covariance=np.zeros((N_LAGS, flux.size)), sky_variance=np.zeros(shares.shape)
        )
    inverse = _LocalInverse(_regularised_wide(reduced), reach=coupling.shape[1] + N_LAGS * 4)
    leverage = np.where(solvable[:, None], coupling / safe[:, None], 0.0)
    variance = np.where(solvable, 1.0 / safe + inverse.quadratic(base, leverage, base, leverage), np.inf)
    covariance = np.zeros((N_LAGS, flux.size))
    for lag in range(1, N_LAGS + 1):
        covariance[lag - 1, :-lag] = inverse.quadratic(base[:-lag], leverage[:-lag], base[lag:], leverage[lag:])
    flat_first, flat_basis = geometry.first.ravel(), geometry.basis.reshape(width, -1)
    inside = np.flatnonzero(data.window.inside.ravel())
    sky_variance = np.zeros(shares.size)
    sky_variance[inside] = inverse.near_diagonal(flat_first[inside], flat_basis[:, inside])
    return JointSolution(
        spline=solved, flux=flux, variance=variance, covariance=covariance, sky_variance=sky_variance.reshape(shares.shape)
    )


def _sky_normal(
    geometry: JointGeometry, electrons: FloatArray, weight: FloatArray, used: BoolArray, n: int
) -> tuple[FloatArray, FloatArray]:
    width = geometry.basis.shape[0]
    columns = [*geometry.basis[:, used], electrons[used]]
    return spline_normal(piece_products(geometry.first[used], columns, weight[used], n - width + 1), width, n)


def _coupling(geometry: JointGeometry, shares: FloatArray, weight: FloatArray, carries: BoolArray) -> tuple[IntArray, FloatArray]:
    """Sums of weight x share x basis per dispersion pixel: first spline index (n_disp,), and the row of couplings from there on."""
    first = np.where(carries, geometry.first, np.iinfo(np.int64).max)
    base = first.min(axis=1)
    occupied = carries.any(axis=1)
    base = np.where(occupied, base, 0)
    last = np.where(carries, geometry.first, 0).max(axis=1)
    reach = int((last - base)[occupied].max(initial=0)) + geometry.basis.shape[0]
    rows = np.broadcast_to(np.arange(shares.shape[0])[:, None], shares.shape)[carries]
    slot = rows * reach + (geometry.first[carries] - base[rows])
    weighted = (weight * shares)[carries]
    coupling = np.zeros(shares.shape[0] * reach)
    for a in range(geometry.basis.shape[0]):
        coupling += np.bincount(slot + a, weighted * geometry.basis[a][carries], coupling.size)[: coupling.size]
    return base, coupling.reshape(-1, reach)


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
    start, first_ratio, second = base[rows], ratio[rows], coupling[rows]
    for i in range(reach):
        reduced_right[:] -= np.bincount(start + i, second[:, i] * pull[rows], n + reach)
        for j in range(i, reach):
            reduced[j - i] -= np.bincount(start + i, first_ratio[:, i] * second[:, j], n + reach)
    return reduced[:, :n], reduced_right[:n]


def _regularised_wide(band: FloatArray) -> FloatArray:
    result = band.copy()
    narrow = regularised(band[:2])
    result[:2] = narrow
    result[0] = np.maximum(result[0], 1e-30)
    return result


class _LocalInverse:
    """Elements of the inverse of a banded matrix near its diagonal, from inverses of overlapping blocks.

    The inverse decays within a few knots, so a block's inverse equals the whole matrix's in the block's middle.
    """

    def __init__(self, band: FloatArray, reach: int) -> None:
        n = band.shape[1]
        self.margin = max(reach, 24)
        self.step = max(BLOCK - self.margin, 32)
        self.size = min(self.step + 2 * self.margin, n)
        starts = np.arange(0, max(n - self.size, 0) + self.step, self.step)
        self.starts = np.minimum(starts, n - self.size)
        local = np.zeros((self.starts.size, self.size, self.size))
        for lag in range(min(band.shape[0], self.size)):
            where = np.arange(self.size - lag)
            values = band[lag][self.starts[:, None] + where]
            local[:, where + lag, where] = values
            local[:, where, where + lag] = values
        self.inverse = np.linalg.inv(local)
        self.n = n

    def _block(self, index: IntArray) -> IntArray:
        """Block in whose middle an index (start of a stretch) lies."""
        centre = index - self.margin
        return np.clip(np.round(centre / self.step).astype(np.int64), 0, self.starts.size - 1)

    def quadratic(self, base_left: IntArray, left: FloatArray, base_right: IntArray, right: FloatArray) -> FloatArray:
        """``left^T inverse right`` for stretches of equal length that start at the indices given, shape (m,)."""
        block = self._block(base_left)
        offset = np.arange(left.shape[1])
        i = np.clip(base_left[:, None] + offset - self.starts[block][:, None], 0, self.size - 1)
        j = np.clip(base_right[:, None] + offset - self.starts[block][:, None], 0, self.size - 1)
        part = self.inverse[block[:, None, None], i[:, :, None], j[:, None, :]]
        return np.einsum("mi,mij,mj->m", left, part, right)

    def near_diagonal(self, first: IntArray, basis: FloatArray) -> FloatArray:
        """Variance of the spline at points whose non-zero basis values are `basis`, shape (degree + 1, m)."""
        width = basis.shape[0]
        every = np.arange(self.n - width + 1)
        block = self._block(every)
        offset = np.arange(width)
        place = every[:, None] + offset - self.starts[block][:, None]
        table = self.inverse[block[:, None, None], place[:, :, None], place[:, None, :]]
        total = np.zeros(first.size)
        for a in range(width):
            total += table[first, a, a] * basis[a] ** 2
            for c in range(a + 1, width):
                total += 2.0 * table[first, a, c] * basis[a] * basis[c]
        return total
