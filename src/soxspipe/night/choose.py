"""Which calibrations serve a set: every candidate ranked, with the reason and what is wrong with it."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from soxspipe.instruments.registry import find_instrument
from soxspipe.night.frame_row import FrameRow
from soxspipe.night.frame_set import FrameSet
from soxspipe.night.rules import Need

MOST = 3
"""Candidates that a task waits for: the best, and two to fall back on if its reduction fails."""

SAME_EXPOSURE_S = 0.5
"""Real headers write the same exposure time with differences of some milliseconds."""
SAME_GAIN = 0.05
"""Relative; headers round the gain."""

UNKNOWN = 0.5
"""What an unknown angle or temperature costs: as much as half the scale, so that known ones near by are taken first."""

OTHER_BINNING = 0.25
"""What another binning costs, where it need not agree: as much as 6 h; a same afternoon's arc of the frames' own sampling comes first,
while an arc beside the target stays ahead of it."""

WORDS: Mapping[str, str] = {
    "MASTER_BIAS": "master bias",
    "MASTER_DARK": "master dark",
    "MASTER_FLAT": "master flat",
    "ORDER_TAB": "order table",
    "DISP_TAB": "dispersion solution",
    "DISP_IMAGE": "dispersion image",
    "RESP_TAB": "response",
    "BP_MAP": "map of bad pixels",
}
NEIGHBOURS = 40
"""Calibrations on either side in time that are looked at where none is young enough; so a year of nights takes a year's worth of time."""

DAYS_IN_TENTHS = 10.0
"""Ages below this are said to a tenth of a day: the limits are 1 and 7 days."""

_FIELD_WORDS = {"readout": "read-out", "binning": "binning", "gain": "gain", "slit": "slit"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """A calibration that exists or will be made.

    Attributes
    ----------
    category : str
        PRO CATG without the arm.
    kind : str
        Kind of set that makes it.
    maker : str
        Name of the set; empty for a file that was delivered.
    path : str
        Where it is, or will be.
    row : FrameRow
        The exposure, or the product's header, that stands for it.
    """

    category: str
    kind: str
    maker: str
    path: str
    row: FrameRow


class Supplies:
    """Calibrations by category, arm and kind, in order of time."""

    def __init__(self, supplies: Iterable[Supply] = ()) -> None:
        self._lists: dict[tuple[str, str, str, str], list[tuple[float, str, Supply]]] = defaultdict(list)
        self._sorted: set[tuple[str, str, str, str]] = set()
        self._never_made: dict[tuple[str, str, str], str] = {}
        self.add(supplies)

    def add(self, supplies: Iterable[Supply]) -> None:
        """Add some."""
        for supply in supplies:
            key = (supply.row.instrument, supply.row.arm, supply.category, supply.kind)
            self._lists[key].append((_or_infinite(supply.row.mjd), supply.path, supply))
            self._sorted.discard(key)

    def never_made(self, row: FrameRow, kind: str, name: str = "") -> str:
        """Name of a set of this kind and arm that cannot be reduced; `name` notes one."""
        key = (row.instrument, row.arm, kind)
        return self._never_made.setdefault(key, name) if name else self._never_made.get(key, "")

    def near(self, need: Need, kind: str, user: FrameRow) -> tuple[list[Supply], list[Supply]]:
        """Those of one kind that are young enough, and its nearest neighbours in time on either side."""
        key = (user.instrument, user.arm, need.category, kind)
        entries = self._lists.get(key, [])
        if key not in self._sorted:
            entries.sort(key=lambda entry: entry[:2])
            self._sorted.add(key)
        times = [entry[0] for entry in entries]
        at = _or_infinite(user.mjd)
        start, stop = bisect_left(times, at - need.old_days), bisect_right(times, at + need.old_days)
        first, last = max(0, start - NEIGHBOURS), stop + NEIGHBOURS
        return [entry[2] for entry in entries[start:stop]], [entry[2] for entry in entries[first:last]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A calibration that suits a set: which, why it has its rank, and what speaks against it."""

    supply: Supply
    why: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Candidates for one need, best first; `missing` says why there is none."""

    need: Need
    candidates: tuple[Candidate, ...]
    missing: str = ""


def choose(need: Need, user: FrameSet, supplies: Supplies, chosen: Mapping[str, Choice]) -> Choice:
    """Rank the calibrations that can serve a set.

    Parameters
    ----------
    need : Need
        What is wanted.
    user : FrameSet
        For which exposures.
    supplies : Supplies
        Every calibration there is or will be.
    chosen : mapping of str to Choice
        What the same set takes already, by category.

    Returns
    -------
    Choice
        At most `MOST` candidates.
    """
    fitting, kept = _fitting(need, user, supplies)
    partner = chosen.get(need.with_)
    with_ = partner.candidates[0].supply if partner and partner.candidates else None
    ranked = sorted(fitting, key=lambda supply: (*_rank(need, user.first, supply, with_), supply.path))
    candidates = tuple(
        Candidate(
            supply=supply, why=_why(need, user.first, supply.row, len(fitting)),
            warnings=tuple(_warnings(need, user.first, supply)),
        )
        for supply in ranked[:MOST]
    )  # fmt: skip
    return Choice(need=need, candidates=candidates, missing="" if candidates else _missing(need, user.first, kept, supplies))


def _fitting(need: Need, user: FrameSet, supplies: Supplies) -> tuple[list[Supply], list[Supply]]:
    """Calibrations that fit, and all that were looked at: of the best kind the young ones, else its old ones, else the next kind."""
    seen: list[Supply] = []
    fitting: dict[tuple[str, str], Supply] = {}
    for kind in need.makers:
        young, neighbours = supplies.near(need, kind, user.first)
        for group in (young, neighbours):
            fits = (supply for supply in group if supply.maker != user.name and not _mismatch(need, user.first, supply.row))
            fitting.update(((supply.maker, supply.path), supply) for supply in fits)
            if len(fitting) >= MOST:
                return list(fitting.values()), neighbours
        seen += [supply for supply in neighbours if supply.maker != user.name]
    return list(fitting.values()), seen


def difference(name: str, one: FrameRow, other: FrameRow) -> float | None:
    """How far two frames are apart in one field: days, seconds, degrees of angle (the short way round) or of temperature."""
    first, second = getattr(one, name), getattr(other, name)
    if first is None or second is None:
        return None
    apart = abs(float(first) - float(second))
    return min(apart % 360.0, 360.0 - apart % 360.0) if name == "rotator_deg" else apart


def _rank(need: Need, user: FrameRow, supply: Supply, with_: Supply | None) -> tuple[float, ...]:
    """The lower the better, item by item."""
    days = difference("mjd", user, supply.row)
    return (
        float(need.makers.index(supply.kind)),
        float(days is None or days > need.old_days),
        float(with_ is not None and not _same_maker(supply, with_)),
        float(sum(not _preferred(name, value, user, supply.row) for name, value in need.prefer)),
        float("slit" in need.match and _plain_slit(supply.row) != _plain_slit(user)),
        0.0 if not need.first else _or_infinite(difference(need.first, user, supply.row)),
        _distance(need, user, supply.row),
        float(bool(supply.maker)),
    )


def _distance(need: Need, user: FrameRow, row: FrameRow) -> float:
    """The need's differences, each over its scale, and what another binning costs."""
    binning = OTHER_BINNING if row.binning not in ("", user.binning) else 0.0
    return binning + math.fsum(_scaled(difference(name, user, row), scale) for name, scale in need.near)


def _scaled(apart: float | None, scale: float) -> float:
    return UNKNOWN if apart is None else apart / scale


def _or_infinite(number: float | None) -> float:
    return math.inf if number is None else number


def _same_maker(one: Supply, other: Supply) -> bool:
    """Whether two calibrations come from one reduction: the same set, or delivered products of the same exposure."""
    return one.maker == other.maker and (bool(one.maker) or one.row.mjd == other.row.mjd)


def _preferred(name: str, value: str, user: FrameRow, row: FrameRow) -> bool:
    found = getattr(row, name)
    return found in ("", getattr(user, name) if value == "=" else value)


def _mismatch(need: Need, user: FrameRow, row: FrameRow) -> str:
    """The field in which they do not agree; empty if they fit.  What a header does not say speaks against nothing."""
    for name in need.match:
        if name == "slit":
            fits = _slits_fit(user, row)
        elif name == "gain":
            fits = not user.gain or not row.gain or abs(row.gain / user.gain - 1.0) < SAME_GAIN
        else:
            fits = getattr(row, name) in ("", getattr(user, name)) or not getattr(user, name)
        if not fits:
            return name
    return ""


def _slits_fit(user: FrameRow, row: FrameRow) -> bool:
    slits = {_plain_slit(user), _plain_slit(row)}
    mixable = find_instrument(user.instrument).arms[user.arm].mixable_slits
    return len(slits - {""}) < 2 or slits <= set(mixable)


def _plain_slit(row: FrameRow) -> str:
    """Slit without the mark of the blocking filter."""
    return row.slit.replace("JH", "").strip()


def _why(need: Need, user: FrameRow, row: FrameRow, n_fitting: int) -> str:
    """What a person wants to know about the choice."""
    parts = [_age(user, row)]
    names = {name for name, _ in need.near}
    rotator = difference("rotator_deg", user, row) if "rotator_deg" in names else None
    temperature = difference("temperature", user, row) if "temperature" in names else None
    if need.first == "exptime_s" and row.exptime_s is not None:
        parts.append(f"{row.exptime_s:g} s")
    if rotator is not None:
        parts.append(f"rotator {rotator:.0f}° apart")
    if temperature is not None:
        parts.append(f"{temperature:.1f} K apart")
    parts.append("the only one" if n_fitting == 1 else f"best of {n_fitting}")
    return ", ".join(part for part in parts if part)


def _age(user: FrameRow, row: FrameRow) -> str:
    if user.mjd is None or row.mjd is None:
        return "undated"
    days = user.mjd - row.mjd
    size = f"{abs(days):.0f} d" if abs(days) >= 2.0 else f"{24.0 * abs(days):.1f} h"
    return f"{size} {'before' if days >= 0 else 'after'}"


def _days(days: float) -> str:
    """A tenth of a day tells 1.3 days from the limit of 1."""
    return f"{days:.1f}" if days < DAYS_IN_TENTHS else f"{days:.0f}"


def _warnings(need: Need, user: FrameRow, supply: Supply) -> Iterator[str]:
    word, row = WORDS[need.category], supply.row
    days = difference("mjd", user, row)
    if supply.kind != need.makers[0]:
        yield f"the {word} comes from a {supply.kind}, since there is none from a {need.makers[0]}"
    if days is not None and days > need.old_days:
        yield f"the {word} is {_days(days)} days away; up to {need.old_days:g} are usual"
    time = difference("exptime_s", user, row)
    if need.first == "exptime_s" and time is not None and time > SAME_EXPOSURE_S:
        yield f"the {word} was exposed for {row.exptime_s:g} s, the frames for {user.exptime_s:g} s"
    if "slit" in need.match and _plain_slit(user) != _plain_slit(row) and row.slit:
        yield f"the {word} is of slit {row.slit}, the frames of {user.slit}"
    for name, value in need.prefer:
        if not _preferred(name, value, user, row) and getattr(row, name) != getattr(user, name):
            yield f"the {word} is of {_FIELD_WORDS[name]} {getattr(row, name)}, the frames of {getattr(user, name)}"


def _missing(need: Need, user: FrameRow, kept: Sequence[Supply], supplies: Supplies) -> str:
    """Why nothing serves."""
    word = WORDS[need.category]
    if not kept:
        unmade = next((name for kind in need.makers if (name := supplies.never_made(user, kind))), "")
        return f"no {word}: {unmade} cannot be reduced" if unmade else f"no {word}: no {need.makers[0]} was observed"
    faults = [(_mismatch(need, user, supply.row), supply.row) for supply in kept]
    name = faults[0][0]
    found = ", ".join(sorted({str(getattr(row, name)) for fault, row in faults if fault == name}))
    return f"no {word} with {_FIELD_WORDS[name]} {getattr(user, name)} (found: {found})"
