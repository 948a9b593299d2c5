"""Memory of a worker at every step of a reduction, the first time and warm.

    python benchmarks/memory.py SOF [--verb stare] [--runs 2] [--folder FOLDER]

Prints what is resident after each step and the most during it, MB, for the first and the last run in one process.  Linux.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from tempfile import mkdtemp

Row = tuple[str, float, float]
"""Step, memory after it, most during it (MB)."""
RESET_PEAK = "5"
"""What tells Linux to begin the peak of a process anew (proc(5), clear_refs)."""


def measured(step: str) -> Row:
    """Memory now and the most since the last call."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    now, most = (float(status[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM"))
    Path("/proc/self/clear_refs").write_text(RESET_PEAK)
    return step, now, most


def run(sof: str, verb: str, folder: Path) -> list[Row]:
    """One reduction, step by step."""
    from soxspipe.reductions.engine import gather, run_reduction

    reduction = import_module(f"soxspipe.reductions.{verb}.recipe").REDUCTION
    rows = [measured("before")]
    gathered = gather(reduction, sof)
    rows.append(measured("gather"))
    run_reduction(reduction, gathered, folder, overwrite=True, listener=lambda report: rows.append(measured(report.step)))
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sof")
    parser.add_argument("--verb", default="stare")
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args()
    folder = chosen.folder or Path(mkdtemp(prefix="bench_memory_"))
    runs = [run(chosen.sof, chosen.verb, folder) for _ in range(chosen.runs)]
    print("| step | first: after | most | warm: after | most |", "|---|---|---|---|---|", sep="\n")
    for (step, *first), (_, *last) in zip(runs[0], runs[-1], strict=True):
        print(f"| {step} | " + " | ".join(f"{megabytes:.0f}" for megabytes in (*first, *last)) + " |")


if __name__ == "__main__":
    main()
