"""The slit in a science frame: where it is lit against the flat, and where the object runs on it from blue to red."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.spectrum import OrderSpectrum
from soxspipe.plots.edges import draw_edges
from soxspipe.plots.inputs import FigureInputs
from soxspipe.plots.paper import Figure, Panel, Segments
from soxspipe.plots.style import WIDE, add_panel, error_bars, few_ticks, name_ticks, new_figure, stack_axes, write
from soxspipe.plots.words import BLUE, INK, MUTED, ORDER_COLOURS, PALE_BLUE, VERMILION

LEAST_SPREAD = 0.2
"""Arcsec that the panel shows at least, so that nothing looks like a drift."""
SAMPLES = 64
"""Points of a trace that is a smooth curve."""


def plot_slit_illumination(inputs: FigureInputs) -> Figure:
    """Lit range of every order in flat and science frame, and how far the slit's image moved."""
    figure = new_figure("Slit illumination", inputs.subtitle, WIDE)
    lit, moved = stack_axes(figure, (1.2, 1.0), right=0.98, bottom=0.10, top=0.88)
    slit, arm = inputs.slit, inputs.geometry.arm
    orders = [entry.order for entry in inputs.geometry.spectral_format.orders]
    half = arm.half_slit_arcsec
    ends = np.array([slit.edges_of(order, half) for order in orders], dtype=np.float64).reshape(-1, 2)
    shifts = np.array([slit.arcsec.get(order, 0.0) for order in orders])
    for beside, colour, moved_ends in ((-0.15, PALE_BLUE, ends), (0.15, BLUE, ends + shifts[:, None])):
        at = np.arange(len(orders)) + beside
        bars = np.stack([np.column_stack([at, end]) for end in moved_ends.T], axis=1)
        lit.marks.append(Segments(ends=bars, color=colour, width=4.0))
    lit.set_ylabel("lit part of the slit (arcsec)")
    lit.set_ylim(-half - 3.0, half + 3.0)
    seen = [
        (float(place), slit.orders[order].px, slit.orders[order].error_px) for place, order in enumerate(orders) if order in slit.orders
    ]
    places, px, errors = np.array(seen, dtype=np.float64).reshape(-1, 3).T
    error_bars(moved, places, px, errors, size=4.0, colour=BLUE)
    reach = 1.2 * float(np.max(np.abs(px) + errors, initial=1.0, where=np.isfinite(px)))
    moved.set_ylim(-reach, reach)
    if np.isfinite(slit.px):
        moved.axhline(slit.px, color=VERMILION, lw=0.8)
    moved.axhline(0.0, color=INK, lw=0.4)
    moved.set_ylabel("slit's image against the flat's (px)")
    _by_order(moved, [arm.label(order) for order in orders])
    few_ticks(lit, y=5)
    write(figure, 0.07, 0.02, _illumination_words(inputs), color=MUTED, size=7.0)
    return draw_edges(figure)


def plot_slit_drift(inputs: FigureInputs) -> Figure:
    """The object's position on the slit against wavelength: refraction, and what the map has wrong."""
    figure = new_figure("Drift along the slit", inputs.subtitle, WIDE)
    panel = add_panel(figure, (0.07, 0.12, 0.91, 0.76))
    curves = [curve for spectrum in sorted(inputs.orders, key=lambda one: one.order) if (curve := _curve(inputs, spectrum)) is not None]
    for number, (wave, position) in enumerate(curves):
        panel.plot(wave, position, color=ORDER_COLOURS[number % 2][0], lw=1.2)
    if curves:
        waves, positions = (np.concatenate(parts) for parts in zip(*curves, strict=True))
        spread = max(float(np.ptp(positions)), LEAST_SPREAD)
        panel.set_xlim(float(waves.min()), float(waves.max()))
        panel.set_ylim(float(positions.min()) - 0.2 * spread, float(positions.max()) + 0.2 * spread)
    panel.set_xlabel("wavelength (nm)")
    panel.set_ylabel("object on the slit (arcsec)")
    few_ticks(panel, x=9, y=6)
    return draw_edges(figure)


def _curve(inputs: FigureInputs, spectrum: OrderSpectrum) -> tuple[FloatArray, FloatArray] | None:
    """Some wavelengths of an order, and the object's slit positions there; None where the order has neither."""
    trace, known = inputs.trace.orders.get(spectrum.order), np.flatnonzero(np.isfinite(spectrum.wavelength_nm))
    if trace is None or not known.size:
        return None
    some = known[np.linspace(0, known.size - 1, min(SAMPLES, known.size)).astype(int)]
    return spectrum.wavelength_nm[some], np.interp(spectrum.b_px[some], trace.b_px, trace.slit_arcsec)


def _by_order(axes: Panel, labels: list[str]) -> None:
    axes.set_xlim(-0.6, len(labels) - 0.4)
    name_ticks(axes.xaxis, range(len(labels)), labels)
    few_ticks(axes, y=5)


def _illumination_words(inputs: FigureInputs) -> str:
    slit = inputs.slit
    if not np.isfinite(slit.px):
        return "no edge of the slit was seen in the sky's light"
    followed = "slit positions follow it" if slit.applied else "nothing is moved"
    return f"pale: flat, blue: science frame; the slit's image moved by {slit.px:+.2f} ± {slit.error_px:.2f} px, {followed}"
