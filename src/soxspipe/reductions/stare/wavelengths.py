"""The wavelength scale of the stare recipe: what is known of arc and exposure, and what the user is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from soxspipe.algorithms.exposures.agreement import angle_between
from soxspipe.algorithms.extraction.solve_orders import SolvedOrders
from soxspipe.algorithms.sky.wavelengths.arm_shifts import Circumstances
from soxspipe.algorithms.sky.wavelengths.measure import measure_wavelength_shift
from soxspipe.algorithms.sky.wavelengths.place_error import place_errors
from soxspipe.datamodel.detector import Arm
from soxspipe.datamodel.models import OrderShift, WavelengthShift
from soxspipe.datamodel.observation import Arc, Observation
from soxspipe.datamodel.remark import Remark
from soxspipe.reductions.stare.inputs import StareInputs
from soxspipe.settings.stare import StareSettings

ATTACHED_MIN = 7.0
"""Longer than the overhead between arc and target, shorter than any exposure between them would take."""
ATTACHED_DEG = 5.0
"""An arc so near in time and rotator angle belongs to the observation (as the reference has it)."""

MINUTES_PER_DAY = 1440.0
LEAST_SAID_PX = 0.1
"""Smaller shifts are usual, and not worth a line."""


def tie_wavelengths(solved: SolvedOrders, inputs: StareInputs, settings: StareSettings) -> WavelengthShift | None:
    """Measure every order's shift where the object is; None without a sky model."""
    fits = [order.sky_fit for order in solved.orders if order.sky_fit is not None]
    return measure_wavelength_shift(
        fits,
        inputs.sky_lines,
        circumstances(inputs),
        slit_arcsec={order: float(np.median(trace.slit_arcsec)) for order, trace in solved.trace.orders.items()},
        slit_error_px=place_errors(solved.trace.samples),
        slit_width_arcsec=inputs.observation.slit_width_arcsec,
        apply=settings.apply_wavelength_shift,
    )


def circumstances(inputs: StareInputs) -> Circumstances:
    """How the arm moves, how far the rotator turned, and whether the arc was taken beside the exposures."""
    observations = [raw.observation for raw in inputs.raw]
    angles = [observation.rotator_deg for observation in observations]
    return Circumstances(
        flexure=inputs.arm.flexure,
        turned=_turned(angles, inputs.arc.rotator_deg),
        attached=is_attached(inputs.arc, observations),
        dispersion_binning=inputs.geometry.dispersion_binning,
    )


def is_attached(arc: Arc, observations: Sequence[Observation]) -> bool:
    """Whether the arc ends or begins within 7 minutes of the exposures, with the rotator within 5 degrees of each of theirs."""
    times = [(observation.mjd, observation.mjd + observation.duration_s / 86400.0) for observation in observations]
    start, end = min(time[0] for time in times), max(time[1] for time in times)
    gap_min = MINUTES_PER_DAY * max(start - (arc.mjd + arc.seconds / 86400.0), arc.mjd - end)
    apart = [angle_between(arc.rotator_deg, observation.rotator_deg) for observation in observations]
    return gap_min <= ATTACHED_MIN and max(apart) <= ATTACHED_DEG  # NaN is neither


def _turned(angles: Sequence[float | None], arc: float | None) -> tuple[float, float] | None:
    """Mean change of the cosine and the sine of the rotator angle; None if an angle is unknown."""
    known = np.radians([angle for angle in angles if angle is not None])
    if arc is None or known.size < len(angles):
        return None
    return float(np.mean(np.cos(known)) - np.cos(np.radians(arc))), float(np.mean(np.sin(known)) - np.sin(np.radians(arc)))


def shift_note(shift: WavelengthShift | None, arm: Arm) -> str:
    """What was found, in a few words."""
    if shift is None:
        return "off"
    tied = [found for found in shift.orders.values() if found.tied]
    if not tied:
        return "no order tied to the sky"
    sizes = [found.shift_px for found in tied]
    span = f"{min(sizes):+.2f}" if len(sizes) == 1 else f"{min(sizes):+.2f} to {max(sizes):+.2f}"
    loose = [arm.label(order) for order, found in shift.orders.items() if not found.tied]
    return f"{span} px on {shift.n_lines} lines" + (f", not tied: {', '.join(loose)}" if loose else "")


def shift_warnings(shift: WavelengthShift | None, arm: Arm, *, is_standard: bool = False) -> Iterator[str]:
    """Orders whose wavelengths are not tied to the sky, follow a law, or were left uncorrected.

    That an order without sky lines keeps the arc's wavelengths is usual, and so is that of any order of a standard star, whose exposure
    is short and whose response changes slowly: a remark.  An arc taken beside the exposure is right for them as well, unless other orders
    moved against it.
    """
    if shift is None:
        return
    loose: dict[tuple[str, bool], list[int]] = {}
    moved = _moved_px(shift)
    beside = shift.attached and moved <= LEAST_SAID_PX
    without_lines = {law.order for law in arm.flexure.laws} - set(arm.flexure.least_lines)
    for order, found in sorted(shift.orders.items()):
        if not found.tied and not beside:
            usual = order in without_lines or is_standard
            loose.setdefault((found.reason, usual), []).append(order)
    for (reason, usual), orders in loose.items():
        why = f"{reason}, but other orders moved by {moved:.1f} px against it" if shift.attached else reason
        said = f"wavelengths of {arm.named(orders)} are those of the arc, not tied to the sky: {why}"
        yield Remark(said) if usual else said
    yield from _borrowed(shift, arm, beside=beside)
    left = [
        (arm.label(order), found)
        for order, found in sorted(shift.orders.items())
        if found.tied and not found.applied and abs(found.shift_px) > max(LEAST_SAID_PX, 3.0 * found.error_px)
    ]
    if left:
        label, worst = max(left, key=lambda one: abs(one[1].shift_px))
        yield f"sky lines lie {_size(worst)} off the dispersion map in order {label}; set apply_wavelength_shift to correct it"


def _borrowed(shift: WavelengthShift, arm: Arm, *, beside: bool) -> Iterator[str]:
    """Orders whose shift rests on other orders: by a law, or by moving with them, which is usual where all that were measured do."""
    with_others: list[int] = []
    for order, found in sorted(shift.orders.items()):
        name, said = arm.label(order), f"were moved by {_size(found)}"
        if found.source == "law" and found.applied:
            yield f"wavelengths of order {name} {said}, by the flexure law of other orders and the rotator, not by its own lines"
        elif found.source == "neighbours" and found.error_px > LEAST_SAID_PX:
            why = found.reason or "some of which stand apart from the rest"
            yield f"wavelengths of order {name} {said if found.applied else 'were not moved'}, after the orders beside it: {why}"
        elif found.source == "neighbours":
            with_others.append(order)
    if with_others and not beside:
        largest = max(shift.orders[order].error_px for order in with_others)
        yield Remark(
            f"{arm.named(with_others)} show too few sky lines: wavelengths follow the other orders, which move together, to {largest:.2f} px"
        )


def _moved_px(shift: WavelengthShift) -> float:
    """How far orders that were measured on their own lines moved in the median; 0 without any."""
    sizes = [abs(found.shift_px) for found in shift.orders.values() if found.tied and found.source == "lines"]
    return float(np.median(sizes)) if sizes else 0.0


def _size(found: OrderShift) -> str:
    return f"{found.shift_px:+.2f} ± {found.error_px:.2f} px"
