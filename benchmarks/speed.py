"""How long the command takes, what it needs, and how it grows with the number of exposures.

    python benchmarks/speed.py [--folder FOLDER] [--runs N] [--command COMMAND]

Simulates its data, times whole cold runs beside two trivial programs that read the same inputs and write the same products, and
writes results.md, growth.png and lines of history.csv beside this file.  Needs the installed package and Linux.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from timing import Comparison, Timing, commit_of, compare, data_set, import_time, median_of, remember, response_of, timed
from warm import Numerics, measure_numerics

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
SINGLE = "NIR science, 1 exposure"
GROWTH = (1, 2, 4, 8, 16)
TARGETS = {"NIR": (4.0, 6.0, 800.0), "VIS": (3.0, 4.0, 800.0)}
WITHOUT_PLOTS_CPU_S = 3.0
MOST_TIMES_THE_FLOOR = 6.0
WARM_WALL_S = 1.5
"""Numerics of one NIR frame in a warm process."""
RAW_FRAME_MB = 2048 * 2048 * 4 / 1e6
"""Memory that one more exposure may take."""


@dataclass(frozen=True)
class Results:
    """All that was measured."""

    about: str
    runs: int
    commands: dict[str, Comparison]
    steps: dict[str, list[tuple[str, float]]]
    numerics: dict[str, Numerics]
    grown: list[tuple[int, Timing]]
    imports: Timing
    bare_reading_s: float


def stages(output: Path) -> list[tuple[str, float]]:
    """Steps and their seconds, as the last run's log has them."""
    log = next(output.rglob("*.log")).read_text()
    return [(name.strip(), float(seconds)) for name, seconds in re.findall(r"^\W*([a-z][\w ]*?)\W+([0-9.]+) s\b", log, re.MULTILINE)]


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
    left.set(ylabel="seconds", ylim=(0, 1.15 * max(timing.cpu_s for _, timing in found)))
    start = found[min(1, len(found) - 1)]
    allowed = [start[1].peak_mb + RAW_FRAME_MB * (count - start[0]) for count in n]
    right.plot(n, [timing.peak_mb for _, timing in found], "o-", label="peak memory")
    right.plot(n, allowed, ":", color="0.4", label="one raw frame more per exposure")
    right.set(ylabel="MB", ylim=(0, 1.15 * max(*allowed, *(timing.peak_mb for _, timing in found))))
    for axes in (left, right):
        axes.set(xlabel="exposures", xticks=n)
        axes.legend(loc="lower right")
    figure.savefig(path, dpi=110)


def slope(grown: Sequence[tuple[int, Timing]], name: str) -> float:
    """Growth of a figure with each exposure: the least-squares slope from two exposures on."""
    points = [(n, getattr(timing, name)) for n, timing in grown if n > 1]
    mean_n, mean = (sum(column) / len(points) for column in zip(*points, strict=True))
    return sum((n - mean_n) * (value - mean) for n, value in points) / sum((n - mean_n) ** 2 for n, _ in points)


def bare_reading(sof: Path) -> float:
    """Seconds that reading the bytes of one raw frame takes, once the system holds them."""
    frame = next(sof.parent.glob("raw_*.fits"))
    frame.read_bytes()
    start = time.perf_counter()
    frame.read_bytes()
    return time.perf_counter() - start


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


def mark(value: float, target: float, digits: int = 2) -> str:
    """The value, with a mark where it misses its target."""
    return f"{value:.{digits}f}" if value <= target else f"{value:.{digits}f} (!)"


def command_rows(commands: dict[str, Comparison]) -> list[str]:
    """Tables of whole-command timings."""
    rows = [
        "| run | wall s | CPU s | peak MB | targets (wall, CPU, MB) |",
        "|---|---|---|---|---|",
    ]
    for name, found in commands.items():
        wall, cpu, peak = TARGETS[name.split(" ")[0]]
        cpu = WITHOUT_PLOTS_CPU_S if "without" in name else cpu
        ours = found.ours
        rows.append(
            f"| {name} | {mark(ours.wall_s, wall)} | {mark(ours.cpu_s, cpu)} | {mark(ours.peak_mb, peak, 0)} | {wall:g}, {cpu:g}, {peak:g} |"
        )
    rows += [
        "", f"Beside trivial programs; the command may take {MOST_TIMES_THE_FLOOR:g} times their CPU.", "",
        "| run | bytes copied: wall s | CPU s | ours / CPU | astropy reads and writes: wall s | CPU s | ours / CPU |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, found in commands.items():
        cells = [f"{floor.wall_s:.2f} | {floor.cpu_s:.2f} | {times(found.ours, floor)}" for floor in (found.copied, found.astropy)]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return rows


def times(ours: Timing, floor: Timing) -> str:
    """How many times the processor time of a trivial program the command takes."""
    return mark(ours.cpu_s / max(floor.cpu_s, 1e-3), MOST_TIMES_THE_FLOOR, 1)


def main() -> int:
    """Measure everything and write it down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where data and products go (default: a temporary folder)")
    parser.add_argument("--runs", type=int, default=5, help="cold runs per figure")
    parser.add_argument("--command", default="", help="the command to time (default: soxspipe beside this Python)")
    chosen = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as the command chooses for itself; before numpy is imported
    beside = Path(sys.executable).with_name("soxspipe")
    command = chosen.command.split() or [str(beside) if beside.exists() else shutil.which("soxspipe") or "soxspipe"]
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="soxspipe-bench-"))
    results = measure(command, folder.resolve(), chosen.runs)
    draw_growth(results.grown, HERE / "growth.png")
    text = report(results)
    print(text)
    (HERE / "results.md").write_text(text)
    add_to_history(results)
    if chosen.folder is None:
        shutil.rmtree(folder)
    return 0


def measure(command: Sequence[str], folder: Path, runs: int) -> Results:
    """Simulate, reduce and time."""
    about = machine()
    commands: dict[str, Comparison] = {}
    steps: dict[str, list[tuple[str, float]]] = {}
    numerics: dict[str, Numerics] = {}
    folder.mkdir(parents=True, exist_ok=True)
    quiet = folder / "no_plots.yaml"
    quiet.write_text("make-plots: false\n")
    responses = {arm: response_of(folder / f"{arm}_standard", arm, command, STANDARD) for arm in EXPOSURES}
    for arm, exposures in EXPOSURES.items():
        sof = data_set(folder / f"{arm}_science", arm, exposures, SCENE, responses[arm])
        output = folder / f"{arm}_science" / "products"
        timed([*command, "stare", str(sof), "-x", "-o", str(output)])  # compiles, and fills the caches of the system
        name = f"{arm} science, {exposures} exposure{'s' if exposures > 1 else ''}"
        commands[name] = compare(command, sof, output, runs)
        steps[arm] = stages(output)
        commands[f"{name}, without plots"] = compare(command, sof, folder / f"{arm}_science" / "products_without", runs, "-s", str(quiet))
        numerics[name] = measure_numerics(sof, max(3, runs))
    single = data_set(folder / "n1", "NIR", 1, SCENE, responses["NIR"])
    numerics[SINGLE] = measure_numerics(single, max(3, runs))
    grown = growth(command, folder, max(1, runs // 2))
    return Results(about, runs, commands, steps, numerics, grown, import_time(runs), bare_reading(single))


def report(results: Results) -> str:
    """The page of results."""
    profile = HERE / "profile.md"
    imports = results.imports
    lines = [
        "# Speed", "",
        "Made by `make bench` (`benchmarks/speed.py`).", "",
        f"Machine: {results.about}.", "",
        "## Whole command, cold process", "",
        f"Medians of {results.runs} runs, all products, on simulated data. Two trivial programs that read the same inputs and write the same",
        "products are run in turn with the command. `bytes copied` reads files and writes files, without a look into them, in a Python that",
        "imports nothing. `astropy reads and writes` opens every FITS input with astropy, reads all its data, and writes the HDUs of every",
        "FITS product (loaded before, which is not counted) and the bytes of the others. (!) marks a missed target.", "",
        *command_rows(results.commands), "",
        f"Importing alone: {imports.wall_s:.2f} s wall, {imports.cpu_s:.2f} s CPU, {imports.peak_mb:.0f} MB.", "",
    ]  # fmt: skip
    for arm, steps in results.steps.items():
        lines += [
            f"## Steps of the last {arm} run (wall)",
            "",
            "| step | s |",
            "|---|---|",
            *(f"| {step} | {s:.2f} |" for step, s in steps),
            "",
        ]
    lines += [*numerics_lines(results.numerics), *growth_lines(results)]
    return "\n".join(lines) + ("\n" + profile.read_text() if profile.exists() else "")


def numerics_lines(numerics: dict[str, Numerics]) -> list[str]:
    """Tables of the numerics in a warm process."""
    lines = [
        "## Numerics in a warm process", "",
        "As a library is used: data read, everything imported, one reduction done before. Wall time with as many processes as a run takes.",
        f"The target is {WARM_WALL_S:g} s for one NIR frame.", "",
        "| data | wall s | fastest and slowest | repeats | CPU s in one process |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for name, found in numerics.items():
        wall = mark(found.wall_s, WARM_WALL_S) if name.startswith("NIR") else f"{found.wall_s:.2f}"
        spread = f"{found.walls_s[0]:.2f} to {found.walls_s[-1]:.2f}"
        lines.append(f"| {name} | {wall} | {spread} | {len(found.walls_s)} | {found.cpu_s:.2f} |")
    for name, found in numerics.items():
        lines += [
            "", f"{name}, step by step in one process; allocations are the peak of all that Python and numpy held during the step.", "",
            "| step | CPU s | allocated MB |", "|---|---|---|", *(f"| {step} | {s:.2f} | {peak:.0f} |" for step, s, peak in found.steps),
        ]  # fmt: skip
    return [*lines, ""]


def growth_lines(results: Results) -> list[str]:
    """Table of runs with more and more exposures, and what each exposure adds."""
    grown = results.grown
    rows = [f"| {n} | {t.wall_s:.2f} | {t.cpu_s:.2f} | {t.reading_s:.2f} | {t.peak_mb:.0f} |" for n, t in grown]
    return [
        "## Growth with the number of exposures (NIR)", "",
        "| exposures | wall s | CPU s | reading: wall s | peak MB |", "|---|---|---|---|---|", *rows, "",
        f"Each exposure beyond the second adds (slope of a straight line from 2 to {max(GROWTH)} exposures):", "",
        "| figure | per exposure | target |", "|---|---|---|",
        f"| peak memory | {mark(slope(grown, 'peak_mb'), RAW_FRAME_MB, 1)} MB | {RAW_FRAME_MB:.1f} MB, one raw frame of 2048 x 2048 x 4 bytes |",
        f"| reading | {slope(grown, 'reading_s'):.3f} s wall | its bytes alone are read in {results.bare_reading_s:.3f} s |",
        f"| everything | {slope(grown, 'cpu_s'):.3f} s CPU | |", "",
        "![growth](growth.png)", "",
    ]  # fmt: skip


def add_to_history(results: Results) -> None:
    """Append this run to the history."""
    commit = commit_of(HERE.parent)
    for name, found in results.commands.items():
        beside = {"floor_cpu_s": found.copied.cpu_s, "import_cpu_s": results.imports.cpu_s, "astropy_cpu_s": found.astropy.cpu_s}
        remember([(commit, name, found.ours)], results.about, **{figure: f"{seconds:.3f}" for figure, seconds in beside.items()})


if __name__ == "__main__":
    sys.exit(main())
