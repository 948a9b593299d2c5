"""Watching a folder: when a file is complete, when a set is ready, what is done again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from soxspipe.night.execute import Engine, Running, connected
from soxspipe.night.finishing import Finishing
from soxspipe.night.graph import Node
from soxspipe.night.index import FoundFile, open_index
from soxspipe.night.job import run_job
from soxspipe.night.run import Request
from soxspipe.night.state import Outcome
from soxspipe.night.watch import LOOK_AGAIN_S, QUIET_S, Settling, Watch, Watching
from soxspipe.reductions.finish_night import FinishedNight
from support.night_headers import EVENING, Exposure, calibrations, stare, write_headers
from support.nights import cheap_recipe, every_recipe


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Ended:
    """Takes the place of a future that has ended well."""

    made: FinishedNight
    status: str = "finished"

    def done(self) -> bool:
        return True

    def result(self) -> FinishedNight:
        return self.made


class AtOnce:
    """Takes the place of `Running`: jobs are done at once, in this thread."""

    def __init__(self) -> None:
        self.done: list[tuple[str, Outcome | None]] = []
        self.handed_in: list[tuple[str, int, str | None]] = []
        self.given_up_once: set[str] = set()
        self.followed: list[tuple[str, ...]] = []

    def __contains__(self, name: str) -> bool:
        return False

    def start(self, nodes: list[Node], outcomes: dict[str, Outcome], *, priority: int = 0) -> None:
        known = dict(outcomes)
        for node in nodes:
            if node.job.verb in self.given_up_once:
                self.given_up_once.remove(node.job.verb)
                self.done.append((node.job.name, None))
                continue
            known[node.job.name] = run_job(node.job, [known[name] for name in node.after if name in known], cheap_recipe)
            self.done.append((node.job.name, known[node.job.name]))
            self.handed_in.append((node.job.verb, priority, node.job.settings))

    def follow(self, sequels: list[Finishing], outcomes: dict[str, Outcome]) -> dict[str, Ended]:
        self.followed += [sequel.after for sequel in sequels]
        return {sequel.name: Ended(sequel([outcomes[name] for name in sequel.after])) for sequel in sequels}

    def ended(self) -> Iterator[tuple[str, Outcome | None]]:
        done, self.done = self.done, []
        yield from done


class Scene:
    """A folder under watch."""

    def __init__(self, folder: Path, **how: bool) -> None:
        self.folder, self.clock, self.heard = folder, Clock(), []
        (folder / "raw").mkdir()
        self.running = AtOnce()
        request = Request(folder=folder / "raw", output=folder / "out")
        (folder / "out").mkdir()
        watching = Watching(say=self.heard.append, clock=self.clock, **how)
        self.watch = Watch(request, watching, self.running, open_index(folder / "out"), every_recipe)  # type: ignore[arg-type]

    def arrive(self, frames: list[Exposure]) -> list[Path]:
        return write_headers(self.folder / "raw", frames)

    def pass_time(self, seconds: float) -> list[str]:
        """Let time pass; returns the verbs of what was reduced."""
        before = len(self.heard)
        self.watch.turn()
        self.clock.now += seconds
        for _ in range(3):
            self.watch.turn()
        return [outcome.verb for outcome in self.heard[before:]]


STAR = stare("VIS", EVENING + timedelta(hours=8), n=2)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_file_is_complete_when_it_has_not_changed_for_a_second() -> None:
    clock = Clock()
    settling = Settling(clock)
    growing = [FoundFile(path="/a", size=size, mtime_ns=1) for size in (10, 20)]
    assert settling.complete([growing[0]]) == ()
    clock.now += 0.9
    assert settling.complete([growing[1]]) == ()
    clock.now += 0.9
    assert settling.complete([growing[1]]) == ()
    clock.now += 0.2
    assert settling.complete([growing[1]]) == (growing[1],)


def test_a_star_is_reduced_when_it_comes_and_again_when_its_second_exposure_does(scene: Scene) -> None:
    scene.arrive(calibrations("VIS"))
    assert scene.pass_time(1.1) == ["mbias", "disp_solution", "order_centres", "mflat", "spat_solution"]
    scene.arrive(STAR[:1])
    assert scene.pass_time(1.1) == ["stare"]
    scene.arrive(STAR[1:])
    assert scene.pass_time(1.1) == ["stare"]
    assert scene.pass_time(60.0) == []
    assert len({outcome.name for outcome in scene.heard if outcome.verb == "stare"}) == 1
    assert (scene.folder / "out" / "night_2026-03-01.html").exists()


@pytest.mark.parametrize("redo", [False, True])
def test_the_last_step_follows_on_a_target_and_on_another_standard_if_that_is_wished(tmp_path: Path, redo: bool) -> None:
    scene = Scene(tmp_path, redo=redo)
    target, standard = STAR, stare("VIS", EVENING + timedelta(hours=10), target="LTT3218", standard=True)
    scene.arrive(calibrations("VIS") + target[:1])
    scene.pass_time(1.1)
    assert [len(after) for after in scene.running.followed] == [1], "there is no standard yet"
    scene.arrive(target[1:])
    scene.pass_time(1.1)
    assert [len(after) for after in scene.running.followed] == [1, 1]
    scene.arrive(standard)
    scene.pass_time(1.1)
    assert {len(after) for after in scene.running.followed[2:]} == ({2} if redo else set())


def test_a_star_without_calibrations_waits_for_them(scene: Scene) -> None:
    scene.arrive(STAR)
    assert scene.pass_time(1.1) == []
    scene.arrive(calibrations("VIS"))
    assert scene.pass_time(1.1)[-1] == "stare"


def test_calibrations_wait_until_their_template_is_complete_or_aborted(scene: Scene) -> None:
    frames = calibrations("VIS")[:5]
    scene.arrive(frames[:3])
    assert scene.pass_time(1.1) == []
    scene.arrive(frames[3:])
    assert scene.pass_time(1.1) == ["mbias"]


def test_a_set_that_dask_gives_up_is_handed_in_once_more(scene: Scene) -> None:
    scene.running.given_up_once = {"mbias"}
    scene.arrive(calibrations("VIS")[:5])
    assert scene.pass_time(1.1) == ["mbias"]
    assert not scene.running.given_up_once


def test_an_aborted_template_is_reduced_after_a_while(scene: Scene) -> None:
    scene.arrive(calibrations("VIS")[:3])
    assert scene.pass_time(1.1) == []
    assert scene.pass_time(QUIET_S + LOOK_AGAIN_S) == ["mbias"]


@pytest.mark.parametrize("redo", [False, True])
def test_better_calibrations_change_what_is_done_only_if_that_is_wished(tmp_path: Path, redo: bool) -> None:
    scene = Scene(tmp_path, redo=redo)
    scene.arrive(calibrations("VIS") + STAR)
    scene.pass_time(1.1)
    nearer = [entry for entry in calibrations("VIS", EVENING + timedelta(hours=9)) if entry.cards["ESO DPR TYPE"] == "BIAS"]
    scene.arrive(nearer)
    verbs = scene.pass_time(1.1)
    assert verbs[0] == "mbias"
    assert ("stare" in verbs) == redo


def test_a_new_watch_takes_up_where_the_old_one_ended(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    scene = Scene(tmp_path / "x")
    scene.arrive(calibrations("VIS") + STAR)
    scene.pass_time(1.1)
    again = Watch(
        Request(folder=scene.folder / "raw", output=scene.folder / "out"), Watching(clock=scene.clock), scene.running,
        open_index(scene.folder / "out"), every_recipe,
    )  # type: ignore[arg-type]  # fmt: skip
    before = len(scene.running.handed_in)
    again.turn()
    scene.clock.now += 1.1
    again.turn()
    assert len(scene.running.handed_in) == before
    assert {outcome.status for outcome in again.night.outcomes.values()} == {"unchanged"}


def test_the_quick_reduction_comes_first_and_the_full_one_later(tmp_path: Path) -> None:
    scene = Scene(tmp_path, quick=True)
    scene.arrive(calibrations("VIS") + STAR)
    assert scene.pass_time(1.1)[-2:] == ["stare", "stare"]
    *_, quick, full = [entry for entry in scene.running.handed_in if entry[0] == "stare"]
    assert quick[1] > 0 > full[1]
    assert quick[2] is not None
    assert "make_plots: false" in Path(quick[2]).read_text()
    assert full[2] is None


def test_a_truncated_file_waits_until_it_is_whole(scene: Scene) -> None:
    scene.arrive(calibrations("VIS"))
    scene.pass_time(1.1)
    (path,) = scene.arrive(STAR[:1])
    whole = path.read_bytes()
    os.truncate(path, len(whole) - 2880)
    assert scene.pass_time(1.1) == []
    path.write_bytes(whole)
    assert scene.pass_time(1.1) == ["stare"]


def test_jobs_are_taken_back_when_they_have_ended(tmp_path: Path) -> None:
    with connected(Engine(processes=False, workers=1)) as client:
        running = Running(client, cheap_recipe)
        scene = Scene(tmp_path)
        request = Request(folder=tmp_path / "raw", output=tmp_path / "out")
        watched = Watch(request, Watching(clock=scene.clock, say=scene.heard.append), running, open_index(tmp_path / "out"), every_recipe)
        scene.arrive(calibrations("VIS")[:5])
        watched.turn()
        scene.clock.now += 1.1
        watched.turn()
        assert len(running) == 1
        for _ in range(200):
            if not len(running):
                break
            watched.turn()
            time.sleep(0.02)
        assert [outcome.status for outcome in scene.heard] == ["done"]
