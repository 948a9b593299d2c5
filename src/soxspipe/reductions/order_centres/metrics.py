"""Metrics of the order centres."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.metric import Metric
from soxspipe.qc.samples import measure_gaps
from soxspipe.reductions.order_centres.context import OrderCentresContext
from soxspipe.reductions.temperatures import header_temperatures

Metrics = tuple[Metric, ...]


def samples(context: OrderCentresContext) -> Metrics:
    """How many samples show the trace and are used."""
    centres = context.result.centres
    total, found, used = centres.used.size, int(centres.samples.detected.sum()), int(centres.used.sum())
    orders = np.unique(centres.samples.order[centres.used]).size
    return (
        Metric(name="SAMPLES TOT NUM", value=total, comment="Samples along all orders"),
        Metric(name="SAMPLES DET NUM", value=found, comment="Samples that show the trace"),
        Metric(name="SAMPLES DET FRAC", value=found / total, comment="Share that shows the trace"),
        Metric(name="SAMPLES CLIP NUM", value=found - used, comment="Samples left out of the fit"),
        Metric(name="SAMPLES CLIP FRAC", value=(found - used) / max(found, 1), comment="Share left out of the fit"),
        Metric(name="N ORDERS", value=int(orders), comment="Orders with a trace"),
    )


def residuals(context: OrderCentresContext) -> Metrics:
    """Measured minus fitted centre."""
    centres, axis = context.result.centres, context.inputs.arm.slit_axis.upper()
    left = centres.samples.predicted + centres.samples.offset - centres.fitted
    values = left[centres.used]
    whole = (
        Metric(name=f"{axis} RES MIN", value=float(values.min()), unit="px", comment="Smallest residual"),
        Metric(name=f"{axis} RES MAX", value=float(values.max()), unit="px", comment="Largest residual"),
        Metric(name=f"{axis} RES SD", value=float(values.std()), unit="px", comment="Scatter of the residuals"),
        Metric(name=f"{axis} RES MEDIAN", value=float(np.median(np.abs(values))), unit="px", comment="Median absolute residual"),
    )
    single = []
    for order in np.unique(centres.samples.order):
        here = (centres.samples.order == order) & centres.used
        value = float(left[here].std()) if here.any() else None
        single.append(Metric(name=f"{axis} RES SD O{order}", value=value, unit="px", comment="Order alone", order=str(order)))
    return (*whole, *single)


def solution(context: OrderCentresContext) -> Metrics:
    """Offset from the arc, errors, and the longest stretch without a sample."""
    centres = context.result.centres
    return (
        Metric(name="ARC OFFSET", value=centres.zero_point_px, unit="px", comment="Pinhole of the flat against that of the arc"),
        Metric(name="ARC OFFSET ERR", value=centres.zero_point_error_px, unit="px", comment="Its error"),
        Metric(
            name="CENTRE ERR", value=float(np.median(list(centres.centre_error_px.values()))), unit="px", comment="Error of the centres"
        ),
        Metric(name="TABLE MISS", value=centres.table_miss_px, unit="px", comment="Rms distance of the table's polynomial"),
        *measure_gaps(centres.samples.order, centres.samples.b_px, centres.used, str),
    )


def temperatures(context: OrderCentresContext) -> Metrics:
    """Of detector and common path."""
    return header_temperatures(context.inputs.arm, context.provenance.header)
