"""A night from folder to spectra: index, plan, reduce what is not reduced yet, and the page that shows it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soxspipe.errors import InputError, ProductError
from soxspipe.io.atomic import remove_unfinished
from soxspipe.night.frame_row import FrameRow
from soxspipe.night.graph import Node, build_graph
from soxspipe.night.index import Index, Seen, open_index
from soxspipe.night.job import Recipe, settled
from soxspipe.night.organise import organise
from soxspipe.night.plan import Plan, Takes, Task, make_plan, narrowed, unanswered
from soxspipe.night.progress import Course, Listener, Quiet
from soxspipe.night.run_recipe import run_recipe, settings_text, takes
from soxspipe.night.set_names import SOF_FOLDER
from soxspipe.night.sofs import first_entry, write_sof
from soxspipe.night.state import Outcome, record_path
from soxspipe.night.workers import Workers

if TYPE_CHECKING:
    from soxspipe.night.execute import Executed, Sequel

GOOD, FAILED, OUT_OF_RANGE = 0, 1, 3
"""Exit statuses."""

LEFT_BEHIND_S = 3600.0
"""Sets-of-files, records and pages are written in milliseconds: what is unfinished for an hour was left by a run that was killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person asked for.

    Attributes
    ----------
    folder, output : Path
        Of raw files and of products.
    settings : str or None
        Settings file.
    only : tuple of str
        Arms, targets or sets-of-files to which the work is limited.
    stop : bool
        Stop at the first failure.
    scheduler : str
        Address of a Dask scheduler; empty for this machine.
    workers : int
        On this machine.
    processes : bool
        False keeps the workers within this process.
    dashboard : bool
        Serve Dask's dashboard.
    most : int or None
        Reductions after which to stop, in the order of the recipes; None does all.
    """

    folder: Path
    output: Path
    settings: str | None = None
    only: tuple[str, ...] = ()
    stop: bool = False
    scheduler: str = ""
    workers: int = 2
    processes: bool = True
    dashboard: bool = False
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What became of a night: the plan, the outcome of each task that could be reduced, and what followed on them."""

    plan: Plan
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    sequels: Mapping[str, Any] = field(default_factory=dict)

    def with_status(self, *status: str) -> tuple[Outcome, ...]:
        """Outcomes of some status, in the order of the plan."""
        found = (self.outcomes[task.name] for task in self.plan.tasks if task.name in self.outcomes)
        return tuple(outcome for outcome in found if outcome.status in status)

    @property
    def left(self) -> tuple[Task, ...]:
        """Tasks that could be reduced and were left for another run."""
        return tuple(task for task in self.plan.tasks if task.state == "reduce" and task.name not in self.outcomes)

    @property
    def exit_status(self) -> int:
        """1 if a reduction failed, 3 if all ran but a standard or master is out of range, else 0.

        What was never attempted because a calibration is missing counts as neither.
        """
        if self.with_status("failed", "lost"):
            return FAILED
        judged = (self.outcomes[task.name] for task in self.plan.tasks if task.name in self.outcomes and is_judged(task.frames.rule.kind))
        return OUT_OF_RANGE if any(outcome.succeeded and outcome.out_of_range for outcome in judged) else GOOD


def is_judged(kind: str) -> bool:
    """Whether ranges of quality control decide on the exit status: for calibrations and flux standards."""
    return not kind.startswith("science") and not kind.startswith("telluric")


def plan_folder(request: Request, *, index: Index | None = None, seen: Seen | None = None, takes: Takes = takes) -> Plan:
    """Index a folder and plan its reduction; nothing is written but the index.

    Raises
    ------
    InputError
        If the folder does not exist or holds no FITS file, or nothing answers to a word that was asked for.
    """
    index = index or open_index(request.output)
    rows = index.rows(request.folder, request.output, seen)
    if not rows:
        raise InputError(f"{request.folder}: holds no FITS file")
    plan = plan_of(rows, request, takes)
    unknown = unanswered(plan, request.only)
    if unknown:
        raise InputError(f"nothing in {request.folder} answers to {', '.join(unknown)}: give an arm, a target or the name of a set")
    return narrowed(plan, request.only)


def plan_of(rows: Iterable[FrameRow], request: Request, takes: Takes = takes) -> Plan:
    """The plan of files that have been indexed."""
    return make_plan(organise(rows), request.folder.absolute(), request.output.absolute(), takes)


def write_sofs(plan: Plan) -> int:
    """Write the set-of-files of every task, the ones that cannot be reduced as well; returns how many."""
    for task in plan.tasks:
        write_sof(task.sof, task.entries())
    return len(plan.tasks)


def replaced_sofs(plan: Plan) -> tuple[str, ...]:
    """Sentences about sets-of-files of an earlier plan whose exposures are now in a set of another name, as after an earlier exposure came late."""
    set_of = {row.path: task.name for task in plan.tasks for row in task.frames.frames}
    planned = {task.sof.name for task in plan.tasks}
    said = []
    for path in sorted((plan.output / SOF_FOLDER).glob("*.sof")):
        first = "" if path.name in planned else first_entry(path)
        if first in set_of:
            said.append(
                f"{path.name} is of an earlier plan: its exposures are now in {set_of[first]}, and what was made of it is not renewed"
            )
    return tuple(said)


def reduce_night(
    request: Request,
    plan: Plan,
    *,
    index: Index | None = None,
    listener: Listener | None = None,
    recipe: Recipe = run_recipe,
    workers: Workers | None = None,
    sequels: Sequence[Sequel] = (),
) -> Night:
    """Reduce what a plan asks for and is not done yet.

    Parameters
    ----------
    request : Request
        Where and how.
    plan : Plan
        From `plan_folder`.
    index : Index, optional
        Of the folder.
    listener : Listener, optional
        Hears of progress.
    recipe : callable
        What reduces a set-of-files.
    workers : Workers, optional
        Of the whole command; absent: some for this call alone.
    sequels : sequence of Sequel
        What follows on tasks.

    Returns
    -------
    Night

    Raises
    ------
    SettingsError
        If the settings file cannot be used.
    SchedulerError
        If the scheduler cannot be used.
    """
    index, listener = index or open_index(request.output), listener or Quiet()
    _tidy(plan)
    known = index.known_checksums()
    nodes = build_graph(plan, settings=request.settings, settings_text=settings_texts(plan, request.settings), known=known)
    outcomes = settled_outcomes(nodes)
    pending = [node for node in nodes if node.job.name not in outcomes][: request.most]  # what one of them waits for stands before it
    if pending:
        with workers or Workers(request) as ready:
            executed = _run(ready, request, pending, outcomes, listener, recipe, sequels)
        _remember(index, known, executed.outcomes.values())
        return Night(plan=plan, outcomes=executed.outcomes, sequels=executed.sequels)
    _remember(index, known, outcomes.values())
    return Night(plan=plan, outcomes=outcomes)


def settled_outcomes(nodes: Sequence[Node]) -> dict[str, Outcome]:
    """Outcomes of jobs that need not be run: what was made before still holds."""
    outcomes: dict[str, Outcome] = {}
    for node in nodes:
        if all(name in outcomes for name in node.after):
            try:
                outcome = settled(node.job, outcomes)
            except InputError:  # a file is gone; the job will say so
                continue
            if outcome is not None:
                outcomes[node.job.name] = outcome
    return outcomes


def settings_texts(plan: Plan, settings: str | None) -> dict[tuple[str, str], str]:
    """The settings that matter, by verb and arm.

    Raises
    ------
    SettingsError
        If a setting is wrong.
    """
    kinds = {(task.verb, task.frames.arm): task.frames.first.instrument for task in plan.tasks if task.state == "reduce"}
    known = {key: instrument for key, instrument in kinds.items() if takes(*key) is not None}
    return {(verb, arm): settings_text(verb, instrument, arm, settings) for (verb, arm), instrument in known.items()}


def default_workers() -> int:
    """One worker for each processor that this process may use."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # not on macOS
        return max(1, os.cpu_count() or 1)


def _run(
    workers: Workers, request: Request, pending: Sequence[Node], known: Mapping[str, Outcome], listener: Listener, recipe: Recipe,
    sequels: Sequence[Sequel],
) -> Executed:  # fmt: skip
    from soxspipe.night.execute import execute, with_place

    jobs = {node.job.name: node.job for node in pending}
    course = Course(workers=request.workers)
    course.plan(pending)

    def done(outcome: Outcome) -> bool:
        course.count(outcome)
        listener.done(outcome, course.standing())
        return not (request.stop and outcome.status == "failed")

    listener.begin(course.standing())
    try:
        client = workers.client()
        if request.scheduler:
            course.workers = max(1, sum(client.nthreads().values()))
        executed = execute(client, pending, known, recipe, done, sequels)
    finally:
        listener.end()
    placed = {name: with_place(executed.outcomes[name], job) for name, job in jobs.items()}
    return replace(executed, outcomes={**executed.outcomes, **placed})


def _tidy(plan: Plan) -> None:
    """Remove what runs that were killed left unfinished beside the products; others may be at work there now."""
    records = (record_path(plan.output, date, "").parent for date in plan.nights)
    for folder in (plan.output, *{task.sof.parent for task in plan.tasks}, *records):
        remove_unfinished(folder, "", older_than_s=LEFT_BEHIND_S)


def _remember(index: Index, known: Mapping[str, tuple[int, int, str]], outcomes: Iterable[Outcome]) -> None:
    """Keep the checksums that were computed, by workers or here after the index was deleted."""
    index.remember_checksums([entry for outcome in outcomes for entry in outcome.checksums if known.get(entry[0]) != entry[1:]])


def make_output_folder(output: Path) -> None:
    """Make the folder of products, and see whether it can be written to.

    Raises
    ------
    ProductError
        If it cannot be made or written to.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProductError(f"{output}: cannot be made ({error.strerror or error})") from error
    if not os.access(output, os.W_OK):
        raise ProductError(f"{output}: cannot be written to")
