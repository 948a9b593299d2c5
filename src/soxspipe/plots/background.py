"""Scattered light between the orders."""

from __future__ import annotations

import numpy as np

from soxspipe.algorithms.frames.detrend import pedestal_level
from soxspipe.datamodel.arrays import BoolArray, FloatArray, Image, IntArray
from soxspipe.datamodel.calibrations import Masters
from soxspipe.datamodel.frame import Frame
from soxspipe.datamodel.models import BackgroundModel
from soxspipe.datamodel.stored_frame import AnyFrame
from soxspipe.plots.decimate import block_mean
from soxspipe.plots.edges import draw_edges
from soxspipe.plots.inputs import FigureInputs
from soxspipe.plots.paper import Figure, Panel
from soxspipe.plots.show_image import View, orders_view, show_blocks, stretch
from soxspipe.plots.style import WIDE, Key, add_panel, colour_bar, dots, draw_key, few_ticks, new_figure
from soxspipe.plots.words import BLUE, INK, ORANGE, PALE_BLUE, VERMILION

_CUTS = ((0.2, BLUE), (0.5, VERMILION), (0.8, ORANGE))
"""Places along the dispersion, as shares of its length, at which frame and model are compared."""
_HALF_WIDTH_PX = 40
"""Averages photon noise away; scattered light does not change over as little."""
_GROUP_PX = 8
"""A third of a gap between orders."""
_PICTURE_COLUMNS, _BLOCK_ROWS = 340, 4
"""Columns of the picture, and pixels of the slit axis in each of its rows: scattered light is smooth."""
_LIMITS_EVERY_PX = 5
"""A column in so many tells the range of a smooth model."""


def plot_background(inputs: FigureInputs) -> Figure:
    """Draw the fitted scattered light as an image, and cuts across the orders with the pixels it was fitted to.

    Parameters
    ----------
    inputs : FigureInputs
        Uses `background`, `stacked`, `masters` and `geometry`.

    Returns
    -------
    Figure
        One image with a colour bar, and one panel of cuts.

    Raises
    ------
    ValueError
        If no background was fitted.
    """
    model = _require_background(inputs)
    view = orders_view(inputs.geometry, margin=60)
    slit_axis, dispersion_axis = inputs.geometry.arm.slit_axis, inputs.geometry.arm.dispersion_axis
    figure = new_figure("Background Scattered Light", inputs.subtitle, WIDE)
    image = add_panel(figure, (0.07, 0.42, 0.84, 0.465))
    few = np.arange(0, view.n_disp, _LIMITS_EVERY_PX)
    limits = measured_limits(_model_at(model, view, few), view.turn(model.used)[:, few])
    # the model is straight over as few pixels: its value in the middle of a block of columns is their mean
    columns = max(1, view.n_disp // _PICTURE_COLUMNS)
    middles = np.arange(view.n_disp // columns) * columns + 0.5 * (columns - 1)
    show_blocks(image, block_mean(_model_at(model, view, middles), _BLOCK_ROWS, 1), (_BLOCK_ROWS, columns), view, limits, "viridis", 256)
    colour_bar(figure, (0.925, 0.42, 0.014, 0.465), limits, "viridis", "scattered light (electrons)")
    image.set_xlabel(f"{dispersion_axis} (px)")
    image.set_ylabel(f"{slit_axis} (px)")
    cuts = add_panel(figure, (0.07, 0.065, 0.915, 0.28))
    ranges = [_draw_cut(cuts, inputs, view, share, colour) for share, colour in _CUTS]
    for share, colour in _CUTS:
        image.axvline(share * view.n_disp, color="#ffffff", lw=1.4)
        image.axvline(share * view.n_disp, color=colour, lw=0.9, dash=(7.0, 2.0))
    cuts.set_xlim(view.low, view.high)
    cuts.set_ylim(*_room(np.concatenate(ranges)))
    cuts.set_xlabel(f"{slit_axis} (px)")
    cuts.set_ylabel("scattered light (electrons)")
    few_ticks(image, x=9, y=6)
    few_ticks(cuts, x=12, y=6)
    entries = [Key(text=f"cut at {dispersion_axis} = {share * view.n_disp:.0f}", colour=colour) for share, colour in _CUTS]
    points = Key(text=f"pixels between orders, mean of {2 * _HALF_WIDTH_PX} × {_GROUP_PX} px", colour=INK, form="dot")
    draw_key(figure, [*entries, Key(text="± 1σ of the model", colour=PALE_BLUE, form="patch"), points])
    return draw_edges(figure)


def _model_at(model: BackgroundModel, view: View, b_px: FloatArray | IntArray) -> FloatArray:
    """Electrons of the model at places along the dispersion, shape (n,), for the rows that are shown: shape (rows, n)."""
    return model.along(b_px)[:, view.low : view.high].T


def measured_limits(electrons: Image, used: BoolArray) -> tuple[float, float]:
    """Limits of the colours: of the model at the pixels that it was fitted to.  Beyond them it is continued, and may run to any value."""
    return stretch(electrons[used][:, None], 0.5, 99.5) if used.any() else stretch(electrons, 0.5, 99.5)


def _require_background(inputs: FigureInputs) -> BackgroundModel:
    """The background model, which must be there."""
    if inputs.background is None:
        raise ValueError("there is no background model to draw")
    return inputs.background


def _draw_cut(axes: Panel, inputs: FigureInputs, view: View, share: float, colour: str) -> FloatArray:
    """Draw the model and the data of one cut; returns the values that the axis must hold."""
    model = _require_background(inputs)
    column = round(share * view.n_disp)
    window = slice(max(0, column - _HALF_WIDTH_PX), column + _HALF_WIDTH_PX)
    fitted = _model_at(model, view, np.array([column]))[:, 0]
    sigma = np.sqrt(view.turn(model.variance)[:, column])
    position = view.low + np.arange(fitted.size)
    axes.fill_between(position, fitted - sigma, fitted + sigma, color=colour, alpha=0.25)
    axes.plot(position, fitted, color=colour, lw=1.0)
    stacked = _part(inputs.stacked, view, window)
    used = view.turn(model.used)[:, window] & stacked.good
    enough = used.sum(axis=1) >= _HALF_WIDTH_PX // 2
    total = np.where(used, _light(stacked, inputs.masters, view, window), 0.0).sum(axis=1)
    mean = (total / np.maximum(used.sum(axis=1), 1))[enough]
    groups = np.flatnonzero(np.diff(position[enough] // _GROUP_PX, prepend=-1))
    if groups.size == 0:
        return np.empty(0)
    number = np.diff(np.append(groups, mean.size))
    along = np.add.reduceat(position[enough], groups) / number
    measured = np.add.reduceat(mean, groups) / number
    dots(axes, along, measured, size=2.2, colour=colour)
    near = slice(int(along[0] - view.low), int(along[-1] - view.low) + 1)  # where it is measured
    return np.concatenate([(fitted - 3 * sigma)[near], (fitted + 3 * sigma)[near], measured])


def _light(stacked: Frame, masters: Masters, view: View, window: slice) -> Image:
    """Electrons of a part of the stack without bias and dark."""
    pedestal = pedestal_level(stacked.exptime_s, masters.cutout(lambda image: view.turn(image)[:, window]))
    return np.asarray(stacked.electrons - pedestal)


def _part(frame: AnyFrame, view: View, window: slice) -> Frame:
    """Columns of a frame, turned as in the picture."""
    electrons, variance, flags = (view.turn(image)[:, window] for image in (frame.electrons, frame.variance, frame.flags))
    return Frame(electrons=electrons, variance=variance, flags=flags, exptime_s=frame.exptime_s)


def _room(values: FloatArray) -> tuple[float, float]:
    if values.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(values, [0.5, 99.5])
    pad = 0.15 * (high - low) or 1.0
    return float(low - pad), float(high + pad)
