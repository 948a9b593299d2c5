"""A plan for people and for programs."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from soxspipe.night.choose import WORDS, Choice
from soxspipe.night.frame_row import FrameRow
from soxspipe.night.left_out import LeftOut
from soxspipe.night.plan import Plan, Task

MOST_REASONS = 40
"""Files with a reason of their own that the text lists; the rest is in the JSON."""


def plan_lines(plan: Plan) -> Iterator[str]:
    """The plan as text: night by night what is reduced with what and why, then what is missing, then what takes no part."""
    for night in plan.nights:
        tasks = [task for task in plan.tasks if task.frames.night == night]
        yield f"Night {night}: {_counted([task for task in tasks if task.state == 'reduce'])}"
        for task in tasks:
            if task.state == "reduce":
                yield from _task_lines(task)
        yield ""
    yield from _missing_lines(plan)
    yield from _left_out_lines(plan.left_out)


def summary_line(plan: Plan) -> str:
    """One line: how many of what."""
    frames = sum(len(task.frames.frames) + len(task.frames.off_frames) for task in plan.tasks)
    states: Counter[str] = Counter(task.state for task in plan.tasks)
    parts = [f"{frames} exposures in {len(plan.tasks)} sets", f"{states['reduce']} to reduce"]
    parts += [
        f"{states[state]} {word}" for state, word in (("missing", "lack a calibration"), ("not reduced", "for which there is no recipe yet")) if states[state]
    ]  # fmt: skip
    parts.append(f"{len(plan.left_out)} files take no part")
    return ", ".join(parts)


def plan_json(plan: Plan) -> str:
    """The whole plan as JSON."""
    answer = {
        "folder": str(plan.folder),
        "output": str(plan.output),
        "tasks": [_task_entry(task) for task in plan.tasks],
        "left_out": [{"file": entry.row.path, "reason": entry.reason} for entry in plan.left_out],
    }
    return json.dumps(answer, indent=1, ensure_ascii=False)


def _counted(tasks: Sequence[Task]) -> str:
    counts = Counter(f"{task.frames.arm} {task.frames.rule.kind}" for task in tasks)
    return ", ".join(f"{number} {what}" for what, number in counts.items()) or "nothing to reduce"


def _task_lines(task: Task) -> Iterator[str]:
    first = task.frames.first
    what = f"{first.target}, {task.frames.rule.kind}" if task.frames.rule.is_target else task.frames.rule.kind
    n, off = len(task.frames.frames), len(task.frames.off_frames)
    lamps = f" and {off} with the lamp off" if off else ""
    yield f"  {task.verb:<14} {task.name}"
    yield f"  {'':<14} {what}: {n} x {first.exptime_s or 0:g} s{lamps}"
    for choice in task.choices:
        yield f"  {'':<16}{_choice_text(choice)}"
    for warning in task.warnings:
        yield f"  {'':<14} ! {warning}"


def _choice_text(choice: Choice) -> str:
    word = WORDS[choice.need.category]
    if not choice.candidates:
        return f"{word:<20} none"
    best = choice.candidates[0]
    name = best.supply.maker or best.supply.row.name
    return f"{word:<20} {name} ({best.why})"


def _missing_lines(plan: Plan) -> Iterator[str]:
    """What is not attempted, by reason."""
    for state, title in (("missing", "Cannot be reduced, a calibration is missing:"), ("not reduced", "Not reduced:")):
        tasks = [task for task in plan.tasks if task.state == state]
        if tasks:
            yield title
            yield from (f"  {task.name}: {task.reason}" for task in tasks)
            yield ""


def _left_out_lines(left_out: Sequence[LeftOut]) -> Iterator[str]:
    if not left_out:
        return
    by_reason: dict[str, list[FrameRow]] = defaultdict(list)
    for entry in left_out:
        by_reason[entry.reason].append(entry.row)
    yield "Take no part:"
    for reason, rows in list(by_reason.items())[:MOST_REASONS]:
        names = ", ".join(row.name for row in rows[:3])
        yield f"  {reason}: {names}{f' and {len(rows) - 3} more' if len(rows) > 3 else ''}"
    if len(by_reason) > MOST_REASONS:
        yield f"  ... and {len(by_reason) - MOST_REASONS} reasons more (--json lists all)"
    yield ""


def _task_entry(task: Task) -> dict[str, Any]:
    first = task.frames.first
    return {
        "name": task.name,
        "verb": task.verb,
        "kind": task.frames.rule.kind,
        "night": task.frames.night,
        "arm": task.frames.arm,
        "target": first.target if task.frames.rule.is_target else "",
        "state": task.state,
        "reason": task.reason,
        "sof": str(task.sof),
        "frames": [row.path for row in task.frames.frames],
        "lamp_off": [row.path for row in task.frames.off_frames],
        "calibrations": [_choice_entry(choice) for choice in task.choices],
        "warnings": list(task.warnings),
    }


def _choice_entry(choice: Choice) -> dict[str, Any]:
    return {
        "category": choice.need.category,
        "missing": choice.missing,
        "candidates": [
            {"file": entry.supply.path, "made_by": entry.supply.maker, "why": entry.why, "warnings": list(entry.warnings)}
            for entry in choice.candidates
        ],
    }
