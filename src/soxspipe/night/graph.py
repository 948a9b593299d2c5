"""A plan → jobs, and what each of them waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from soxspipe.night.choose import Choice
from soxspipe.night.job import Job, Offer
from soxspipe.night.plan import Plan, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A job, and the names of the jobs whose products it may take."""

    job: Job
    after: tuple[str, ...]


def build_graph(
    plan: Plan, *, settings: str | None = None, settings_text: Mapping[tuple[str, str], str] | None = None,
    known: Mapping[str, tuple[int, int, str]] | None = None,
) -> tuple[Node, ...]:  # fmt: skip
    """Jobs in the order in which recipes run.

    Parameters
    ----------
    plan : Plan
        Of the night.
    settings : str, optional
        The user's settings file.
    settings_text : mapping, optional
        Settings that matter, by verb and arm.
    known : mapping, optional
        Checksums of files: size, time and MD5 by path.

    Returns
    -------
    tuple of Node
        Of the tasks that can be reduced; each waits only for earlier ones.
    """
    texts, checksums = settings_text or {}, known or {}
    runs = [task for task in plan.tasks if task.state == "reduce"]
    names = {task.name for task in runs}
    return tuple(
        Node(
            job=make_job(task, plan, settings, texts.get((task.verb, task.frames.arm), ""), checksums),
            after=tuple(maker for maker in task.makers if maker in names),
        )
        for task in runs
    )


def make_job(
    task: Task, plan: Plan, settings: str | None, settings_text: str, known: Mapping[str, tuple[int, int, str]]
) -> Job:  # fmt: skip
    """One task as it travels."""
    raw = [(row.path, row.tag) for row in (*task.frames.frames, *task.frames.off_frames)]
    calibrations = [candidate.supply.path for choice in task.choices for candidate in choice.candidates]
    return Job(
        name=task.name,
        verb=task.verb,
        arm=task.frames.arm,
        night=task.frames.night,
        sof=str(task.sof),
        output=str(plan.output),
        raw=tuple(raw),
        offers=tuple(_offer(choice) for choice in task.choices),
        settings=settings,
        settings_text=settings_text,
        known={path: known[path] for path in [*(path for path, _ in raw), *calibrations] if path in known},
        warnings=task.warnings,
        exptime_s=task.frames.first.exptime_s or 0.0,
    )


def _offer(choice: Choice) -> Offer:
    need = choice.need
    return Offer(
        category=need.category,
        required=need.required,
        with_=need.with_,
        sources=tuple((candidate.supply.maker, candidate.supply.path) for candidate in choice.candidates),
    )


def order_of_urgency(nodes: Sequence[Node]) -> dict[str, int]:
    """Length of the longest chain of jobs that wait for each: the longest goes first."""
    chain: dict[str, int] = {node.job.name: 0 for node in nodes}
    for node in reversed(nodes):
        for earlier in node.after:
            if earlier in chain:
                chain[earlier] = max(chain[earlier], chain[node.job.name] + 1)
    return chain
