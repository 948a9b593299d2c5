"""Sums, largest values and small fits, each row on its own."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.arrays import FloatArray


def row_dot(left: FloatArray, right: FloatArray) -> FloatArray:
    """Sum of the products of each row, shape (n_disp,), for arrays of shape (n_disp, n)."""
    return np.asarray(np.einsum("ij,ij->i", left, right))


def row_max(values: FloatArray) -> FloatArray:
    """Largest value of each row, shape (n_disp,); quicker than `numpy.max` for short rows."""
    return values.take(np.arange(values.shape[0]) * values.shape[1] + np.argmax(values, axis=1))


def row_slope(values: FloatArray) -> FloatArray:
    """Change per sample along each row, shape of `values`: `numpy.gradient` along the last axis, in less time for short rows."""
    slope = np.empty(values.shape)
    np.subtract(values[:, 2:], values[:, :-2], out=slope[:, 1:-1])
    slope[:, 1:-1] *= 0.5
    slope[:, 0], slope[:, -1] = values[:, 1] - values[:, 0], values[:, -1] - values[:, -2]
    return slope


def fit_rows(terms: FloatArray, weight: FloatArray, values: FloatArray, prior: FloatArray) -> FloatArray:
    """Weighted least squares of every row.

    Parameters
    ----------
    terms : ndarray, shape (n_rows, n, n_terms)
        What is added up.
    weight : ndarray, shape (n_rows, n)
        Inverse variance; a row without any gets coefficients of 0.
    values : ndarray, shape (n_rows, n, n_columns)
        What is fitted, any number of columns at once.
    prior : ndarray, shape (n_rows, n_last)
        Inverse variance about 0 of the coefficients of the last terms; those before are free.

    Returns
    -------
    ndarray, shape (n_rows, n_terms, n_columns)
        Coefficients.  A billionth of the normal matrix is added to its diagonal, so that terms that are alike do no harm.
    """
    weighted = (terms * weight[..., None]).transpose(0, 2, 1)
    normal = weighted @ terms
    size = np.trace(normal, axis1=1, axis2=2)
    normal += np.where(size > 0, 1e-9 * size, 1.0)[:, None, None] * np.eye(terms.shape[-1])
    last = np.arange(terms.shape[-1] - prior.shape[1], terms.shape[-1])
    normal[:, last, last] += prior
    return np.asarray(np.linalg.solve(normal, weighted @ values))
