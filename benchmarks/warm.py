"""Numerics of a reduction in a warm process, as a library is used."""

from __future__ import annotations

import statistics
import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Numerics:
    """Processor seconds of the steps in one process, and wall seconds in as many as a run takes.

    Attributes
    ----------
    steps : list of (str, float, float)
        Name, processor seconds, and largest allocation (MB) beyond what there was.
    cpu_s : float
        Their sum.
    walls_s : list of float
        Repeats with the usual number of processes, sorted.
    """

    steps: list[tuple[str, float, float]]
    cpu_s: float
    walls_s: list[float]

    @property
    def wall_s(self) -> float:
        """Median of the repeats."""
        return statistics.median(self.walls_s)


def measure_numerics(sof: Path, repeats: int) -> Numerics:
    """Read a set of files once, and reduce it again and again."""
    from soxspipe.reductions.stare.gather import gather
    from soxspipe.reductions.stare.reduce import reduce_stare

    gathered = gather(str(sof), None)
    reduce_stare(gathered.inputs, gathered.settings)
    times: dict[str, float] = {}
    peaks: dict[str, float] = {}
    since = [time.process_time()]

    def timing(step: str, _note: str) -> None:
        now = time.process_time()
        times[step], since[0] = now - since[0], now

    start = since[0] = time.process_time()
    reduce_stare(gathered.inputs, gathered.settings, timing)
    total = time.process_time() - start
    walls = []
    for _ in range(repeats):
        start = time.perf_counter()
        reduce_stare(gathered.inputs, gathered.settings)
        walls.append(time.perf_counter() - start)

    def allocating(step: str, _note: str) -> None:
        peaks[step] = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.reset_peak()

    tracemalloc.start()
    reduce_stare(gathered.inputs, gathered.settings, allocating)
    tracemalloc.stop()
    times["images and sums"] = total - sum(times.values())
    return Numerics([(step, seconds, peaks.get(step, float("nan"))) for step, seconds in times.items()], total, sorted(walls))
