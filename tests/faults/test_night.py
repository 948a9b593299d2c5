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
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import dask
import psutil
import pytest

from faults.test_disk import small_disk
from soxspipe.night.execute import Engine, SchedulerError, connected, execute
from soxspipe.night.graph import build_graph
from soxspipe.night.job import Recipe
from soxspipe.night.plan import Plan
from soxspipe.night.progress import Quiet, Standing
from soxspipe.night.run import Night, Request, plan_folder, reduce_night, write_sofs
from soxspipe.night.state import Outcome
from support.dask_processes import dask_processes
from support.night_headers import whole_night, write_headers
from support.nights import cheap_recipe, deadly_recipe, every_recipe, hungry_recipe, slow_recipe

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("night") / "raw"
    write_headers(folder, whole_night())
    return folder


def contents(output: Path) -> dict[str, bytes]:
    found = sorted(path for path in (output / "reduced").rglob("*.fits") if not path.name.startswith("."))
    return {str(path.relative_to(output)): path.read_bytes() for path in found}


def left_behind(output: Path) -> list[Path]:
    """Unfinished sets-of-files and records; those of products are the recipes' own affair."""
    return [path for folder in ("sof", "qc") for path in (output / folder).rglob(".unfinished-*")]


def plan_of(raw: Path, output: Path) -> Plan:
    plan = plan_folder(Request(folder=raw, output=output), takes=every_recipe)
    write_sofs(plan)
    return plan


def undisturbed(raw: Path, output: Path) -> dict[str, bytes]:
    request = Request(folder=raw, output=output, processes=False)
    reduce_night(request, plan_folder(request, takes=every_recipe), recipe=cheap_recipe)
    return contents(output)


def run(raw: Path, output: Path, recipe: Recipe, **more: object) -> Night:
    request = Request(folder=raw, output=output, **more)  # type: ignore[arg-type]
    return reduce_night(request, plan_of(raw, output), recipe=recipe)


def completes(raw: Path, output: Path, wanted: dict[str, bytes]) -> None:
    """A rerun, an hour later, ends with all products and leaves nothing else."""
    for leftover in left_behind(output):
        os.utime(leftover, (1.0, 1.0))
    again = run(raw, output, cheap_recipe, processes=False)
    assert {outcome.succeeded for outcome in again.outcomes.values()} == {True}
    assert contents(output) == wanted
    assert not left_behind(output)


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


class Killer(threading.Thread):
    """Kills one of the workers at random moments, until it has killed as many as wished or is told to stop."""

    def __init__(self, wanted: int) -> None:
        super().__init__()
        self.killed, self.wanted, self.done, self.moments = 0, wanted, threading.Event(), random.Random(20)

    def run(self) -> None:
        while self.killed < self.wanted and not self.done.wait(self.moments.uniform(0.2, 2.0)):
            for process in self.moments.sample(workers(), k=1) if workers() else []:
                process.kill()
                self.killed += 1

    def stop(self) -> None:
        self.done.set()
        self.join()


@pytest.mark.slow
def test_workers_killed_at_twenty_random_moments(raw: Path, tmp_path: Path) -> None:
    """Night after night on the same workers, until twenty of them have been killed."""
    wanted = undisturbed(raw, tmp_path / "undisturbed")
    killer, lost, nights = Killer(20), [], 0
    with connected(Engine(workers=2)) as client:
        killer.start()
        try:
            while killer.killed < killer.wanted and nights < 20:
                plan = plan_of(raw, tmp_path / f"night{nights}")
                outcomes = execute(client, build_graph(plan), {}, slow_recipe, lambda _: True).outcomes
                lost += [outcome.cause for outcome in outcomes.values() if not outcome.succeeded]
                nights += 1
        finally:
            killer.stop()
    assert killer.killed == killer.wanted
    assert all("workers died over it" in cause or "its reduction failed" in cause for cause in lost)
    for number in range(nights):
        output = tmp_path / f"night{number}"
        assert {name: wanted[name] for name in contents(output)} == contents(output), "what is there is whole"
        completes(raw, output, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_set_that_kills_every_worker_is_given_up_and_the_rest_is_finished(raw: Path, tmp_path: Path, workers: int) -> None:
    """On one worker innocent sets lie on every one that dies."""
    night = run(raw, tmp_path, deadly_recipe, workers=workers)
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


class AfterAFew(Quiet):
    """Does something when five jobs have ended."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act = act

    def done(self, outcome: Outcome, standing: Standing) -> None:
        if standing.done == 5:
            self.act()


@pytest.mark.slow
def test_a_scheduler_that_dies_costs_what_was_not_done(raw: Path, tmp_path: Path) -> None:
    with dask_processes() as (address, scheduler):
        request, plan = Request(folder=raw, output=tmp_path, scheduler=address), plan_of(raw, tmp_path)
        night = reduce_night(request, plan, listener=AfterAFew(scheduler.kill), recipe=slow_recipe)
    assert night.with_status("lost")
    assert night.exit_status == 1
    again = run(raw, tmp_path, cheap_recipe, processes=False)
    assert {outcome.succeeded for outcome in again.outcomes.values()} == {True}


def started(raw: Path, output: Path, script: Path) -> subprocess.Popen[bytes]:
    """A night in a process of its own, the leader of its group."""
    script.write_text(
        "from pathlib import Path; import sys\n"
        "from support.nights import slow_recipe, every_recipe\n"
        "from soxspipe.night.run import *\n"
        "if __name__ == '__main__':\n"
        f"    request = Request(folder=Path({str(raw)!r}), output=Path({str(output)!r}))\n"
        "    reduce_night(request, plan_folder(request, takes=every_recipe), recipe=slow_recipe)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent / "src")])}
    return subprocess.Popen(
        [sys.executable, str(script)], env=environment, stderr=subprocess.PIPE, start_new_session=True, preexec_fn=listen_to_ctrl_c
    )


def listen_to_ctrl_c() -> None:
    """A shell that runs the tests in the background has them ignore Ctrl-C, and their children with them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
def test_a_whole_night_killed_at_fifty_random_moments(raw: Path, tmp_path: Path) -> None:
    """Scheduler, workers and all; each time the night goes on from what is there, or begins anew once it is done."""
    wanted, moments = undisturbed(raw, tmp_path / "undisturbed"), random.Random(50)
    began = time.monotonic()
    started(raw, tmp_path / "once", tmp_path / "go.py").communicate(timeout=300)
    duration = time.monotonic() - began
    assert contents(tmp_path / "once") == wanted
    number, struck = 0, 0
    for _ in range(50):
        output = tmp_path / f"night{number}"
        process = started(raw, output, tmp_path / "go.py")
        time.sleep(moments.uniform(0.2, 0.9) * duration)
        struck += process.poll() is None
        with suppress(ProcessLookupError):  # it had ended by then
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
        found = contents(output)
        assert found == {name: wanted[name] for name in found}, "what is there is whole"
        number += found.keys() == wanted.keys()
    assert struck >= 25, "most nights were still running"
    completes(raw, output, wanted)


@pytest.mark.slow
def test_ctrl_c_ends_cleanly_and_a_rerun_goes_on(raw: Path, tmp_path: Path) -> None:
    script = tmp_path / "go.py"
    process = started(raw, tmp_path, script)
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
    plan = plan_folder(request, takes=every_recipe)
    assert [bool(entry.reason) for entry in plan.left_out if entry.row.path == str(corrupt)] == [True]
    vanished = next(folder.glob("*NIR*T03*"))
    vanished.unlink()
    night = reduce_night(request, plan, recipe=cheap_recipe)
    failed = night.with_status("failed")
    assert [outcome.cause for outcome in failed] == [f"{vanished}: No such file or directory; it was there when the night was planned"]
    assert len(night.with_status("done")) == 24


def test_a_worker_without_memory_fails_what_wanted_it(raw: Path, tmp_path: Path) -> None:
    night = run(raw, tmp_path, hungry_recipe, processes=False)
    causes = {outcome.cause for outcome in night.with_status("failed")}
    assert causes == {"not enough memory for these data"}
    assert {outcome.verb for outcome in night.with_status("failed")} == {"mflat"}
    assert {outcome.verb for outcome in night.with_status("done")} >= {"mbias", "mdark", "disp_solution", "order_centres", "spat_solution"}
    again = run(raw, tmp_path, cheap_recipe, processes=False)
    assert contents(tmp_path) == undisturbed(raw, tmp_path.parent / "undisturbed")
    assert {outcome.succeeded for outcome in again.outcomes.values()} == {True}


def test_a_disk_that_fills_up_and_is_cleared(raw: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    if not small_disk(output, 0.6):
        pytest.skip("a small file system cannot be mounted here")
    try:
        plan = plan_of(raw, output)
        request = Request(folder=raw, output=output, processes=False)
        ballast = output / "ballast"
        ballast.write_bytes(bytes(shutil.disk_usage(output).free - (100 << 10)))
        night = reduce_night(request, plan, recipe=cheap_recipe)
        assert any("No space left on device" in outcome.cause for outcome in night.with_status("failed"))
        assert night.exit_status == 1
        wanted = undisturbed(raw, tmp_path / "undisturbed")
        assert all(wanted[name] == content for name, content in contents(output).items())
        ballast.unlink()
        subprocess.run(["mount", "-o", "remount,size=64m", str(output)], check=True)
        again = run(raw, output, cheap_recipe, processes=False)
        assert {outcome.succeeded for outcome in again.outcomes.values()} == {True}
        assert contents(output) == wanted
    finally:
        subprocess.run(["umount", str(output)], check=True)
