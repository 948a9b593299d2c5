"""Where the trace of a lit pinhole runs: a Gaussian in every column, averaged over stretches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from soxspipe.algorithms.calibration.arc_image import ArcImage
from soxspipe.algorithms.calibration.trace_settings import TraceSettings
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray, freeze
from soxspipe.datamodel.detector import Axis
from soxspipe.errors import AlgorithmError

HALF_PX = 7
"""Half width of the slices: a trace of 2 px FWHM, and background on both sides, clear of the next order 13 px away."""
STEPS = 6
"""Gauss-Newton with steps of at most a pixel: enough to cross `SEARCH_PX` and converge."""
SEARCH_PX = 4
"""What the dispersion solution and flexure leave at most across an order."""
START_SIGMA_PX = 0.9
"""Of a trace of 2 px FWHM."""
LEAST_SIGMA_PX, LARGEST_SIGMA_PX = 0.5, 3.0
"""Of a trace, in pixels of the detector and of the frame: what a fit may try."""
USUAL_SIGMA_PX = (0.51, 2.9)
"""In pixels of the detector: a fit that ends at its limits is one of a cosmic ray or of noise."""
BIN_PX = 20
"""Columns that are averaged before the fit: the offset does not change over as little."""
COLUMNS_AT_ONCE = 2048
"""About an order; bounds the memory (all of NIR at once take 100 MB), and the result does not depend on it."""
LEAST_ERROR_PX = 0.003
"""No bin is trusted beyond this, however bright: the response of single pixels shifts a trace."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TraceSamples:
    """Centre of the trace along the orders, shape (n,): order, dispersion pixel, predicted centre, offset from it with error, Gaussian width; px."""

    order: IntArray
    b_px: FloatArray
    predicted: FloatArray
    offset: FloatArray
    error: FloatArray
    sigma: FloatArray
    detected: BoolArray

    def __post_init__(self) -> None:
        shape = self.order.shape
        freeze(self, **dict.fromkeys(("b_px", "predicted", "offset", "error", "sigma", "detected"), shape))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """Binning along dispersion and slit."""

    b: int
    a: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TurnedFrame:
    """The frame with the dispersion along axis 1."""

    electrons: FloatArray
    variance: FloatArray
    good: BoolArray

    @property
    def shape(self) -> tuple[int, int]:
        return self.electrons.shape


def along_rows(image: ArcImage, axis: Axis) -> TurnedFrame:
    good = image.good & ~image.saturated
    if axis == "x":
        return TurnedFrame(electrons=image.electrons, variance=image.variance, good=good)
    return TurnedFrame(electrons=image.electrons.T, variance=image.variance.T, good=good.T)


def measure_samples(frame: TurnedFrame, curves: Mapping[int, FloatArray], bins: Bins, settings: TraceSettings) -> TraceSamples:
    """Gaussian fits of all columns of all orders at once, averaged over `BIN_PX` columns; pixels of the frame inside, unbinned ones outside.

    Raises
    ------
    AlgorithmError
        If no order lies on the frame.
    """
    columns = np.arange(frame.shape[1])
    at = (columns + 0.5) * bins.b - 0.5
    at_columns = {number: (np.interp(at, np.arange(curve.size), curve) + 0.5) / bins.a - 0.5 for number, curve in curves.items()}
    order = np.concatenate([np.full(np.isfinite(curve).sum(), number) for number, curve in at_columns.items()])
    b = np.concatenate([columns[np.isfinite(curve)] for curve in at_columns.values()])
    predicted = np.concatenate([curve[np.isfinite(curve)] for curve in at_columns.values()])
    inside = (predicted > HALF_PX) & (predicted < frame.shape[0] - HALF_PX - 1)
    if not inside.any():
        raise AlgorithmError("the dispersion table puts no order on the frame: it is not one of this detector")
    order, b, predicted = order[inside], b[inside], predicted[inside]
    shift = _common_shift(frame, b, predicted)
    pieces = [slice(start, start + COLUMNS_AT_ONCE) for start in range(0, b.size, COLUMNS_AT_ONCE)]
    fits = [_fit_columns(frame, b[piece], predicted[piece] + shift, bins.a) for piece in pieces]
    centre, error, sigma, significance = (np.concatenate(parts) for parts in zip(*fits, strict=True))
    sound = (significance > settings.peak_sigma_limit) & (np.abs(centre - predicted) < SEARCH_PX)
    sound &= (sigma * bins.a > USUAL_SIGMA_PX[0]) & (sigma * bins.a < USUAL_SIGMA_PX[1])
    found = _binned(order, b, predicted, centre - predicted, error, sigma, sound)
    return replace(
        found, b_px=(found.b_px + 0.5) * bins.b - 0.5, predicted=(found.predicted + 0.5) * bins.a - 0.5, offset=found.offset * bins.a,
        error=found.error * bins.a, sigma=found.sigma * bins.a,
    )  # fmt: skip


def _common_shift(frame: TurnedFrame, b: IntArray, predicted: FloatArray) -> float:
    """Shift of the trace along the slit, to a pixel: the brightest of the sums at all shifts."""
    reach = np.arange(-SEARCH_PX, SEARCH_PX + 1)
    rows = np.clip(np.rint(predicted).astype(int)[::5, None] + reach, 0, frame.shape[0] - 1)
    light = np.where(frame.good[rows, b[::5, None]], frame.electrons[rows, b[::5, None]], 0.0)
    return float(reach[int(np.argmax(np.median(light, axis=0)))])


def _fit_columns(frame: TurnedFrame, b: IntArray, start: FloatArray, binned: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Centre with error, width and significance of a Gaussian over a constant in every column, whose pixels are `binned` ones of the detector."""
    base = np.rint(start).astype(int)
    rows = np.clip(base[:, None] + np.arange(-HALF_PX, HALF_PX + 1), 0, frame.shape[0] - 1)
    at = rows, b[:, None]
    data, variance, good = frame.electrons[at].astype(np.float64), frame.variance[at].astype(np.float64), frame.good[at]
    t = np.arange(-HALF_PX, HALF_PX + 1, dtype=np.float64)
    within = ((np.arange(binned) + 0.5) / binned - 0.5)[:, None, None]
    level = np.median(data, axis=1)
    peak, centre, width = (
        np.maximum(data[:, HALF_PX - 1 : HALF_PX + 2].max(axis=1) - level, 1.0),
        np.zeros(len(b)),
        np.full(len(b), START_SIGMA_PX / binned),
    )
    inverse = np.zeros((len(b), 4, 4))
    for _ in range(STEPS):
        z = (t + within - centre[:, None]) / width[:, None]
        image = np.exp(-0.5 * z**2)
        shape = image.mean(axis=0)
        model = peak[:, None] * shape + level[:, None]
        weight = good / (variance + np.maximum(model, 0.0))
        by_centre, by_width = ((image * power).mean(axis=0) * (peak / width)[:, None] for power in (z, z**2))
        design = np.stack([shape, by_centre, by_width, np.ones_like(shape)], axis=1)
        weighted = design * weight[:, None, :]
        normal = weighted @ design.transpose(0, 2, 1)
        normal[:, range(4), range(4)] *= 1.0 + 1e-9
        normal[:, range(4), range(4)] += 1e-9
        inverse = np.linalg.inv(normal)
        step = (inverse @ (weighted @ (data - model)[..., None]))[..., 0]
        peak += step[:, 0]
        centre = np.clip(centre + np.clip(step[:, 1], -1.0, 1.0), -SEARCH_PX, SEARCH_PX)
        width = np.clip(width + np.clip(step[:, 2], -0.2, 0.2), LEAST_SIGMA_PX / binned, LARGEST_SIGMA_PX)
        level += step[:, 3]
    errors = np.sqrt(np.maximum(np.einsum("npp->np", inverse), 1e-12))
    return base + centre, errors[:, 1], width, peak / errors[:, 0]


def _binned(
    order: IntArray, b: IntArray, predicted: FloatArray, offset: FloatArray, error: FloatArray, sigma: FloatArray, sound: BoolArray
) -> TraceSamples:
    """Weighted means of sound columns over their neighbourhood, columns far from their neighbours left out."""
    _, group = np.unique(order.astype(np.int64) * 100_000 + b // BIN_PX, return_inverse=True)
    n = int(group.max()) + 1
    weight = np.where(sound, 1.0 / (error**2 + LEAST_ERROR_PX**2), 0.0)
    for _ in range(2):
        total = np.bincount(group, weight, n)
        mean = np.bincount(group, weight * offset, n) / np.maximum(total, 1e-12)
        far = np.abs(offset - mean[group]) > 6.0 * np.sqrt(error**2 + LEAST_ERROR_PX**2)
        weight = np.where(far, 0.0, weight)
    total = np.bincount(group, weight, n)
    number = np.bincount(group, weight > 0, n)
    spread = np.bincount(group, weight * (offset - mean[group]) ** 2, n) / np.maximum(total, 1e-12) / np.maximum(number - 1, 1)
    count = np.bincount(group, minlength=n)
    fine = (number >= 0.5 * count) & (total > 0)
    with np.errstate(divide="ignore"):
        noise = np.where(fine, np.sqrt(np.maximum(1.0 / np.maximum(total, 1e-12), spread) + LEAST_ERROR_PX**2), np.inf)
    return TraceSamples(
        order=np.rint(np.bincount(group, order, n) / count).astype(np.int64), b_px=np.bincount(group, b, n) / count,
        predicted=np.bincount(group, predicted, n) / count, offset=np.where(fine, mean, 0.0), error=noise,
        sigma=np.bincount(group, weight * sigma, n) / np.maximum(total, 1e-12), detected=fine,
    )  # fmt: skip
