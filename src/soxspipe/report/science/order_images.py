"""Frames for the page: straightened orders as JPEG, with the trace on top."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image as Picture

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.plots.decimate import block_mean
from soxspipe.plots.inputs import FigureInputs
from soxspipe.plots.show_image import stretch
from soxspipe.plots.strips import Strip, join_strips, lay_straight

WIDTH_PX = 1024
"""About the width of a screen; orders are averaged along the dispersion to fit."""
JPEG_QUALITY = 72
"""Noise of a frame costs bytes; below this blocks are seen."""
PAPER = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One picture of all orders: name, what it shows, and its data URI."""

    name: str
    caption: str
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLabel:
    """Where an order stands on the sheet, in per cent from the top, its name and its wavelengths (nm)."""

    label: str
    top_percent: float
    height_percent: float
    low_nm: float
    high_nm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """Pictures of one size, with the trace as lines (x, y in picture pixels from the top left) and the labels of orders."""

    width: int
    height: int
    sheets: tuple[Sheet, ...]
    traces: tuple[tuple[tuple[float, float], ...], ...]
    labels: tuple[OrderLabel, ...]


def make_gallery(reduction: FigureInputs) -> Gallery | None:
    """Pictures of the orders before and after sky subtraction, and of what is left after the object as well.

    Parameters
    ----------
    reduction : FigureInputs
        Uses `detrended`, `sky_subtracted`, `residual_sigma`, `trace` and `geometry`.

    Returns
    -------
    Gallery or None
        All in units of the noise, so that faint orders are seen; before and after share one stretch.  None without orders.
    """
    strips = lay_straight(reduction.geometry)
    if not strips:
        return None
    columns = max(1, round(max(strip.index.shape[1] for strip in strips) / WIDTH_PX))
    cuts = [_cuts(strip, reduction, columns) for strip in strips]
    (before, bottoms), (after, _), (left, _) = (join_strips(pictures) for pictures in zip(*cuts, strict=True))
    low, high = -3.0, max(8.0, stretch(after, 1.0, 97.0)[1])
    scale = f"white {low:g}, black {high:.0f} times the noise"
    height, width = after.shape
    return Gallery(
        width=width,
        height=height,
        sheets=(
            Sheet(name="before", caption=f"Before sky subtraction ({scale})", uri=_jpeg(before, low, high)),
            Sheet(name="after", caption=f"After sky subtraction ({scale})", uri=_jpeg(after, low, high)),
            Sheet(name="residual", caption="Minus sky and object (white −4, black +4 times the noise)", uri=_jpeg(left, -4.0, 4.0)),
        ),
        traces=tuple(_trace(strip, bottom, height, columns, reduction) for strip, bottom in zip(strips, bottoms, strict=True)),
        labels=tuple(_label(strip, bottom, height) for strip, bottom in zip(strips, bottoms, strict=True)),
    )


def _cuts(strip: Strip, reduction: FigureInputs, columns: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """One order before and after sky subtraction and without its object, in units of the noise, averaged along the dispersion."""
    noise = _noise(strip, reduction)
    return (
        block_mean(strip.cutout(reduction.detrended) / noise, 1, columns),
        block_mean(strip.cutout(reduction.sky_subtracted.electrons) / noise, 1, columns),
        block_mean(strip.cutout(reduction.residual_sigma), 1, columns),
    )


def _noise(strip: Strip, reduction: FigureInputs) -> FloatArray:
    variance = strip.cutout(reduction.sky_subtracted.variance)
    return np.sqrt(np.where(variance > 0, variance, np.float32(np.nan)))


def _trace(strip: Strip, bottom: int, height: int, columns: int, reduction: FigureInputs) -> tuple[tuple[float, float], ...]:
    rows = strip.trace_row(reduction.trace)[:: 16 * columns]
    x = np.arange(rows.size) * 16.0
    finite = np.isfinite(rows)
    return tuple((float(at), round(float(height - bottom - row - 0.5), 2)) for at, row in zip(x[finite], rows[finite], strict=True))


def _label(strip: Strip, bottom: int, height: int) -> OrderLabel:
    rows = strip.index.shape[0]
    return OrderLabel(
        label=strip.label,
        top_percent=100.0 * (height - bottom - rows) / height,
        height_percent=100.0 * rows / height,
        low_nm=float(strip.wavelength_nm[0]),
        high_nm=float(strip.wavelength_nm[-1]),
    )


def _jpeg(sheet: FloatArray, low: float, high: float) -> str:
    """A data URI; dark is bright light, empty places are paper."""
    grey = np.clip((high - sheet) * (PAPER / (high - low)), 0, PAPER)
    pixels = np.nan_to_num(grey, nan=PAPER)[::-1].astype(np.uint8)
    stream = io.BytesIO()
    Picture.fromarray(pixels).save(stream, format="JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def svg_points(line: Sequence[tuple[float, float]]) -> str:
    """Points of an SVG polyline."""
    return " ".join(f"{x:g},{y:g}" for x, y in line)
