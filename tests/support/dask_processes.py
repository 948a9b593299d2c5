"""A Dask scheduler and workers started by hand, as a person would start them."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).parents[1]
START_S = 90.0
"""How long the scheduler may take to answer; a busy machine takes its time."""


@contextmanager
def dask_processes(
    n_workers: int = 2, *, protocol: str = "tcp", environment: Mapping[str, str] | None = None
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler and workers on the loopback, while the body runs.

    Parameters
    ----------
    n_workers : int
        Worker processes, one thread each.
    protocol : str
        ``tcp`` or ``tls``.
    environment : mapping of str to str, optional
        Variables for scheduler and workers besides one's own.

    Yields
    ------
    tuple of (str, Popen)
        Address and process of the scheduler.
    """
    port = random.Random().randrange(20000, 60000)
    address = f"{protocol}://127.0.0.1:{port}"
    common = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent / "src")]), **(environment or {})}
    scheduler = ["dask_scheduler", "--host", f"{protocol}://127.0.0.1", "--port", str(port), "--no-dashboard"]
    worker = ["dask_worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny"]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for command in (scheduler, *[worker] * n_workers):
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", f"distributed.cli.{command[0]}", *command[1:]], env=common,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )
            )  # fmt: skip
        _wait_for(port)
        yield address, started[0]
    finally:
        for process in started:
            process.kill()
            process.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
