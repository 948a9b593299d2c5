"""Least squares with unknowns that cannot be negative."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray

LEAST_SLOPE = 1e-10
"""Of the largest: what is smaller is rounding."""


def not_negative(normal: FloatArray, right: FloatArray, *, free: int = 0) -> FloatArray:
    """Least squares from normal equations with unknowns that are not negative, but for the last `free` ones.

    Unknowns at zero are let in one by one, the steepest first; those that would turn negative go back to zero [1]_.

    References
    ----------
    .. [1] Lawson C. L. & Hanson R. J., 1974, Solving Least Squares Problems, chapter 23.
    """
    bounded = np.arange(right.size) < right.size - free
    inside = ~bounded
    found = _solved_within(normal, right, inside)
    least = LEAST_SLOPE * float(np.abs(right).max(initial=0.0))
    for _ in range(3 * right.size):
        slope = np.where(inside, 0.0, right - normal @ found)
        if slope.max(initial=0.0) <= least:
            break
        inside[int(np.argmax(slope))] = True
        wanted = _solved_within(normal, right, inside)
        while (negative := inside & bounded & (wanted <= 0.0)).any():
            share = float(np.min(found[negative] / (found[negative] - wanted[negative])))
            found = found + share * (wanted - found)
            inside &= ~(negative & (found <= LEAST_SLOPE * np.abs(found).max()))
            found[~inside] = 0.0
            wanted = _solved_within(normal, right, inside)
        found = wanted
    return found


def _solved_within(normal: FloatArray, right: FloatArray, inside: BoolArray) -> FloatArray:
    """The normal equations solved for some of the unknowns, 0 for the others."""
    found = np.zeros(right.size)
    if inside.any():
        found[inside] = np.linalg.solve(normal[np.ix_(inside, inside)], right[inside])
    return found
