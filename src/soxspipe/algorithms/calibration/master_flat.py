"""Master flat: lamps combined, scattered light out, edges of the orders, defects, and the factors of the light kept apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from pydantic import Field

from soxspipe.algorithms.calibration.combine import NoiseModel, combine
from soxspipe.algorithms.calibration.flat_parts import FlatParts, take_apart
from soxspipe.algorithms.calibration.frame_noise import read_sample, sample_rows
from soxspipe.algorithms.calibration.gap_light import between_orders, fit_gap_light
from soxspipe.algorithms.calibration.lamp_mix import mix_order
from soxspipe.algorithms.calibration.slit_edges import OrderEdges, cut_strip, fit_order_polynomial, measure_edges
from soxspipe.algorithms.settings import AlgorithmSettings
from soxspipe.datamodel.arrays import BoolImage, FlagArray, FloatArray, Image, IntArray
from soxspipe.datamodel.detector import Axis
from soxspipe.datamodel.frame import Frame
from soxspipe.datamodel.geometry import OrderPolynomial, OrderTable
from soxspipe.datamodel.raw_calibration import BadPixel, RawCalibration
from soxspipe.errors import AlgorithmError

SATURATED_SHARE = 0.01
"""A flat in which more of the lit pixels than this are saturated is not a flat."""

LEAST_LIGHT_SIGMA = 10.0
"""Light of the middle of the orders over the noise of a pixel; less is no lamp."""

CAPPED_RATIO = 0.5
"""Scatter of two flats in their brightest pixels over the photon noise; less means that the charge is cut off."""

LARGEST_MISFIT_PX = 0.02
"""Degrees of the order table are raised until its edges follow the measured ones to this."""

BRIGHT_RESPONSE, BRIGHT_SIGMA = 1.3, 8.0
"""A pixel brighter than its neighbours by this factor and this many sigma was struck in a lamp's only frame, or is hot."""

SHORTEST_ORDER_PX = 30
"""An order with fewer columns on the detector has no edge that could be fitted."""
DEFAULT_HALF_SLIT_PX = 20.0
"""Half of 11 arcsec at 0.28 arcsec a pixel; only where no order shows its edges."""

LARGEST_DEGREES = (9, 7)
"""In order and along the dispersion: readers of order tables take one digit."""


class FlatSettings(AlgorithmSettings):
    """Settings of `make_master_flat`."""

    stacked_clipping_sigma: float = Field(
        6.0,
        ge=3.0,
        description="Leave out a pixel of one flat that differs from the others by more than this many sigma of expected noise.",
    )
    stacked_clipping_iterations: int = Field(
        3, ge=0, le=50, description="0 combines without rejection; more than one round is never needed."
    )
    centre_order_window: int = Field(
        10, ge=2, le=40, description="Width (px) of the band around the centres that gives the level of a flat."
    )
    slice_length_for_edge_detection: int = Field(70, ge=20, le=400, description="Length (px) along the slit in which edges are looked for.")
    slice_width_for_edge_detection: int = Field(5, ge=1, le=50, description="Accepted and not needed: edges are measured in every column.")
    min_percentage_threshold_for_edge_detection: float = Field(
        20.0, ge=0, le=100, description="Accepted and not needed: an edge is where half of the light is, whatever its blur."
    )
    max_percentage_threshold_for_edge_detection: float = Field(50.0, ge=0, le=100, description="Accepted and not needed, as the minimum.")
    disp_axis_deg: int = Field(
        5, ge=1, le=9, description="Degree along the dispersion of the order table's edges; raised where it is too low."
    )
    order_deg: int = Field(6, ge=0, le=9, description="Degree in the order number of the order table's edges; raised where it is too low.")
    poly_fitting_residual_clipping_sigma: float = Field(
        4.0, ge=2, le=20, description="Columns further than this from the fitted edge are left out."
    )
    poly_clipping_iteration_limit: int = Field(
        2, ge=0, le=20, description="Accepted and not needed: clipping ends when it changes nothing."
    )
    low_sensitivity_clipping_sigma: float = Field(
        5.0,
        ge=1,
        le=50,
        description="A pixel less sensitive than its neighbours by this many sigma, and below `low-sensitivity-response`, is cold.",
    )
    low_sensitivity_response: float = Field(
        0.7, gt=0, lt=1, description="Response below which a pixel may be cold; sound pixels scatter by 1 %."
    )
    order_edge_min_flat_fraction: float = Field(
        0.5, ge=0, le=1, description="Edge pixels with less than this share of their row's light are flagged."
    )
    scale_d2_to_qth: bool = Field(
        True, description="Combine deuterium and quartz flats order by order; otherwise the quartz lamp alone is used."
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LampFlat:
    """Flats of one lamp combined: electrons of a frame of mean level (background out), variance, reasons, levels of the frames, names."""

    lamp: str
    electrons: Image
    variance: Image
    reasons: FlagArray
    levels_e: FloatArray
    names: tuple[str, ...]
    n_rejected: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LampSummary:
    """What is kept of a lamp: name, levels of its flats, their names, pixels of single flats left out."""

    lamp: str
    levels_e: FloatArray
    names: tuple[str, ...]
    n_rejected: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlatOrder:
    """One order: edges, factors of its light, lamp whose spectrum it has, and share of information from another lamp."""

    edges: OrderEdges
    parts: FlatParts
    a_start: IntArray
    lamp: str
    other_share: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MasterFlat:
    """A master flat.

    Attributes
    ----------
    value, variance : ndarray of float32, shape (ny, nx)
        Relative light, 1 at a typical order centre; 1 between the orders, with a variance of 0.
    reasons : ndarray of uint8, shape (ny, nx)
        `BadPixel` bits.
    background : ndarray of float32 or None
        Scattered light, on the scale of `value`.
    norm_e : float
        Electrons of one frame at 1.
    orders : mapping of int to FlatOrder
        By order number.
    order_table : OrderTable
        Centres as given, edges as measured; unbinned pixels.
    lamps : tuple of LampSummary
        Lamps combined, the main one first.
    order_levels_e : tuple of float
        Percentiles 10, 50 and 90 of the light at the order centres, median over the frames.
    table_misfit_px : float
        Root mean square of the order table's edges about the fitted ones.
    blocked : tuple of int
        Orders without light.
    """

    value: Image
    variance: Image
    reasons: FlagArray
    background: Image | None
    norm_e: float
    orders: Mapping[int, FlatOrder]
    order_table: OrderTable
    lamps: tuple[LampSummary, ...]
    order_levels_e: tuple[float, float, float]
    table_misfit_px: float
    blocked: tuple[int, ...]


def flat_factor(flat: MasterFlat, axis: Axis, factor: str) -> Image:
    """One factor of the flat as an image, 1 outside the orders.

    Parameters
    ----------
    flat : MasterFlat
        Taken apart.
    axis : {'x', 'y'}
        Dispersion axis.
    factor : {'response', 'illumination', 'blaze'}
        Pixel response; light along the slit; lamp times blaze, on the scale of the flat.
    """
    image = np.ones(flat.value.shape, np.float32)
    turned = image.T if axis == "x" else image
    n_a: int = image.shape[0 if axis == "x" else 1]
    for order in flat.orders.values():
        edges, parts = order.edges, order.parts
        a = order.a_start[:, None] + np.arange(parts.response.shape[1])[None, :]
        inside = (a >= np.floor(edges.low)[:, None]) & (a <= np.ceil(edges.high)[:, None]) & (a >= 0) & (a < n_a)
        row, column = np.nonzero(inside)
        if factor == "response":
            values = np.nan_to_num(parts.response, nan=1.0)[row, column]
        elif factor == "illumination":
            values = np.interp((a[row, column] - edges.middle[row]) / edges.half_px[row], parts.slit_px, parts.illumination)
        else:
            values = parts.blaze[row] / flat.norm_e
        turned[edges.b_px[row], a[row, column]] = values
    return image


class Layout(NamedTuple):
    """Where orders are: dispersion axis, binning along dispersion and slit, dispersion pixels and centres of each order (binned)."""

    axis: Axis
    binning_b: int
    binning_a: int
    centres: Mapping[int, tuple[IntArray, FloatArray]]
    half_slit_px: float | None


def make_layout(table: OrderTable, shape: tuple[int, int], binning: tuple[int, int]) -> Layout:
    """Centres of all orders on a binned frame, followed over the whole detector; half the slit's length if the table has edges."""
    axis = table.dispersion_axis
    binning_b, binning_a = binning if axis == "x" else binning[::-1]
    n_b, n_a = shape[::-1] if axis == "x" else shape
    centres = {}
    for order in table.orders:
        b = np.arange(n_b)
        a = (table.centre(order, (b + 0.5) * binning_b - 0.5) + 0.5) / binning_a - 0.5
        on_chip = (a > 0) & (a < n_a - 1)
        centres[order] = (b[on_chip], a[on_chip])
    half = None
    if table.low is not None and table.high is not None:
        middle = {order: np.array(0.5 * (table.b_min[order] + table.b_max[order])) for order in table.orders}
        half = float(np.median([table.high(n, b) - table.low(n, b) for n, b in middle.items()])) / 2.0 / binning_a
    return Layout(axis, binning_b, binning_a, {n: c for n, c in centres.items() if c[0].size > SHORTEST_ORDER_PX}, half)


def measure_half_slit(image: Image, layout: Layout) -> float:
    """Half of the slit's length: median over the orders of the width at half of the light in their middle; 20 px where nothing is lit."""
    turned = image.T if layout.axis == "x" else image
    widths = []
    for b, centre in layout.centres.values():
        middle = b.size // 2
        rows = slice(max(int(b[middle]) - 8, 0), int(b[middle]) + 9)
        profile = np.median(turned[rows], axis=0)
        at = int(np.clip(round(float(centre[middle])), 0, profile.size - 1))
        level = float(np.median(profile[max(at - 4, 0) : at + 5]))
        dark = float(np.min(profile[max(at - 80, 0) : at + 81]))
        below = profile < 0.5 * (level + dark)
        left, right = np.flatnonzero(below[:at]), np.flatnonzero(below[at:])
        if level > 2.0 * max(dark, 1.0) and left.size and right.size:
            widths.append(right[0] + at - left[-1] - 1)
    return 0.5 * float(np.median(widths)) if widths else DEFAULT_HALF_SLIT_PX


def combine_lamp(
    lamp: str, frames: Sequence[RawCalibration], background: Frame | None, layout: Layout, read_noise_e: float, settings: FlatSettings
) -> LampFlat:
    """Combine the flats of one lamp, background taken out.

    Raises
    ------
    AlgorithmError
        If there is no light, or the flats are saturated or copies of each other.
    """
    samples = _centre_samples(frames, background, layout, settings.centre_order_window)
    names = tuple(frame.name for frame in frames)
    levels = np.array(
        [float(np.median(sample[sample > 0.3 * np.nanmax(_robust_top(sample))])) if sample.size else 0.0 for sample in samples]
    )
    _require_light(lamp, frames, samples, levels, read_noise_e)
    _require_unsaturated(lamp, frames, samples, layout, read_noise_e)
    relative = levels / levels.mean()
    noise = NoiseModel(read_e=read_noise_e)
    limit = settings.stacked_clipping_sigma if settings.stacked_clipping_iterations else 1e9
    combined = combine(
        frames, noise, clip_sigma=limit, levels=relative.tolist(), pedestal=None if background is None else background.electrons
    )
    reasons = combined.reasons | _saturated(frames) * np.uint8(BadPixel.SATURATED)
    variance = combined.variance if background is None else combined.variance + background.variance
    return LampFlat(
        lamp=lamp,
        electrons=combined.electrons,
        variance=variance,
        reasons=reasons,
        levels_e=levels,
        names=names,
        n_rejected=combined.n_rejected,
    )


def make_master_flat(
    lamps: Sequence[LampFlat], table: OrderTable, layout: Layout, bad: FlagArray, settings: FlatSettings, *, subtract_background: bool
) -> MasterFlat:
    """Make the master flat of one or two lamps.

    Parameters
    ----------
    lamps : sequence of LampFlat
        The lamp whose edges are measured first: quartz.
    table : OrderTable
        Centres of the orders.
    layout : Layout
        From `make_layout`.
    bad : ndarray of uint8, shape (ny, nx)
        `BadPixel` bits known from darks and the static map.
    settings : FlatSettings
        Limits and degrees.
    subtract_background : bool
        Whether scattered light is taken out.

    Raises
    ------
    AlgorithmError
        If no order has light.
    """
    first = lamps[0]
    shape = first.electrons.shape
    brightest = _brightest_lamp(lamps, layout)
    half_slit = measure_half_slit(first.electrons, layout) if layout.half_slit_px is None else layout.half_slit_px
    edges: dict[int, OrderEdges] = {}
    for index, lamp in enumerate(lamps):
        mine = {order: centre for order, centre in layout.centres.items() if brightest[order] == index}
        if mine:
            edges |= measure_edges(
                lamp.electrons, lamp.variance, (lamp.reasons | bad) > 0, mine, layout.axis,
                half_slit_px=half_slit, degree=max(settings.disp_axis_deg, LARGEST_DEGREES[1]),
                clip_sigma=settings.poly_fitting_residual_clipping_sigma,
            )  # fmt: skip
    if not any(entry.lit for entry in edges.values()):
        raise AlgorithmError("no order shows the edges of the slit: is the lamp on, and are these the centres of these frames?")
    gaps = between_orders(edges.values(), shape, layout.axis)
    scattered = [
        fit_gap_light(lamp.electrons, lamp.variance, (lamp.reasons | bad) > 0, gaps, layout.axis) if subtract_background else None
        for lamp in lamps
    ]
    return _assemble(lamps, scattered, edges, table, layout, bad, settings)


def _assemble(
    lamps: Sequence[LampFlat], scattered: Sequence[tuple[Image, float] | None], edges: Mapping[int, OrderEdges], table: OrderTable,
    layout: Layout, bad: FlagArray, settings: FlatSettings,
) -> MasterFlat:  # fmt: skip
    shape = lamps[0].electrons.shape
    value, variance = np.ones(shape, np.float32), np.zeros(shape, np.float32)
    reasons = np.array(bad | lamps[0].reasons)
    turned = (value.T, variance.T, reasons.T) if layout.axis == "x" else (value, variance, reasons)
    flagged = [(lamp.reasons & ~np.uint8(BadPixel.UNSTABLE)) > 0 for lamp in lamps]
    orders: dict[int, FlatOrder] = {}
    for number in sorted(edges):
        order, pixels = _one_order(lamps, scattered, edges[number], layout, flagged, settings)
        orders[number] = order
        rows, columns = pixels.place
        turned[0][rows, columns], turned[1][rows, columns] = pixels.values, pixels.variance
        turned[2][rows, columns] |= pixels.reasons
    lit = [order for order in orders.values() if order.edges.lit]
    norm = float(np.mean(np.concatenate([order.parts.blaze for order in lit])))
    inside = variance > 0
    value[inside] /= np.float32(norm)
    variance[inside] /= np.float32(norm**2)
    polynomials, misfit = _edge_polynomials({n: o.edges for n, o in orders.items()}, layout, settings)
    background = scattered[0][0] / np.float32(norm) if scattered[0] is not None else None
    return MasterFlat(
        value=value,
        variance=variance,
        reasons=reasons,
        background=background,
        norm_e=norm,
        orders=orders,
        order_table=replace(table, low=polynomials[0], high=polynomials[1]),
        lamps=tuple(LampSummary(lamp=x.lamp, levels_e=x.levels_e, names=x.names, n_rejected=x.n_rejected) for x in lamps),
        order_levels_e=_order_levels(lit),
        table_misfit_px=misfit,
        blocked=tuple(n for n, o in orders.items() if not o.edges.lit),
    )


class _Pixels(NamedTuple):
    """Pixels of one order as they go into the flat: place (dispersion, slit), electrons, variance, reasons."""

    place: tuple[IntArray, IntArray]
    values: FloatArray
    variance: FloatArray
    reasons: FlagArray


def _one_order(
    lamps: Sequence[LampFlat], scattered: Sequence[tuple[Image, float] | None], edges: OrderEdges, layout: Layout, flagged: Sequence[BoolImage],
    settings: FlatSettings,
) -> tuple[FlatOrder, _Pixels]:  # fmt: skip
    """Cut one order out of every lamp, take scattered light out, combine the lamps, take the light apart and find defects."""
    half = int(np.ceil(float(np.max(np.maximum(edges.high - edges.centre, edges.centre - edges.low))))) + 2
    values, variances = [], []
    a_start = np.rint(edges.centre).astype(np.int64) - half
    for lamp, glow, out in zip(lamps, scattered, flagged, strict=True):
        strip = cut_strip(lamp.electrons, lamp.variance, out, edges.b_px, edges.centre, half, layout.axis)
        electrons = strip.values.astype(np.float64)
        if glow is not None:
            electrons = electrons - cut_strip(glow[0], None, None, edges.b_px, edges.centre, half, layout.axis).values
        values.append(electrons)
        variances.append(strip.variance + (glow[1] if glow is not None else 0.0))
    a_px = a_start[:, None] + np.arange(2 * half + 1)[None, :]
    lit = (a_px >= edges.low[:, None] + 1.5) & (a_px <= edges.high[:, None] - 1.5)
    if len(lamps) == 2:
        mixed = mix_order((values[0], values[1]), (variances[0], variances[1]), lit)
        light, noise, lamp_name, share = mixed.values, mixed.variance, lamps[mixed.reference].lamp, mixed.share
    else:
        light, noise, lamp_name, share = values[0], variances[0], lamps[0].lamp, 0.0
    parts = take_apart(light, noise, a_px.astype(np.float64), edges.low, edges.high)
    reasons = _defects(parts, noise, a_px, edges, settings)
    inside = (a_px >= np.floor(edges.low)[:, None]) & (a_px <= np.ceil(edges.high)[:, None])
    n_a = lamps[0].electrons.shape[0] if layout.axis == "x" else lamps[0].electrons.shape[1]
    inside &= (a_px >= 0) & (a_px < n_a)
    row, column = np.nonzero(inside)
    filled = np.where(np.isfinite(light), light, parts.blaze[:, None])
    pixels = _Pixels(
        place=(edges.b_px[row], a_px[row, column]),
        values=filled[row, column],
        variance=np.maximum(noise[row, column], 1e-12),
        reasons=reasons[row, column],
    )
    return FlatOrder(edges=edges, parts=parts, a_start=a_start, lamp=lamp_name, other_share=share), pixels


def _defects(parts: FlatParts, variance: FloatArray, a_px: IntArray, edges: OrderEdges, settings: FlatSettings) -> FlagArray:
    """Cold pixels against the smooth light around them, and pixels of which the edge lights less than its share."""
    error = np.sqrt(variance) / parts.blaze[:, None]
    response = np.nan_to_num(parts.response, nan=1.0)
    cold = parts.lit & (response < settings.low_sensitivity_response) & (1.0 - response > settings.low_sensitivity_clipping_sigma * error)
    near = ~parts.lit & (a_px >= np.floor(edges.low)[:, None]) & (a_px <= np.ceil(edges.high)[:, None])
    partly = near & (response < settings.order_edge_min_flat_fraction)
    bright = parts.lit & (response > BRIGHT_RESPONSE) & (response - 1.0 > BRIGHT_SIGMA * error)
    return np.asarray(cold * np.uint8(BadPixel.COLD) | partly * np.uint8(BadPixel.PARTLY_LIT) | bright * np.uint8(BadPixel.UNSTABLE))


def _brightest_lamp(lamps: Sequence[LampFlat], layout: Layout) -> dict[int, int]:
    """Which lamp shows each order best."""
    best = {}
    for order, (b, centre) in layout.centres.items():
        place = (np.clip(np.rint(centre).astype(np.int64), 0, None), b)
        rows, columns = place if layout.axis == "x" else place[::-1]
        contrast = [
            float(np.median(lamp.electrons[rows, columns]) / np.sqrt(max(float(np.median(lamp.variance[rows, columns])), 1e-9)))
            for lamp in lamps
        ]
        best[order] = int(np.argmax(contrast))
    return best


def _edge_polynomials(
    edges: Mapping[int, OrderEdges], layout: Layout, settings: FlatSettings
) -> tuple[tuple[OrderPolynomial, OrderPolynomial], float]:
    """Edges of all orders as polynomials of the order table (unbinned), of the lowest degrees that follow them; and their misfit."""
    curves = [
        {
            n: ((e.b_px + 0.5) * layout.binning_b - 0.5, (getattr(e, name) + 0.5) * layout.binning_a - 0.5 + side * 0.0)
            for n, e in edges.items()
        }
        for name, side in (("low", -1), ("high", 1))
    ]
    best: tuple[tuple[OrderPolynomial, OrderPolynomial], float] | None = None
    degrees = [(settings.order_deg, settings.disp_axis_deg), (LARGEST_DEGREES[0], settings.disp_axis_deg), LARGEST_DEGREES]
    for order_degree, axis_degree in degrees:
        fitted = [fit_order_polynomial(curve, order_degree, axis_degree) for curve in curves]
        misfit = float(
            np.sqrt(
                np.mean(
                    np.concatenate(
                        [polynomial(n, b) - a for polynomial, curve in zip(fitted, curves, strict=True) for n, (b, a) in curve.items()]
                    )
                    ** 2
                )
            )
        )
        if best is None or misfit < best[1]:
            best = ((fitted[0], fitted[1]), misfit)
        if misfit <= LARGEST_MISFIT_PX * layout.binning_a:
            break
    if best is None:
        raise ValueError("there are no degrees to try")
    return best


def _order_levels(orders: Sequence[FlatOrder]) -> tuple[float, float, float]:
    light = np.concatenate([order.parts.blaze for order in orders])
    low, middle, high = np.percentile(light, [10, 50, 90])
    return float(low), float(middle), float(high)


def _centre_samples(frames: Sequence[RawCalibration], background: Frame | None, layout: Layout, width_px: int) -> list[FloatArray]:
    """Electrons around the order centres of a sample of rows, one array for each frame, the same pixels in all."""
    shape = frames[0].detector.shape
    band = np.zeros(shape, dtype=bool)
    turned = band.T if layout.axis == "x" else band
    half = max(1, round(0.5 * width_px / layout.binning_a))
    for b, centre in layout.centres.values():
        for step in range(-half, half + 1):
            turned[b, np.clip(np.rint(centre).astype(np.int64) + step, 0, turned.shape[1] - 1)] = True
    starts = sample_rows(shape[0])
    inside = np.concatenate([band[start : start + 4] for start in starts])
    samples = []
    for frame in frames:
        electrons = read_sample(frame, starts)
        if background is not None:
            electrons = electrons - np.concatenate([background.electrons[start : start + 4] for start in starts])
        samples.append(electrons[inside])
    return samples


def _robust_top(sample: FloatArray) -> FloatArray:
    finite = sample[np.isfinite(sample)]
    return np.percentile(finite, [95.0]) if finite.size else np.zeros(1)


def _require_light(
    lamp: str, frames: Sequence[RawCalibration], samples: Sequence[FloatArray], levels: FloatArray, read_noise_e: float
) -> None:
    for frame, level in zip(frames, levels, strict=True):
        if not level > LEAST_LIGHT_SIGMA * read_noise_e:
            raise AlgorithmError(f"{frame.name}: the orders hold {level:.1f} electrons of the {lamp} lamp; is the lamp on?")
    for i in range(len(samples)):
        for j in range(i + 1, len(samples)):
            if np.array_equal(samples[i], samples[j], equal_nan=True):
                raise AlgorithmError(f"{frames[i].name} and {frames[j].name} hold the same numbers; every frame is needed once")


def _require_unsaturated(
    lamp: str, frames: Sequence[RawCalibration], samples: Sequence[FloatArray], layout: Layout, read_noise_e: float
) -> None:
    level = frames[0].detector.saturation_adu
    for frame, sample in zip(frames, samples, strict=True):
        share = 0.0 if level is None else float(np.mean(sample >= 0.98 * level * frame.detector.gain_e_per_adu - np.nanmin(sample) * 0.0))
        if share > SATURATED_SHARE:
            raise AlgorithmError(f"{frame.name}: {share:.0%} of the order centres are saturated; flats of less light are needed")
    if level is None and len(samples) > 1:
        bright = samples[0] >= np.nanpercentile(samples[0], 100 * (1 - 2 * SATURATED_SHARE))
        difference = (samples[0] - samples[1])[bright]
        expected = 2.0 * (float(np.nanmedian(samples[0][bright])) + read_noise_e**2)
        scatter = float(np.nanmedian(np.abs(difference - np.nanmedian(difference)))) * 1.4826
        if scatter**2 < CAPPED_RATIO**2 * expected:
            raise AlgorithmError(
                f"{frames[0].name}: its brightest pixels scatter by {scatter:.0f} electrons where {np.sqrt(expected):.0f} are expected of photons; the detector is saturated"
            )


def _saturated(frames: Sequence[RawCalibration]) -> BoolImage:
    """Pixels at the saturation level in any frame."""
    shape = frames[0].detector.shape
    found = np.zeros(shape, dtype=bool)
    for frame in frames:
        if frame.detector.saturation_adu is not None:
            for start in range(0, shape[0], 256):
                stop = min(start + 256, shape[0])
                found[start:stop] |= frame.saturated(start, stop)
    return found
