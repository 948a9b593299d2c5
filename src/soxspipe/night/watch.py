"""Watch a folder: reduce each exposure as soon as its file is complete, with the best calibrations there are."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from soxspipe.errors import InputError
from soxspipe.io.atomic import write_whole
from soxspipe.night.execute import Engine, Running, connected
from soxspipe.night.finishing import link_arms
from soxspipe.night.graph import Node, build_graph
from soxspipe.night.index import FoundFile, Index, find_files, open_index
from soxspipe.night.job import Recipe, raw_names, settled
from soxspipe.night.last_steps import LastSteps
from soxspipe.night.pages import write_pages
from soxspipe.night.plan import Plan, Takes, Task, narrowed
from soxspipe.night.run import Night, Request, plan_of, settings_texts, write_sofs
from soxspipe.night.run_recipe import run_recipe, takes
from soxspipe.night.state import Outcome, read_record
from soxspipe.settings.yaml_text import read_yaml

POLL_S = 0.5
"""Half of what a file must rest."""
SETTLE_S = 1.0
"""A file that has not changed for this long, and is as long as its header says, is complete."""

QUIET_S = 60.0
"""A set of calibrations that lacks exposures of its template is reduced when none has come for this long: the template was aborted."""

LOOK_AGAIN_S = 5.0
"""How often to see whether a set that waits for more has waited long enough."""

QUICK_NAME = ".soxspipe-quick.yaml"
QUICK: Mapping[str, Any] = {"make_plots": False, "plots": {"report": True}}
"""Settings of the first, quick reduction: the spectrum and its report, no other figure."""

STAR_PRIORITY, LATER = 100, -100
"""Stars before calibrations; the full reduction after a quick one last."""


@dataclass(slots=True)
class Settling:
    """Tells files that are complete from those that still change.

    Attributes
    ----------
    clock : callable
        Seconds that only grow.
    """

    clock: Callable[[], float] = time.monotonic
    _since: dict[str, tuple[tuple[int, int], float]] = field(default_factory=dict)

    def complete(self, found: Sequence[FoundFile]) -> tuple[FoundFile, ...]:
        """Files that have not changed for `SETTLE_S`."""
        now = self.clock()
        for file in found:
            known = self._since.get(file.path)
            if known is None or known[0] != file.state:
                self._since[file.path] = (file.state, now)
        return tuple(file for file in found if now - self._since[file.path][1] >= SETTLE_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """How to watch.

    Attributes
    ----------
    quick : bool
        First the spectrum and its report, the rest later.
    redo : bool
        Reduce again when better calibrations arrive.
    say, note : callable
        Hear of every reduction that ended, and where Dask's dashboard is, if one was asked for.
    until : callable
        True ends the watch.
    clock, sleep : callable
        Of the time module.
    """

    quick: bool = False
    redo: bool = False
    say: Callable[[Outcome], None] = lambda _: None
    note: Callable[[str], object] = lambda _: None
    until: Callable[[], bool] = lambda: False
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Watch:
    """One folder under watch; `turn` looks once, hands in what is new and takes what has ended."""

    def __init__(self, request: Request, how: Watching, running: Running, index: Index, takes: Takes = takes) -> None:
        self._request, self._how, self._running, self._index, self._takes = request, how, running, index, takes
        self._settling = Settling(how.clock)
        self._files: tuple[FoundFile, ...] = ()
        self._grew_at: dict[tuple[str, int], float] = {}
        self._looked_at = -LOOK_AGAIN_S
        self._handed_in: dict[str, object] = {}
        self._in_full: dict[str, Node] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._plan = Plan(folder=request.folder, output=request.output, tasks=(), left_out=())
        self._quick = _quick_settings(request) if how.quick else None
        self._last_steps = LastSteps(request, running, redo=how.redo)

    @property
    def night(self) -> Night:
        """What has become of the folder so far."""
        return Night(plan=self._plan, outcomes=self._outcomes)

    def turn(self) -> bool:
        """Look once; returns whether anything has changed."""
        ended = list(self._running.ended())
        for name, outcome in ended:
            self._take(name, outcome)
        files = self._settling.complete(find_files(self._request.folder, self._request.output))
        arrived = files != self._files
        if arrived:
            self._files = files
            rows = self._index.rows_of(files, self._request.folder)
            self._plan = narrowed(plan_of(rows, self._request, self._takes), self._request.only)
            write_sofs(self._plan)
        due = self._how.clock() - self._looked_at >= LOOK_AGAIN_S
        started = self._hand_in() if arrived or ended or due else False
        finished = self._finish(after=bool(ended))
        if ended or arrived or finished:
            write_pages(self.night)
        return bool(ended or arrived or started or finished)

    def _finish(self, *, after: bool) -> bool:
        """Hand in the last step of targets that have ended, and take what it has made; returns whether there was any."""
        if after:
            self._last_steps.hand_in(self._plan, self._outcomes)
        finished = self._last_steps.ended()
        for made in finished:
            link_arms(self.night, made.pairs)
        return bool(finished)

    def _take(self, name: str, outcome: Outcome | None) -> None:
        """Note the outcome of a job; the full reduction follows a quick one."""
        if outcome is None:
            self._handed_in.pop(name, None)
            return
        self._outcomes[name] = outcome
        self._index.remember_checksums(list(outcome.checksums))
        self._how.say(outcome)
        node = self._in_full.pop(name, None)
        if node is not None and outcome.succeeded:
            self._running.start([node], self._outcomes, priority=LATER)

    def _hand_in(self) -> bool:
        """Hand in what is new; returns whether there was any."""
        self._looked_at = self._how.clock()
        tasks = {task.name: task for task in self._plan.tasks}
        known = self._index.known_checksums() if self._plan.tasks else {}
        texts = settings_texts(self._plan, self._request.settings)
        nodes = build_graph(self._plan, settings=self._request.settings, settings_text=texts, known=known)
        new = [node for node in nodes if self._is_new(node, tasks[node.job.name])]
        stars = [node for node in new if tasks[node.job.name].frames.rule.is_target]
        lamps = [node for node in new if not tasks[node.job.name].frames.rule.is_target]
        self._running.start(lamps, self._outcomes)
        self._running.start([self._first(node) for node in stars], self._outcomes, priority=STAR_PRIORITY)
        return bool(new)

    def _is_new(self, node: Node, task: Task) -> bool:
        """Whether a job is to be handed in now."""
        name = node.job.name
        if name in self._running or not self._is_ready(task):
            return False
        state = self._state_of(node)
        if self._handed_in.get(name) == state:
            return False
        self._handed_in[name] = state
        known = self._done_before(node)
        if known is not None:
            self._outcomes[name] = known
            return False
        return True

    def _is_ready(self, task: Task) -> bool:
        """Stars at once; calibrations when their templates are complete, or nothing more has come for a while."""
        frames = task.frames
        if frames.rule.is_target:
            return True
        expected: dict[tuple[str, str], int] = defaultdict(int)
        for row in (*frames.frames, *frames.off_frames):
            expected[row.tpl_name, row.tpl_start] = max(expected[row.tpl_name, row.tpl_start], row.tpl_exposures)
        here = len(frames.frames) + len(frames.off_frames)
        first_seen = self._grew_at.setdefault((task.name, here), self._how.clock())
        return here >= sum(expected.values()) or self._how.clock() - first_seen >= QUIET_S

    def _state_of(self, node: Node) -> object:
        """What must change for a job to be done again: its exposures, and its calibrations if that is wished or it has not succeeded."""
        raw = tuple(path for path, _ in node.job.raw)
        outcome = self._outcomes.get(node.job.name)
        if outcome is not None and outcome.succeeded and not self._how.redo:
            return raw
        makers = (self._outcomes.get(maker) for maker in node.after)
        return raw, tuple((maker.name, maker.fingerprint) for maker in makers if maker is not None and maker.succeeded)

    def _done_before(self, node: Node) -> Outcome | None:
        """The outcome of an earlier run, if it holds; without `redo` it does for the same exposures."""
        job = node.job
        if not self._how.redo:
            record = read_record(Path(job.output), job.night, job.name)
            if record is not None and record.succeeded and record.raw == raw_names(job) and Path(record.final).exists():
                return replace(record, status="unchanged")
        try:
            return settled(job, self._outcomes)
        except InputError:
            return None

    def _first(self, node: Node) -> Node:
        """The quick job of a star, if quick ones are wished."""
        if self._quick is None:
            return node
        self._in_full[node.job.name] = node
        return replace(node, job=replace(node.job, settings=self._quick, settings_text=f"quick {node.job.settings_text}"))


def watch(request: Request, how: Watching, *, recipe: Recipe = run_recipe, takes: Takes = takes) -> Night:
    """Watch a folder until told otherwise.

    Parameters
    ----------
    request : Request
        Folder, products, workers.
    how : Watching
        What to do with what comes.
    recipe : callable
        What reduces a set-of-files.
    takes : callable
        What each recipe takes.

    Returns
    -------
    Night
        What had become of it in the end.
    """
    engine = Engine(
        scheduler=request.scheduler, workers=request.workers, processes=request.processes, dashboard=request.dashboard, ready=True
    )  # fmt: skip
    with connected(engine) as client:
        if request.dashboard:
            how.note(f"Dask's dashboard: {client.dashboard_link}")
        running = Running(client, recipe)
        watched = Watch(request, how, running, open_index(request.output), takes)
        try:
            while not how.until():
                watched.turn()
                how.sleep(POLL_S)
        except KeyboardInterrupt:
            pass
        finally:
            running.give_up()
    return watched.night


def _quick_settings(request: Request) -> str:
    """Write the settings of quick reductions: the user's, but for the figures."""
    import yaml

    content = dict(read_yaml(request.settings)) if request.settings else {}
    path = request.output / QUICK_NAME
    write_whole(path, [yaml.safe_dump({**content, **QUICK}).encode("utf-8")])
    return str(path)
