"""Files that take no part in a night, each with the reason: nothing is left out without a word."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from soxspipe.instruments.registry import find_instrument
from soxspipe.night.frame_row import FrameRow
from soxspipe.night.rules import ARC_LAMPS, LAMP_OFF_TYPES, NO_USE, SETS, SPELLINGS, SetRule

CALIBRATIONS = ("MASTER_BIAS", "MASTER_DARK", "MASTER_FLAT", "ORDER_TAB", "DISP_TAB", "DISP_IMAGE", "RESP_TAB", "BP_MAP")
"""Categories of products that serve as calibrations."""

SAME_START_S = 0.01
"""Two files of one arm that began within this time are copies of one exposure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A file that takes no part, and why."""

    row: FrameRow
    reason: str


def sort_out(rows: Iterable[FrameRow]) -> tuple[list[FrameRow], list[LeftOut]]:
    """Split files into those that take part and those that do not.

    Parameters
    ----------
    rows : iterable of FrameRow
        Of the index.

    Returns
    -------
    kept : list of FrameRow
        DPR TYPE in the spelling of the rules, copies left out.
    left_out : list of LeftOut
        The others, with reasons.
    """
    kept: list[FrameRow] = []
    left_out: list[LeftOut] = []
    for row in rows:
        spelled = replace(row, dpr_type=SPELLINGS[row.dpr_type]) if row.dpr_type in SPELLINGS else row
        reason = reason_to_leave_out(spelled)
        if reason:
            left_out.append(LeftOut(row=row, reason=reason))
        else:
            kept.append(spelled)
    return _without_copies(kept, left_out), left_out


def rule_of(row: FrameRow) -> SetRule | None:
    """The rule of the set that a raw frame belongs to; None for a frame with the lamp off, or of no use.

    Where type and technique fit two, as flats that all say ``ECHELLE,SLIT`` do, what stands in the slit wheel decides.
    """
    fitting = [rule for rule in SETS if row.dpr_type in rule.types and (not rule.techniques or row.dpr_tech in rule.techniques)]
    return next((rule for rule in fitting if rule.mask == row.mask), fitting[-1] if fitting else None)


def is_lamp_off(row: FrameRow) -> bool:
    """Whether it is an exposure with the lamp off, which belongs to the exposures with the lamp on."""
    return row.is_raw and row.dpr_tech == "IMAGE" and row.dpr_type in LAMP_OFF_TYPES


def reason_to_leave_out(row: FrameRow) -> str:
    """Why a file takes no part; empty if it does."""
    for check in _PRODUCT_CHECKS if not row.is_raw and not row.problem else _CHECKS:
        reason = check(row)
        if reason:
            return reason
    return ""


def _problem(row: FrameRow) -> str:
    return row.problem


def _no_use_as_calibration(row: FrameRow) -> str:
    return "" if row.category in CALIBRATIONS else f"a product ({row.product}) that serves as no calibration"


def _arm(row: FrameRow) -> str:
    arms = find_instrument(row.instrument).arms
    if row.arm in arms:
        return ""
    if not row.arm and row.dpr_tech.startswith("ECHELLE"):
        return f"the header does not say the arm, known are {', '.join(arms)}"
    return "an acquisition image" if row.arm in ("", "--", "ACQ") else f"arm {row.arm!r} is not one of {', '.join(arms)}"


def _kind(row: FrameRow) -> str:
    missing = [
        name for name, value in (("TYPE", row.dpr_type), ("TECH", row.dpr_tech), ("CATG", row.dpr_catg)) if not value
    ]  # fmt: skip
    if not row.dpr_type or not row.dpr_tech:
        return f"no DPR {' and '.join(missing)} in the header, so nobody knows what it is"
    if rule_of(row) is not None or is_lamp_off(row):
        return ""
    if row.dpr_type in ("LAMP,WAVE", "LAMP,FMTCHK") and row.dpr_tech == "ECHELLE,SLIT":
        return NO_USE["SLIT ARC"]
    return NO_USE.get(row.dpr_type, f"no recipe takes DPR TYPE {row.dpr_type!r} with DPR TECH {row.dpr_tech!r}")


def _time(row: FrameRow) -> str:
    return "" if row.mjd is not None else "neither MJD-OBS nor DATE-OBS says when it was taken"


def _exposure(row: FrameRow) -> str:
    if row.exptime_s is None:
        return "no exposure time in the header"
    return "" if row.exptime_s > 0 or row.dpr_type == "BIAS" else f"the exposure time is {row.exptime_s:g} s"


def _software(row: FrameRow) -> str:
    return "the lamp was simulated by the instrument's software" if row.software_lamp and "LAMP" in row.dpr_type else ""


def _slit_wheel(row: FrameRow) -> str:
    rule = rule_of(row)
    if rule is None or not rule.mask:
        return ""
    if row.slit in ("", "UNDEFINED"):
        return "the header does not say what stands in the slit wheel"
    if row.slit == "BLANK":
        return "the slit wheel is at BLANK, so no light came in"
    if rule.mask != row.mask:
        return f"DPR TECH is {row.dpr_tech!r}, but {row.slit!r} stands in the slit wheel"
    return ""


def _lamp(row: FrameRow) -> str:
    rule = rule_of(row)
    if rule is None or rule.lamp != "on":
        return ""
    if not row.lamp:
        return "no lamp was on, by the header"
    wanted = ARC_LAMPS.get((row.instrument, row.arm), "")
    if wanted and "arc" in rule.kind and wanted not in row.lamp:
        return f"an arc of {row.lamp} for the other arm; {row.arm} takes {wanted}"
    return ""


Check = Callable[[FrameRow], str]
_CHECKS: tuple[Check, ...] = (_problem, _arm, _kind, _time, _exposure, _software, _slit_wheel, _lamp)
_PRODUCT_CHECKS: tuple[Check, ...] = (_no_use_as_calibration, _arm)


def _without_copies(rows: Sequence[FrameRow], left_out: list[LeftOut]) -> list[FrameRow]:
    """Keep one of several copies of an exposure: the plain file before the packed one, then the first by path."""
    first: dict[tuple[object, ...], FrameRow] = {}
    for row in sorted(rows, key=lambda row: (not row.path.endswith(".fits"), row.path)):
        key = _identity(row)
        if key in first:
            left_out.append(LeftOut(row=row, reason=f"a copy of {first[key].path}"))
        else:
            first[key] = row
    return sorted(first.values(), key=lambda row: (row.mjd or 0.0, row.path))


def _identity(row: FrameRow) -> tuple[object, ...]:
    """What two copies of one exposure share; a product is only itself."""
    if not row.is_raw or row.mjd is None:
        return (row.path,)
    return row.instrument, row.arm, round(row.mjd * 86400.0 / SAME_START_S), row.dpr_type, row.dpr_tech, row.exptime_s
