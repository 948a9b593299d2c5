"""Master flat: lamps combined, scattered light out, edges of the orders, defects, and the factors of the light kept apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from soxspipe.algorithms.calibration.combine_flats import LampFlat, LampSummary, brightest_lamp
from soxspipe.algorithms.calibration.edge_polynomials import LARGEST_DEGREES, edge_polynomials
from soxspipe.algorithms.calibration.flat_layout import Layout, measure_half_slit
from soxspipe.algorithms.calibration.flat_parts import FlatParts, take_apart
from soxspipe.algorithms.calibration.flat_settings import FlatSettings
from soxspipe.algorithms.calibration.gap_light import between_orders, fit_gap_light
from soxspipe.algorithms.calibration.lamp_mix import mix_order
from soxspipe.algorithms.calibration.lamp_scale import OrderJoin, OrderLight, second_lamp_scale
from soxspipe.algorithms.calibration.slit_edges import OrderEdges, cut_strip, measure_edges
from soxspipe.datamodel.arrays import BoolImage, FlagArray, FloatArray, Image, IntArray
from soxspipe.datamodel.detector import Axis
from soxspipe.datamodel.geometry import OrderTable
from soxspipe.datamodel.raw_calibration import BadPixel
from soxspipe.errors import AlgorithmError

BRIGHT_RESPONSE, BRIGHT_SIGMA = 1.3, 8.0
"""A pixel brighter than its neighbours by this factor and this many sigma was struck in a lamp's only frame, or is hot."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlatOrder:
    """One order: edges, factors of its light, lamp with most of the information, share of information from another lamp, and its factor in the flat."""

    edges: OrderEdges
    parts: FlatParts
    a_start: IntArray
    lamp: str
    other_share: float
    scale: float = 1.0


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
    lamps_joined : bool
        False if orders show two lamps whose scale could not be measured where they meet.
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
    lamps_joined: bool = True


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
            values = parts.blaze[row] * order.scale / flat.norm_e
        turned[edges.b_px[row], a[row, column]] = values
    return image


def make_master_flat(
    lamps: Sequence[LampFlat], table: OrderTable, layout: Layout, bad: FlagArray, settings: FlatSettings, *, subtract_background: bool,
    joins: Sequence[OrderJoin] = (),
) -> MasterFlat:  # fmt: skip
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
    joins : sequence of OrderJoin
        Where neighbouring orders meet; needed for two lamps.

    Raises
    ------
    AlgorithmError
        If no order has light.
    """
    first = lamps[0]
    shape = first.electrons.shape
    brightest = brightest_lamp(lamps, layout)
    half_slit = measure_half_slit(first.electrons, layout) if layout.half_slit_px is None else layout.half_slit_px
    edges: dict[int, OrderEdges] = {}
    for index, lamp in enumerate(lamps):
        mine = {order: centre for order, centre in layout.centres.items() if brightest[order] == index}
        if mine:
            edges |= measure_edges(
                lamp.electrons, lamp.variance, _without_unstable(lamp.reasons | bad) > 0, mine, layout.axis,
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
    return _assemble(lamps, scattered, edges, table, layout, bad, settings, joins)


def _without_unstable(reasons: FlagArray) -> FlagArray:
    """Reasons that take a pixel's light away; one that jumps by some electrons still shows the lamp, and flats that move make all edges unstable."""
    return reasons & ~np.uint8(BadPixel.UNSTABLE)


def _assemble(
    lamps: Sequence[LampFlat], scattered: Sequence[tuple[Image, float] | None], edges: Mapping[int, OrderEdges], table: OrderTable,
    layout: Layout, bad: FlagArray, settings: FlatSettings, joins: Sequence[OrderJoin],
) -> MasterFlat:  # fmt: skip
    shape = lamps[0].electrons.shape
    value, variance = np.ones(shape, np.float32), np.zeros(shape, np.float32)
    reasons = np.array(bad | lamps[0].reasons)
    planes = _Planes(value.T, variance.T, reasons.T) if layout.axis == "x" else _Planes(value, variance, reasons)
    orders, joined = _put_orders(planes, lamps, scattered, edges, layout, settings, joins)
    lit = [order for order in orders.values() if order.edges.lit]
    norm = float(np.mean(np.concatenate([order.scale * order.parts.blaze for order in lit])))
    inside = variance > 0
    value[inside] /= np.float32(norm)
    variance[inside] /= np.float32(norm**2)
    polynomials, misfit = edge_polynomials({n: o.edges for n, o in orders.items()}, layout, settings)
    background = scattered[0][0] / np.float32(norm) if scattered[0] is not None else None
    return MasterFlat(
        value=value,
        variance=variance,
        reasons=reasons,
        background=background,
        norm_e=norm,
        orders=orders,
        order_table=replace(table, low=polynomials[0], high=polynomials[1]),
        lamps=tuple(
            LampSummary(lamp=x.lamp, levels_e=x.levels_e, frame_names=x.frame_names, n_rejected=x.n_rejected, colour=x.agreement.colour)
            for x in lamps
        ),
        order_levels_e=_order_levels(lit),
        table_misfit_px=misfit,
        blocked=tuple(n for n, o in orders.items() if not o.edges.lit),
        lamps_joined=joined,
    )


def _put_orders(
    planes: _Planes, lamps: Sequence[LampFlat], scattered: Sequence[tuple[Image, float] | None], edges: Mapping[int, OrderEdges],
    layout: Layout, settings: FlatSettings, joins: Sequence[OrderJoin],
) -> tuple[dict[int, FlatOrder], bool]:  # fmt: skip
    """Write every order into the planes, those of the second lamp on the scale of the first; also whether that scale is known, or not needed."""
    flagged = [_without_unstable(lamp.reasons) > 0 for lamp in lamps]
    orders: dict[int, FlatOrder] = {}
    light: dict[int, OrderLight] = {}
    of_second: dict[int, tuple[IntArray, IntArray]] = {}
    for number in sorted(edges):
        orders[number], pixels = _one_order(lamps, scattered, edges[number], layout, flagged, settings)
        planes.put(pixels)
        if pixels.light is not None:
            light[number] = pixels.light
            if pixels.light.spectrum == 1:
                of_second[number] = pixels.place
    scale = second_lamp_scale(joins, light) if of_second else None
    if scale is not None:
        for number, place in of_second.items():
            planes.multiply(place, scale)
            orders[number] = replace(orders[number], scale=scale)
    return orders, scale is not None or not of_second


class _Pixels(NamedTuple):
    """Pixels of one order as they go into the flat: place (dispersion, slit), electrons, variance, reasons; light of two lamps along the order."""

    place: tuple[IntArray, IntArray]
    values: FloatArray
    variance: FloatArray
    reasons: FlagArray
    light: OrderLight | None


class _Planes(NamedTuple):
    """Value, variance and reasons while a flat is put together, dispersion along axis 0; written in place."""

    value: Image
    variance: Image
    reasons: FlagArray

    def put(self, pixels: _Pixels) -> None:
        """Write the pixels of an order; reasons are added to those that are there."""
        self.value[pixels.place] = pixels.values
        self.variance[pixels.place] = pixels.variance
        self.reasons[pixels.place] |= pixels.reasons

    def multiply(self, place: tuple[IntArray, IntArray], factor: float) -> None:
        """Multiply the light of some pixels."""
        self.value[place] *= np.float32(factor)
        self.variance[place] *= np.float32(factor**2)


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
    both: OrderLight | None = None
    if len(lamps) == 2:
        mixed = mix_order((values[0], values[1]), (variances[0], variances[1]), lit)
        light, noise, lamp_name, share = mixed.values, mixed.variance, lamps[mixed.reference].lamp, mixed.share
        both = _light_along(values, variances, lit, (edges.b_px + 0.5) * layout.binning_b - 0.5, mixed.spectrum)
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
        light=both,
    )
    return FlatOrder(edges=edges, parts=parts, a_start=a_start, lamp=lamp_name, other_share=share), pixels


def _light_along(
    values: Sequence[FloatArray], variances: Sequence[FloatArray], lit: BoolImage, b_px: FloatArray, spectrum: int
) -> OrderLight:
    """Light of both lamps along an order, in fully lit pixels that are sound in both."""
    use = lit & np.isfinite(values[0]) & np.isfinite(values[1])
    light, variance = (np.stack([np.where(use, one, 0.0).sum(axis=1) for one in many]) for many in (values, variances))
    return OrderLight(b_px=b_px, light=light, variance=variance, spectrum=spectrum)


def _defects(parts: FlatParts, variance: FloatArray, a_px: IntArray, edges: OrderEdges, settings: FlatSettings) -> FlagArray:
    """Cold pixels against the smooth light around them, and pixels of which the edge lights less than its share."""
    error = np.sqrt(variance) / parts.blaze[:, None]
    response = np.nan_to_num(parts.response, nan=1.0)
    cold = parts.lit & (response < settings.low_sensitivity_response) & (1.0 - response > settings.low_sensitivity_clipping_sigma * error)
    near = ~parts.lit & (a_px >= np.floor(edges.low)[:, None]) & (a_px <= np.ceil(edges.high)[:, None])
    partly = near & (response < settings.order_edge_min_flat_fraction)
    bright = parts.lit & (response > BRIGHT_RESPONSE) & (response - 1.0 > BRIGHT_SIGMA * error)
    return np.asarray(cold * np.uint8(BadPixel.COLD) | partly * np.uint8(BadPixel.PARTLY_LIT) | bright * np.uint8(BadPixel.UNSTABLE))


def _order_levels(orders: Sequence[FlatOrder]) -> tuple[float, float, float]:
    light = np.concatenate([order.parts.blaze for order in orders])
    low, middle, high = np.percentile(light, [10, 50, 90])
    return float(low), float(middle), float(high)
