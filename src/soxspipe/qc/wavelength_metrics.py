"""How wavelengths were tied to the sky: shifts, their errors and what they rest on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soxspipe.datamodel.detector import Arm
from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.models import OrderShift, WavelengthShift
from soxspipe.datamodel.spectrum import OrderSpectrum
from soxspipe.qc.numbers import finite_or_none

LARGEST_SHIFT_PX = 8.0
"""No order was seen to move further."""

LARGEST_SHIFT_ERROR_PX = 0.3
"""Of a shift on an order's own lines or with the orders beside it; the arc itself is better within a night."""


def measure_wavelength_shift(shift: WavelengthShift | None) -> tuple[Metric, ...]:
    """WAVE SHIFT, its error and the number of sky lines behind it, of the arm."""
    lines = None if shift is None else shift.n_lines
    return (
        Metric(
            name="WAVE SHIFT",
            value=None if shift is None else finite_or_none(shift.shift_px),
            unit="px",
            comment="Zero-point shift on sky lines",
        ),
        Metric(name="WAVE SHIFT ERR", value=None if shift is None else finite_or_none(shift.error_px), unit="px", comment="Its error"),
        Metric(name="WAVE SHIFT LINES", value=lines, comment="Sky lines used"),
    )


def measure_order_shifts(shift: WavelengthShift | None, arm: Arm, orders: Sequence[OrderSpectrum]) -> tuple[Metric, ...]:
    """WAVE SHIFT, WAVE ERR and WAVE SOURCE of every order, the orders not tied, and the same in the names of release 0.19 of the reference."""
    if shift is None:
        return ()
    scale = {spectrum.order: float(np.nanmedian(spectrum.pixel_scale_nm)) for spectrum in orders}
    loose = sum(not found.tied for found in shift.orders.values())
    made = [Metric(name="WAVE UNTIED", value=loose, comment="Orders whose wavelengths are the arc's alone")]
    for order, found in sorted(shift.orders.items()):
        label = arm.label(order)
        made += [
            Metric(
                name=f"WAVE SHIFT O{label}", value=finite_or_none(found.shift_px), unit="px", comment=f"Mean shift of order {label}", order=label,
                low=-LARGEST_SHIFT_PX if found.tied else None, high=LARGEST_SHIFT_PX if found.tied else None,
            ),
            Metric(
                name=f"WAVE ERR O{label}", value=finite_or_none(found.error_px), unit="px", comment="Its error", order=label,
                high=LARGEST_SHIFT_ERROR_PX if found.n_lines or found.source == "neighbours" else None,
            ),
            Metric(name=f"WAVE SOURCE O{label}", value=found.source, comment=found.reason or "What it rests on", order=label),
            Metric(
                name=f"SKY SHIFT O{order}", value=finite_or_none(found.shift_px * scale.get(order, np.nan)) if found.applied else None, unit="nm",
                comment=f"Shift of order {label} taken out", order=label,
            ),
            Metric(
                name=f"SKY SHIFT O{order} PX", value=finite_or_none(found.shift_px) if found.applied else None, unit="px",
                comment=f"Shift of order {label} taken out", order=label,
            ),
            Metric(name=f"SKY LINE SNR O{order}", value=found.snr or None, comment=f"All sky lines of order {label} together", order=label),
        ]  # fmt: skip
    return (*made, *_tuning(shift, arm))


def _tuning(shift: WavelengthShift, arm: Arm) -> tuple[Metric, ...]:
    """SKY TUNING and the sources of bands that follow others, in the words of the reference."""
    applied = [found for found in shift.orders.values() if found.applied]
    if not applied:
        tuning = "skipped: attached arc" if shift.attached else "skipped: no lines"
    elif arm.flexure.together:
        tuning = "skylines-global" if np.isfinite(shift.scatter_px) else "skylines-per-order"
    else:
        tuning = "skylines"
    made = [Metric(name="SKY TUNING", value=tuning, comment="How wavelengths were tied to the sky")]
    if arm.flexure.together:
        made += [
            Metric(name="SKY FIT RMS PX", value=finite_or_none(shift.scatter_px), unit="px", comment="Orders about a common motion"),
            Metric(name="SKY FIT NLINES", value=shift.n_lines, comment="Sky lines in all orders"),
        ]
    followers = {arm.label(law.order): shift.orders[law.order] for law in arm.flexure.laws if law.order in shift.orders}
    if "r" in followers:
        made.append(Metric(name="R SHIFT SOURCE", value=_in_words(followers["r"]), comment="What the shift of r rests on"))
    if "u" in followers and "g" in followers:
        both = sorted({_in_words(followers[band]) for band in ("u", "g")})
        made.append(Metric(name="UG SHIFT SOURCE", value=" / ".join(both), comment="What the shifts of u and g rest on"))
    return tuple(made)


def _in_words(found: OrderShift) -> str:
    """`model` for a law, as the reference calls it."""
    return {"law": "model", "none": f"none: {found.reason}" if found.reason else "none"}.get(found.source, found.source)[:60]
