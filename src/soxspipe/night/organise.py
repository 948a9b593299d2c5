"""Files → sets: which exposures one recipe takes together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from soxspipe.io.headers import mjd_of_text
from soxspipe.night.frame_row import FrameRow, night_of_mjd
from soxspipe.night.frame_set import FrameSet
from soxspipe.night.left_out import LeftOut, is_lamp_off, rule_of, sort_out
from soxspipe.night.rules import COMMON, MAX_EXPOSURES, RULES, RUN_GAP_H, SETS, SetRule
from soxspipe.night.set_names import set_name

HOURS_PER_DAY = 24.0
Key = tuple[object, ...]
Taken = dict[Key, dict[str, set[int]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Organised:
    """Everything that a folder holds: sets in the order in which recipes run, products that may serve, files that take no part."""

    sets: tuple[FrameSet, ...]
    delivered: tuple[FrameRow, ...]
    left_out: tuple[LeftOut, ...]


def organise(rows: Iterable[FrameRow]) -> Organised:
    """Group the files of a folder into sets.

    Parameters
    ----------
    rows : iterable of FrameRow
        Of the index.

    Returns
    -------
    Organised
        Every row is in a set, among the delivered calibrations, or left out with a reason.
    """
    rows = list(rows)
    kept, left_out = sort_out(rows)
    exposures = [row for row in kept if row.is_raw and not is_lamp_off(row)]
    off = [row for row in kept if is_lamp_off(row)]
    groups = [group for rule in SETS for group in _groups(rule, [row for row in exposures if rule_of(row) is rule])]
    joined, left = _with_off_frames(groups, off)
    names: Counter[str] = Counter()
    taken = _taken(rows)
    sets = tuple(_frame_set(rule, frames, off_frames, names, taken) for rule, frames, off_frames in joined)
    left_out += [
        LeftOut(row=row, reason="the lamp was off, and no set of exposures with it on has this mask and exposure time") for row in left
    ]
    return Organised(
        sets=tuple(sorted(sets, key=_order)),
        delivered=tuple(row for row in kept if not row.is_raw),
        left_out=tuple(sorted(left_out, key=lambda entry: entry.row.path)),
    )


def _order(made: FrameSet) -> tuple[int, float, str]:
    return list(RULES).index(made.rule.kind), made.first.mjd or 0.0, made.name


def _groups(rule: SetRule, rows: Sequence[FrameRow]) -> Iterator[tuple[SetRule, list[FrameRow]]]:
    """Frames of one kind, those that agree together."""
    by_key: dict[Key, list[FrameRow]] = defaultdict(list)
    for row in rows:
        by_key[_key(rule, row)].append(row)
    for frames in by_key.values():
        for run in _runs(frames) if rule.in_runs else [frames]:
            for part in _one_time_per_lamp(run) if "exptime of a lamp" in rule.agree else [run]:
                for some in _split(part, evenly=rule.in_runs):
                    yield rule, some


def _split(frames: list[FrameRow], *, evenly: bool) -> Iterator[list[FrameRow]]:
    """Parts of at most `MAX_EXPOSURES`; those of an observation block are full ones, so that a late exposure changes the last part alone."""
    n_parts = -(-len(frames) // MAX_EXPOSURES)
    size = -(-len(frames) // n_parts) if evenly else MAX_EXPOSURES
    for start in range(0, len(frames), size):
        yield frames[start : start + size]


def _key(rule: SetRule, row: FrameRow) -> Key:
    return tuple(_AGREEMENTS[name](row) for name in (*COMMON, *rule.agree) if name in _AGREEMENTS)


def _night(row: FrameRow) -> str:
    """Night of the template's start, so that a template that runs on past noon stays whole; without a start that of the exposure."""
    start = mjd_of_text(row.tpl_start)
    return night_of_mjd(start) if row.mjd is not None and 0.0 <= row.mjd - start < 1.0 else row.night


def _observation(row: FrameRow) -> Key:
    """The observation block; without one, the template's start; without that, the exposure alone."""
    if row.ob_id or row.ob_name:
        return row.ob_id, row.ob_name
    return (row.tpl_start,) if row.tpl_start else (row.path,)


_AGREEMENTS: Mapping[str, Callable[[FrameRow], object]] = {
    "instrument": lambda row: row.instrument,
    "arm": lambda row: row.arm,
    "night": _night,
    "readout": lambda row: row.readout,
    "binning": lambda row: row.binning,
    "exptime": lambda row: round(row.exptime_s or 0.0, 2),
    "slit": lambda row: row.slit,
    "lamp": lambda row: row.lamp,
    "ob": _observation,
    "target": lambda row: row.target.upper(),
    "tpl_name": lambda row: row.tpl_name,
    "tpl_start": lambda row: row.tpl_start,
}
"""What each word of a rule's `agree` compares."""


def _runs(frames: Sequence[FrameRow]) -> list[list[FrameRow]]:
    """Frames in order of time, cut where more than `RUN_GAP_H` lies between one's end and the next one's start."""
    ordered = sorted(frames, key=lambda row: (row.mjd or 0.0, row.path))
    runs = [[ordered[0]]]
    for before, after in pairwise(ordered):
        if ((after.mjd or 0.0) - (before.end_mjd or 0.0)) * HOURS_PER_DAY > RUN_GAP_H:
            runs.append([])
        runs[-1].append(after)
    return runs


def _one_time_per_lamp(frames: Sequence[FrameRow]) -> list[list[FrameRow]]:
    """Flats of several lamps together, one exposure time for each lamp: the commonest; other times are sets of their own."""
    by_lamp: dict[str, dict[float, list[FrameRow]]] = defaultdict(lambda: defaultdict(list))
    for row in frames:
        by_lamp[row.lamp][round(row.exptime_s or 0.0, 2)].append(row)
    main: list[FrameRow] = []
    others: list[list[FrameRow]] = []
    for times in by_lamp.values():
        commonest = max(times, key=lambda time: (len(times[time]), -(times[time][0].mjd or 0.0)))
        main += times[commonest]
        others += [rows for time, rows in times.items() if time != commonest]
    return [sorted(main, key=lambda row: (row.mjd or 0.0, row.path)), *others]


def _with_off_frames(
    groups: Sequence[tuple[SetRule, list[FrameRow]]], off: Sequence[FrameRow]
) -> tuple[list[tuple[SetRule, list[FrameRow], list[FrameRow]]], list[FrameRow]]:
    """Give each lamp-off exposure to the nearest set with the same type, mask, slit and exposure time; the rest is returned apart."""
    joined: list[tuple[SetRule, list[FrameRow], list[FrameRow]]] = [(rule, frames, []) for rule, frames in groups]
    by_key: dict[Key, list[int]] = defaultdict(list)
    for place, (rule, frames, _) in enumerate(joined):
        if rule.off_frames:
            for key in {_off_key(row) for row in frames}:
                by_key[key].append(place)
    left = []
    for row in off:
        places = by_key.get(_off_key(row), [])
        if places:
            joined[min(places, key=lambda place: _distance(row, joined[place][1]))][2].append(row)
        else:
            left.append(row)
    return joined, left


def _off_key(row: FrameRow) -> Key:
    """What an exposure with the lamp off shares with those with the lamp on."""
    return row.dpr_type, row.slit, *(_AGREEMENTS[name](row) for name in (*COMMON, "exptime"))


def _distance(off: FrameRow, frames: Sequence[FrameRow]) -> float:
    return min(abs((off.mjd or 0.0) - (on.mjd or 0.0)) for on in frames)


def _frame_set(rule: SetRule, frames: Sequence[FrameRow], off: Sequence[FrameRow], names: Counter[str], taken: Taken) -> FrameSet:
    ordered = tuple(sorted(frames, key=lambda row: (row.mjd or 0.0, row.path)))
    name = set_name(rule, ordered)
    names[name] += 1
    return FrameSet(
        rule=rule,
        name=name if names[name] == 1 else f"{name}_{names[name]}",
        frames=ordered,
        off_frames=tuple(sorted(off, key=lambda row: (row.mjd or 0.0, row.path))),
        warnings=tuple(_warnings(rule, ordered, taken)),
    )


def _taken(rows: Iterable[FrameRow]) -> Taken:
    """Which exposures of each template are there, by arm, whatever set they are in."""
    taken: Taken = defaultdict(lambda: defaultdict(set))
    for row in rows:
        if row.tpl_exposures and row.tpl_start:
            taken[_template(row)][row.arm].add(row.tpl_number)
    return taken


def _template(row: FrameRow) -> Key:
    return row.instrument, row.tpl_name, row.tpl_start


def _count(by_arm: Mapping[str, set[int]], arm: str) -> int:
    """Exposures of a template: arms that share its start either count each for itself, or go on with one another's numbers."""
    own, others = by_arm[arm], {number for other, numbers in by_arm.items() if other != arm for number in numbers}
    return len(own) if own & others else len(own | others)


def _warnings(rule: SetRule, frames: Sequence[FrameRow], taken: Taken) -> Iterator[str]:
    if len(frames) < rule.few:
        yield f"only {len(frames)} frame{'s' if len(frames) > 1 else ''}; {rule.few} are usual"
    if not rule.in_runs or rule.off_frames:
        return
    planned: dict[Key, FrameRow] = {}
    for row in frames:
        if row.tpl_exposures and row.tpl_start:
            planned[_template(row)] = max(planned.get(_template(row), row), row, key=lambda one: one.tpl_exposures)
    for template, row in planned.items():
        n = _count(taken[template], row.arm)
        if n < row.tpl_exposures:
            yield f"{n} of the {row.tpl_exposures} exposures of the template {row.tpl_name} are here"
