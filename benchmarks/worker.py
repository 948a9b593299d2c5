"""One set of files reduced again and again in one process, once for every line on standard input; started by `side_by_side.py`.

    PYTHONPATH=<checkout>/src python worker.py numerics|whole SOF FOLDER

Any commit's sources may stand in PYTHONPATH.  Prints processor seconds (children that ended included), wall seconds and peak MB of
every run.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

ROOMS = ("soxspipe.reductions.stare", "soxspipe.recipes.stare")
"""Where the stare recipe lives, now and in older commits."""


def recipe_module(name: str) -> Any:
    """A module of the stare recipe, wherever this commit has it."""
    for room in ROOMS:
        if importlib.util.find_spec(room.rsplit(".", 1)[0]) and importlib.util.find_spec(room):
            return importlib.import_module(f"{room}.{name}")
    raise SystemExit("these sources have no stare recipe")


def numerics(sof: str) -> Callable[[], object]:
    """The reduction of values to values, its files read once."""
    gathered = recipe_module("gather").gather(sof, None)
    reduce_stare = recipe_module("reduce").reduce_stare
    return lambda: reduce_stare(gathered.inputs, gathered.settings)


def whole(sof: str, folder: str) -> Callable[[], object]:
    """The published class: files to all products, plots and report."""
    from soxspipe.recipes import soxs_stare

    def run() -> object:
        settings = {"workspace-root-dir": folder}
        return soxs_stare(logging.getLogger("worker"), settings=settings, inputFrames=sof, overwrite=True).produce_product()

    return run


def processor_seconds() -> float:
    """Of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    """Reduce once for every line read."""
    what, sof, folder = sys.argv[1:]
    answers, sys.stdout = sys.stdout, sys.stderr
    run = numerics(sof) if what == "numerics" else whole(sof, folder)
    for _ in sys.stdin:
        cpu, wall = processor_seconds(), time.perf_counter()
        run()
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
        print(processor_seconds() - cpu, time.perf_counter() - wall, peak_mb, file=answers, flush=True)


if __name__ == "__main__":
    main()
