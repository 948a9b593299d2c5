"""Dask runs the jobs; faults of workers and schedulers are in `tests/faults/test_night.py`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from distributed import Client

from soxspipe.night.execute import Engine, SchedulerError, connected, execute
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
