"""A night whose workers, scheduler, files or recipes fail: everything else is finished, nothing is half-written, a rerun completes it."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import dask
import psutil
import pytest

from soxspipe.night.execute import Engine, SchedulerError, connected, execute
from soxspipe.night.graph import build_graph
from soxspipe.night.job import Recipe
from soxspipe.night.plan import Plan
from soxspipe.night.run import Night, Request, look, reduce_night, write_sofs
from support.dask_processes import dask_processes
from support.night_headers import whole_night, write_headers
from support.nights import cheap_recipe, deadly_recipe, every_recipe, slow_recipe

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("night") / "raw"
    write_headers(folder, whole_night())
    return folder


def contents(output: Path) -> dict[str, bytes]:
    return {str(path.relative_to(output)): path.read_bytes() for path in sorted((output / "reduced").rglob("*.fits"))}


def plan_of(raw: Path, output: Path) -> Plan:
    plan = look(Request(folder=raw, output=output), takes=every_recipe)
    write_sofs(plan)
    return plan


def undisturbed(raw: Path, output: Path) -> dict[str, bytes]:
    request = Request(folder=raw, output=output, processes=False)
    reduce_night(request, look(request, takes=every_recipe), recipe=cheap_recipe)
    return contents(output)


def run(raw: Path, output: Path, recipe: Recipe, **more: object) -> Night:
    request = Request(folder=raw, output=output, **more)  # type: ignore[arg-type]
    return reduce_night(request, plan_of(raw, output), recipe=recipe)


def workers() -> list[psutil.Process]:
    """Worker processes below this one."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "spawn_main" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.slow
def test_workers_killed_at_twenty_random_moments(raw: Path, tmp_path: Path) -> None:
    moments, done = random.Random(20), threading.Event()
    killed: list[int] = []

    def kill_now_and_then() -> None:
        while len(killed) < 20 and not done.is_set():
            time.sleep(moments.uniform(0.05, 0.6))
            for process in moments.sample(workers(), k=1) if workers() else []:
                process.kill()
                killed.append(process.pid)

    killer = threading.Thread(target=kill_now_and_then)
    plan = plan_of(raw, tmp_path / "killed")
    outcomes = {}
    with connected(Engine(workers=2)) as client:
        killer.start()
        try:
            outcomes = execute(client, build_graph(plan), {}, slow_recipe, lambda _: True)
        finally:
            done.set()
            killer.join()
    wanted = undisturbed(raw, tmp_path / "undisturbed")
    assert killed
    for name, content in contents(tmp_path / "killed").items():
        assert content == wanted[name]
    assert not list((tmp_path / "killed").rglob(".unfinished-*"))
    lost = [outcome.cause for outcome in outcomes.values() if not outcome.succeeded]
    assert all("workers died over it" in cause or "its reduction failed" in cause for cause in lost)
    again = run(raw, tmp_path / "killed", slow_recipe)
    assert Counter(outcome.succeeded for outcome in again.outcomes.values()) == {True: 26}
    assert contents(tmp_path / "killed").keys() == wanted.keys()


@pytest.mark.slow
def test_a_set_that_kills_every_worker_is_given_up_and_the_rest_is_finished(raw: Path, tmp_path: Path) -> None:
    night = run(raw, tmp_path, deadly_recipe)
    status = {outcome.name: outcome for outcome in night.outcomes.values()}
    bias = status["20260301T180000_VIS_1X1_1_MBIAS_SOXS"]
    assert (bias.status, "workers died over it" in bias.cause) == ("failed", True)
    assert {outcome.succeeded for outcome in status.values() if outcome.arm == "NIR"} == {True}
    assert {outcome.status for outcome in status.values() if outcome.arm == "VIS" and outcome.verb != "mbias"} == {"blocked"}
    again = run(raw, tmp_path, cheap_recipe)
    assert {outcome.succeeded for outcome in again.outcomes.values()} == {True}


@pytest.mark.slow
def test_a_scheduler_started_by_hand_makes_the_same_products(raw: Path, tmp_path: Path) -> None:
    with dask_processes() as (address, _):
        night = run(raw, tmp_path / "apart", cheap_recipe, scheduler=address)
    assert {outcome.status for outcome in night.outcomes.values()} == {"done"}
    assert contents(tmp_path / "apart") == undisturbed(raw, tmp_path / "here")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that is its own authority, and its key, in one file."""
    path = tmp_path_factory.mktemp("tls") / "all.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=soxspipe"]
    subprocess.run([*command, "-keyout", str(path), "-out", f"{path}.cert"], check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.cert").read_text())
    return path


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_settings_of_dask_encrypt_the_connection(raw: Path, tmp_path: Path, certificate: Path) -> None:
    roles = ("ca-file", "client.cert", "client.key", "scheduler.cert", "scheduler.key", "worker.cert", "worker.key")
    settings = {f"distributed.comm.tls.{role}": str(certificate) for role in roles} | {"distributed.comm.require-encryption": True}
    environment = {f"DASK_{name.upper().replace('.', '__').replace('-', '_')}": str(value) for name, value in settings.items()}
    with dask_processes(protocol="tls", environment=environment) as (address, _):
        with pytest.raises(SchedulerError, match="no Dask scheduler answers"):
            run(raw, tmp_path / "without", cheap_recipe, scheduler=address)
        with dask.config.set(settings):
            night = run(raw, tmp_path / "apart", cheap_recipe, scheduler=address)
    assert {outcome.status for outcome in night.outcomes.values()} == {"done"}


@pytest.mark.slow
def test_a_scheduler_that_dies_costs_what_was_not_done(raw: Path, tmp_path: Path) -> None:
    with dask_processes() as (address, scheduler):
        killer = threading.Timer(4.0, scheduler.send_signal, [signal.SIGKILL])
        killer.start()
        try:
            night = run(raw, tmp_path, slow_recipe, scheduler=address)
        finally:
            killer.cancel()
            killer.join()
    assert night.with_status("lost")
    assert night.exit_status == 1
    again = run(raw, tmp_path, cheap_recipe, processes=False)
    assert {outcome.succeeded for outcome in again.outcomes.values()} == {True}


@pytest.mark.slow
def test_ctrl_c_ends_cleanly_and_a_rerun_goes_on(raw: Path, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; import sys\n"
        "from support.nights import slow_recipe, every_recipe\n"
        "from soxspipe.night.run import *\n"
        "if __name__ == '__main__':\n"
        f"    request = Request(folder=Path({str(raw)!r}), output=Path({str(tmp_path)!r}))\n"
        "    reduce_night(request, look(request, takes=every_recipe), recipe=slow_recipe)\n"
    )
    script = tmp_path / "go.py"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent / "src")])}
    process = subprocess.Popen([sys.executable, str(script)], env=environment, stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 60
    while len(contents(tmp_path)) < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert b"KeyboardInterrupt" in said
    assert not [entry for entry in psutil.process_iter(["cmdline"]) if str(script) in (entry.info["cmdline"] or [])]
    before = contents(tmp_path)
    assert 5 <= len(before) < 41
    again = run(raw, tmp_path, cheap_recipe, processes=False)
    assert {outcome.succeeded for outcome in again.outcomes.values()} == {True}
    assert {name: content for name, content in contents(tmp_path).items() if name in before} == before


def test_a_corrupt_and_a_vanished_file_cost_only_themselves(raw: Path, tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    write_headers(folder, whole_night())
    corrupt = next(folder.glob("*VIS*T01*"))
    corrupt.write_bytes(b"SIMPLE  =" + bytes(3000))
    request = Request(folder=folder, output=tmp_path / "out", processes=False)
    plan = look(request, takes=every_recipe)
    assert [bool(entry.reason) for entry in plan.aside if entry.row.path == str(corrupt)] == [True]
    vanished = next(folder.glob("*NIR*T03*"))
    vanished.unlink()
    night = reduce_night(request, plan, recipe=cheap_recipe)
    failed = night.with_status("failed")
    assert [outcome.cause for outcome in failed] == [f"{vanished}: No such file or directory; it was there when the night was planned"]
    assert len(night.with_status("done")) == 24
