"""What the page of a night is made from: rows of plain values.  Links are relative to the page."""

from __future__ import annotations

from dataclasses import dataclass

from soxspipe.datamodel.links import Link

Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A curve in equal steps from `low_nm` to `high_nm`; None where there is nothing."""

    low_nm: float
    high_nm: float
    values: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetEntry:
    """One spectrum, or why there is none.

    Attributes
    ----------
    target, kind, arm, slit : str
        What was observed, and with what.
    began : str
        UT, ISO.
    exposure : str
        Such as ``2 × 300 s``.
    airmass, snr : float or None
        Of the exposures, and of the spectrum.
    level : str
        ``good``, ``check``, ``fail``, or empty if there is no spectrum.
    remarks : tuple of str
        Worries and warnings; or the cause of a failure.
    curve : Curve or None
        The spectrum.
    is_calibrated : bool
        In units of flux, not in counts.
    links : tuple of Link
        Report, spectrum, set-of-files.
    """

    target: str
    kind: str
    arm: str
    slit: str
    began: str
    exposure: str
    airmass: float | None
    snr: float | None
    level: str
    remarks: tuple[str, ...]
    curve: Curve | None
    is_calibrated: bool
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardEntry:
    """A flux standard and its response."""

    star: str
    arm: str
    slit: str
    began: str
    airmass: float | None
    efficiency: float | None
    zero_point: float | None
    response: Curve | None
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationEntry:
    """A master or table: kind, arm, how it went, its numbers and what is out of range."""

    kind: str
    arm: str
    name: str
    began: str
    frames: str
    status: str
    numbers: tuple[tuple[str, str], ...]
    remarks: tuple[str, ...]
    used_by: int
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendEntry:
    """One number over time: hours since the first noon, values, acceptable range."""

    title: str
    unit: str
    hours: tuple[float, ...]
    values: tuple[float, ...]
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionEntry:
    """One condition of the night in one arm: hours UT after noon, and values."""

    title: str
    unit: str
    arm: str
    hours: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Something that was not reduced, or a file that takes no part, and why."""

    what: str
    why: str
    files: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NightContent:
    """A whole night.

    Attributes
    ----------
    night : str
        Date at its start.
    instrument, folder : str
        What was used, and where the raw files are.
    made_at, version : str
        Of the page and the program.
    counts : str
        How many reductions of which fate.
    targets, standards, calibrations, trends, conditions, missing
        Rows of the page's sections.
    neighbours : tuple of Link
        Pages of the nights before and after.
    """

    night: str
    instrument: str
    folder: str
    made_at: str
    version: str
    counts: str
    targets: tuple[TargetEntry, ...]
    standards: tuple[StandardEntry, ...]
    calibrations: tuple[CalibrationEntry, ...]
    trends: tuple[TrendEntry, ...]
    conditions: tuple[ConditionEntry, ...]
    missing: tuple[Missing, ...]
    neighbours: tuple[Link, ...] = ()
