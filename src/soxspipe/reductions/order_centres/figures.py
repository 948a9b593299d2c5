"""Figures and report of the order centres, as bytes; what draws is imported when the first is drawn."""

from __future__ import annotations

import numpy as np

from soxspipe.reductions.calibration_report import SHEET_PX, report_of
from soxspipe.reductions.order_centres.context import OrderCentresContext
from soxspipe.reductions.spec import Contents


def residuals(context: OrderCentresContext) -> Contents:
    """Offsets from the dispersion solution, and their fit."""
    from soxspipe.plots.centres import CentresFigure, plot_centres
    from soxspipe.plots.pdf import figure_as_pdf

    centres, arm = context.result.centres, context.inputs.arm
    samples = centres.samples
    content = CentresFigure(
        title=f"{arm.name} order centres: {int(centres.used.sum())} of {samples.order.size} samples used",
        subtitle=context.provenance.sof_name,
        order=samples.order, b_px=samples.b_px, centre_px=samples.predicted + samples.offset, offset=samples.offset,
        fitted=centres.fitted - samples.predicted, sigma=samples.sigma, used=centres.used, axis=arm.slit_axis,
        facts=(
            f"pinhole of the flat {centres.zero_point_px:+.3f} ± {centres.zero_point_error_px:.3f} px off that of the arc",
            f"degree {centres.degree} of the offset",
            f"error of the centres {float(np.median(list(centres.centre_error_px.values()))):.4f} px",
            f"polynomial of the table {centres.table_miss_px:.4f} px (rms) off the centres",
        ),
        labels={order: arm.label(order) for order in centres.b_min},
    )  # fmt: skip
    return [figure_as_pdf(plot_centres(content))]


def residuals_suffix(context: OrderCentresContext) -> str:
    """The figure's name ends in the degrees of the table."""
    shape = context.result.centres.centre.coefficients.shape
    return f"_residuals_{shape[0] - 1}{shape[1] - 1}.pdf"


def report(context: OrderCentresContext) -> Contents:
    """The report, which lists every other file."""
    from soxspipe.plots.masters import thumbnail
    from soxspipe.report.calibration import Curve, Sheet

    centres, arm = context.result.centres, context.inputs.arm
    samples = centres.samples
    light = thumbnail(np.maximum(context.result.image.electrons, 0.0), SHEET_PX)
    orders = [order for order in np.unique(samples.order) if np.any(centres.used[samples.order == order])]
    parts = [(samples.order == order) & centres.used for order in orders]
    left = samples.predicted + samples.offset - centres.fitted
    return report_of(
        context,
        title="Order centres",
        summary=f"The trace of the pinhole in {len(orders)} orders of {arm.name}, as an offset from the dispersion solution.",
        tiles=(
            ("samples used", f"{int(centres.used.sum())} of {samples.order.size}"),
            ("offset from the arc", f"{centres.zero_point_px:+.3f} px"),
            ("scatter", f"{float(left[centres.used].std()):.4f} px"),
            ("polynomial of the table", f"{centres.table_miss_px:.4f} px"),
        ),
        sheets=[Sheet(title="Pinhole flat", caption="Averaged in blocks", image=light, low=0.0, high=float(np.percentile(light, 99.0)))],
        curves=(
            Curve(
                title="Offset from the dispersion solution",
                x="dispersion (px)",
                y="px",
                lines=tuple((samples.b_px[p], samples.offset[p]) for p in parts),
            ),
            Curve(title="Residual", x="dispersion (px)", y="px", lines=tuple((samples.b_px[p], left[p]) for p in parts)),
            Curve(
                title="Gaussian width of the trace",
                x="dispersion (px)",
                y="px",
                lines=tuple((samples.b_px[p], samples.sigma[p]) for p in parts),
            ),
        ),
    )
