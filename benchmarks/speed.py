"""How long the command takes, what it needs, and how it grows with the number of exposures.

    python benchmarks/speed.py [--folder FOLDER] [--runs N] [--command COMMAND]

Simulates its data, times whole cold runs beside a trivial program that reads the same inputs and writes the same products, and
writes results.md, growth.png and a line of history.csv beside this file.  Needs the installed package and Linux.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SCENE: dict[str, Any] = {
    "target": "supernova",
    "ab_mag": 17.0,
    "exptime_s": 300,
    "airmass": 1.2,
    "offset_arcsec": -0.9,
    "seeing_arcsec": 0.9,
}
STANDARD: dict[str, Any] = {"target": "standard", "exptime_s": 60, "airmass": 1.15}
EXPOSURES = {"NIR": 3, "VIS": 1}
GROWTH = (1, 2, 4, 8, 16)
TARGETS = {"NIR": (4.0, 6.0, 800.0), "VIS": (3.0, 4.0, 800.0)}
QUALITY_STATUS = 3
"""Exit status of a run whose products are there, but whose quality control is out of range."""
WITHOUT_PLOTS_CPU_S = 3.0
MOST_TIMES_THE_FLOOR = 6.0

FLOOR = """
import sys
from pathlib import Path
reading, writing = (Path(name).read_text().split("\\n") for name in sys.argv[1:3])
for name in reading:
    Path(name).read_bytes()
target = Path(sys.argv[3])
for k, name in enumerate(writing):
    (target / f"{k}.copy").write_bytes(Path(name).read_bytes())
"""
"""Read every input; write every product (which must be read first for its bytes)."""


@dataclass(frozen=True)
class Timing:
    """Wall and processor seconds, and the largest resident size (MB) of any one process."""

    wall_s: float
    cpu_s: float
    peak_mb: float


LAUNCHER = """
import os, sys, time
start = time.perf_counter()
quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
_, status, usage = os.wait4(child, 0)
print(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024.0, os.waitstatus_to_exitcode(status))
"""
"""A child begins with the largest size its parent has had, so a small process of its own starts and measures the command."""


def timed(command: Sequence[str]) -> Timing:
    """Run a command to its end in a process of its own."""
    launched = subprocess.run([sys.executable, "-S", "-E", "-c", LAUNCHER, *command], capture_output=True, text=True, check=True)
    wall, cpu, peak, status = launched.stdout.split()
    if int(status) not in (0, QUALITY_STATUS):
        raise SystemExit(f"{' '.join(command)} failed:\n{launched.stderr}")
    return Timing(float(wall), float(cpu), float(peak))


def median_of(timings: Sequence[Timing]) -> Timing:
    """The median of each figure."""
    return Timing(*(statistics.median(getattr(timing, name) for timing in timings) for name in ("wall_s", "cpu_s", "peak_mb")))


def data_set(folder: Path, arm: str, exposures: int, scene: dict[str, Any], response: Path | None = None) -> Path:
    """Simulate one observation, or find it, and return its set of files."""
    from soxspipe.recipes.simulate import simulate_dataset

    if not list(folder.glob("*.sof")):
        simulate_dataset({**scene, "arm": arm, "exposures": exposures, "seed": 77}, folder)
    sof = next(path for path in folder.glob("*.sof") if not path.name.startswith("bench_"))
    if response is None:
        return sof
    joined = folder / f"bench_{sof.name}"
    with_paths = [" ".join((str(folder / line.split()[0]), *line.split()[1:])) for line in sof.read_text().splitlines() if line.strip()]
    joined.write_text("\n".join([*with_paths, f"{response} RESP_TAB_{arm}"]) + "\n")
    return joined


def response_of(folder: Path, arm: str, command: Sequence[str]) -> Path:
    """Reduce a standard star and return its response."""
    products = folder / "products"
    found = list(products.rglob("*_RESP.fits"))
    if not found:
        timed([*command, "stare_std", str(data_set(folder, arm, 1, STANDARD)), "-x", "-o", str(products)])
        found = list(products.rglob("*_RESP.fits"))
    return found[0]


def whole_command(command: Sequence[str], sof: Path, output: Path, runs: int, *options: str) -> tuple[Timing, Timing]:
    """Medians of cold runs of the command and, in turn with them, of the floor."""
    ours, floors = [], []
    reading = [str((sof.parent / line.split()[0]).resolve()) for line in sof.read_text().splitlines() if line.strip()]
    for _ in range(runs):
        ours.append(timed([*command, "stare", str(sof), "-x", "-o", str(output), *options]))
        with tempfile.TemporaryDirectory(dir=output.parent) as temporary:
            place = Path(temporary)
            (place / "reading").write_text("\n".join(reading))
            (place / "writing").write_text(
                "\n".join(str(path) for path in sorted(output.rglob("*")) if path.is_file() and path.suffix != ".lock")
            )
            floors.append(timed([sys.executable, "-S", "-c", FLOOR, str(place / "reading"), str(place / "writing"), temporary]))
    return median_of(ours), median_of(floors)


def stages(output: Path) -> list[tuple[str, float]]:
    """Steps and their seconds, as the last run's log has them."""
    log = next(output.rglob("*.log")).read_text()
    return [(name.strip(), float(seconds)) for name, seconds in re.findall(r"^\W*([a-z][\w ]*?)\W+([0-9.]+) s\b", log, re.MULTILINE)]


def library(sof: Path) -> tuple[list[tuple[str, float, float]], float]:
    """Steps of the numerics in a warm process, in one process: seconds and the largest allocation (MB) beyond what there was; their sum."""
    import tracemalloc

    from soxspipe.recipes.stare.gather import gather
    from soxspipe.recipes.stare.reduce import reduce_stare

    gathered = gather(str(sof), None)
    reduce_stare(gathered.inputs, gathered.settings, n_threads=1)
    times: dict[str, float] = {}
    peaks: dict[str, float] = {}
    since = [time.process_time()]

    def timing(step: str, _note: str) -> None:
        now = time.process_time()
        times[step], since[0] = now - since[0], now

    start = since[0] = time.process_time()
    reduce_stare(gathered.inputs, gathered.settings, timing, n_threads=1)
    total = time.process_time() - start

    def allocating(step: str, _note: str) -> None:
        peaks[step] = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.reset_peak()

    tracemalloc.start()
    reduce_stare(gathered.inputs, gathered.settings, allocating, n_threads=1)
    tracemalloc.stop()
    times["images and sums"] = total - sum(times.values())
    return [(step, seconds, peaks.get(step, float("nan"))) for step, seconds in times.items()], total


def growth(command: Sequence[str], folder: Path, runs: int) -> list[tuple[int, Timing]]:
    """Timings for several numbers of exposures, NIR."""
    found = []
    for n in GROWTH:
        sof = data_set(folder / f"n{n}", "NIR", n, SCENE)
        output = folder / f"n{n}" / "products"
        found.append((n, median_of([timed([*command, "stare", str(sof), "-x", "-o", str(output)]) for _ in range(runs)])))
    return found


def draw_growth(found: Sequence[tuple[int, Timing]], path: Path) -> None:
    """Processor time and peak memory against the number of exposures."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    n = [count for count, _ in found]
    left.plot(n, [timing.cpu_s for _, timing in found], "o-", label="processor")
    left.plot(n, [timing.wall_s for _, timing in found], "s-", label="wall")
    left.set(xlabel="exposures", ylabel="seconds", ylim=(0, None))
    left.legend()
    right.plot(n, [timing.peak_mb for _, timing in found], "o-")
    right.set(xlabel="exposures", ylabel="peak memory (MB)", ylim=(0, None))
    figure.savefig(path, dpi=110)


def import_time(runs: int) -> Timing:
    """Importing everything that a reduction needs, in a cold process."""
    text = "import soxspipe.cli.app, soxspipe.recipes.stare.gather, soxspipe.recipes.stare.pipeline, soxspipe.recipes.stare.reduce"
    return median_of([timed([sys.executable, "-c", text]) for _ in range(runs)])


def machine() -> str:
    """Processor, cores, memory and versions."""
    import numpy as np
    import scipy

    said = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", said)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{model.group(1).strip() if model else platform.machine()}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GB; "
        f"{platform.system()}, Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}; "
        f"load average {os.getloadavg()[0]:.1f} at the start"
    )


def mark(value: float, target: float) -> str:
    """The value, with a mark where it misses its target."""
    return f"{value:.2f}" if value <= target else f"{value:.2f} (!)"


def command_rows(results: dict[str, tuple[Timing, Timing]]) -> list[str]:
    """Table of whole-command timings."""
    rows = [
        "| run | wall s | CPU s | peak MB | floor wall s | floor CPU s | CPU / floor | targets (wall, CPU, MB) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, (ours, floor) in results.items():
        arm = name.split(" ")[0]
        wall, cpu, peak = TARGETS[arm]
        cpu = WITHOUT_PLOTS_CPU_S if "without" in name else cpu
        ratio = ours.cpu_s / max(floor.cpu_s, 1e-3)
        rows.append(
            f"| {name} | {mark(ours.wall_s, wall)} | {mark(ours.cpu_s, cpu)} | {mark(ours.peak_mb, peak)} | {floor.wall_s:.2f} "
            f"| {floor.cpu_s:.2f} | {mark(ratio, MOST_TIMES_THE_FLOOR)} | {wall:g}, {cpu:g}, {peak:g} |"
        )
    return rows


def main() -> int:
    """Measure everything and write it down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where data and products go (default: a temporary folder)")
    parser.add_argument("--runs", type=int, default=5, help="cold runs per figure")
    parser.add_argument("--command", default="", help="the command to time (default: soxspipe beside this Python)")
    chosen = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as the command chooses for itself; before numpy is imported
    about = machine()
    beside = Path(sys.executable).with_name("soxspipe")
    command = chosen.command.split() or [str(beside) if beside.exists() else shutil.which("soxspipe") or "soxspipe"]
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="soxspipe-bench-"))
    results: dict[str, tuple[Timing, Timing]] = {}
    step_tables: dict[str, list[tuple[str, float]]] = {}
    libraries = {}
    quiet = folder / "no_plots.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    quiet.write_text("make-plots: false\n")
    for arm, exposures in EXPOSURES.items():
        response = response_of((folder / f"{arm}_standard").resolve(), arm, command)
        sof = data_set((folder / f"{arm}_science").resolve(), arm, exposures, SCENE, response)
        output = folder / f"{arm}_science" / "products"
        timed([*command, "stare", str(sof), "-x", "-o", str(output)])  # compiles, and fills the caches of the system
        name = f"{arm} science, {exposures} exposure{'s' if exposures > 1 else ''}"
        results[name] = whole_command(command, sof, output, chosen.runs)
        step_tables[arm] = stages(output)
        without = folder / f"{arm}_science" / "products_without"
        results[f"{name}, without plots"] = whole_command(command, sof, without, chosen.runs, "-s", str(quiet))
        libraries[arm] = library(sof)
    grown = growth(command, folder, max(1, chosen.runs // 2))
    imports = import_time(chosen.runs)
    draw_growth(grown, HERE / "growth.png")
    text = report(about, chosen.runs, results, step_tables, libraries, grown, imports)
    print(text)
    (HERE / "results.md").write_text(text)
    add_to_history(about, results, imports)
    if chosen.folder is None:
        shutil.rmtree(folder)
    return 0


def report(
    about: str,
    runs: int,
    results: dict[str, tuple[Timing, Timing]],
    step_tables: dict[str, list[tuple[str, float]]],
    libraries: dict[str, tuple[list[tuple[str, float, float]], float]],
    grown: Sequence[tuple[int, Timing]],
    imports: Timing,
) -> str:
    """The page of results."""
    profile = HERE / "profile.md"
    lines = [
        "# Speed", "",
        "Made by `make bench` (`benchmarks/speed.py`).", "",
        f"Machine: {about}.", "",
        "## Whole command, cold process", "",
        f"Medians of {runs} runs, all products, on simulated data. The floor is a trivial program that reads the same inputs and writes the",
        "same products, run in turn with the command. (!) marks a missed target.", "",
        *command_rows(results), "",
        f"Importing alone: {imports.wall_s:.2f} s wall, {imports.cpu_s:.2f} s CPU, {imports.peak_mb:.0f} MB.", "",
    ]  # fmt: skip
    for arm, steps in step_tables.items():
        lines += [
            f"## Steps of the last {arm} run (wall)",
            "",
            "| step | s |",
            "|---|---|",
            *(f"| {step} | {s:.2f} |" for step, s in steps),
            "",
        ]
    for arm, (steps, total) in libraries.items():
        lines += [
            f"## Numerics of {arm} in a warm process, one process", "",
            f"{total:.2f} s CPU in all. Allocations are the peak of all that Python and numpy held during the step.", "",
            "| step | CPU s | allocated MB |", "|---|---|---|", *(f"| {step} | {s:.2f} | {peak:.0f} |" for step, s, peak in steps), "",
        ]  # fmt: skip
    lines += ["## Growth with the number of exposures (NIR)", "", "| exposures | wall s | CPU s | peak MB |", "|---|---|---|---|"]
    lines += [f"| {n} | {t.wall_s:.2f} | {t.cpu_s:.2f} | {t.peak_mb:.0f} |" for n, t in grown]
    lines += ["", "![growth](growth.png)", ""]
    return "\n".join(lines) + ("\n" + profile.read_text() if profile.exists() else "")


def add_to_history(about: str, results: dict[str, tuple[Timing, Timing]], imports: Timing) -> None:
    """Append this run to the history."""
    path = HERE / "history.csv"
    fresh = not path.exists()
    with path.open("a", newline="") as stream:
        writer = csv.writer(stream)
        if fresh:
            writer.writerow(["date", "run", "wall_s", "cpu_s", "peak_mb", "floor_cpu_s", "import_cpu_s", "machine"])
        for name, (ours, floor) in results.items():
            row = [f"{ours.wall_s:.2f}", f"{ours.cpu_s:.2f}", f"{ours.peak_mb:.0f}", f"{floor.cpu_s:.3f}", f"{imports.cpu_s:.2f}"]
            writer.writerow([datetime.now(UTC).strftime("%Y-%m-%d %H:%M"), name, *row, about])


if __name__ == "__main__":
    sys.exit(main())
