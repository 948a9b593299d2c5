"""From the outcomes of a night to its finished spectra: which are targets, which are standards, and where each lies."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from soxspipe.datamodel.links import Link
from soxspipe.io.atomic import write_whole
from soxspipe.io.headers import separation_arcsec
from soxspipe.night.plan import Plan, Task
from soxspipe.night.run import Night, Request, settings_texts
from soxspipe.night.state import Outcome, files_below, read_record, write_record
from soxspipe.reductions.finish import SAME_TARGET_ARCSEC
from soxspipe.reductions.finish_night import Each, FinishedNight, finish_night
from soxspipe.reductions.stare.report_links import other_arm_words, relative_link
from soxspipe.report.science.late_links import with_link

FLUXCAL = "_FLUXCAL.fits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finishing:
    """The last step of one target as it travels: a task of the graph, after its reductions and those of the standards.

    Attributes
    ----------
    name : str
        Of its first task.
    output : Path
        Folder of products.
    targets : mapping of str to (str, str) or None
        Its tasks in all arms, each with the frame and medium in which it is written once more.
    standards : tuple of str
        Tasks that the air may be known from.
    """

    name: str
    output: Path
    targets: Mapping[str, tuple[str, str] | None]
    standards: tuple[str, ...]

    @property
    def after(self) -> tuple[str, ...]:
        """Tasks whose outcomes it must know."""
        return (*self.targets, *self.standards)

    def of_those_in(self, names: Collection[str]) -> Finishing:
        """The same of some tasks only."""
        targets = {name: move for name, move in self.targets.items() if name in names}
        return replace(self, targets=targets, standards=tuple(name for name in self.standards if name in names))

    def __call__(self, outcomes: Sequence[Outcome], each: Each = map) -> FinishedNight:
        """Correct and join what there is."""
        spectra = {outcome.name: path for outcome in outcomes if (path := _spectrum(outcome, self.output)) is not None}
        moves = {spectra[name]: move for name, move in self.targets.items() if name in spectra and move is not None}
        targets = [spectra[name] for name in self.targets if name in spectra]
        return finish_night(targets, [spectra[name] for name in self.standards if name in spectra], moves, each)


def finishings(plan: Plan, request: Request) -> tuple[Finishing, ...]:
    """The last step of every target of one night, as tasks of its graph.

    There are none for several nights: the nearest standards may be those of another one, so each target would wait for all.
    """
    whole = _whole(plan, request)
    if len(plan.nights) != 1:
        return ()
    groups = _by_target([task for task in plan.tasks if task.name in whole.targets])
    return tuple(replace(whole, name=group[0].name, targets={task.name: whole.targets[task.name] for task in group}) for group in groups)


def finish(night: Night, request: Request, each: Each = map) -> FinishedNight:
    """Correct and join the spectra of a night that no task of its graph has finished, and let the reports of both arms lead to each other."""
    finished, whole = FinishedNight(), _whole(night.plan, request)
    left = dict(whole.targets)
    for finishing in finishings(night.plan, request):
        made = night.sequels.get(finishing.name)
        if made is not None:
            finished = finished.joined_with(made)
            left = {name: move for name, move in left.items() if name not in finishing.targets}
    if left:
        finished = finished.joined_with(replace(whole, targets=left)(tuple(night.outcomes.values()), each))
    link_arms(night, finished.pairs)
    return finished


def _whole(plan: Plan, request: Request) -> Finishing:
    """The last step of all targets together, but for those whose settings say no (`finish_spectra`)."""
    chosen = {key: json.loads(text) for key, text in settings_texts(plan, request.settings).items()}
    tasks = [task for task in plan.tasks if task.state == "reduce" and task.frames.rule.is_target]
    standards = tuple(task.name for task in tasks if "standard" in task.frames.rule.kind)
    settings = {task.name: chosen.get((task.verb, task.frames.arm), {}) for task in tasks if task.name not in standards}
    targets = {name: _move(own) for name, own in settings.items() if own.get("finish_spectra", True)}
    return Finishing(name="", output=plan.output, targets=targets, standards=standards)


def _move(settings: Mapping[str, Any]) -> tuple[str, str] | None:
    """Frame and medium in which a spectrum is written once more, if it is."""
    move = (settings.get("wavelength_frame", "topocentric"), settings.get("wavelength_medium", "air"))
    return None if move == ("topocentric", "air") else move


def _by_target(tasks: Sequence[Task]) -> list[list[Task]]:
    """Tasks that may show one target: of one name, or of places so near that their arms would be joined."""
    groups: list[list[Task]] = []
    for task in tasks:
        own = [group for group in groups if any(_may_be_one(task, other) for other in group)]
        groups = [group for group in groups if group not in own] + [[other for group in own for other in group] + [task]]
    return groups


def _may_be_one(task: Task, other: Task) -> bool:
    here, there = task.frames.first, other.frames.first
    if here.target == there.target or here.ra_deg is None or here.dec_deg is None or there.ra_deg is None or there.dec_deg is None:
        return True
    return separation_arcsec((here.ra_deg, here.dec_deg), (there.ra_deg, there.dec_deg)) <= SAME_TARGET_ARCSEC


def link_arms(night: Night, pairs: Sequence[tuple[Path, Path]]) -> None:
    """Let the reports of both arms of a target lead to each other; the one that was written first could not know of the other.

    Parameters
    ----------
    night : Night
        Its outcomes name the reports; the record of one whose report grew is written again, so that it still holds.
    pairs : sequence of (Path, Path)
        Calibrated spectra of both arms.
    """
    made = [(task, night.outcomes[task.name]) for task in night.plan.tasks if task.name in night.outcomes]
    by_spectrum = {_spectrum(outcome, night.plan.output): (outcome, task.frames.arm) for task, outcome in made}
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


def _spectrum(outcome: Outcome, output: Path) -> Path | None:
    """The flux-calibrated spectrum that a reduction made, if it did."""
    names = [name for name, _ in outcome.files if name.endswith(FLUXCAL)] if outcome.succeeded else []
    return output / names[0] if names else None
