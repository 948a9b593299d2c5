"""Shifts of an arm's orders: what each order's lines say, joined with what its neighbours or a published law say.

No order is shifted without evidence: an order without lines of its own stays where the arc puts it, unless its orders are known to
move together or a law with its scatter says enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from soxspipe.algorithms.sky.wavelengths.neighbours import CommonMotion, fit_common_motion
from soxspipe.algorithms.sky.wavelengths.order_shift import N_TERMS, OrderFit
from soxspipe.datamodel.detector import Flexure, FlexureLaw
from soxspipe.datamodel.models import OrderShift, ShiftSource, WavelengthShift

LAW_SIGMA = 2.0
"""A law's shift counts when it exceeds this many times its error."""

LAWFUL_SIGMA = 3.0
"""A night whose leading order leaves its own law by more is not one that the laws describe."""

LAW_RANGE_PX = 4.0
"""No leader moved further on the nights from which the laws were made."""

LEAST_CHANCE = 0.1
"""An order that moves with the others with less than this counts as standing apart."""

DISAGREE_SIGMA = 4.0
"""By chance, one order in 16 000 disagrees this much."""
SURE_LINES = 5
"""With so many lines an order may stand apart from its neighbours or a law; fewer may be a chance match."""

ATTACHED_SIGMA = 3.0
"""An arc taken with the target is believed unless the lines contradict it."""
ATTACHED_LEAST_PX = 0.06
"""Twice the usual error of a map from order to order: below it, lines that see the slit say no better where the object's light falls."""
MOST_ERROR_PX = 0.3
"""A shift less sure than this is not a measurement: the arc itself is better than that within a night."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What is known of arc and exposure.

    Attributes
    ----------
    flexure : Flexure
        How the arm's orders move.
    turned : tuple of float or None
        Change of the cosine and of the sine of the rotator angle from arc to exposure; None if either angle is unknown.
    attached : bool
        Whether the arc was taken beside the exposure at the same angle.
    dispersion_binning : int
        Detector pixels per pixel along the dispersion.
    """

    flexure: Flexure
    turned: tuple[float, float] | None = None
    attached: bool = False
    dispersion_binning: int = 1


def join_orders(numbers: Sequence[int], fits: Mapping[int, OrderFit], known: Circumstances, *, apply: bool) -> WavelengthShift:
    """Join the orders' own measurements with what else is known.

    Parameters
    ----------
    numbers : sequence of int
        All orders.
    fits : mapping of int to OrderFit
        Orders whose lines could be measured.
    known : Circumstances
        Facts of arm, arc and exposure.
    apply : bool
        Whether the user wants wavelengths corrected.
    """
    least = known.flexure.least_lines
    sure = {order: fit for order, fit in fits.items() if fit.sure and fit.error_px <= MOST_ERROR_PX and fit.n_lines >= least.get(order, 3)}
    motion = fit_common_motion(sure, known.flexure.apart) if known.flexure.together else None
    shifts: dict[int, OrderShift] = {}
    laws = {law.order: law for law in known.flexure.laws}
    broken = ""
    for order in (*(order for order in numbers if order not in laws), *(order for order in laws if order in numbers)):
        own = sure.get(order)
        if order in laws:
            broken = broken or _broken(laws[order], sure, shifts, known)
            shifts[order] = _with_law(own, fits.get(order), laws[order], shifts, known, broken)
        elif motion is not None:
            shifts[order] = _with_neighbours(order, own, fits.get(order), motion, known.flexure.apart)
        else:
            shifts[order] = _alone(own)
    decided = {order: _decided(shifts[order], known, apply=apply) for order in numbers}
    scatter = motion.scatter_px if motion is not None else float("nan")
    return WavelengthShift(orders=decided, attached=known.attached, scatter_px=scatter)


UNTIED = OrderShift(
    shift_px=float("nan"), error_px=float("nan"), coefficients=(0.0,), source="none", applied=False, reason="no sky lines were measured"
)


def _alone(own: OrderFit | None) -> OrderShift:
    return UNTIED if own is None else _measured(own, own.mean_px, own.error_px, "lines")


def _measured(own: OrderFit, mean_px: float, error_px: float, source: ShiftSource) -> OrderShift:
    """An order's own shape with the mean that all evidence gives."""
    coefficients = own.coefficients.copy()
    coefficients[0] += mean_px - own.mean_px
    return OrderShift(
        shift_px=float(mean_px),
        error_px=float(error_px),
        coefficients=tuple(float(value) for value in coefficients),
        source=source,
        applied=True,
        n_lines=own.n_lines,
        snr=own.snr,
    )


def _borrowed(mean_px: float, error_px: float, source: ShiftSource) -> OrderShift:
    coefficients = (mean_px,) + (0.0,) * (N_TERMS - 1)
    return OrderShift(shift_px=mean_px, error_px=error_px, coefficients=coefficients, source=source, applied=True)


def _with_neighbours(
    order: int, own: OrderFit | None, unsure: OrderFit | None, motion: CommonMotion, stand_apart: Sequence[int]
) -> OrderShift:
    """An order of an arm whose orders move together: with the others, apart from them, or between the two where its lines do not tell."""
    if order in stand_apart:
        known = own is not None and own.n_lines >= SURE_LINES
        return (
            _alone(own)
            if known
            else replace(UNTIED, reason="too few sky lines were measured, and it does not move with the orders beside it")
        )
    if own is None:
        return _as_others(*motion.of_any(order), unsure)
    expected, error = motion.at(order)
    together = motion.chance_together(order, own.mean_px, own.error_px)
    if own.n_lines < SURE_LINES and together < LEAST_CHANCE:
        return _as_others(expected, error, own)
    joined = _joined(own, expected, error, "lines and neighbours")
    mean = together * joined.shift_px + (1.0 - together) * own.mean_px
    variance = (
        together * joined.error_px**2
        + (1.0 - together) * own.error_px**2
        + together * (1.0 - together) * (joined.shift_px - own.mean_px) ** 2
    )
    return _measured(own, mean, float(np.sqrt(variance)), joined.source if together > LEAST_CHANCE else "lines")


def _as_others(expected: float, error: float, lines: OrderFit | None) -> OrderShift:
    """An order that its lines do not tell: with the others, unless these say nothing.

    What its few lines hint at may be right, or a chance match: half of the way there is in the error.
    """
    reason = ""
    if lines is not None and _contradicts(lines, expected, error):
        error = float(np.hypot(error, 0.5 * (lines.mean_px - expected)))
        reason = "its few sky lines contradict the orders beside it"
    if error <= MOST_ERROR_PX or abs(expected) > LAW_SIGMA * error:
        return replace(_borrowed(expected, error, "neighbours"), reason=reason)
    return replace(UNTIED, reason=reason or "no sky lines were measured, and the orders beside it do not move together")


def _joined(own: OrderFit, expected: float, error: float, source: ShiftSource) -> OrderShift:
    """Mean of an order's own shift and an expected one by inverse variance; said to be joined where the latter counts by a tenth."""
    weights = np.array([own.error_px, error]) ** -2.0
    mean = float(weights @ [own.mean_px, expected] / weights.sum())
    counts = weights[1] > 0.1 * weights.sum()
    return _measured(own, mean, float(weights.sum() ** -0.5), source if counts else "lines")


def _broken(law: FlexureLaw, sure: Mapping[int, OrderFit], shifts: Mapping[int, OrderShift], known: Circumstances) -> str:
    """Why the laws cannot be used; empty if they can."""
    if known.turned is None:
        return "an angle of the rotator is not known"
    leaders = [shifts.get(order, UNTIED) for order in law.leaders]
    if not all(leader.tied for leader in leaders):
        return "the orders it follows were not measured"
    if any(abs(leader.shift_px) * known.dispersion_binning > LAW_RANGE_PX for leader in leaders):
        return "the orders it follows moved further than has ever been seen"
    expected, error = _lawful(law, leaders, known)
    own = sure.get(law.order)
    if own is not None and own.n_lines >= SURE_LINES and abs(own.mean_px - expected) > LAWFUL_SIGMA * np.hypot(own.error_px, error):
        return "the orders it follows do not move as they usually do"
    return ""


def _with_law(
    own: OrderFit | None,
    unsure: OrderFit | None,
    law: FlexureLaw,
    shifts: Mapping[int, OrderShift],
    known: Circumstances,
    broken: str,
) -> OrderShift:
    if broken:
        return replace(UNTIED, reason=f"no sky lines were measured, and {broken}") if own is None else _alone(own)
    expected, error = _lawful(law, [shifts[order] for order in law.leaders], known)
    if own is None and unsure is not None and unsure.n_lines >= SURE_LINES and _contradicts(unsure, expected, error):
        return replace(UNTIED, reason="its sky lines are not beyond doubt, but contradict its law")
    doubtful = own is not None and _contradicts(own, expected, error)
    if own is None or (doubtful and own.n_lines < SURE_LINES):
        if abs(expected) > LAW_SIGMA * error:
            return _borrowed(expected, error, "law")
        seen = "its few sky lines contradict its law" if own is not None else "no sky lines were measured"
        said = f"{seen}, and the law's shift of {expected:+.2f} px is within twice its error of {error:.2f} px"
        return replace(UNTIED, reason=said)
    return _alone(own) if doubtful else _joined(own, expected, error, "lines and law")


def _contradicts(own: OrderFit, expected: float, error: float) -> bool:
    return bool(abs(own.mean_px - expected) > DISAGREE_SIGMA * np.hypot(own.error_px, error))


def _lawful(law: FlexureLaw, leaders: Sequence[OrderShift], known: Circumstances) -> tuple[float, float]:
    """Shift and error of an order by its law, in pixels of the frame."""
    cosine, sine = known.turned or (0.0, 0.0)
    mean = float(np.mean([leader.shift_px for leader in leaders]))
    error = law.share * float(np.sqrt(np.sum([leader.error_px**2 for leader in leaders]))) / len(leaders)
    turned = (law.cosine * cosine + law.sine * sine) / known.dispersion_binning
    return law.share * mean + turned, float(np.hypot(error, law.scatter_px / known.dispersion_binning))


def _decided(shift: OrderShift, known: Circumstances, *, apply: bool) -> OrderShift:
    """Whether an order's wavelengths are corrected, and why not."""
    if not shift.tied:
        reason = "the arc was taken beside the exposure" if known.attached else shift.reason
        return replace(shift, applied=False, reason=reason)
    if not apply:
        return replace(shift, applied=False, reason="apply_wavelength_shift is off")
    if known.attached and abs(shift.shift_px) <= max(ATTACHED_SIGMA * shift.error_px, ATTACHED_LEAST_PX):
        return replace(shift, applied=False, reason="not significant, and the arc was taken beside the exposure")
    if abs(shift.shift_px) <= shift.error_px:  # a correction as small as its own error makes wavelengths worse as often as better
        return replace(shift, applied=False, reason=shift.reason or "smaller than its error")
    return shift
