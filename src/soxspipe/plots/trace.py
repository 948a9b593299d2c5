"""Where the object was found, how well the trace fits, and the spatial profile."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.stored_frame import AnyFrame
from soxspipe.datamodel.trace import ContinuumSamples, ObjectTrace
from soxspipe.plots.decimate import block_mean
from soxspipe.plots.edges import draw_edges
from soxspipe.plots.inputs import FigureInputs
from soxspipe.plots.paper import Figure, Panel
from soxspipe.plots.show_image import show_image, stretch
from soxspipe.plots.strips import Strip, join_strips, lay_straight
from soxspipe.plots.style import DASHED, NO_COLOUR, WIDE, Key, add_panel, dots, draw_key, few_ticks, name_ticks, new_figure, write
from soxspipe.plots.words import BLUE, FWHM_PER_SIGMA, GREEN, INK, JOIN, MUTED, VERMILION

_QUOTED = frozenset(
    {
        "N ORDERS", "SAMPLES TOT NUM", "SAMPLES DET NUM", "SAMPLES CLIP NUM", "X RES MIN", "X RES MAX", "X RES SD", "Y RES MIN",
        "Y RES MAX", "Y RES SD", "TRACE SIGNIF", "TRACE SLIT POS",
    }
)  # fmt: skip


def plot_trace(inputs: FigureInputs) -> Figure:
    """Draw the samples and the fitted trace on the orders, the residuals, the width, and the profile.

    Parameters
    ----------
    inputs : FigureInputs
        Uses `trace`, `profile`, `sky_subtracted`, `geometry`, the trace metrics and settings.

    Returns
    -------
    Figure
        Orders laid straight; residual over dispersion and slit axis; width and slit position over wavelength; spatial profile;
        metrics and settings of the trace.
    """
    trace, samples = inputs.trace, inputs.trace.samples
    axis = inputs.geometry.arm.slit_axis.upper()
    mean = float(np.mean(samples.residual_px[samples.used])) if samples.used.any() else float("nan")
    title = f"{inputs.observation.arm} object trace: mean residual {mean:+.3f} px, scatter {trace.residual_sd_px:.3f} px ({axis})"
    if trace.forced:
        title = f"{inputs.observation.arm} object trace: no object found, forced position"
    figure = new_figure(title, inputs.subtitle, WIDE)
    draw_key(
        figure,
        [
            Key(text="sample used in the fit", colour=BLUE, form="dot"),
            Key(text="clipped", colour=VERMILION, form="dot"),
            Key(text="nothing detected", colour=INK, form="dot"),
            Key(text="fitted trace, ± 3 σ of the profile", colour=GREEN),
            Key(text=f"degree {trace.order_deg} in order, {trace.axis_deg} along the order", colour=NO_COLOUR),
        ],
    )
    _orders_panel(add_panel(figure, (0.07, 0.50, 0.915, 0.385)), inputs)
    grid = [(left, bottom) for bottom in (0.285, 0.065) for left in (0.07, 0.40)]
    boxes = [add_panel(figure, (left, bottom, 0.265, 0.165)) for left, bottom in grid]
    dispersion, slit = inputs.geometry.arm.dispersion_axis, inputs.geometry.arm.slit_axis
    _residual_panel(boxes[0], samples, samples.b_px, f"{dispersion} (px)")
    _residual_panel(boxes[1], samples, samples.a_px, f"{slit} (px)")
    _width_panel(boxes[2], samples)
    _position_panel(boxes[3], inputs)
    _profile_panel(add_panel(figure, (0.73, 0.325, 0.255, 0.125)), inputs)
    write(figure, 0.715, 0.272, _numbers(inputs), size=6.3, va="top", linespacing=1.32)
    return draw_edges(figure)


def _orders_panel(axes: Panel, inputs: FigureInputs) -> None:
    """Draw all orders laid straight, one above the other, with samples and trace in their places."""
    trace, samples = inputs.trace, inputs.trace.samples
    strips = lay_straight(inputs.geometry)
    longest = max(strip.index.shape[1] for strip in strips)
    columns = max(1, round(longest / 1020))
    sheet, bottoms = join_strips([_levelled(strip, inputs.sky_subtracted, columns) for strip in strips])
    show_image(axes, sheet, (-0.5, sheet.shape[1] * columns - 0.5, -0.5, sheet.shape[0] - 0.5), (0.0, 1.0))
    _draw_trace(axes, trace, strips, bottoms)
    marks: dict[str, list[tuple[FloatArray, FloatArray]]] = {"used": [], "clipped": [], "missed": []}
    for strip, bottom in zip(strips, bottoms, strict=True):
        mine = samples.order == strip.order
        measured = np.where(samples.detected, samples.a_px, _trace_at(trace, strip.order, samples.b_px))
        at, height = strip.place(samples.b_px, measured)
        states = {"used": samples.used, "clipped": samples.detected & ~samples.used, "missed": ~samples.detected}
        for state, chosen in states.items():
            marks[state].append((at[mine & chosen], bottom + height[mine & chosen]))
    for state, size, colour in (("used", 1.0, BLUE), ("clipped", 2.2, VERMILION), ("missed", 1.6, INK)):
        x, y = (np.concatenate(part) for part in zip(*marks[state], strict=True))
        dots(axes, x, y, size=size, colour=colour, name=state)
    middles = [bottom + strip.index.shape[0] / 2 for strip, bottom in zip(strips, bottoms, strict=True)]
    name_ticks(axes.yaxis, middles, [strip.label for strip in strips])
    axes.set_xlim(-0.5, longest - 0.5)
    axes.set_ylim(-0.5, sheet.shape[0] - 0.5)
    axes.set_xlabel("pixels along the order, from blue to red")
    axes.set_ylabel("order, each in its own stretch")
    few_ticks(axes, x=10)


def _levelled(strip: Strip, frame: AnyFrame, columns: int) -> FloatArray:
    """One order in units of its noise, averaged along the dispersion, from 1 sigma (0) to its own object (1): faint orders are seen as well."""
    electrons = block_mean(strip.cutout(frame.electrons), 1, columns)
    variance = block_mean(strip.cutout(frame.variance), 1, columns)
    ratio = np.divide(electrons, np.sqrt(variance), out=np.full_like(electrons, np.nan), where=variance > 0)
    high = stretch(ratio, 10.0, 97.0)[1]
    return (ratio - 1.0) / max(high - 1.0, 3.0)


def _draw_trace(axes: Panel, trace: ObjectTrace, strips: Sequence[Strip], bottoms: Sequence[int]) -> None:
    """Draw the fitted trace of all strips as one broken line, and 3 sigma of the profile on either side."""
    every = slice(None, None, 24)
    along, rows, reach = [], [], []
    for strip, bottom in zip(strips, bottoms, strict=True):
        row = bottom + strip.trace_row(trace)[every]
        sigma = float(np.median(trace.orders[strip.order].sigma_px)) if strip.order in trace.orders else np.nan
        along.append(np.append(np.arange(strip.b_px.size)[every], np.nan))
        rows.append(np.append(row, np.nan))
        reach.append(np.full(row.size + 1, 3.0 * sigma))
    x, y, side = np.concatenate(along), np.concatenate(rows), np.concatenate(reach)
    axes.plot(x, y, color=GREEN, lw=0.5)
    axes.plot(x, y - side, color=GREEN, lw=0.35, dash=DASHED)
    axes.plot(x, y + side, color=GREEN, lw=0.35, dash=DASHED)


def _trace_at(trace: ObjectTrace, order: int, b_px: FloatArray) -> FloatArray:
    """Slit-axis pixel of the fitted trace of one order."""
    if order not in trace.orders:
        return np.full(b_px.shape, np.nan)
    found = trace.orders[order]
    at = np.argsort(found.b_px)
    return np.interp(b_px, found.b_px[at], found.a_px[at])


def _residual_panel(axes: Panel, samples: ContinuumSamples, position: FloatArray, label: str) -> None:
    used, clipped = samples.used, samples.detected & ~samples.used
    axes.axhline(0.0, color=JOIN, lw=0.6)
    dots(axes, position[used], samples.residual_px[used], size=1.1, colour=BLUE)
    dots(axes, position[clipped], samples.residual_px[clipped], size=1.8, colour=VERMILION)
    scatter = float(np.std(samples.residual_px[used])) if used.any() else 1.0
    reach = max(6.0 * scatter, 0.05)
    axes.set_ylim(-reach, reach)
    beyond = int(np.count_nonzero(np.abs(samples.residual_px[clipped]) > reach))
    if beyond:
        write(axes, 0.98, 0.95, f"{beyond} clipped beyond", ha="right", va="top", size=6.5, color=VERMILION)
    axes.set_xlim(*_span(position[samples.detected]))
    axes.set_xlabel(label)
    axes.set_ylabel("fit − measured (px)")
    few_ticks(axes, x=5, y=4)


def _wavelength_dots(axes: Panel, samples: ContinuumSamples, value: FloatArray) -> None:
    dots(axes, samples.wavelength_nm[samples.used], value[samples.used], size=1.1, colour=BLUE)
    axes.set_xlim(*_span(samples.wavelength_nm))
    axes.set_xlabel("wavelength in air (nm)")


def _span(values: FloatArray) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    return (float(finite.min()) - 0.5, float(finite.max()) + 0.5) if finite.size else (0.0, 1.0)


def _width_panel(axes: Panel, samples: ContinuumSamples) -> None:
    width = FWHM_PER_SIGMA * samples.sigma_px
    _wavelength_dots(axes, samples, width)
    typical = float(np.median(width[samples.used])) if samples.used.any() else 1.0
    axes.set_ylim(0.0, 2.2 * typical)
    axes.set_ylabel("FWHM (px)")
    few_ticks(axes, x=5, y=4)


def _position_panel(axes: Panel, inputs: FigureInputs) -> None:
    samples, arm = inputs.trace.samples, inputs.geometry.arm
    _wavelength_dots(axes, samples, samples.offset_arcsec)
    middle = float(np.median(samples.offset_arcsec[samples.used])) if samples.used.any() else 0.0
    spread = float(np.std(samples.offset_arcsec[samples.used])) if samples.used.any() else 0.0
    reach = min(max(0.5, 6.0 * spread), arm.slit_length_arcsec)
    axes.set_ylim(middle - reach, middle + reach)
    axes.set_ylabel("slit position (arcsec)")
    few_ticks(axes, x=5, y=4)


def _profile_panel(axes: Panel, inputs: FigureInputs) -> None:
    profile = inputs.profile
    axes.fill_between(profile.distance_arcsec, 0.0, profile.density, color=BLUE, alpha=0.2)
    axes.plot(profile.distance_arcsec, profile.density, color=BLUE, lw=1.0)
    axes.axhline(0.0, color=JOIN, lw=0.6)
    reach = (
        min(float(np.max(np.abs(profile.distance_arcsec))), max(4.0 * profile.fwhm_arcsec, 2.0)) if profile.distance_arcsec.size else 1.0
    )
    axes.set_xlim(-reach, reach)
    axes.set_xlabel("distance from trace (arcsec)")
    axes.set_ylabel("light (arcsec⁻¹)")
    write(
        axes,
        0.97,
        0.93,
        f"FWHM {profile.fwhm_arcsec:.2f}″\n{profile.form}",
        ha="right",
        va="top",
        size=7,
        color=MUTED,
    )
    few_ticks(axes, x=5, y=4)


def _numbers(inputs: FigureInputs) -> str:
    """Names and values of the trace metrics, then of the settings of the fit, one a line."""
    quoted = [metric for metric in inputs.metrics if metric.name in _QUOTED and metric.number is not None]
    metrics = [f"{metric.name}: {metric.value:.4g} {metric.unit}".rstrip() for metric in quoted]
    settings = [f"{name}: {value}" for name, value in inputs.trace_settings]
    return "\n".join([*metrics, *(["", *settings] if settings else [])])
