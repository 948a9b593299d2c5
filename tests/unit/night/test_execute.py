"""Dask runs the jobs; faults of workers and schedulers are in `tests/faults/test_night.py`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from distributed import Client, Future, KilledWorker

from soxspipe.night.execute import Engine, Running, SchedulerError, connected, execute
from soxspipe.night.graph import build_graph
from soxspipe.night.state import Outcome
from support.night_headers import whole_night
from support.nights import cheap_recipe, planned


def test_no_scheduler_at_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soxspipe.night.execute.CONNECT_S", 0.3)
    with pytest.raises(SchedulerError, match="no Dask scheduler answers"), connected(Engine(scheduler="tcp://127.0.0.1:9")):
        pass


@pytest.fixture
def client() -> Iterator[object]:
    with connected(Engine(processes=False, workers=1)) as found:
        yield found


def test_jobs_of_a_job_that_was_given_up_are_told(client: object, tmp_path: Path) -> None:
    nodes = build_graph(planned(whole_night()))[:1]
    outcomes = execute(client, nodes, {}, cheap_recipe, lambda _: True).outcomes  # type: ignore[arg-type]
    assert [outcome.status for outcome in outcomes.values()] == ["failed"]


def test_workers_keep_no_record_of_where_their_python_is(client: Client) -> None:
    watched = client.run(lambda dask_worker: "profile" in dask_worker.periodic_callbacks)
    assert set(watched.values()) == {False}


class Counting:
    """What follows on two jobs: it says how many outcomes it was told."""

    def __init__(self, *after: str) -> None:
        self.name, self.after = "counting", after

    def __call__(self, outcomes: Sequence[Outcome]) -> int:
        return len(outcomes)


def test_what_follows_on_jobs_is_told_their_outcomes_and_left_out_where_one_of_them_is_not_there(client: Client, tmp_path: Path) -> None:
    nodes = build_graph(planned(whole_night()))[:2]
    names = [node.job.name for node in nodes]
    for after, made in ((names, {"counting": 2}), ([*names, "another"], {})):
        assert execute(client, nodes, {}, cheap_recipe, lambda _: True, [Counting(*after)]).sequels == made


def die(key: str) -> None:
    """What Dask says of a job that it gives up."""
    raise KilledWorker(key, SimpleNamespace(address="tcp://of.the.last:1"), 3)  # type: ignore[arg-type]


class Dangerous:
    """A client whose workers die over some jobs, the given number of times; it notes which jobs ran beside a repeated one."""

    def __init__(self, client: Client, deaths: Counter[str]) -> None:
        self.client, self.deaths = client, deaths
        self.handed_in: dict[str, Future] = {}
        self.beside: list[str] = []

    def submit(self, function: Callable[..., object], job: Any, *more: object, **options: Any) -> Future:
        if job.name in self.handed_in:
            self.beside += [name for name, future in self.handed_in.items() if name != job.name and not future.done()]
        if self.deaths[job.name]:
            self.deaths[job.name] -= 1
            function, job, more = die, options["key"], ()
        future = self.client.submit(function, job, *more, **options)
        self.handed_in[options["key"].split("-")[1]] = future
        return future

    def cancel(self, futures: Sequence[Future], *, force: bool) -> None:
        self.client.cancel(futures, force=force)


def test_what_is_given_up_is_run_once_more_alone_before_it_counts_as_failed(client: Client, tmp_path: Path) -> None:
    nodes = build_graph(planned(whole_night()))[:4]
    innocent, deadly, *others = (node.job.name for node in nodes)
    dangerous = Dangerous(client, Counter({innocent: 1, deadly: 9}))
    outcomes = execute(dangerous, nodes, {}, cheap_recipe, lambda _: True).outcomes  # type: ignore[arg-type]
    blamed = {name for name, outcome in outcomes.items() if "8 workers died over it" in outcome.cause}
    assert (blamed, dangerous.deaths[deadly], dangerous.beside) == ({deadly}, 7, [])
    assert outcomes.keys() == {innocent, deadly, *others}


def test_jobs_are_handed_in_arm_by_arm(client: Client, tmp_path: Path) -> None:
    nodes = build_graph(planned(whole_night()))[:6]
    arm_of = {node.job.name: node.job.arm for node in nodes}
    recording = Dangerous(client, Counter())
    running = Running(recording, cheap_recipe)  # type: ignore[arg-type]
    running.start(nodes, {})
    arms = [arm_of[name] for name in recording.handed_in]
    running.give_up()
    assert set(arms) == {"NIR", "VIS"}
    assert arms == sorted(arms)
