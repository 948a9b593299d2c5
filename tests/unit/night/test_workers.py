"""The workers of one command."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from distributed import KilledWorker

from soxspipe.night.execute import each
from soxspipe.night.run import Request
from soxspipe.night.workers import Workers


def thread_of(number: int) -> tuple[int, bool]:
    return number, threading.current_thread() is threading.main_thread()


def request_in(folder: Path) -> Request:
    return Request(folder=folder, output=folder, workers=2, processes=False)


def test_work_is_done_here_where_no_workers_were_needed(tmp_path: Path) -> None:
    with Workers(request_in(tmp_path)) as workers:
        assert workers.each(thread_of, [1, 2]) == [(1, True), (2, True)]


def test_workers_that_were_started_do_the_work_in_its_order(tmp_path: Path) -> None:
    with Workers(request_in(tmp_path)) as workers:
        with workers as the_same:
            client = the_same.client()
        assert workers.client() is client  # still there after the inner one
        assert workers.each(thread_of, [3, 1, 2]) == [(3, False), (1, False), (2, False)]
    assert client.status == "closed"


def test_workers_that_have_been_begun_are_those_that_do_the_work(tmp_path: Path) -> None:
    with Workers(request_in(tmp_path)) as workers:
        workers.begin()
        workers.begin(1, 2)  # as the index says how far it is
        client = workers.client()
        assert (client.cluster, len(client.nthreads())) == (workers.begun(), 2)
    assert client.status == "closed"


def test_workers_that_nobody_asked_for_are_stopped(tmp_path: Path) -> None:
    with Workers(request_in(tmp_path)) as workers:
        workers.begin()
        cluster = workers.begun()
    assert cluster is not None
    assert cluster.status.name == "closed"


def test_a_scheduler_elsewhere_is_not_looked_for_before_it_is_needed(tmp_path: Path) -> None:
    with Workers(replace(request_in(tmp_path), scheduler="tcp://127.0.0.1:9")) as workers:
        workers.begin()
        assert workers.begun() is None


def test_the_address_of_a_dashboard_is_said_if_one_was_asked_for(tmp_path: Path) -> None:
    for asked, said in ((False, []), (True, ["Dask's dashboard: http://127.0.0.1:"])):
        heard: list[str] = []
        with Workers(replace(request_in(tmp_path), dashboard=asked), heard.append) as workers:
            workers.client()
        assert [text.rpartition(":")[0] + ":" for text in heard] == said


class Lost:
    """A client whose worker dies over the work."""

    def map(self, *_: object, **__: object) -> list[int]:
        return []

    def gather(self, _: object) -> list[int]:
        raise KilledWorker("finish", None, 5)


@pytest.mark.parametrize("work", [[1, 2], []])
def test_work_of_lost_workers_is_done_here(work: list[int]) -> None:
    assert each(Lost(), thread_of, work) == [(number, True) for number in work]  # type: ignore[arg-type]
