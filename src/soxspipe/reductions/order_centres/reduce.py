"""The order-centres recipe's algorithm: pinhole flats in, trace of the slit's centre out."""

from __future__ import annotations

from soxspipe.algorithms.calibration.combine_lamps import combine_flats
from soxspipe.algorithms.calibration.trace_orders import OrderCentres, trace_orders
from soxspipe.algorithms.calibration.trace_settings import with_degrees
from soxspipe.reductions.lamp_inputs import LampInputs
from soxspipe.reductions.order_centres.result import OrderCentresResult
from soxspipe.reductions.progress import Done
from soxspipe.settings.order_centres import OrderCentresSettings

LARGEST_MISS_PX = 0.03
"""A polynomial of the table further than this from the centres as measured is said in a warning."""
LARGEST_ZERO_POINT_PX = 0.5
"""A quarter of the trace's width: the dispersion solution is then of another setting."""
LEAST_SAMPLES = 0.5
"""With less, an order is described by its neighbours more than by its own light."""


def reduce_order_centres(inputs: LampInputs, settings: OrderCentresSettings, done: Done) -> OrderCentresResult:
    """Trace the order centres."""
    image = combine_flats(inputs.frames, settings.stack)
    done("detrend", f"{len(inputs.raw)} frames")
    assert inputs.first is not None
    centres = trace_orders(
        image, inputs.first[0], inputs.first[1], inputs.prediction.ranges_nm, inputs.arm.dispersion_axis,
        with_degrees(settings.continuum, settings.poly), binning=inputs.detector.binning,
    )  # fmt: skip
    done(
        "trace",
        f"{int(centres.used.sum())} samples, offset from the arc {centres.zero_point_px:+.3f} ± {centres.zero_point_error_px:.3f} px",
    )
    return OrderCentresResult(image=image, centres=centres, warnings=_warnings(inputs, centres))


def _warnings(inputs: LampInputs, centres: OrderCentres) -> tuple[str, ...]:
    """What the user should know of the centres."""
    found = []
    if centres.table_miss_px > LARGEST_MISS_PX:
        found.append(
            f"the polynomial of the order table is {centres.table_miss_px:.3f} px (rms) off the centres as measured; ORDER_TRACES holds these"
        )
    if abs(centres.zero_point_px) > LARGEST_ZERO_POINT_PX:
        found.append(
            f"the pinhole of the flat lies {centres.zero_point_px:+.2f} px along the slit off that of the arc: flexure, or another mask"
        )
    for order in sorted(inputs.prediction.ranges_nm):
        here = centres.samples.order == order
        share = float(centres.samples.detected[here].mean()) if here.any() else 0.0
        if share < LEAST_SAMPLES:
            found.append(
                f"order {inputs.arm.label(order)}: the trace is seen in {share:.0%} of the samples; the rest is the dispersion solution's"
            )
    return tuple(found)
