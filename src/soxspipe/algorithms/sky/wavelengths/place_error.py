"""What an error of the object's place on the slit does to its wavelengths: lines are tilted."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.geometry import OrderWindow
from soxspipe.datamodel.trace import ContinuumSamples

LEAST_SAMPLES = 5
"""Fewer slices do not know their own scatter."""


def place_errors(samples: ContinuumSamples) -> dict[int, float]:
    """Error of the object's place in every order that shows it, px along the slit: what slices scatter about the trace, over the root of their number.

    An order that shows it in fewer than `LEAST_SAMPLES` has the largest of the others' errors, which it follows.
    """
    found = {}
    orders = np.unique(samples.order).tolist()
    for order in orders:
        here = samples.used & (samples.order == order)
        number = np.count_nonzero(here)
        if number >= LEAST_SAMPLES:
            found[order] = float(np.std(samples.residual_px[here]) / np.sqrt(number))
    largest = max(found.values(), default=0.0)
    return {order: found.get(order, largest) for order in orders}


def line_tilt(window: OrderWindow) -> float:
    """How far lines move along the dispersion, px, per px along the slit; size alone, median of the order."""
    n_slit = window.index.shape[1]
    low, high = n_slit // 3, 2 * n_slit // 3
    if high == low or window.b_px.size < 2:
        return 0.0
    step = np.gradient(window.wavelength_nm[:, low])
    with np.errstate(invalid="ignore", divide="ignore"):
        tilt = np.abs((window.wavelength_nm[:, high] - window.wavelength_nm[:, low]) / (high - low) / step)
    known = tilt[np.isfinite(tilt)]
    return float(np.median(known)) if known.size else 0.0
