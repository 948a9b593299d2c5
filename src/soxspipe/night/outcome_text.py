"""What became of a night, for people and for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from soxspipe.night.plan import Task
from soxspipe.night.run import Night
from soxspipe.night.state import Outcome


def outcome_lines(night: Night, *, verbose: bool = False) -> Iterator[str]:
    """Where the spectra are, what is missing and why, and how many of what."""
    for task in night.plan.tasks:
        outcome = night.outcomes.get(task.name)
        if outcome is not None and outcome.succeeded and task.frames.rule.is_target:
            yield f"{task.frames.arm} {task.frames.first.target or 'unnamed target'}: {outcome.final}"
            for warning in outcome.warnings if verbose else ():
                yield f"    ! {warning}"
    for outcome in night.with_status("blocked"):
        yield f"not attempted: {outcome.name}: {outcome.cause}"
    for task in night.plan.tasks:
        if task.state != "reduce":
            yield f"not attempted: {task.name}: {task.reason}"
    yield counts_line(night)


def counts_line(night: Night) -> str:
    """How many reductions of which fate."""
    counts = Counter(outcome.status for outcome in night.outcomes.values())
    waiting = sum(task.state != "reduce" for task in night.plan.tasks) + counts["blocked"]
    out = sum(bool(outcome.out_of_range) for outcome in night.outcomes.values() if outcome.succeeded)
    parts = [f"{counts['done']} reduced"]
    parts += [f"{number} {word}" for number, word in (
        (counts["unchanged"], "were done before"), (counts["failed"], "failed"), (counts["lost"], "were not finished"),
        (waiting, "not attempted"), (len(night.left), "not reduced yet"), (out, "out of range"),
    ) if number]  # fmt: skip
    return ", ".join(parts)


def outcome_json(night: Night) -> str:
    """Everything that became of a night as JSON."""
    answer = {
        "folder": str(night.plan.folder),
        "output": str(night.plan.output),
        "exit_status": night.exit_status,
        "tasks": [_entry(task, night.outcomes.get(task.name)) for task in night.plan.tasks],
        "left_out": [{"file": entry.row.path, "reason": entry.reason} for entry in night.plan.left_out],
    }
    return json.dumps(answer, indent=1, ensure_ascii=False)


def _entry(task: Task, outcome: Outcome | None) -> dict[str, Any]:
    found = outcome or Outcome(name=task.name, verb=task.verb, status="blocked", cause=task.reason)
    return {
        "name": task.name,
        "verb": task.verb,
        "kind": task.frames.rule.kind,
        "arm": task.frames.arm,
        "night": task.frames.night,
        "target": task.frames.first.target if task.frames.rule.is_target else "",
        "status": found.status if outcome is not None else task.state,
        "cause": found.cause,
        "sof": str(task.sof),
        "final": found.final,
        "report": found.report,
        "calibrations": dict(found.inputs),
        "out_of_range": list(found.out_of_range),
        "warnings": list(found.warnings),
        "seconds": round(found.seconds, 3),
    }
