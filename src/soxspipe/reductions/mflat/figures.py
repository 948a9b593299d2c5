"""Figures and report of a flat run, as bytes; what draws is imported when the first is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.detector import Arm
from soxspipe.reductions.calibration_report import SHEET_PX, report_of
from soxspipe.reductions.mflat.context import MflatContext
from soxspipe.reductions.spec import Contents

if TYPE_CHECKING:
    from soxspipe.algorithms.calibration.master_flat import FlatOrder, MasterFlat
    from soxspipe.report.calibration import Curve, Sheet


def background(context: MflatContext) -> Contents:
    """Scattered light as a figure."""
    from soxspipe.plots.flat import plot_scattered
    from soxspipe.plots.pdf import figure_as_pdf

    image = context.result.master.background
    if image is None:
        raise ValueError("this run has no model of scattered light")
    return [figure_as_pdf(plot_scattered(image, context.provenance.sof_name))]


def order_location(context: MflatContext) -> Contents:
    """Edges over the flat, and their residuals."""
    from soxspipe.plots.flat import plot_edges
    from soxspipe.plots.pdf import figure_as_pdf

    made = context.result.master
    orders = {context.inputs.arm.label(number): order.edges for number, order in made.orders.items()}
    return [figure_as_pdf(plot_edges(made.value, orders, context.inputs.arm.dispersion_axis, context.provenance.sof_name))]


def report(context: MflatContext) -> Contents:
    """The report, which lists every other file."""
    made = context.result.master
    lit = [order for order in made.orders.values() if order.edges.lit]
    frames = sum(len(lamp.frame_names) for lamp in made.lamps)
    names = " and ".join(lamp.lamp for lamp in made.lamps)
    return report_of(
        context,
        title="Master flat",
        summary=f"{frames} flats of {names} combined; {len(lit)} orders with light.",
        tiles=(
            ("flats", str(frames)),
            ("light at the centres", f"{made.order_levels_e[1]:.0f} e⁻"),
            ("orders", str(len(lit))),
            ("edges of the table", f"{made.table_misfit_px:.3f} px"),
            ("bad pixels", f"{np.mean(made.reasons > 0):.2%}"),
        ),
        sheets=_sheets(made, context.inputs.arm),
        curves=_curves(lit),
        notes=("Between the orders the flat is 1.",),
    )


def _sheets(made: MasterFlat, arm: Arm) -> list[Sheet]:
    """The flat, its pixel response, bad pixels, and scattered light if it was taken off."""
    from soxspipe.algorithms.calibration.master_flat import flat_factor
    from soxspipe.plots.masters import thumbnail
    from soxspipe.report.calibration import Sheet

    value = thumbnail(made.value, SHEET_PX)
    response = thumbnail(flat_factor(made, arm.dispersion_axis, "response"), SHEET_PX)
    bad = thumbnail((made.reasons > 0).astype(np.float32), SHEET_PX)
    high = float(np.percentile(value, 99.0))
    sheets = [
        Sheet(title="Flat", caption=f"White 0, black {high:.2f}", image=value, low=0.0, high=high),
        Sheet(title="Pixel response", caption="White 0.98, black 1.02", image=response, low=0.98, high=1.02),
        Sheet(title="Bad pixels", caption="Share of bad pixels, black one in ten", image=bad, low=0.0, high=0.1),
    ]
    if made.background is not None:
        scattered = thumbnail(made.background, SHEET_PX)
        most = float(scattered.max()) or 1.0
        sheets.append(Sheet(title="Scattered light", caption=f"White 0, black {most:.2g} of the flat", image=scattered, low=0.0, high=most))
    return sheets


def _curves(lit: Sequence[FlatOrder]) -> tuple[Curve, ...]:
    """Factors of the light, and the slit's place and length, one line an order."""
    from soxspipe.report.calibration import Curve

    return (
        Curve(
            title="Lamp times blaze",
            x="dispersion (px)",
            y="electrons",
            lines=tuple(_thin(order.edges.b_px.astype(np.float64), order.parts.blaze) for order in lit),
        ),
        Curve(
            title="Light along the slit",
            x="place in the slit, edge to edge",
            y="relative",
            lines=tuple((order.parts.slit_px, order.parts.illumination) for order in lit),
        ),
        Curve(
            title="Length of the slit",
            x="dispersion (px)",
            y="px",
            lines=tuple(_thin(order.edges.b_px.astype(np.float64), 2 * order.edges.half_px) for order in lit),
        ),
        Curve(
            title="Order middle against the centre given",
            x="dispersion (px)",
            y="px",
            lines=tuple(_thin(order.edges.b_px.astype(np.float64), order.edges.middle - order.edges.centre) for order in lit),
        ),
    )


def _thin(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    step = max(1, x.size // 250)
    return x[::step], y[::step]
