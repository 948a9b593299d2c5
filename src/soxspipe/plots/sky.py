"""Sky subtraction: the whole frame at a glance, and one order's model in detail."""

from __future__ import annotations

import warnings

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.datamodel.models import SkyModel, SkyOrder
from soxspipe.numerics.medians import quick_median, quick_percentile
from soxspipe.plots.decimate import block_mean
from soxspipe.plots.edges import draw_edges
from soxspipe.plots.inputs import FigureInputs
from soxspipe.plots.paper import Areas, Figure, Panel
from soxspipe.plots.show_image import orders_view, show_frame, show_image, stretch
from soxspipe.plots.strips import Strip, lay_straight
from soxspipe.plots.style import WIDE, Key, add_panel, boxes, dots, draw_key, few_ticks, logarithmic, name_ticks, new_figure, write
from soxspipe.plots.words import BLUE, INK, JOIN, MUTED, PALE_BLUE, VERMILION, paler

KNOT_BOXES = 240
"""As many shades as the strip is wide in the report."""
GAP = 0.08
"""Free space under each of the strips of an order, as a share of its place."""


def plot_sky_quicklook(inputs: FigureInputs) -> Figure:
    """Draw the frame before sky subtraction, the sky model, and the frame after it.

    Parameters
    ----------
    inputs : FigureInputs
        Uses `detrended`, `sky`, `sky_subtracted` and `geometry`.

    Returns
    -------
    Figure
        Three images, dispersion to the right; the last in a stretch of its own.

    Raises
    ------
    ValueError
        If there is no sky model.
    """
    model = _require_sky(inputs)
    view = orders_view(inputs.geometry)
    before = stretch(view.turn(model.electrons), 3.0, 98.5)
    after = stretch(view.turn(inputs.sky_subtracted.electrons), 10.0, 98.0)
    images = (
        ("before sky subtraction", inputs.detrended, before),
        ("sky model", model.electrons, before),
        ("sky subtracted, stretched to the object", inputs.sky_subtracted.electrons, after),
    )
    figure = new_figure("Sky-subtraction quicklook", inputs.subtitle, WIDE)
    for position, (name, image, limits) in enumerate(images):
        bottom = 0.655 - 0.297 * position
        axes = add_panel(figure, (0.07, bottom, 0.915, 0.252))
        show_frame(axes, image, view, limits, width=1020)
        scale = f"{name}: white {limits[0]:.3g}, black {limits[1]:.3g} electrons"
        write(axes, 0.0, 1.015, scale, va="bottom", size=8.5)
        axes.set_ylabel(f"{inputs.geometry.arm.slit_axis} (px)")
        few_ticks(axes, x=10, y=5)
        if position < 2:
            axes.shows_x = False
    axes.set_xlabel(f"{inputs.geometry.arm.dispersion_axis} (px)")
    return draw_edges(figure)


def plot_sky_order(inputs: FigureInputs, order: int) -> Figure:
    """Draw the sky model of one order in detail.

    Parameters
    ----------
    inputs : FigureInputs
        Uses `detrended`, `sky`, `sky_subtracted`, `residual_sigma`, `trace` and `geometry`.
    order : int
        Detector order number.

    Returns
    -------
    Figure
        Order before, model, after and residual in sigma, laid straight; the sky spectrum with its knots; residuals over
        wavelength and over the slit.

    Raises
    ------
    ValueError
        If there is no sky model of this order.
    """
    model = _require_sky(inputs)
    solution = next((entry for entry in model.orders if entry.order == order), None)
    strips = lay_straight(inputs.geometry, [order])
    if solution is None or not strips:
        raise ValueError(f"there is no sky model of order {order}")
    strip = strips[0]
    figure = new_figure(f"Sky model of order {strip.label}", inputs.subtitle, WIDE)
    on_lines = f"{solution.chi_lines:.2f} on lines, " if np.isfinite(solution.chi_lines) else "no bright lines, "
    numbers = f"residual/noise: {on_lines}{solution.chi_continuum:.2f} between"
    counts = f"{solution.n_used} pixels used, {solution.n_rejected} rejected"
    draw_key(
        figure,
        [
            Key(text="sky at slit centre", colour=INK),
            Key(text="knots, darker where dense", colour=VERMILION, form="patch"),
            Key(text="object trace", colour=VERMILION, form="dashed"),
            Key(text="pixel left out", colour=BLUE, form="dot"),
            Key(text="16 to 84 %", colour=PALE_BLUE, form="patch"),
        ],
    )
    write(figure, 0.985, 0.496, f"{numbers}; {counts}", size=7, color=MUTED, ha="right", va="center")
    _strip_panels(figure, inputs, model, strip)
    _spline_panel(add_panel(figure, (0.07, 0.305, 0.915, 0.165)), solution, strip)
    _residual_panels(figure, inputs, strip)
    return draw_edges(figure)


def middle_order(inputs: FigureInputs) -> int | None:
    """Order whose sky model is drawn when none is named: one below the median number; None without a model."""
    if inputs.sky is None or not inputs.sky.orders:
        return None
    numbers = sorted(entry.order for entry in inputs.sky.orders)
    wanted = int(np.median(numbers)) - 1
    return min(numbers, key=lambda number: abs(number - wanted))


def _require_sky(inputs: FigureInputs) -> SkyModel:
    if inputs.sky is None:
        raise ValueError("there is no sky model to draw")
    return inputs.sky


def _strip_panels(figure: Figure, inputs: FigureInputs, model: SkyModel, strip: Strip) -> None:
    images = (
        ("before", inputs.detrended, None),
        ("model", model.electrons, None),
        ("after", inputs.sky_subtracted.electrons, None),
        ("residual / noise", inputs.residual_sigma, (-4.0, 4.0)),
    )
    columns = max(1, round(strip.index.shape[1] / 1020))
    extent = (float(strip.wavelength_nm[0]), float(strip.wavelength_nm[-1]))
    limits = stretch(strip.cutout(model.electrons), 2.0, 98.0)
    pick = _even_columns(strip)
    variance = strip.cutout(inputs.sky_subtracted.variance)[:, pick]
    axes = add_panel(figure, (0.07, 0.5195, 0.915, 0.3655))
    for position, (name, image, fixed) in enumerate(images):
        floor = len(images) - 1 - position
        place = (*extent, floor + GAP, floor + 1.0)
        cut = block_mean(strip.cutout(image)[:, pick], 1, columns)
        shown = fixed or (limits if position < 2 else stretch(cut[:, _quiet(block_mean(variance, 1, columns))], 5.0, 99.3))
        show_image(axes, np.nan_to_num(cut, nan=0.0) if fixed else cut, place, shown)
        scale = f"{name}: white {shown[0]:.3g}, black {shown[1]:.3g} {'σ' if fixed else 'electrons'}"
        write(axes, 0.005, (floor + 0.93) / len(images), scale, size=7, va="top", paper=True)
    height = (1.0 - GAP) / strip.index.shape[0]
    _mark_strips(axes, inputs, strip, height)
    axes.set_xlim(*extent)
    axes.set_ylim(GAP, len(images))
    axes.shows_x = False
    name_ticks(axes.yaxis, (), ())
    axes.set_ylabel("slit")


def _mark_strips(axes: Panel, inputs: FigureInputs, strip: Strip, height: float) -> None:
    """Draw the object's trace on the model, the third strip from below, and the pixels left out on the residuals, the lowest.

    `height` is that of a pixel, in strips.
    """
    row = strip.trace_row(inputs.trace)[::16] + 0.5
    axes.plot(strip.wavelength_nm[::16], 2 + GAP + row * height, color=VERMILION, lw=0.6, dash=(6.0, 6.0))
    rows, at = np.nonzero(strip.inside & (strip.cutout(inputs.sky_subtracted.flags) > 0))
    dots(axes, strip.wavelength_nm[at], GAP + (rows + 0.5) * height, size=0.9, colour=BLUE, name="left out")


def _even_columns(strip: Strip) -> IntArray:
    """Columns of the strip at equal steps of wavelength, as the axis below has them."""
    wave = strip.wavelength_nm
    return np.rint(np.interp(np.linspace(wave[0], wave[-1], wave.size), wave, np.arange(wave.size))).astype(np.int64)


def _quiet(variance: FloatArray) -> BoolArray:
    """Columns of the picture that are not much noisier than the typical one, whose noise would set the stretch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # columns without a pixel
        noise = np.nanmedian(variance, axis=0)
        quiet: BoolArray = noise <= 9.0 * np.nanmedian(noise)
    return quiet if quiet.any() else np.ones_like(quiet)


def _spline_panel(axes: Panel, solution: SkyOrder, strip: Strip) -> None:
    """Draw the sky spectrum where it has knots, and how dense they are under it."""
    in_order = np.argsort(solution.u_px)
    at = np.interp(solution.knots_px, solution.u_px[in_order], solution.wavelength_nm[in_order])
    supported = solution.electrons.astype(np.float64)
    if at.size:
        supported = np.where((solution.wavelength_nm >= at.min()) & (solution.wavelength_nm <= at.max()), supported, np.nan)
    axes.plot(solution.wavelength_nm, supported, color=INK, lw=0.6)
    positive = supported[supported > 0]
    if positive.size:
        logarithmic(axes, 0.5 * float(np.percentile(positive, 2)), 2.0 * float(positive.max()))
    _shade_knots(axes, at, strip)
    axes.set_xlim(float(strip.wavelength_nm[0]), float(strip.wavelength_nm[-1]))
    axes.set_ylabel("sky\n(electrons per pixel)")
    axes.set_xlabel("wavelength in air (nm)")
    few_ticks(axes, x=10)


def _shade_knots(axes: Panel, knots_nm: FloatArray, strip: Strip) -> None:
    """Show how dense the knots are by a row of boxes along the axis."""
    edges = np.linspace(strip.wavelength_nm[0], strip.wavelength_nm[-1], KNOT_BOXES + 1)
    density = np.histogram(knots_nm, edges)[0]
    filled = np.flatnonzero(density)
    shades = [paler(VERMILION, share) for share in (density[filled] / density.max()).tolist()] if filled.size else []
    axes.marks.append(Areas(outlines=boxes(edges[filled], edges[filled + 1], 0.045), colors=shades, share_of="y"))


def _residual_panels(figure: Figure, inputs: FigureInputs, strip: Strip) -> None:
    """Spread of the weighted residual over wavelength, over the slit, and as a distribution."""
    residual = strip.cutout(inputs.residual_sigma)
    sigma = np.where(strip.inside & (strip.cutout(inputs.sky_subtracted.flags) == 0) & (residual != 0), residual, np.nan)
    blocks = np.array_split(np.arange(sigma.shape[1]), min(70, sigma.shape[1]))
    centre = np.array([float(np.mean(strip.wavelength_nm[block])) for block in blocks])
    wave = add_panel(figure, (0.07, 0.065, 0.40, 0.175))
    _spread(wave, centre, [sigma[:, block] for block in blocks], "wavelength in air (nm)")
    wave.set_xlim(float(strip.wavelength_nm[0]), float(strip.wavelength_nm[-1]))
    slit = add_panel(figure, (0.535, 0.065, 0.19, 0.175))
    arcsec = strip.cutout(inputs.geometry.dispersion_map.slit_arcsec)
    solved = np.isfinite(arcsec).any(axis=1)
    position = np.array([quick_median(row[np.isfinite(row)]) for row in arcsec[solved]])
    _spread(slit, position, list(sigma[solved]), "slit position (arcsec)")
    _histogram(add_panel(figure, (0.79, 0.065, 0.195, 0.175)), sigma[np.isfinite(sigma)])


def _spread(axes: Panel, position: FloatArray, groups: list[FloatArray], label: str) -> None:
    levels = np.full((3, len(groups)), np.nan)
    for at, group in enumerate(groups):
        finite = group[np.isfinite(group)]
        if finite.size > 4:
            levels[:, at] = [quick_percentile(finite, percent) for percent in (16.0, 50.0, 84.0)]
    axes.fill_between(position, levels[0], levels[2], color=PALE_BLUE)
    axes.plot(position, levels[1], color=BLUE, lw=0.8)
    for level in (-1.0, 0.0, 1.0):
        axes.axhline(level, color=JOIN, lw=0.5, dash=() if level == 0 else (4.0, 3.0))
    axes.set_ylim(-3.0, 3.0)
    axes.set_xlabel(label)
    axes.set_ylabel("residual / noise (σ)")
    few_ticks(axes, x=6, y=6)


def _histogram(axes: Panel, sigma: FloatArray) -> None:
    edges = np.linspace(-5.0, 5.0, 51)
    counted, _ = np.histogram(np.clip(sigma, -5, 5), bins=edges)
    middle = 0.5 * (edges[1:] + edges[:-1])
    share = counted / max(1, sigma.size) / (edges[1] - edges[0])
    axes.fill_between(np.repeat(edges, 2)[1:-1], 0.0, np.repeat(share, 2), color=PALE_BLUE)
    axes.plot(middle, np.exp(-0.5 * middle**2) / np.sqrt(2 * np.pi), color=INK, lw=0.7)
    axes.set_ylim(0.0, 0.5)
    axes.set_xlim(-5.0, 5.0)
    axes.set_xlabel("residual / noise (σ)")
    axes.set_ylabel("share per σ")
    if sigma.size:
        width = 1.4826 * float(np.median(np.abs(sigma - np.median(sigma))))
        write(axes, 0.97, 0.93, f"robust σ {width:.2f}\nline: σ = 1", ha="right", va="top", size=7, color=MUTED)
    few_ticks(axes, x=6, y=4)
