"""The functions of order, wavelength and slit position in which a dispersion solution is fitted, and their restatement as powers.

Light of order n and wavelength lambda leaves a grating in a direction that depends on ``n lambda``: on an echelle the natural variables are
``u = (n lambda - product) / range`` and ``q = (n - middle) / half``.  Where the orders of an arm are separate beams (SOXS VIS) every order
is a polynomial of its own.  The tables hold powers ``n^i lambda^j s^k`` with i, j up to 9; every function here is a sum of such powers, known in
extended precision, and evaluated as a polynomial in the scaled wavelength of its order, which loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from soxspipe.datamodel.arrays import FloatArray, IntArray
from soxspipe.numerics.chebyshev import Extended, chebyshev_powers, chebyshev_values, lagrange_powers, scaled_powers

HIGHEST_POWER = 9
"""The tables name a coefficient by one digit per power."""
HIGHEST_SEPARATE = 7
"""Degree in wavelength of separate orders: in a table the powers of one order cancel at the wavelengths of another, in double precision to
1e-4 px per px of the coefficients at degree 7, but only to 0.1 px at degree 8."""
SEQUENCE = (
    ("product", 0), ("product", 1), ("product", 2), ("product", 3), ("product", 4),
    ("wavelength", 1), ("wavelength", 2), ("product", 5), ("wavelength", 3), ("wavelength", 4),
    ("product", 6), ("wavelength", 5), ("product", 7), ("product", 8),
)  # fmt: skip
"""How the functions of an echelle come in: products of a total degree, and powers of the wavelength with lower ones of the order, which the
tables hold too.  Solutions made with these powers, as the reference's are, are thus held exactly.  Degree 9 is left out:
evaluated as they stand in a table its powers cancel to no better than 0.1 px in double precision, those of degree 8 to 0.004 px per px."""
GRID = 14
"""Nodes each way; more than twice the highest degree, so that powers are had without error."""
LEAST_NEW = 1e-5
"""A function that is a sum of the ones before it to this share of its size is left out: its coefficient would mean nothing."""
BEYOND = 0.02
"""Share of its range by which an order is known beyond its limits."""

Scales = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DispersionBasis:
    """Functions of order and wavelength, to be multiplied with Chebyshev polynomials of the slit position.

    Attributes
    ----------
    kind : {'echelle', 'separate', 'box'}
        How they were made.
    orders : tuple of int
        All orders of the arm, rising.
    middle_nm, half_nm : ndarray, shape (n_orders,)
        Scale of the wavelength in each order.
    slit_half : float
        Scale (arcsec) of the slit position.
    degree : ndarray of int, shape (n_functions,)
        Degree with which each function comes in.
    local : ndarray, shape (n_orders, n_functions, n_j)
        Each function in each order, in powers of the scaled wavelength.
    monomials : ndarray of longdouble, shape (n_functions, n_i, n_j)
        Each function in powers of order and wavelength.
    """

    kind: Literal["echelle", "separate", "box"]
    orders: tuple[int, ...]
    middle_nm: FloatArray
    half_nm: FloatArray
    slit_half: float
    degree: IntArray
    local: FloatArray
    monomials: Extended

    def index(self, order: IntArray) -> IntArray:
        """Position of each order number in `orders`."""
        return np.searchsorted(np.array(self.orders), order)

    def design(self, terms: IntArray, order: IntArray, wavelength_nm: FloatArray, slit_arcsec: FloatArray) -> FloatArray:
        """Values of the products `terms` (rows: function, degree in slit position), shape (n_points, n_terms)."""
        at = self.index(order)
        u = (wavelength_nm - self.middle_nm[at]) / self.half_nm[at]
        powers = np.power(u[:, None], np.arange(self.local.shape[2]))
        function, c = terms.T
        most = int(function.max()) + 1
        values = np.empty((len(u), most))
        for k in np.unique(at):
            here = at == k
            values[here] = powers[here] @ self.local[k, :most].T
        slit = chebyshev_values(np.asarray(slit_arcsec, np.float64) / self.slit_half, int(c.max()))
        return np.asarray(values[:, function] * slit[:, c])

    def powers(self, terms: IntArray, coefficients: FloatArray) -> Extended:
        """The sum of products as coefficients of ``n^i lambda^j s^k``, extended precision."""
        function, c = terms.T
        by_slit = np.zeros((self.monomials.shape[0], int(c.max()) + 1), dtype=np.longdouble)
        np.add.at(by_slit, (function, c), np.asarray(coefficients, dtype=np.longdouble))
        slit = chebyshev_powers(int(c.max()), 0.0, self.slit_half)
        total = np.einsum("mc,mij,ck->ijk", by_slit, self.monomials, slit)
        used = np.flatnonzero(np.any(total != 0, axis=(1, 2))), np.flatnonzero(np.any(total != 0, axis=(0, 2)))
        return np.asarray(total[: used[0][-1] + 1, : used[1][-1] + 1]) if used[0].size else total[:1, :1]


def degree_terms(basis: DispersionBasis, degrees: tuple[int, ...]) -> IntArray:
    """Functions up to degree ``degrees[c]`` for each degree c in slit position; rows (function, c)."""
    rows = [(function, c) for c, degree in enumerate(degrees) for function in np.flatnonzero(basis.degree <= degree)]
    return np.array(rows, dtype=np.int64).reshape(-1, 2)


def highest_degree(basis: DispersionBasis) -> int:
    """Degree with which the last function comes in."""
    return int(basis.degree.max())


def echelle_basis(ranges_nm: Mapping[int, tuple[float, float]], scales: Scales, slit_half: float) -> DispersionBasis:
    """Functions of an echelle, orthogonal over its orders.

    Products ``T_a(u) T_b(q)`` with a + b up to 8 and between them what the tables hold besides,
    ``n^i lambda^j`` with i < j; their degree is the step of `SEQUENCE` in which they come in.

    Parameters
    ----------
    ranges_nm : mapping of int to tuple of float
        Wavelengths of each order.
    scales : tuple of float
        Centre and half range of order x wavelength, and of the order.
    slit_half : float
        Scale of the slit position, arcsec.
    """
    return _orthogonal(_key(ranges_nm), scales, slit_half)


def separate_basis(ranges_nm: Mapping[int, tuple[float, float]], slit_half: float) -> DispersionBasis:
    """Chebyshev polynomials in the wavelength of each order alone."""
    orders, middle, half = _scaled(_key(ranges_nm))
    n, m = len(orders), HIGHEST_SEPARATE + 1
    local, monomials = np.zeros((n, n * m, m)), np.zeros((n * m, n, m), dtype=np.longdouble)
    plain, at_order = chebyshev_powers(HIGHEST_SEPARATE, 0.0, 1.0), lagrange_powers(np.array(orders, dtype=np.float64))
    for k in range(n):
        rows = np.arange(m) * n + k  # rising degree
        local[k, rows] = plain
        monomials[rows] = at_order[k][None, :, None] * chebyshev_powers(HIGHEST_SEPARATE, middle[k], half[k])[:, None, :]
    return DispersionBasis(
        kind="separate", orders=orders, middle_nm=middle, half_nm=half, slit_half=slit_half, degree=np.repeat(np.arange(m), n), local=local,
        monomials=monomials,
    )  # fmt: skip


def box_basis(basis: DispersionBasis, order_degree: int, wavelength_degree: int) -> DispersionBasis:
    """All powers of order and wavelength up to two degrees, as the published settings mean them; of degree 0, so that all are taken."""
    low, high = basis.middle_nm - basis.half_nm, basis.middle_nm + basis.half_nm
    orders = np.array(basis.orders, dtype=np.float64)
    in_order = chebyshev_powers(order_degree, float(orders.mean()), max(0.5 * float(np.ptp(orders)), 1.0))
    in_wave = chebyshev_powers(wavelength_degree, 0.5 * float(low.min() + high.max()), 0.5 * float(high.max() - low.min()))
    monomials = np.einsum("bi,aj->baij", in_order, in_wave).reshape(-1, order_degree + 1, wavelength_degree + 1)
    return DispersionBasis(
        kind="box", orders=basis.orders, middle_nm=basis.middle_nm, half_nm=basis.half_nm, slit_half=basis.slit_half,
        degree=np.zeros(len(monomials), dtype=np.int64), local=_local(monomials, basis.orders, basis.middle_nm, basis.half_nm).astype(np.float64),
        monomials=monomials,
    )  # fmt: skip


def surface_powers(terms: IntArray, coefficients: FloatArray, scales: Scales, slit_half: float) -> Extended:
    """``sum c u^a q^b t^k`` (rows of `terms`: a, b, k) of an echelle as coefficients of ``n^i lambda^j s^k``."""
    a, b, k = terms.T
    cube = np.zeros((int(a.max()) + 1, int(b.max()) + 1, int(k.max()) + 1), dtype=np.longdouble)
    np.add.at(cube, (a, b, k), np.asarray(coefficients, dtype=np.longdouble))
    wave, order = scaled_powers(int(a.max()), scales[0], scales[1]), scaled_powers(int(b.max()), scales[2], scales[3])
    product = np.einsum("abc,aj,bi,ck->ijk", cube, wave, order, scaled_powers(int(k.max()), 0.0, slit_half))
    return _with_order(product)[: int((a + b).max()) + 1]


def separate_powers(orders: tuple[int, ...], terms: IntArray, coefficients: FloatArray, scales: FloatArray, slit_half: float) -> Extended:
    """``sum c u^a t^k`` by order (rows of `terms`: a, index of the order, k; rows of `scales`: centre, half range) as coefficients of powers."""
    a, b, k = terms.T
    cube = np.zeros((int(a.max()) + 1, len(orders), int(k.max()) + 1), dtype=np.longdouble)
    np.add.at(cube, (a, b, k), np.asarray(coefficients, dtype=np.longdouble))
    at_order, slit = lagrange_powers(np.array(orders, dtype=np.float64)), scaled_powers(int(k.max()), 0.0, slit_half)
    parts = [
        np.einsum("ac,aj,ck->jk", cube[:, n], scaled_powers(cube.shape[0] - 1, *map(float, scales[n])), slit) for n in range(len(orders))
    ]
    return np.asarray(np.einsum("ni,njk->ijk", at_order, np.stack(parts)))


def _key(ranges_nm: Mapping[int, tuple[float, float]]) -> tuple[tuple[int, float, float], ...]:
    return tuple((order, *ranges_nm[order]) for order in sorted(ranges_nm))


def _scaled(key: tuple[tuple[int, float, float], ...]) -> tuple[tuple[int, ...], FloatArray, FloatArray]:
    low, high = np.array([row[1] for row in key]), np.array([row[2] for row in key])
    return tuple(row[0] for row in key), 0.5 * (low + high), (0.5 + BEYOND) * (high - low)


def _with_order(product: Extended) -> Extended:
    """Coefficients of ``n^i (n lambda)^j ...`` as those of ``n^i lambda^j ...``."""
    n_i, n_j = product.shape[:2]
    result = np.zeros((n_i + n_j - 1, *product.shape[1:]), dtype=np.longdouble)
    for j in range(n_j):
        result[j : j + n_i, j] += product[:, j]
    return result


def _local(monomials: Extended, orders: tuple[int, ...], middle: FloatArray, half: FloatArray) -> Extended:
    """Functions in powers of the scaled wavelength of each order, shape (n_orders, n_functions, n_j)."""
    result = []
    for order, centre, scale in zip(orders, middle, half, strict=True):
        c = np.einsum("mij,i->mj", monomials, np.power(np.longdouble(order), np.arange(monomials.shape[1])))
        degree = c.shape[1] - 1
        for lowest in range(degree):  # Taylor shift by repeated synthetic division
            for j in range(degree - 1, lowest - 1, -1):
                c[:, j] += np.longdouble(centre) * c[:, j + 1]
        result.append(c * np.power(np.longdouble(scale), np.arange(degree + 1)))
    return np.stack(result)


@lru_cache(maxsize=8)
def _orthogonal(key: tuple[tuple[int, float, float], ...], scales: Scales, slit_half: float) -> DispersionBasis:
    """Gram-Schmidt, twice, over a grid of all orders, in extended precision."""
    orders, middle, half = _scaled(key)
    raw, degree = _raw_functions(key, scales)
    local = _local(raw, orders, middle, half)
    nodes = np.cos(np.pi * (np.arange(GRID) + 0.5) / GRID).astype(np.longdouble)
    grid = np.einsum("omj,gj->mog", local, np.power(nodes[:, None], np.arange(local.shape[2]))).reshape(len(raw), -1)
    kept: list[int] = []
    for m in range(len(raw)):
        before = np.sqrt(np.mean(grid[m] ** 2))
        for _ in range(2):
            share = grid[kept] @ grid[m] / grid.shape[1]
            for mine, part in ((grid, 1), (raw, 2), (local, 3)):
                if part == 3:
                    local[:, m] -= np.einsum("k,okj->oj", share, local[:, kept])
                else:
                    mine[m] -= np.tensordot(share, mine[kept], axes=(0, 0))
        size = np.sqrt(np.mean(grid[m] ** 2))
        if size < LEAST_NEW * before:
            continue
        grid[m] /= size
        raw[m] /= size
        local[:, m] /= size
        kept.append(m)
    return DispersionBasis(
        kind="echelle", orders=orders, middle_nm=middle, half_nm=half, slit_half=slit_half, degree=degree[kept],
        local=local[:, kept].astype(np.float64), monomials=raw[kept],
    )  # fmt: skip


def _raw_functions(key: tuple[tuple[int, float, float], ...], scales: Scales) -> tuple[Extended, IntArray]:
    """Products of u and q by total degree, and between them those of wavelength and order that they leave out; each with its degree."""
    functions, degree = [], []
    in_product, in_order = chebyshev_powers(HIGHEST_POWER, scales[0], scales[1]), chebyshev_powers(HIGHEST_POWER, scales[2], scales[3])
    low, high = min(row[1] for row in key), max(row[2] for row in key)
    in_wave = chebyshev_powers(HIGHEST_POWER, 0.5 * (low + high), 0.5 * (high - low))
    for step, (kind, most) in enumerate(SEQUENCE):
        for a in range(most + 1):
            b = most - a
            if kind == "product" and b < len(key):
                functions.append(_with_order(np.einsum("i,j->ij", in_order[b], in_product[a]))[: HIGHEST_POWER + 1])
            elif kind == "wavelength" and a < most:  # n^a lambda^most, a < most: not among the products
                functions.append(np.einsum("i,j->ij", in_order[a], in_wave[most]))
            else:
                continue
            degree.append(step)
    return np.stack(functions), np.array(degree)
