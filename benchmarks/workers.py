"""What a warm worker costs: memory over many reductions, processor time, and what a second worker brings.

    python benchmarks/workers.py [--folder FOLDER] [--reductions 200] [--turns 12] [--sof SOF]

Simulates its data (NIR science) or takes a set of files, and prints tables; rows of every reduction go to ``memory.csv`` in the folder.
Linux; the machine should be idle for the times, not for the memory.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from speed import SCENE
from timing import data_set

SETTLED = 10
"""Reductions after which a worker holds everything that it keeps: calibrations, modules, fonts, and the memory that the largest step takes."""
ALLOWED_GROWTH_MB, ALLOWED_PEAK_MB, LEAST_THROUGHPUT = 5.0, 400.0, 1.85


class Turn(NamedTuple):
    """One reduction: wall and processor seconds, memory after it, and the most so far (MB)."""

    wall_s: float
    cpu_s: float
    now_mb: float
    peak_mb: float


def work(sof: str, output: Path, reductions: int) -> None:
    """Reduce one set again and again, and print a line for each; waits for a line of input after the first, so that two workers start as one."""
    from soxspipe.reductions.engine import gather, run_reduction
    from soxspipe.reductions.stare.recipe import REDUCTION

    page_mb = os.sysconf("SC_PAGE_SIZE") / 2**20
    for number in range(reductions + 1):
        wall, cpu = time.perf_counter(), time.process_time()
        run_reduction(REDUCTION, gather(REDUCTION, sof), output, overwrite=True)
        now = int(Path("/proc/self/statm").read_text().split()[1]) * page_mb
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(time.perf_counter() - wall, time.process_time() - cpu, now, peak, flush=True)
        if number == 0:
            sys.stdin.readline()


class Worker:
    """A process that has done one reduction and waits for the word to do more."""

    def __init__(self, sof: Path, output: Path, reductions: int) -> None:
        command = [sys.executable, __file__, "--work", str(output), "--sof", str(sof), "--reductions", str(reductions)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.first = self._turn()

    def start(self) -> None:
        """Let it work."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.close()

    def turns(self) -> list[Turn]:
        """All reductions after the first, once they are done."""
        assert self.process.stdout is not None
        found = [Turn(*map(float, line.split())) for line in self.process.stdout]
        if self.process.wait():
            raise SystemExit("a worker failed")
        return found

    def _turn(self) -> Turn:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a worker failed")
        return Turn(*map(float, line.split()))


def run(sof: Path, folder: Path, workers: int, reductions: int) -> tuple[float, list[list[Turn]]]:
    """Wall seconds that warm workers, each with its own output, take for as many reductions each; and their turns."""
    staff = [Worker(sof, folder / f"out{number}", reductions) for number in range(workers)]
    start = time.perf_counter()
    for worker in staff:
        worker.start()
    turns = [worker.turns() for worker in staff]
    return time.perf_counter() - start, turns


def memory_rows(turns: Sequence[Turn]) -> list[str]:
    """Table of the memory of one worker over its reductions."""
    rows = ["| reductions done | memory MB | most so far MB |", "|---|---|---|"]
    places = sorted({place for place in (1, 2, 5, SETTLED, 20, 50, 100, 150, len(turns)) if place <= len(turns)})
    rows += [f"| {place} | {turns[place - 1].now_mb:.0f} | {turns[place - 1].peak_mb:.0f} |" for place in places]
    grown = turns[-1].peak_mb - turns[min(SETTLED, len(turns)) - 1].peak_mb
    peak = turns[-1].peak_mb
    return [
        *rows, "",
        f"Growth of the peak after {SETTLED} reductions: {grown:.1f} MB (allowed {ALLOWED_GROWTH_MB:g}){'' if grown <= ALLOWED_GROWTH_MB else ' (!)'}; "
        f"peak {peak:.0f} MB (allowed {ALLOWED_PEAK_MB:g}){'' if peak <= ALLOWED_PEAK_MB else ' (!)'}.",
        "",
    ]  # fmt: skip


def throughput_row(sof: Path, folder: Path, turns: int) -> str:
    """Reductions per second of two workers over those of one, measured in turn."""
    alone, _ = run(sof, folder, 1, turns)
    both, _ = run(sof, folder, 2, turns)
    again, _ = run(sof, folder, 1, turns)
    ratio = 2 * statistics.mean([alone, again]) / both
    return (
        f"Two workers over one: {ratio:.2f} times the reductions per second (wanted {LEAST_THROUGHPUT:g})"
        f"{'' if ratio >= LEAST_THROUGHPUT else ' (!)'}; {turns} reductions: {alone:.1f} and {again:.1f} s alone, twice as many by two {both:.1f} s."
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/bench_workers"))  # simulated data, made anew
    parser.add_argument("--sof", type=Path)
    parser.add_argument("--reductions", type=int, default=200)
    parser.add_argument("--turns", type=int, default=12)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.work is not None:
        work(str(chosen.sof), chosen.work, chosen.reductions)
        return
    chosen.folder.mkdir(parents=True, exist_ok=True)
    sof = chosen.sof or data_set(chosen.folder / "n1", "NIR", 1, SCENE)
    if chosen.reductions:
        _, (turns,) = run(sof, chosen.folder, 1, chosen.reductions)
        with (chosen.folder / "memory.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows([Turn._fields, *turns])
        print(f"CPU of a warm reduction: {statistics.median(turn.cpu_s for turn in turns):.2f} s, median of {len(turns)}\n")
        print("\n".join(memory_rows(turns)))
    if chosen.turns:
        print(throughput_row(sof, chosen.folder, chosen.turns), "\n")


if __name__ == "__main__":
    main()
