"""Metrics of a flat run: which values go into which measurement."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.arrays import BoolImage
from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.raw_calibration import BadPixel
from soxspipe.qc import masters
from soxspipe.reductions.mflat.context import MflatContext
from soxspipe.reductions.temperatures import header_temperatures

Metrics = tuple[Metric, ...]
INSIDE_PX = 1.0
"""The reference counts pixels as far inside the half-light edges; with another margin the sum leaves the range that was set for it."""


def exposure(context: MflatContext) -> Metrics:
    """Light at the order centres, over all orders and in each."""
    made, arm = context.result.master, context.inputs.arm
    levels = zip((10, 50, 90), made.order_levels_e, strict=True)
    drift = max(float(np.ptp(lamp.levels_e) / np.mean(lamp.levels_e)) for lamp in made.lamps)
    return (
        *(
            Metric(name=f"ORDEXP{share}", value=level, unit="electrons", comment=f"Percentile {share} of the light at the order centres")
            for share, level in levels
        ),
        Metric(name="LAMP DRIFT", value=drift, comment="Largest range of a lamp's levels over their mean"),
        Metric(name="LAMP COLOUR", value=max(lamp.colour for lamp in made.lamps), comment="Change of a lamp's colour from flat to flat"),
        *(
            Metric(
                name=f"ORDEXP50 O{arm.label(number)}",
                value=float(np.median(order.parts.blaze)),
                unit="electrons",
                comment=f"Median light at the centre of order {arm.label(number)}",
                order=arm.label(number),
            )
            for number, order in made.orders.items()
        ),
    )


def edges(context: MflatContext) -> Metrics:
    """Residuals of the edges (always called X), over all orders and in each."""
    made, arm = context.result.master, context.inputs.arm
    by_order = {}
    for number, order in made.orders.items():
        entry = order.edges
        residual = np.concatenate([entry.measured_low - entry.low, entry.measured_high - entry.high])
        by_order[number] = np.abs(residual[np.isfinite(residual)])
    every = np.concatenate(list(by_order.values()))
    return (
        Metric(
            name="X RES MIN",
            value=float(every.min()) if every.size else None,
            unit="pixels",
            comment="Smallest residual of the order edges",
        ),
        Metric(
            name="X RES MAX", value=float(every.max()) if every.size else None, unit="pixels", comment="Largest residual of the order edges"
        ),
        Metric(
            name="X RES SD",
            value=float(every.std()) if every.size else None,
            unit="pixels",
            comment="Scatter of the residuals of the order edges",
        ),
        Metric(
            name="EDGE MISFIT", value=made.table_misfit_px, unit="pixels", comment="Edges of the order table about the fitted ones, rms"
        ),
        Metric(name="N ORDERS", value=len(made.orders) - len(made.blocked), comment="Orders with light"),
        *(
            Metric(
                name=f"X RES SD O{arm.label(number)}",
                value=float(values.std()) if values.size else None,
                unit="pixels",
                comment=f"Of order {arm.label(number)}",
                order=arm.label(number),
            )
            for number, values in by_order.items()
        ),
    )


def defects(context: MflatContext) -> Metrics:
    """Pixels of low sensitivity and others."""
    reasons = context.result.master.reasons
    cold = int(np.count_nonzero(reasons & np.uint8(BadPixel.COLD)))
    partly = int(np.count_nonzero(reasons & np.uint8(BadPixel.PARTLY_LIT)))
    frames = [name for lamp in context.result.master.lamps for name in lamp.frame_names]
    return (
        Metric(name="N LOW SENS", value=cold, comment="Pixels less sensitive than their neighbours"),
        Metric(name="N ORDER EDGE", value=partly, comment="Pixels lit by less than half of their row's light at an edge"),
        Metric(name="COLDPIX NUM", value=cold, comment="Cold pixels, those alone"),
        Metric(name="COLDPIX FRAC", value=cold / reasons.size, comment="The same as a share of all"),
        *masters.bad_pixel_metrics("BADPIX", reasons),
        *masters.frame_metrics(frames, (), sum(lamp.n_rejected for lamp in context.result.master.lamps)),
    )


def inner_orders(context: MflatContext) -> Metrics:
    """Level between the order edges."""
    made = context.result.master
    values = made.value[inside_orders(context) & (made.reasons == 0)].astype(np.float64)
    return (
        Metric(name="INNER ORDER PIX MEAN", value=float(values.mean()), comment="Mean of sound pixels inside the orders"),
        Metric(name="INNER ORDER PIX SUM", value=float(values.sum()), comment="Their sum"),
    )


def lamps(context: MflatContext) -> Metrics:
    """Scattered light, and what the second lamp adds."""
    made, arm = context.result.master, context.inputs.arm
    scattered = None if made.background is None else float(np.median(made.background[inside_orders(context)]))
    return (
        Metric(name="SCATTER MEDIAN", value=scattered, comment="Scattered light inside the orders on the scale of the flat"),
        *(
            Metric(
                name=f"OTHER LAMP O{arm.label(number)}",
                value=order.other_share,
                comment=f"Weight of the lamp beside {order.lamp}",
                order=arm.label(number),
            )
            for number, order in made.orders.items()
        ),
    )


def temperatures(context: MflatContext) -> Metrics:
    """Of detector and common path."""
    return header_temperatures(context.inputs.arm, context.provenance.header)


def inside_orders(context: MflatContext) -> BoolImage:
    """True for pixels whose centre is `INSIDE_PX` or more inside the edges of an order."""
    made, axis = context.result.master, context.inputs.arm.dispersion_axis
    inside = np.zeros(made.value.shape, dtype=bool)
    turned = inside.T if axis == "x" else inside
    n_a: int = made.value.shape[0 if axis == "x" else 1]
    a = np.arange(n_a)[None, :]
    for order in made.orders.values():
        edges = order.edges
        first, last = max(int(edges.low.min()), 0), int(edges.high.max()) + 2
        part = a[:, first:last]
        turned[edges.b_px, first:last] |= (part >= edges.low[:, None] + INSIDE_PX) & (part <= edges.high[:, None] - INSIDE_PX)
    return inside
