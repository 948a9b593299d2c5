"""What a frame of a night costs the reference pipeline and a warm worker of ours, in turn in one run.

    python benchmarks/beside_reference.py --reference ENVIRONMENT/bin/soxspipe --settings SETTINGS.yaml [--runs 3] SOF [SOF ...]

The reference starts a process for every set, ours reduces it in a worker that is warm; both make all products and plots of the same
set of files, with their own settings and one BLAS thread.  Prints processor seconds and their ratio.  The reference needs 16 GB.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

from side_by_side import Worker, environment
from timing import Timing, timed

CHECKOUT = Path(__file__).parent.parent


def reference_command(program: Path, settings: Path, sof: Path, output: Path) -> list[str]:
    """The reference's reduction of a science set; its package has the name of ours, and it looks for its settings where it runs, too."""
    output.mkdir(parents=True, exist_ok=True)
    shutil.copy(settings, output / "soxspipe.yaml")
    threads = [f"{name}={environment(CHECKOUT)[name]}" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")]
    return [
        "env",
        "-u",
        "PYTHONPATH",
        "-C",
        str(output),
        *threads,
        str(program),
        "stare",
        str(sof),
        "-x",
        "-o",
        str(output),
        "-s",
        str(settings),
    ]


def in_turn(program: Path, settings: Path, sof: Path, folder: Path, runs: int) -> list[tuple[Timing, Timing]]:
    """The reference and ours, so many times."""
    with Worker(CHECKOUT, "whole", sof, folder / "own") as worker:
        return [(timed(reference_command(program, settings, sof, folder / "reference")), worker.run()) for _ in range(runs)]


def row(sof: Path, turns: list[tuple[Timing, Timing]]) -> str:
    """Medians of one set, and the median of the ratios."""
    theirs, ours = (statistics.median(turn[k].cpu_s for turn in turns) for k in range(2))
    ratio = statistics.median(their.cpu_s / our.cpu_s for their, our in turns)
    peaks = [max(turn[k].peak_mb for turn in turns) for k in range(2)]
    return f"| {sof.stem[:40]} | {theirs:.1f} | {ours:.2f} | {ratio:.1f} | {peaks[0]:.0f} | {peaks[1]:.0f} |"


def main() -> None:
    """Measure every set and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--settings", type=Path, required=True, help="settings of the reference (its package has the defaults)")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("sofs", type=Path, nargs="+")
    arguments = parser.parse_args()
    print("| set | reference, CPU s | ours, warm | ratio | MB | MB |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for number, sof in enumerate(arguments.sofs):
            print(row(sof, in_turn(arguments.reference, arguments.settings, sof, Path(folder, str(number)), arguments.runs)), flush=True)


if __name__ == "__main__":
    main()
