"""Run a graph on Dask: on workers of this machine, or on any scheduler by its address.

Dask schedules, distributes and repeats what died with its worker; this module only hands jobs in and takes outcomes out.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import dask
from distributed import Client, Future, KilledWorker, LocalCluster, Security, as_completed, wait

from soxspipe import __version__
from soxspipe.errors import SoxspipeError
from soxspipe.night import run_recipe
from soxspipe.night.graph import Node, order_of_urgency
from soxspipe.night.job import Job, Recipe, run_job
from soxspipe.night.state import Outcome

CONNECT_S = 20.0
"""How long to look for a scheduler by address."""

AFTER_RECIPES = -1
"""Urgency of what follows on recipes: none of them waits for it."""

ALLOWED_FAILURES = 3
"""Workers that may die over one job before Dask gives it up: its own number, which schedulers started by hand have, too."""

DEATHS = 2 * (ALLOWED_FAILURES + 1)
"""Workers that have died over a job which was given up twice."""

CONFIGURATION: Mapping[str, Any] = {
    "distributed.scheduler.allowed-failures": ALLOWED_FAILURES,
    # Outcomes are a few kilobytes, so nothing is ever spilled, and a worker is not paused over the memory that a recipe holds for a while.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    # Dask looks a hundred times a second where a worker's Python is, and keeps that for each of the last thousand seconds: 1 MB a second here.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.limit": "30s",
    "distributed.comm.timeouts.connect": f"{CONNECT_S:g}s",
    # Dask lets workers hand memory back to the system at once (MALLOC_TRIM_THRESHOLD_ = 64 kB). A reduction then gets its arrays from it
    # again and again: 4.2 million page faults and 7.4 s of system time instead of 0.5 s for one of six NIR exposures. What is set here replaces it.
    # A job runs in a thread of its worker, for which the C library opens a second heap: what is free in one of the two serves nothing in the other.
    "distributed.nanny.pre-spawn-environ": {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "1",
    },
}

Work = TypeVar("Work")
Result = TypeVar("Result")

Done = Callable[[Outcome], bool]
"""Called with every outcome; False stops the run."""


class Sequel(Protocol):
    """What follows on some jobs and is told their outcomes; must be importable by the workers, and may be done twice."""

    @property
    def name(self) -> str:
        """What it is about."""

    @property
    def after(self) -> tuple[str, ...]:
        """Names of the jobs."""

    def __call__(self, outcomes: Sequence[Outcome]) -> Any:
        """Do it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """Outcomes by name of the job, and what the sequels that ended well have made, by theirs."""

    outcomes: dict[str, Outcome]
    sequels: dict[str, Any]


class SchedulerError(SoxspipeError):
    """The scheduler cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Where to run.

    Attributes
    ----------
    scheduler : str
        Address of an existing scheduler (``tcp://host:port``, ``tls://...``); empty for a cluster on this machine.
    workers : int
        Of that cluster, one process each.
    processes : bool
        False runs the workers as threads of this process.
    dashboard : bool
        Serve Dask's dashboard, on the loopback.
    ready : bool
        Workers of that cluster import all recipes when they start, so that the first exposure does not wait for it.
    """

    scheduler: str = ""
    workers: int = 2
    processes: bool = True
    dashboard: bool = False
    ready: bool = False


@contextmanager
def connected(engine: Engine, started: LocalCluster | None = None) -> Iterator[Client]:
    """A client of the cluster; a local cluster ends with the body, an existing scheduler stays.

    Parameters
    ----------
    engine : Engine
        Where to run.
    started : LocalCluster, optional
        Of this engine, from `local_cluster`; absent: it is started now.

    Raises
    ------
    SchedulerError
        If there is no scheduler at the address, or its workers have another version of this program.
    """
    with dask.config.set(CONFIGURATION):
        if engine.scheduler:
            client = _join(engine.scheduler)
            try:
                _require_same_version(client)
                yield client
            finally:
                client.close(timeout=2)
            return
        with started or local_cluster(engine) as cluster, Client(cluster) as client:
            # Dask does not bring back a worker that dies while it starts, unless it is told how many workers are wanted.
            cluster.adapt(minimum=engine.workers, maximum=engine.workers)
            yield client


class Running:
    """Jobs that have been handed to Dask and not been taken back yet.

    Parameters
    ----------
    client : Client
        From `connected`.
    recipe : callable
        What reduces a set-of-files; must be importable by the workers.
    """

    def __init__(self, client: Client, recipe: Recipe) -> None:
        self._client, self._recipe = client, recipe
        self._futures: dict[str, Future] = {}
        self.suspects: set[str] = set()
        """Jobs that Dask has given up once: workers died with them, perhaps over another job that lay on the same workers."""

    def __contains__(self, name: str) -> bool:
        return name in self._futures

    def __len__(self) -> int:
        return len(self._futures)

    def start(self, nodes: Sequence[Node], outcomes: Mapping[str, Outcome], *, priority: int = 0) -> None:
        """Hand jobs in; each waits for those it names that are running, and is told the outcomes of the others.

        Of equally urgent jobs those of one arm come first, so that workers seldom change what they keep of an arm's geometry.
        """
        urgency, run = order_of_urgency(nodes), uuid.uuid4().hex[:8]
        for node in sorted(nodes, key=lambda node: node.job.arm):  # jobs wait only for others of their arm
            found = (self._futures.get(name, outcomes.get(name)) for name in node.after)
            upstream = [entry for entry in found if entry is not None]
            self._futures[node.job.name] = self._client.submit(
                run_job, node.job, upstream, self._recipe, key=f"{node.job.verb}-{node.job.name}-{run}", pure=False,
                priority=priority + urgency[node.job.name],
            )  # fmt: skip

    def follow(self, sequels: Sequence[Sequel], outcomes: Mapping[str, Outcome]) -> dict[str, Future]:
        """Hand in what follows on jobs that are running or have ended; a sequel of a job that is neither is left out."""
        known = {**outcomes, **self._futures}
        return {
            sequel.name: self._client.submit(sequel, [known[name] for name in sequel.after], pure=False, priority=AFTER_RECIPES)
            for sequel in sequels
            if all(name in known for name in sequel.after)
        }

    def as_they_come(self) -> Iterator[tuple[str, Outcome | None]]:
        """Wait for all; names with outcomes, None for a job that is suspect, or never ran since another one is or the connection was lost."""
        names = {future.key: name for name, future in self._futures.items()}
        for future in as_completed(list(self._futures.values())):
            name = names[future.key]
            del self._futures[name]
            yield name, self._outcome(name, future)

    def ended(self) -> Iterator[tuple[str, Outcome | None]]:
        """The same for those that have ended by now, without waiting."""
        for name, future in list(self._futures.items()):
            if future.done():
                del self._futures[name]
                yield name, self._outcome(name, future)

    def give_up(self) -> None:
        """Drop whatever is still running."""
        self._client.cancel(list(self._futures.values()), force=True)
        self._futures.clear()

    def _outcome(self, name: str, future: Future) -> Outcome | None:
        """What a future brought; None if it never ran, or was given up for the first time."""
        outcome = _outcome(name, future)
        if outcome is None and _was_given_up(future):
            if name not in self.suspects:
                self.suspects.add(name)
                return None
            cause = f"{DEATHS} workers died over it, perhaps because memory ran out"
            outcome = Outcome(name=name, verb=_verb(future), status="failed", cause=cause)
        self.suspects.discard(name)
        return outcome


def execute(
    client: Client, nodes: Sequence[Node], known: Mapping[str, Outcome], recipe: Recipe, done: Done, sequels: Sequence[Sequel] = ()
) -> Executed:  # fmt: skip
    """Run jobs, each after those whose products it may take, and what follows on them.

    Parameters
    ----------
    client : Client
        From `connected`.
    nodes : sequence of Node
        In an order in which each comes after those it waits for.
    known : mapping of str to Outcome
        Of jobs that need not be run.
    recipe : callable
        What reduces a set-of-files; must be importable by the workers.
    done : callable
        Hears every outcome as it comes; returning False stops the run.
    sequels : sequence of Sequel
        What follows; one whose worker was lost is not tried again.

    Returns
    -------
    Executed
        Outcomes of every node.
    """
    outcomes = dict(known)
    running = Running(client, recipe)
    pending = [node for node in nodes if node.job.name not in outcomes]
    following: dict[str, Future] = {}
    while pending:
        running.start(pending, outcomes)
        following = following or running.follow(sequels, outcomes)
        try:
            going_on = _collect(running, outcomes, done)
            if going_on and running.suspects:
                wait(list(following.values()))
                going_on = _try_alone(running, pending, outcomes, done)
        finally:
            running.give_up()
        left = [node for node in pending if node.job.name not in outcomes]
        if not going_on or len(left) == len(pending):
            for node in left:
                outcomes[node.job.name] = lost(node.job, "the scheduler was lost" if going_on else "the run was stopped")
            client.cancel(list(following.values()), force=True)
            break
        pending = left  # they waited for a job that was given up; now they know
    return Executed(outcomes=outcomes, sequels=_made_by(following))


def _made_by(following: Mapping[str, Future]) -> dict[str, Any]:
    """Results of the sequels that ended well, once all have ended."""
    made = {}
    for name, future in following.items():
        with suppress(Exception):  # cancelled, or its worker or a job before it was lost; what it should have done is seen by its absence
            made[name] = future.result()
    return made


def each(client: Client, do: Callable[[Work], Result], work: Sequence[Work]) -> list[Result]:
    """Apply a function to each piece of work in the workers, and here if one of them is lost over it; results in the order of the work."""
    with suppress(KilledWorker, CancelledError, OSError):
        done: list[Result] = client.gather(client.map(do, work, pure=False))
        return done
    return [do(one) for one in work]


def lost(job: Job, cause: str) -> Outcome:
    """The outcome of a job that did not end."""
    return Outcome(name=job.name, verb=job.verb, arm=job.arm, night=job.night, status="lost", cause=cause)


def _collect(running: Running, outcomes: dict[str, Outcome], done: Done) -> bool:
    """Take outcomes as they come; returns whether to go on."""
    for _, outcome in running.as_they_come():
        if outcome is not None:
            outcomes[outcome.name] = outcome
            if not done(outcome):
                return False
    return True


def _try_alone(running: Running, nodes: Sequence[Node], outcomes: dict[str, Outcome], done: Done) -> bool:
    """Run the suspects once more, one by one, while nothing else runs: whose workers die now is to blame; returns whether to go on."""
    for node in nodes:
        if node.job.name in running.suspects:
            running.start([node], outcomes)
            if not _collect(running, outcomes, done):
                return False
    return True


def _outcome(name: str, future: Future) -> Outcome | None:
    """What a future brought; None if it never ran since a job was given up, or the connection was lost."""
    if future.status == "finished":
        with suppress(Exception):  # the worker that held the result may be gone by now
            result: Outcome = future.result()
            return result
    if future.status == "error":
        error = future.exception()
        if not isinstance(error, KilledWorker):
            return Outcome(name=name, verb=_verb(future), status="failed", cause=f"unexpected {type(error).__name__}: {error}")
    return None


def _was_given_up(future: Future) -> bool:
    """Whether workers died over this job, and not over one that it waited for."""
    error = future.exception() if future.status == "error" else None
    return isinstance(error, KilledWorker) and str(error.task) == future.key


def _verb(future: Future) -> str:
    """The recipe of a job that was handed in."""
    return str(future.key).partition("-")[0]


def local_cluster(engine: Engine) -> LocalCluster:
    """Workers on this machine that nobody else can reach.

    Raises
    ------
    SchedulerError
        If they do not start.
    """
    preload = [run_recipe.__name__] if engine.ready and engine.processes else []
    try:
        with dask.config.set(CONFIGURATION):
            return LocalCluster(
                n_workers=engine.workers,
                threads_per_worker=1,
                preload=preload,
                processes=engine.processes,
                protocol="tcp://",
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",  # its small health page, on any free port; None would take 8787, which a second night wants, too
                scheduler_kwargs={"dashboard": engine.dashboard},
                silence_logs=logging.CRITICAL,  # what went wrong with a worker is in the outcome of its job
            )
    except (RuntimeError, OSError) as error:
        raise SchedulerError(f"workers cannot be started on this machine: {error}") from error


def _join(address: str) -> Client:
    try:
        return Client(address, timeout=CONNECT_S, security=Security() if address.startswith("tls") else None)
    except (OSError, TimeoutError, ValueError, TypeError) as error:  # TypeError: tls without certificates in the settings of Dask
        raise SchedulerError(f"no Dask scheduler answers at {address}: {error or type(error).__name__}") from error


def _require_same_version(client: Client) -> None:
    """Raise if a worker has another version of this program, or none."""
    try:
        versions = client.run(worker_version)
    except Exception as error:
        raise SchedulerError(f"a worker cannot import soxspipe {__version__}, which must be installed there: {error}") from error
    others = {address: version for address, version in versions.items() if version != __version__}
    if others:
        address, version = next(iter(others.items()))
        raise SchedulerError(f"the worker {address} has soxspipe {version}, {__version__} is needed")


def worker_version() -> str:
    """Version of this program where it is called."""
    return __version__


def with_place(outcome: Outcome, job: Job) -> Outcome:
    """An outcome with arm and night of its job, which one that never ran does not know."""
    return replace(outcome, arm=job.arm, night=job.night, verb=job.verb)
