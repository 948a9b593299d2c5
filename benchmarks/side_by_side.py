"""This commit and another one side by side: numerics alone, a warm worker, the cold command, and what each more exposure costs.

    python benchmarks/side_by_side.py --before CHECKOUT [--folder FOLDER] [--runs 7] [--prepare] [--without-growth]

Both checkouts reduce the same simulated sets in turn, in processes whose PYTHONPATH names their sources, with one BLAS thread; medians.
Writes side_by_side.md and lines of history.csv for each commit beside this file.  ``--prepare`` simulates the sets and compiles, and
stops: with a folder that is ready, seven runs take about seven minutes of an idle machine, and memory is right (a process starts with the
peak of the one that started it, and simulating takes gigabytes).  Needs Linux and what both commits import.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO

from speed import GROWTH, SCENE, machine
from timing import Timing, commit_of, data_set, median_of, remember, timed

HERE = Path(__file__).resolve().parent
NOW = HERE.parent
ARMS = ("NIR", "VIS")
GROWTH_RUNS = 1
"""After one that is not counted: the slope is an average over 15 exposures as it is."""
FARTHEST_ARCSEC = 3.0
"""Exposures that are solved one by one stand this far apart at most, so that all of them are on the slit."""
ALLOWED_NUMERICS_S = {"NIR": 0.9, "VIS": 0.6}
ALLOWED_WARM = 0.45
ALLOWED_COLD = 1.15
ALLOWED_EXPOSURE_S = 0.9


@dataclass(frozen=True)
class Measured:
    """One commit, one arm."""

    numerics: Timing
    warm: Timing
    cold: Timing


class Worker:
    """A process that reduces a set whenever it is asked to (`worker.py`), with the sources of a checkout."""

    def __init__(self, checkout: Path, what: str, sof: Path, output: Path) -> None:
        command = [sys.executable, str(HERE / "worker.py"), what, str(sof), str(output)]
        self.process = subprocess.Popen(
            command, env=environment(checkout), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def run(self) -> Timing:
        """One more reduction."""
        print("again", file=_open(self.process.stdin), flush=True)
        said = _open(self.process.stdout).readline().split()
        if len(said) != 3:
            raise SystemExit(f"{' '.join(map(str, self.process.args))} failed")  # type: ignore[union-attr]
        cpu, wall, peak = map(float, said)
        return Timing(wall, cpu, peak)

    def __enter__(self) -> Worker:
        self.run()  # imports, and fills what is kept
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()


def _open(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise SystemExit("the worker has no pipe")
    return stream


def environment(checkout: Path) -> dict[str, str]:
    """With the sources of a checkout, and one BLAS thread."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPATH": str(checkout / "src"), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def cold_command(checkout: Path, sof: Path, output: Path) -> list[str]:
    """The command in a new process."""
    named = [f"{name}={environment(checkout)[name]}" for name in ("PYTHONPATH", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")]
    return ["env", *named, sys.executable, "-m", "soxspipe", "stare", str(sof), "-x", "-o", str(output)]


def compare(checkouts: Mapping[str, Path], sof: Path, folder: Path, runs: int) -> dict[str, Measured]:
    """Every figure of one arm for each checkout, in turn."""
    found: dict[str, dict[str, list[Timing]]] = {name: {field.name: [] for field in fields(Measured)} for name in checkouts}
    for what in ("numerics", "warm"):
        kind = "numerics" if what == "numerics" else "whole"
        with ExitStack() as stack:
            workers = {name: stack.enter_context(Worker(path, kind, sof, folder / f"{name}_{kind}")) for name, path in checkouts.items()}
            for _ in range(runs):
                for name, worker in workers.items():
                    found[name][what].append(worker.run())
    for _ in range(runs):
        for name, path in checkouts.items():
            found[name]["cold"].append(timed(cold_command(path, sof, folder / f"{name}_cold")))
    return {name: Measured(**{what: median_of(timings) for what, timings in each.items()}) for name, each in found.items()}


def growth(checkout: Path, sets: Mapping[int, Path], folder: Path) -> list[tuple[int, Timing]]:
    """Numerics of more and more exposures in a warm process."""
    grown = []
    for number, sof in sets.items():
        with Worker(checkout, "numerics", sof, folder) as worker:
            grown.append((number, median_of([worker.run() for _ in range(GROWTH_RUNS)])))
    return grown


def simulate(folder: Path, *, with_growth: bool) -> tuple[dict[str, Path], dict[str, dict[int, Path]]]:
    """Sets of one exposure of each arm, and of 1 to 16 that are alike or differ; made if they are not there."""
    single = {arm: data_set(folder / f"{arm}_1", arm, 1, SCENE) for arm in ARMS}
    grown: dict[str, dict[int, Path]] = {}
    for kind in ("averaged as pixels", "solved one by one") if with_growth else ():
        apart = kind == "solved one by one"
        grown[kind] = {}
        for number in GROWTH:
            moved = [FARTHEST_ARCSEC * k / max(number - 1, 1) for k in range(number)]
            scene = {**SCENE, "drift_arcsec": moved} if apart and number > 1 else SCENE
            grown[kind][number] = data_set(folder / f"{'apart' if apart and number > 1 else 'alike'}_{number}", "NIR", number, scene)
    return single, grown


def table(found: Mapping[str, Mapping[str, Measured]]) -> list[str]:
    """Figures of each arm, before and now."""
    lines = ["| figure | before | now | now / before | allowed |", "|---|---|---|---|---|"]
    for arm, each in found.items():
        before, now = each["before"], each["now"]
        rows = [
            ("numerics alone, warm: CPU s", before.numerics.cpu_s, now.numerics.cpu_s, f"{ALLOWED_NUMERICS_S[arm]:g} s"),
            ("warm worker, all products: CPU s", before.warm.cpu_s, now.warm.cpu_s, ""),
            ("cold command: CPU s", before.cold.cpu_s, now.cold.cpu_s, f"{ALLOWED_COLD:g} x"),
            ("cold command: wall s", before.cold.wall_s, now.cold.wall_s, ""),
            ("peak memory of the worker: MB", before.warm.peak_mb, now.warm.peak_mb, ""),
        ]
        lines += [f"| {arm}, {name} | {old:.2f} | {new:.2f} | {new / old:.2f} | {allowed} |" for name, old, new, allowed in rows]
        share = now.warm.cpu_s / before.cold.cpu_s
        lines.append(f"| {arm}, warm worker now / cold command before: CPU | | | {share:.2f} | {ALLOWED_WARM:g} |")
    return lines


def growth_table(grown: Mapping[str, Sequence[tuple[int, Timing]]]) -> list[str]:
    """CPU and memory against the number of exposures."""
    lines = ["", "Numerics of more exposures of one target in a warm process (NIR):", "", "| exposures | of them | CPU s | peak MB |"]
    lines.append("|---|---|---|---|")
    for kind, found in grown.items():
        lines += [f"| {number} | {kind} | {timing.cpu_s:.2f} | {timing.peak_mb:.0f} |" for number, timing in found]
    for kind, found in grown.items():
        (few, least), (many, most) = found[0], found[-1]
        each = (most.cpu_s - least.cpu_s) / (many - few)
        allowed = f" (allowed {ALLOWED_EXPOSURE_S:g})" if kind == "solved one by one" else ""
        lines += ["", f"Each exposure {kind} adds {each:.2f} s{allowed} and {(most.peak_mb - least.peak_mb) / (many - few):.0f} MB."]
    return lines


def main() -> int:
    """Measure, print, write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help="a checkout of the other commit")
    parser.add_argument("--folder", type=Path, required=True, help="where sets and products go, and stay")
    parser.add_argument("--runs", type=int, default=7, help="of each figure and commit")
    parser.add_argument("--prepare", action="store_true", help="make the sets, compile, and stop")
    parser.add_argument("--without-growth", action="store_true", help="leave out sets of more exposures")
    chosen = parser.parse_args()
    folder, checkouts = chosen.folder.resolve(), {"before": chosen.before.resolve(), "now": NOW}
    single, sets = simulate(folder, with_growth=not chosen.without_growth)
    if chosen.prepare:
        compare(checkouts, single["NIR"], folder, 1)
        return 0
    about = machine()
    found = {arm: compare(checkouts, sof, folder, chosen.runs) for arm, sof in single.items()}
    grown = {kind: growth(NOW, each, folder / "growth") for kind, each in sets.items()}
    commits = {name: commit_of(path) for name, path in checkouts.items()}
    lines = [
        "# Side by side", "",
        f"Made by `benchmarks/side_by_side.py`: before is {commits['before']}, now is {commits['now']}; medians of {chosen.runs} runs in turn, one exposure.",
        f"Machine: {about}.", "", *table(found), *(growth_table(grown) if grown else ()), "",
    ]  # fmt: skip
    print("\n".join(lines))
    (HERE / "side_by_side.md").write_text("\n".join(lines))
    names = {"numerics": "numerics", "warm": "warm worker", "cold": "cold command"}
    remember(
        [
            (commit, f"{arm}, {name}", getattr(found[arm][checkout], figure))
            for checkout, commit in commits.items()
            for arm in ARMS
            for figure, name in names.items()
        ],
        about,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
