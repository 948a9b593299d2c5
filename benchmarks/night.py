"""Time the parts of a night: ``python benchmarks/night.py PART... [--folder DIR]``; each prints rows for ``benchmarks/results.md``.

``index``     index and plan of 10 000 raw files (16 MB each, holes in the disk), cold and unchanged, and the peak memory of it
``archive``   the same of ``.fits.Z``, as the archive delivers them
``linear``    the same of 60 000 raw files
``rerun``     a night of 300 files with nothing left to do
``overhead``  time outside recipes, two workers and one: a night of 300 files whose recipes sleep
``night``     a simulated night of 281 files, reduced on two workers: wall time, share outside recipes (the last step of a target is one),
              peak memory, rerun by the command
``one``       the same on one worker
``apart``     one target of it through ``dask scheduler`` and ``dask worker``, against what ``night`` made
``later``     the standards come when all else has been reduced: how long, what is reduced again, and whether spectra are those of ``night``
``watch``     exposures of that target arrive in a folder under watch: seconds until the spectrum of each arm is there
``growth``    500 reductions one after the other in one worker: how its memory grows

``prepare`` makes the files that the others need, so that a measurement is not held up by it. ``all`` runs all but ``growth``, ``one`` and ``later``.
Files are kept in the folder if one is given.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import psutil
from astropy.io import fits

from soxspipe.io.files import md5_of
from soxspipe.io.sof import resolve_inputs
from soxspipe.night.execute import Engine, connected
from soxspipe.night.finishing import FLUXCAL, Finishing, finish, finishings
from soxspipe.night.graph import Node, build_graph
from soxspipe.night.job import Job, run_job
from soxspipe.night.pages import write_pages
from soxspipe.night.plan import Takes, Task
from soxspipe.night.run import Night, Request, plan_folder, reduce_night, settings_texts, write_sofs
from soxspipe.night.run_recipe import run_recipe, takes
from soxspipe.night.state import Outcome, record_path
from soxspipe.night.watch import Watching
from soxspipe.night.watch import watch as keep_watch
from soxspipe.night.workers import Workers
from soxspipe.reductions.finish_night import FinishedNight
from soxspipe.reductions.spec import Published
from support.dask_processes import dask_processes
from support.night_headers import EVENING, Exposure, header_block, whole_night, write_headers
from support.nights import cheap_recipe, every_recipe

TESTS = str(Path(__file__).parents[1] / "tests")
RAW_BYTES = 16_000_000
PACKED_NOISE_BYTES = 64_000
PACKED_FILE_BYTES = 8_000_000
"""A packed file holds its header and some noise, and then a hole up to the size of a real one: reading more than the header would cost that."""

SLEEP_S = 1.0
SIMULATED = {"targets": 12, "exposures": 6, "bias-frames": 20, "dark-frames": 10, "flat-frames": 12, "with-truth": "false"}
"""A night of 281 files: 12 targets and 2 standards in both arms, six exposures of each target."""

ONE_TARGET = "SN2026sa"
WATCHED_TURNS = 10
"""Looks at the folder, half a second apart, before the exposures arrive."""

WATCHED_S = 120.0
"""Then the watch is given up."""

TIMES, FINISHING = "seconds.txt", "finish"
"""Beside the products: wall time of each recipe and of each target's last step, by the worker that ran it."""

DATES = ("DATE", "SXSPRE", "CHECKSUM")
"""Cards that tell when a product was made, or follow from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Where the files are, and how many of what."""

    folder: Path
    files: int | None
    tasks: int


def timed_recipe(verb: str, sof: Path, output: Path, settings: str | None, *, overwrite: bool) -> Published:
    """The recipe, and a line that says how long it took."""
    began = time.perf_counter()
    try:
        return run_recipe(verb, sof, output, settings, overwrite=overwrite)
    finally:
        with (output / TIMES).open("a") as stream:
            stream.write(f"{time.perf_counter() - began:.4f} {verb}\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedFinishing:
    """The last step of a target, and a line that says how long it took."""

    step: Finishing

    @property
    def name(self) -> str:
        """As the step's."""
        return self.step.name

    @property
    def after(self) -> tuple[str, ...]:
        """As the step's."""
        return self.step.after

    def __call__(self, outcomes: Sequence[Outcome]) -> FinishedNight:
        """Do it."""
        began = time.perf_counter()
        made = self.step(outcomes)
        with (self.step.output / TIMES).open("a") as stream:
            stream.write(f"{time.perf_counter() - began:.4f} {FINISHING}\n")
        return made


def sleepy_recipe(verb: str, sof: Path, output: Path, settings: str | None, *, overwrite: bool) -> Published:
    """A recipe that takes a second and little processor; it asks for the checksums of its files, as real ones do."""
    began = time.perf_counter()
    for path in resolve_inputs(sof).paths:
        md5_of(path)
    made = cheap_recipe(verb, sof, output, settings, overwrite=overwrite)
    time.sleep(max(0.0, SLEEP_S - (time.perf_counter() - began)))
    return made


def frames(n_files: int) -> list[Exposure]:
    """As many exposures as wished, night after night."""
    made: list[Exposure] = []
    night = 0
    while len(made) < n_files:
        made += whole_night(EVENING + timedelta(days=night))
        night += 1
    return made[:n_files]


def plain_files(folder: Path, n_files: int) -> Path:
    """Raw files that are all hole but for the header."""
    raw = folder / f"raw{n_files}"
    if not raw.exists():
        write_headers(raw, frames(n_files), data_bytes=RAW_BYTES)
    return raw


def packed_files(folder: Path, n_files: int) -> Path:
    """Files packed by ``compress`` of ncompress."""
    import numpy as np
    from ncompress import compress

    raw = folder / f"packed{n_files}"
    if raw.exists():
        return raw
    raw.mkdir(parents=True)
    noise = np.random.default_rng(1).normal(1000.0, 8.0, PACKED_NOISE_BYTES // 2).astype(">i2").tobytes()
    for frame in frames(n_files):
        with (raw / f"{frame.name}.Z").open("wb") as stream:
            stream.write(compress(header_block(frame.cards, int((RAW_BYTES / 2) ** 0.5)) + noise))
            stream.truncate(PACKED_FILE_BYTES)
    return raw


def simulated_files(folder: Path) -> Path:
    """A night with pixels."""
    raw = folder / "night"
    if not raw.exists():
        options = [word for name, value in SIMULATED.items() for word in (f"--{name}", str(value))]
        subprocess.run([sys.executable, "-m", "soxspipe", "simulate", "--night", *options, "-o", str(raw)], check=True)
    return raw


def index(options: Options, n_files: int = 10_000) -> None:
    """Index and plan of plain files."""
    n_files = options.files or n_files
    _time_index(options.folder, plain_files(options.folder, n_files), f"{n_files} raw files of 16 MB")


def linear(options: Options) -> None:
    """The same of an archive's number of files."""
    index(options, 60_000)


def archive(options: Options) -> None:
    """Index and plan of packed files."""
    n_files = options.files or 10_000
    _time_index(options.folder, packed_files(options.folder, n_files), f"{n_files} files `.fits.Z` of {PACKED_FILE_BYTES / 1e6:.0f} MB")


INDEX_CODE = """
import resource, sys, time
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from soxspipe.night.run import Request, plan_folder
from support.nights import every_recipe
began, cpu = time.perf_counter(), time.process_time()
plan = plan_folder(Request(folder=Path(sys.argv[1]), output=Path(sys.argv[2])), takes=every_recipe)
print(time.perf_counter() - began, time.process_time() - cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, len(plan.tasks))
"""


def _time_index(folder: Path, raw: Path, what: str) -> None:
    """Time index and plan, cold and unchanged, each in a process of its own that tells its memory."""
    output = folder / f"index_{raw.name}"
    shutil.rmtree(output, ignore_errors=True)
    for state in ("cold", "unchanged"):
        command = [sys.executable, "-c", INDEX_CODE, str(raw), str(output), TESTS]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        wall, cpu, megabytes, sets = map(float, said.split())
        print_row(f"index and plan of {what}, {state}", f"{wall:.1f} s (CPU {cpu:.1f} s), {megabytes:.0f} MB, {sets:.0f} sets")
    shutil.rmtree(output)


def rerun(options: Options) -> None:
    """A night with nothing left to do."""
    n_files = options.files or 300
    request = Request(folder=plain_files(options.folder, n_files), output=fresh(options.folder / "rerun"), processes=False)
    _reduce(request, cheap_recipe, every_recipe)
    night, wall = timed(lambda: _reduce(request, cheap_recipe, every_recipe))
    again = len(night.with_status("done"))
    print_row(f"rerun of {n_files} files, {len(night.plan.tasks)} sets, with nothing to do ({again} done again)", f"{wall:.2f} s")


def overhead(options: Options) -> None:
    """Wall time of recipes that sleep, on two workers and one."""
    n_files = options.files or 300
    walls = {}
    for workers in (2, 1):
        request = Request(
            folder=plain_files(options.folder, n_files), output=fresh(options.folder / f"sleep{workers}"), workers=workers
        )  # fmt: skip
        night, walls[workers] = timed(functools.partial(_reduce, request, sleepy_recipe, every_recipe))
        share = 100.0 * (1.0 - SLEEP_S * len(night.outcomes) / workers / walls[workers])
        print_row(
            f"{n_files} files, {len(night.outcomes)} recipes of {SLEEP_S:g} s, {workers} workers",
            f"{walls[workers]:.1f} s, {share:.1f} % outside recipes",
        )
    print_row("two workers against one, recipes that sleep", f"{walls[1] / walls[2]:.2f} x")


def night(options: Options, workers: int = 2) -> None:
    """A simulated night from raw files to spectra, and the command once more with nothing to do."""
    raw, output = simulated_files(options.folder), fresh(options.folder / f"reduced{workers}")
    output.mkdir()
    request = Request(folder=raw, output=output, workers=workers)
    with memory_watched() as peaks:
        made, wall = timed(lambda: _reduce(request, timed_recipe, takes))
    spent = [line.split() for line in (output / TIMES).read_text().splitlines()]
    seconds, last = [float(time_s) for time_s, _ in spent], sum(float(time_s) for time_s, verb in spent if verb == FINISHING)
    (output / TIMES).unlink()
    n_raw = sum(len(task.frames.frames) + len(task.frames.off_frames) for task in made.plan.tasks)
    print_row(
        f"a night of {n_raw} files, {len(made.outcomes)} recipes, status {made.exit_status}, {workers} workers",
        f"{wall:.1f} s, {100.0 * (1.0 - sum(seconds) / workers / wall):.1f} % outside recipes ({sum(seconds):.1f} s inside, "
        f"{last:.1f} of them telluric corrections and joined arms), "
        f"largest process {max(peaks.values(), default=0.0):.0f} MB",
    )
    command = [sys.executable, "-m", "soxspipe", "night", str(raw), "-o", str(output)]
    _, wall = timed(lambda: subprocess.run(command, check=False, stdout=subprocess.DEVNULL))
    print_row("the command once more with nothing to do", f"{wall:.1f} s")


def one(options: Options) -> None:
    """The simulated night on one worker."""
    night(options, workers=1)


def apart(options: Options) -> None:
    """One target through a scheduler and workers started by hand, against the products of `night`."""
    raw, here, output = simulated_files(options.folder), options.folder / "reduced2", fresh(options.folder / "apart")
    if not here.exists():
        here = fresh(options.folder / "here")
        _reduce(Request(folder=raw, output=here, only=(ONE_TARGET,)), run_recipe, takes)
    with dask_processes() as (address, _):
        request = Request(folder=raw, output=output, only=(ONE_TARGET,), scheduler=address)
        made, wall = timed(lambda: _reduce(request, run_recipe, takes))
    paths = [path.relative_to(output) for path in sorted((output / "reduced").rglob("*.fits"))]
    differing = [str(path) for path in paths if content_of(output / path) != content_of(here / path)]
    print_row(
        f"{ONE_TARGET}, {len(made.outcomes)} recipes through `dask scheduler` and two `dask worker`, status {made.exit_status}",
        f"{wall:.1f} s; {len(paths)} products, {len(differing)} differ but for dates{': ' if differing else ''}{', '.join(differing)}",
    )


def watch(options: Options) -> None:
    """The first exposures of a target arrive where `night` has reduced everything: how long until their spectra are there."""
    raw, output, arriving = simulated_files(options.folder), options.folder / "reduced2", fresh(options.folder / "arriving")
    arriving.mkdir()
    new = []
    for task in plan_folder(Request(folder=raw, output=output), takes=takes).tasks:
        rule = task.frames.rule
        if not rule.is_target or rule.is_standard:
            link(task, arriving)
        elif task.frames.first.target == ONE_TARGET:
            new.append(task.frames.first)
            record_path(output, task.frames.night, task.name).unlink(missing_ok=True)  # as if it had never been reduced
    arrived: list[float] = []
    spectra: dict[str, float] = {}

    def turn() -> bool:
        arrived.append(time.perf_counter())
        if len(arrived) == WATCHED_TURNS:
            for row in new:
                shutil.copy(row.path, arriving / row.name)
        return len(spectra) == len(new) or time.perf_counter() - arrived[0] > WATCHED_S

    def heard(outcome: Outcome) -> None:
        spectra[f"{outcome.arm} {outcome.status}"] = time.perf_counter() - arrived[WATCHED_TURNS - 1]

    keep_watch(Request(folder=arriving, output=output), Watching(quick=True, until=turn, say=heard))
    print_row(
        f"watch with `--quick`: spectra after the arrival of one exposure in each of {len(new)} arms",
        ", ".join(f"{what} after {seconds:.1f} s" for what, seconds in spectra.items()),
    )


def later(options: Options) -> None:
    """The standards arrive when all else has been reduced: targets are calibrated from their counts."""
    raw, output, arriving = simulated_files(options.folder), fresh(options.folder / "later"), fresh(options.folder / "arriving")
    arriving.mkdir()
    output.mkdir()
    standards = []
    for task in plan_folder(Request(folder=raw, output=output), takes=takes).tasks:
        if task.frames.rule.is_standard:
            standards.append(task)
        else:
            link(task, arriving)
    request = Request(folder=arriving, output=output)
    _, before = timed(lambda: _reduce(request, timed_recipe, takes))
    (output / TIMES).unlink()
    for task in standards:
        link(task, arriving)
    made, wall = timed(lambda: _reduce(request, timed_recipe, takes))
    again = Counter(line.split()[1] for line in (output / TIMES).read_text().splitlines())
    spectra = [path.relative_to(output) for path in sorted((output / "reduced").rglob(f"*{FLUXCAL}"))]
    differing = [str(path) for path in spectra if content_of(output / path) != content_of(options.folder / "reduced2" / path)]
    print_row(
        f"a night whose standards come last: {before:.1f} s without them, then {len(standards)} sets of standards, status {made.exit_status}",
        f"{wall:.1f} s; recipes run: {', '.join(f'{number} {verb}' for verb, number in again.items())}; "
        f"{len(spectra)} calibrated spectra, {len(differing)} differ from those of `night` but for dates",
    )


def growth(options: Options) -> None:
    """Peak and present memory of one worker while it reduces a night over and over."""
    raw, output = simulated_files(options.folder), fresh(options.folder / "growth")
    request = Request(folder=raw, output=output, only=(ONE_TARGET, "GD71"))
    plan = plan_folder(request, takes=takes)
    nodes = build_graph(plan, settings_text=settings_texts(plan, None))
    used = []
    with connected(Engine(workers=1)) as client:
        done: dict[str, Outcome] = {}
        while len(used) < options.tasks:
            for node in nodes:
                used.append(client.submit(_measured, node, list(done.values()), str(output), pure=False).result())
                done[node.job.name] = used[-1][0]
            shutil.rmtree(output / "qc", ignore_errors=True)
    resident = [megabytes for _, megabytes, _ in used]
    n, first, last = len(nodes), resident[: len(nodes)], resident[-len(nodes) :]
    print_row(
        f"memory of one worker over {len(used)} reductions ({n} sets again and again), after each",
        f"{median(first):.0f} MB in the first round, {median(resident[n : 2 * n]):.0f} in the second, {median(last):.0f} in the last; peak {used[-1][2]:.0f} MB",
    )


def _measured(node: Node, known: Sequence[Outcome], output: str) -> tuple[Outcome, float, float]:
    """One job in a worker; its outcome, and resident and peak memory of the process after it, MB."""
    job: Job = node.job
    outcome = run_job(job, [entry for entry in known if entry.name in node.after], again)
    return outcome, *memory_of(psutil.Process().pid)


def again(verb: str, sof: Path, output: Path, settings: str | None, *, overwrite: bool) -> Published:
    """The recipe, whether or not its products exist."""
    return run_recipe(verb, sof, output, settings, overwrite=True)


def link(task: Task, folder: Path) -> None:
    """Let the exposures of a set be seen in another folder."""
    for row in (*task.frames.frames, *task.frames.off_frames):
        (folder / row.name).symlink_to(row.path)


def prepare(options: Options) -> None:
    """Make the files that the other parts need."""
    for make in (
        functools.partial(plain_files, n_files=10_000), functools.partial(plain_files, n_files=60_000), functools.partial(plain_files, n_files=300),
        functools.partial(packed_files, n_files=10_000), simulated_files,
    ):  # fmt: skip
        make(options.folder)


def _reduce(request: Request, recipe: Callable[..., Published], takes: Takes) -> Night:
    """All that the command does."""
    with Workers(request) as workers:
        plan = plan_folder(request, seen=workers.begin, takes=takes)
        write_sofs(plan)
        last = [TimedFinishing(step=step) for step in finishings(plan, request)]
        made = reduce_night(request, plan, recipe=recipe, workers=workers, sequels=last)
        finish(made, request, workers.each)
    write_pages(made)
    return made


def timed(what: Callable[[], Night] | Callable[[], object]) -> tuple[Night, float]:
    """Answer, and seconds it took."""
    began = time.perf_counter()
    answer = what()
    return answer, time.perf_counter() - began  # type: ignore[return-value]


@contextmanager
def memory_watched() -> Iterator[dict[int, float]]:
    """Peak memory of every process below this one, MB, by number; read twice a second, so one that ends is hardly missed."""
    peaks: dict[int, float] = {}
    done = threading.Event()

    def look_around() -> None:
        while not done.wait(0.5):
            for process in psutil.Process().children(recursive=True):
                peaks[process.pid] = max(peaks.get(process.pid, 0.0), memory_of(process.pid)[1])

    watcher = threading.Thread(target=look_around)
    watcher.start()
    try:
        yield peaks
    finally:
        done.set()
        watcher.join()


def memory_of(pid: int) -> tuple[float, float]:
    """Resident memory of a process and its peak so far, MB; zeros if it is gone."""
    try:
        lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        return float(lines["VmRSS"].split()[0]) / 1024, float(lines["VmHWM"].split()[0]) / 1024
    except (OSError, KeyError):
        return 0.0, 0.0


def content_of(path: Path) -> str:
    """Digest of a product without the cards that tell when it was made."""
    digest = hashlib.sha256()
    with fits.open(path) as units:
        for unit in units:
            cards = [str(card) for card in unit.header.cards if card.keyword not in DATES and "MD5" not in card.keyword]
            digest.update(json.dumps(cards).encode())
            digest.update(b"" if unit.data is None else unit.data.tobytes())
    return digest.hexdigest()


def fresh(folder: Path) -> Path:
    """The folder without what an earlier run left in it."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def print_row(what: str, found: str) -> None:
    """One row of the table."""
    print(f"| {what} | {found} |", flush=True)


PARTS: dict[str, Callable[[Options], None]] = {
    part.__name__: part for part in (prepare, index, archive, linear, rerun, overhead, night, apart, watch, one, later, growth)
}
USUAL = ("index", "archive", "linear", "rerun", "overhead", "night", "apart", "watch")


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=(*PARTS, "all"))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--files", type=int, help="instead of the usual number, for a quick try")
    parser.add_argument("--tasks", type=int, default=500)
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="soxspipe-night-"))
    options = Options(folder=folder.absolute(), files=arguments.files, tasks=arguments.tasks)
    try:
        for part in USUAL if "all" in arguments.parts else arguments.parts:
            PARTS[part](options)
    finally:
        if arguments.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
