"""How evenly the samples that a trace rests on lie along its orders."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.datamodel.metric import Metric


def measure_gaps(order: IntArray, b_px: FloatArray, used: BoolArray, label: Callable[[int], str]) -> tuple[Metric, ...]:
    """SAMPLES GAP MAX of every order: the longest stretch without a sample that the trace rests on, over the length that was sampled.

    Parameters
    ----------
    order, b_px, used : ndarray, shape (n,)
        Order number and dispersion pixel of every sample, and whether the trace rests on it.
    label : callable
        Name of an order.

    Returns
    -------
    tuple of Metric
        One of each order; 1 where no sample was used.
    """
    gaps = []
    for number in np.unique(order):
        b, kept = b_px[order == number], used[order == number]
        marks = np.sort(np.concatenate([[b.min()], b[kept], [b.max()]]))
        name = label(int(number))
        gap = float(np.diff(marks).max() / max(float(np.ptp(b)), 1.0))
        gaps.append(Metric(name=f"SAMPLES GAP MAX O{name}", value=gap, comment="Longest stretch without a sample", order=name))
    return tuple(gaps)
