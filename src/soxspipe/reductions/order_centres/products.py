"""The order table of the order-centres recipe."""

from __future__ import annotations

import numpy as np

from soxspipe.io.fits_writer import fits_chunks
from soxspipe.io.geometry_products import order_table_hdus
from soxspipe.reductions.order_centres.context import OrderCentresContext
from soxspipe.reductions.records import calibration_cards
from soxspipe.reductions.spec import Contents


def order_table(context: OrderCentresContext) -> Contents:
    """Polynomials, limits, and the centres at every unbinned pixel along the dispersion."""
    centres, arm = context.result.centres, context.inputs.arm
    b = {order: np.arange(centres.b_min[order], centres.b_max[order]) for order in sorted(centres.b_min)}
    traces = {
        f"{arm.dispersion_axis}coord": np.concatenate(list(b.values())),
        "order": np.concatenate([np.full(pixels.size, order, dtype=np.int64) for order, pixels in b.items()]),
        f"{arm.slit_axis}coord_centre": np.concatenate([centres.measured(order, pixels.astype(np.float64)) for order, pixels in b.items()]),
        f"{arm.slit_axis}coord_centre_err": np.concatenate(
            [np.full(pixels.size, centres.centre_error_px.get(order, np.nan)) for order, pixels in b.items()]
        ),
    }
    unbinned = () if context.inputs.detector.binning == (1, 1) else (("ESO DET BINX", 1, "unbinned"), ("ESO DET BINY", 1, "unbinned"))
    cards = calibration_cards(context, "ORDER_TAB", "ECHELLE,PINHOLE", is_image=False, extra=unbinned)
    return fits_chunks(order_table_hdus(cards, centres, arm, traces))
