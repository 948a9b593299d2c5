"""The plan of a night: what is reduced with what and why, and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from soxspipe.instruments.registry import find_instrument
from soxspipe.night.choose import Choice, Supplies, Supply, choose
from soxspipe.night.frame_row import FrameRow
from soxspipe.night.frame_set import FrameSet
from soxspipe.night.left_out import LeftOut
from soxspipe.night.organise import Organised
from soxspipe.night.rules import Need
from soxspipe.night.set_names import calibration_paths, sof_path

State = Literal["reduce", "missing", "not reduced"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a recipe takes in one arm: calibrations by category, each with whether it is required, and how many exposures at least."""

    calibrations: Mapping[str, bool]
    frames: int = 1


Takes = Callable[[str, str], Taken | None]
"""What a recipe takes, by verb and arm; None if the program has no such recipe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One set and its calibrations.

    Attributes
    ----------
    frames : FrameSet
        What is reduced.
    choices : tuple of Choice
        Its calibrations, one for each need of its arm.
    state : {'reduce', 'missing', 'not reduced'}
        ``missing``: a required calibration is not there; ``not reduced``: the program has no recipe for it yet.
    reason : str
        Why it is not reduced; empty otherwise.
    sof : Path
        Its set-of-files.
    """

    frames: FrameSet
    choices: tuple[Choice, ...]
    state: State
    reason: str
    sof: Path

    @property
    def name(self) -> str:
        """Name of the set."""
        return self.frames.name

    @property
    def verb(self) -> str:
        """Command that reduces it."""
        return self.frames.rule.verb

    @property
    def warnings(self) -> tuple[str, ...]:
        """Of the set and of the best candidates."""
        of_choices = (warning for choice in self.choices for candidate in choice.candidates[:1] for warning in candidate.warnings)
        lacking = (choice.missing for choice in self.choices if choice.missing and choice.need.missed and not choice.need.required)
        return (*self.frames.warnings, *of_choices, *lacking)

    @property
    def makers(self) -> tuple[str, ...]:
        """Names of the sets whose products it may take."""
        found = (candidate.supply.maker for choice in self.choices for candidate in choice.candidates)
        return tuple(dict.fromkeys(maker for maker in found if maker))

    def entries(self) -> tuple[tuple[str, str], ...]:
        """Path and tag of every line of its set-of-files, as planned."""
        arm = self.frames.arm
        lines = [(row.path, row.tag) for row in (*self.frames.frames, *self.frames.off_frames)]
        lines += [
            (choice.candidates[0].supply.path, f"{choice.need.category}_{arm}") for choice in self.choices if choice.candidates
        ]  # fmt: skip
        return tuple(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that is going to happen to a folder: tasks in the order in which recipes run, and files that take no part."""

    folder: Path
    output: Path
    tasks: tuple[Task, ...]
    left_out: tuple[LeftOut, ...]

    def task(self, name: str) -> Task | None:
        """Task of a set, by name."""
        return next((task for task in self.tasks if task.name == name), None)

    @property
    def nights(self) -> tuple[str, ...]:
        """Dates, in order."""
        return tuple(sorted({task.frames.night for task in self.tasks}))


def make_plan(organised: Organised, folder: Path, output: Path, takes: Takes) -> Plan:
    """Give every set its calibrations.

    Parameters
    ----------
    organised : Organised
        Sets, in the order in which recipes run.
    folder, output : Path
        Of the raw files, and of the products.
    takes : callable
        What each recipe takes.

    Returns
    -------
    Plan
    """
    supplies = Supplies(_delivered(row) for row in organised.delivered)
    tasks: list[Task] = []
    for frames in organised.sets:
        task = _task(frames, supplies, output, takes)
        tasks.append(task)
        if task.state == "reduce":
            supplies.add(_made(frames, output))
        else:
            supplies.never_made(frames.first, frames.rule.kind, frames.name)
    return Plan(folder=folder, output=output, tasks=tuple(tasks), left_out=organised.left_out)


def narrowed(plan: Plan, only: Sequence[str]) -> Plan:
    """The part of a plan that some words name, with all the calibrations that it takes.

    Parameters
    ----------
    plan : Plan
        Of the whole folder.
    only : sequence of str
        Arms, targets or sets-of-files (with or without ``.sof``); a task is kept if it answers to one of the words.
    """
    if not only:
        return plan
    wanted = {_plain(word) for word in only}
    kept = {task.name for task in plan.tasks if wanted & _answers_to(task)}
    by_name = {task.name: task for task in plan.tasks}
    pending = list(kept)
    while pending:
        for maker in by_name[pending.pop()].makers:
            if maker not in kept:
                kept.add(maker)
                pending.append(maker)
    return Plan(
        folder=plan.folder, output=plan.output, tasks=tuple(task for task in plan.tasks if task.name in kept), left_out=plan.left_out
    )  # fmt: skip


def unanswered(plan: Plan, only: Sequence[str]) -> tuple[str, ...]:
    """Words that no task of a plan answers to."""
    known = {word for task in plan.tasks for word in _answers_to(task)}
    return tuple(word for word in only if _plain(word) not in known)


def _plain(word: str) -> str:
    return word.strip().removesuffix(".sof").rpartition("/")[2].upper()


def _answers_to(task: Task) -> set[str]:
    first = task.frames.first
    words = {task.name, first.arm, task.verb}
    if task.frames.rule.is_target:
        words |= {first.target, first.target.replace(" ", ""), first.ob_name}
    return {word.upper() for word in words if word}


def _task(frames: FrameSet, supplies: Supplies, output: Path, takes: Takes) -> Task:
    taken = takes(frames.rule.verb, frames.arm)
    chosen: dict[str, Choice] = {}
    for need in _needs(frames, taken):
        chosen[need.category] = choose(need, frames, supplies, chosen)
    lacking = [choice.missing for choice in chosen.values() if choice.missing and choice.need.required]
    if taken is not None and len(frames.frames) < taken.frames:
        lacking.insert(0, f"{_counted(len(frames.frames), 'exposure')}, {taken.frames} are needed")
    state: State = "not reduced" if taken is None else "missing" if lacking else "reduce"
    reason = f"not reduced: {frames.rule.verb.removesuffix('_std')}" if taken is None else "; ".join(lacking)
    return Task(frames=frames, choices=tuple(chosen.values()), state=state, reason=reason, sof=sof_path(output, frames.name))


def _counted(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def _needs(frames: FrameSet, taken: Taken | None) -> Iterator[Need]:
    """What the rules choose, as far as the recipe takes it in this arm; the recipe's own table says what is required.

    Exposures with the lamp off stand in for a dark.
    """
    facts = find_instrument(frames.first.instrument).arms[frames.arm]
    for need in frames.rule.needs:
        if need.arms not in ("", facts.needs) or (taken is not None and need.category not in taken.calibrations):
            continue
        is_dark = need.category == "MASTER_DARK"  # or exposures with the lamp off: a recipe's table calls each of them optional
        required = need.required if taken is None or is_dark else taken.calibrations[need.category]
        yield replace(need, required=required and not (is_dark and bool(frames.off_frames)))


def _made(frames: FrameSet, output: Path) -> Iterator[Supply]:
    """Calibrations that a set is going to make."""
    for category, path in calibration_paths(output, frames).items():
        yield Supply(category=category, kind=frames.rule.kind, maker=frames.name, path=str(path), row=frames.first)


def _delivered(row: FrameRow) -> Supply:
    return Supply(category=row.category, kind=_kind_of_product(row), maker="", path=row.path, row=row)


def _kind_of_product(row: FrameRow) -> str:
    """Kind of set that a delivered calibration was made of, by its category, PRO TECH and what stood in the slit wheel.

    The reference pipeline writes ``ECHELLE,SLIT`` into order tables of pinhole flats, too.
    """
    category, tech = row.category, row.product_tech
    if category == "DISP_TAB":
        return "pinhole arc" if tech == "ECHELLE,PINHOLE" else "multi-pinhole arc"
    if category == "ORDER_TAB":
        return "pinhole flat" if tech == "ECHELLE,PINHOLE" or row.mask == "PINHOLE" else "slit flat"
    if category == "BP_MAP":
        return "slit flat" if row.mask == "SLIT" else "dark"
    return {
        "MASTER_BIAS": "bias", "MASTER_DARK": "dark", "MASTER_FLAT": "slit flat", "DISP_IMAGE": "multi-pinhole arc",
        "RESP_TAB": "flux standard",
    }[category]  # fmt: skip


def frames_of(tasks: Iterable[Task]) -> Iterator[FrameRow]:
    """Every raw frame of some tasks."""
    for task in tasks:
        yield from task.frames.frames
        yield from task.frames.off_frames
