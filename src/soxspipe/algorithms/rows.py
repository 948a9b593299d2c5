"""Sums along the slit."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.arrays import FloatArray


def row_dot(left: FloatArray, right: FloatArray) -> FloatArray:
    """Sum of the products of each row, shape (n_disp,), for arrays of shape (n_disp, n)."""
    return np.asarray(np.einsum("ij,ij->i", left, right))
