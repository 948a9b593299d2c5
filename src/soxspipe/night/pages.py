"""Plan and outcomes → the page of each night."""

from __future__ import annotations

import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from soxspipe import __version__
from soxspipe.datamodel.links import Link
from soxspipe.io.atomic import write_whole
from soxspipe.night.curves import REFERENCE_NM, zero_point
from soxspipe.night.frame_row import FrameRow
from soxspipe.night.outcome_text import counts_line
from soxspipe.night.plan import Plan, Task
from soxspipe.night.run import Night
from soxspipe.night.state import Outcome
from soxspipe.reductions.gathered import made_at
from soxspipe.report.night import (
    CalibrationEntry,
    ConditionEntry,
    Missing,
    NightContent,
    StandardEntry,
    TargetEntry,
    TrendEntry,
    build_night_page,
)
from soxspipe.report.night.content import Curve

MOST_FILES = 6
"""File names in one cell; the plan's JSON has all."""

LEFT = "not reduced yet"
"""What is said of a set that could be reduced and was not reached."""

TRENDS: Mapping[str, tuple[str, ...]] = {
    "bias": ("MBIAS MEDIAN", "RAW RON", "MASTER RON"),
    "dark": ("MDARK MEDIAN", "RAW RON", "HOTPIX FRAC"),
    "pinhole arc": ("XY RES MEDIAN", "GOODLINES FRAC"),
    "pinhole flat": ("SAMPLES DET FRAC", "X RES SD", "Y RES SD"),
    "slit flat": ("ORDEXP50", "N LOW SENS", "N ORDER EDGE"),
    "multi-pinhole arc": ("XY RES MEDIAN", "GOODLINES FRAC", "R PIN MEDIAN"),
}
"""Numbers that tell how a calibration fares, by kind of set: shown in the table, and over time where there is more than one."""


def write_pages(night: Night) -> tuple[Path, ...]:
    """Write the page of every night of a plan.

    Parameters
    ----------
    night : Night
        Plan and outcomes.

    Returns
    -------
    tuple of Path
        In order of time.

    Raises
    ------
    ProductError
        If one cannot be written.
    """
    dates = night.plan.nights
    return tuple(
        write_whole(page_path(night.plan.output, date), [build_night_page(page_content(night, date)).encode("utf-8")]) for date in dates
    )


def page_path(output: Path, date: str) -> Path:
    """Where the page of a night lies."""
    return output / f"night_{date}.html"


def page_content(night: Night, date: str) -> NightContent:
    """What the page of one night shows."""
    plan = night.plan
    tasks = [task for task in plan.tasks if task.frames.night == date]
    used = Counter(path for outcome in night.outcomes.values() for path in set(outcome.inputs.values()))
    here = {task.name for task in tasks}
    counts = counts_line(
        Night(plan=_part(plan, tasks), outcomes={name: outcome for name, outcome in night.outcomes.items() if name in here})
    )  # fmt: skip
    calibrations = [task for task in tasks if not task.frames.rule.is_target]
    targets = [task for task in tasks if task.frames.rule.is_target]
    return NightContent(
        night=date,
        instrument=tasks[0].frames.first.instrument if tasks else "",
        folder=str(plan.folder),
        made_at=made_at(),
        version=__version__,
        counts=counts,
        targets=tuple(_target(task, night.outcomes.get(task.name), plan.output) for task in sorted(targets, key=_time)),
        standards=tuple(_standards(targets, night.outcomes, plan.output)),
        calibrations=tuple(_calibration(task, outcome, used, plan.output) for task, outcome in _made(calibrations, night.outcomes)),
        trends=tuple(_trends(calibrations, night.outcomes)),
        conditions=tuple(_conditions(targets, night.outcomes)),
        missing=tuple(_missing(tasks, night.outcomes, plan, date)),
        neighbours=tuple(_neighbours(plan, date)),
    )


def _part(plan: Plan, tasks: Sequence[Task]) -> Plan:
    return Plan(folder=plan.folder, output=plan.output, tasks=tuple(tasks), left_out=())


def _time(task: Task) -> float:
    return task.frames.first.mjd or 0.0


def _link(text: str, path: str, output: Path) -> Iterator[Link]:
    """A link relative to the page; nothing for a file that is not there."""
    if path and os.path.exists(path):
        yield Link(text=text, href=os.path.relpath(path, output))


def _finished_links(outcome: Outcome, output: Path) -> Iterator[Link]:
    """Links to the spectrum without telluric absorption and to both arms in one, where the night made them."""
    for name, _ in outcome.files:
        if name.endswith("_FLUXCAL.fits"):
            stem = str(output / name.removesuffix("_FLUXCAL.fits"))
            yield from _link("telluric corrected", f"{stem}_TELLURIC.fits", output)
            yield from _link("both arms", f"{stem}_JOINED.fits", output)
            yield from _link("figure of both arms", f"{stem}_JOINED.pdf", output)


def _curve(curve: Mapping[str, Any] | None) -> Curve | None:
    if not curve:
        return None
    return Curve(low_nm=float(curve["low_nm"]), high_nm=float(curve["high_nm"]), values=tuple(curve["values"]))


def _exposure(frames: Sequence[FrameRow]) -> str:
    time = f"{frames[0].exptime_s or 0:g} s"
    return time if len(frames) == 1 else f"{len(frames)} × {time}"


def _target(task: Task, outcome: Outcome | None, output: Path) -> TargetEntry:
    first = task.frames.first
    done = outcome is not None and outcome.succeeded
    cause = (task.reason or LEFT,) if outcome is None else (outcome.cause,) if outcome.cause else ()
    links = [] if outcome is None else [*_link("report", outcome.report, output), *_link("spectrum", outcome.final, output)]
    links += [] if outcome is None else _finished_links(outcome, output)
    return TargetEntry(
        target=first.target,
        kind=task.frames.rule.kind,
        arm=task.frames.arm,
        slit=first.slit,
        began=first.date_obs[:19],
        exposure=_exposure(task.frames.frames),
        airmass=first.airmass,
        snr=outcome.metric("SNR MEDIAN") if outcome is not None and done else None,
        level=outcome.level if outcome is not None and done else "",
        remarks=_once((*cause, *(outcome.worries if outcome else ()), *(outcome.warnings if outcome else ()))),
        curve=_curve(outcome.curve.get("spectrum")) if outcome is not None and done else None,
        is_calibrated=outcome is not None and outcome.final.endswith("_FLUXCAL.fits"),
        links=(*links, *_link("SOF", str(task.sof), output)),
    )


def _once(remarks: Iterable[str]) -> tuple[str, ...]:
    """Remarks without those that say the same with another full stop or capital: a warning is often a worry of the verdict, too."""
    return tuple({remark.rstrip(".").casefold(): remark for remark in reversed(tuple(remarks))}.values())[::-1]


def _standards(tasks: Sequence[Task], outcomes: Mapping[str, Outcome], output: Path) -> Iterator[StandardEntry]:
    for task in sorted(tasks, key=_time):
        outcome = outcomes.get(task.name)
        if not task.frames.rule.is_standard or outcome is None or not outcome.succeeded:
            continue
        first = task.frames.first
        response = _curve(outcome.curve.get("response"))
        yield StandardEntry(
            star=first.target, arm=task.frames.arm, slit=first.slit, began=first.date_obs[:19], airmass=first.airmass,
            efficiency=outcome.metric("EFF MEDIAN"),
            zero_point=zero_point(outcome.curve.get("response"), task.frames.arm),
            response=response,
            links=(*_link("report", outcome.report, output), *_link("response", outcome.made.get("RESP_TAB", ""), output)),
        )  # fmt: skip


def _made(tasks: Sequence[Task], outcomes: Mapping[str, Outcome]) -> Iterator[tuple[Task, Outcome]]:
    for task in tasks:
        outcome = outcomes.get(task.name)
        if outcome is not None and outcome.succeeded:
            yield task, outcome


def _calibration(task: Task, outcome: Outcome, used: Mapping[str, int], output: Path) -> CalibrationEntry:
    first, frames = task.frames.first, task.frames.frames
    off = len(task.frames.off_frames)
    numbers = [(name, outcome.metric(name)) for name in TRENDS.get(task.frames.rule.kind, ())]
    return CalibrationEntry(
        kind=_kind(task),
        arm=task.frames.arm,
        name=task.name,
        began=first.date_obs[:19],
        frames=_exposure(frames) + (f" + {off} lamp off" if off else ""),
        status=f"out of range: {', '.join(outcome.out_of_range)}" if outcome.out_of_range else "in range",
        numbers=tuple((name, f"{value:.4g}") for name, value in numbers if value is not None),
        remarks=outcome.warnings,
        used_by=max((used[path] for path in outcome.made.values()), default=0),
        links=(*_link("report", outcome.report, output), *_link("file", outcome.final, output), *_link("SOF", str(task.sof), output)),
    )


def _kind(task: Task) -> str:
    """Kind of a calibration with what tells it from others of the kind: slit of a flat, exposure time of a dark."""
    kind, first = task.frames.rule.kind, task.frames.first
    return f"{kind} {first.slit}" if kind == "slit flat" else f"{kind} {first.exptime_s or 0:g} s" if kind == "dark" else kind


def _trends(tasks: Sequence[Task], outcomes: Mapping[str, Outcome]) -> Iterator[TrendEntry]:
    """Numbers that were measured more than once, by arm and kind."""
    points: dict[tuple[str, str, str], list[tuple[float, Mapping[str, Any]]]] = defaultdict(list)
    for task, outcome in _made(tasks, outcomes):
        for name in TRENDS.get(task.frames.rule.kind, ()):
            metric = next((m for m in outcome.metrics if m["name"] == name and m.get("order") == "-1" and m["value"] is not None), None)
            if metric is not None:
                points[task.frames.arm, _kind(task), name].append((_hours(task.frames.first), metric))
    for (arm, kind, name), entries in points.items():
        if len(entries) > 1:
            ordered = sorted(entries, key=lambda entry: entry[0])
            last = ordered[-1][1]
            yield TrendEntry(
                title=f"{name}, {kind}, {arm}", unit=str(last["unit"]), hours=tuple(hour for hour, _ in ordered),
                values=tuple(float(metric["value"]) for _, metric in ordered), low=last["low"], high=last["high"],
            )  # fmt: skip


def _hours(row: FrameRow) -> float:
    """Hours after noon (UT) of the night's first date."""
    return ((row.mjd or 0.0) % 1.0 * 24.0 - 12.0) % 24.0


def _conditions(tasks: Sequence[Task], outcomes: Mapping[str, Outcome]) -> Iterator[ConditionEntry]:
    """Seeing, sky and zero point over the night, arm by arm."""
    measured: dict[tuple[str, str, str], list[tuple[float, float]]] = defaultdict(list)
    for task, outcome in _made(tasks, outcomes):
        arm, hour = task.frames.arm, _hours(task.frames.first)
        values = {
            ("Seeing of the spectra", "FWHM (arcsec)"): outcome.metric("SEEING FWHM"),
            (f"Sky at {REFERENCE_NM.get(arm, 0):g} nm, {arm}", "e⁻ per s and pixel"): outcome.curve.get("sky_e_per_s"),
            (f"Zero point of the standards, {arm}", "AB mag"): zero_point(outcome.curve.get("response"), arm),
        }
        for (title, unit), value in values.items():
            if value is not None and math.isfinite(float(value)):
                measured[title, unit, arm].append((hour, float(value)))
    for (title, unit, arm), points in measured.items():
        ordered = sorted(points)
        yield ConditionEntry(
            title=title, unit=unit, arm=arm, hours=tuple(hour for hour, _ in ordered), values=tuple(value for _, value in ordered)
        )  # fmt: skip


def _missing(tasks: Sequence[Task], outcomes: Mapping[str, Outcome], plan: Plan, date: str) -> Iterator[Missing]:
    for task in tasks:
        outcome = outcomes.get(task.name)
        if outcome is None or not outcome.succeeded:
            why = task.reason if outcome is None else f"{outcome.status}: {outcome.cause}"
            yield Missing(what=task.name, why=why or LEFT, files=_names([row.name for row in task.frames.frames]))
    by_reason: dict[str, list[str]] = defaultdict(list)
    for entry in plan.left_out:
        if entry.row.night in (date, "undated"):
            by_reason[entry.reason].append(entry.row.name)
    for reason, names in by_reason.items():
        yield Missing(what=f"{len(names)} file{'s' if len(names) > 1 else ''}", why=reason, files=_names(names))


def _names(names: Sequence[str]) -> str:
    more = len(names) - MOST_FILES
    return ", ".join(names[:MOST_FILES]) + (f" and {more} more" if more > 0 else "")


def _neighbours(plan: Plan, date: str) -> Iterator[Link]:
    dates = plan.nights
    place = dates.index(date)
    for other, word in ((place - 1, "← night before"), (place + 1, "night after →")):
        if 0 <= other < len(dates):
            yield Link(text=f"{word} {dates[other]}", href=page_path(Path(), dates[other]).name)
