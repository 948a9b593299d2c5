"""From the outcomes of a night to its finished spectra: which are targets, which are standards, and where each lies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from soxspipe.datamodel.links import Link
from soxspipe.io.atomic import write_whole
from soxspipe.night.plan import Task
from soxspipe.night.run import Night, Request, settings_texts
from soxspipe.night.state import Outcome, files_below, read_record, write_record
from soxspipe.reductions.finish_night import Each, FinishedNight, finish_night
from soxspipe.reductions.stare.report_links import other_arm_words, relative_link
from soxspipe.report.science.late_links import with_link

FLUXCAL = "_FLUXCAL.fits"


def finish(night: Night, request: Request, each: Each = map) -> FinishedNight:
    """Correct and join the spectra of a night, unless the settings say no (`finish_spectra`)."""
    chosen = {key: json.loads(text) for key, text in settings_texts(night.plan, request.settings).items()}
    targets, standards, moves = [], [], {}
    for task, path in _spectra(night):
        settings = chosen.get((task.verb, task.frames.arm), {})
        if "standard" in task.frames.rule.kind:
            standards.append(path)
        elif settings.get("finish_spectra", True):
            targets.append(path)
            move = (settings.get("wavelength_frame", "topocentric"), settings.get("wavelength_medium", "air"))
            if move != ("topocentric", "air"):
                moves[path] = move
    finished = finish_night(targets, standards, moves, each)
    link_arms(night, finished.pairs)
    return finished


def link_arms(night: Night, pairs: Sequence[tuple[Path, Path]]) -> None:
    """Let the reports of both arms of a target lead to each other; the one that was written first could not know of the other.

    Parameters
    ----------
    night : Night
        Its outcomes name the reports; the record of one whose report grew is written again, so that it still holds.
    pairs : sequence of (Path, Path)
        Calibrated spectra of both arms.
    """
    by_spectrum = {path: (night.outcomes[task.name], task.frames.arm) for task, path in _spectra(night)}
    for pair in pairs:
        if all(path in by_spectrum for path in pair):
            here, there = (by_spectrum[path] for path in pair)
            _lead(night, here[0], *there)
            _lead(night, there[0], *here)


def _lead(night: Night, outcome: Outcome, other: Outcome, arm: str) -> None:
    """Put a link to another outcome's report into this one's."""
    page, target = Path(outcome.report), Path(other.report)
    if not (outcome.report and other.report and page.is_file() and target.is_file()):
        return
    text = page.read_text(encoding="utf-8")
    linked = with_link(text, Link(text=other_arm_words(arm), href=relative_link(target, page)))
    record = read_record(night.plan.output, outcome.night, outcome.name)
    if linked == text or record is None:
        return
    write_whole(page, [linked.encode("utf-8")])
    grown = dict(files_below(night.plan.output, [page]))
    write_record(night.plan.output, replace(record, files=tuple((name, grown.get(name, size)) for name, size in record.files)))


def _spectra(night: Night) -> Iterator[tuple[Task, Path]]:
    """Every flux-calibrated spectrum that was made, and its task."""
    for task in night.plan.tasks:
        outcome = night.outcomes.get(task.name)
        if outcome is not None and outcome.succeeded:
            for name, _ in outcome.files:
                if name.endswith(FLUXCAL):
                    yield task, night.plan.output / name
