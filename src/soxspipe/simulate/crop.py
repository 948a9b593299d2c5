"""A smaller detector: the same light on fewer pixels, for scenes that must run in a second."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from soxspipe.simulate.optics import OrderOptics
from soxspipe.simulate.simulation import Facts

_CLEARANCE_PX = 4.0
"""Blur of an order's edge."""


def crop(facts: Facts, rows: tuple[int, int], columns: tuple[int, int]) -> Facts:
    """Keep a rectangle of the science frame, and the orders whose whole slit lies in it.

    Parameters
    ----------
    facts : Facts
        The instrument.
    rows, columns : tuple of int
        Half-open range of unbinned pixels of the trimmed frame.

    Returns
    -------
    Facts
        With a detector of just these pixels: nothing to trim, nothing to turn.

    Raises
    ------
    ValueError
        If no order lies in the rectangle.
    """
    along_b, along_a = (columns, rows) if facts.arm.dispersion_axis == "x" else (rows, columns)
    shape = (rows[1] - rows[0], columns[1] - columns[0])
    moved = {number: optics.shifted(-along_b[0], -along_a[0]) for number, optics in facts.optics.orders.items()}
    half = 0.5 * facts.arm.slit_length_arcsec
    inside = {n: o for n, o in moved.items() if _fits(o, along_b[1] - along_b[0], along_a[1] - along_a[0], half)}
    if not inside:
        raise ValueError(f"no order lies entirely in rows {rows} and columns {columns}")
    return replace(
        facts,
        optics=replace(facts.optics, shape=shape, orders=inside),
        detector=replace(facts.detector, quarter_turns=0, science_rows=(0, shape[0]), science_columns=(0, shape[1])),
        raw_shape=shape,
    )


def _fits(optics: OrderOptics, n_b: int, n_a: int, half_slit_arcsec: float) -> bool:
    b = np.linspace(0.0, n_b - 1.0, 9)[:, None]
    slit = np.array([[-half_slit_arcsec, half_slit_arcsec]])
    a = optics.a_px(optics.wavelength_nm(b, slit), slit)
    return bool(np.all((a > _CLEARANCE_PX) & (a < n_a - 1 - _CLEARANCE_PX)))
