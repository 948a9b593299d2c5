"""Time the parts of a night: ``python benchmarks/night.py index|archive|rerun|overhead|night [--files N] [--folder DIR]``.

``index``     index and plan of N raw files (16 MB each, holes in the disk), cold and unchanged, and the peak memory of it
``archive``   the same of ``.fits.Z``, as the archive delivers them
``rerun``     a night with nothing left to do
``overhead``  time outside recipes: a night whose recipes sleep, on two workers and on one
``night``     a simulated night, reduced: wall time, peak memory of a worker

Each prints rows for the table in ``benchmarks/results.md``.
"""

from __future__ import annotations

import argparse
import functools
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from soxspipe.night.run import Request, look, reduce_night, write_sofs
from soxspipe.reductions.spec import Published
from support.night_headers import EVENING, header_block, whole_night, write_headers
from support.nights import cheap_recipe, every_recipe

RAW_BYTES = 16_000_000
PACKED_DATA_BYTES = 4_000_000
"""Pixels of a packed file: enough that a header must not cost the file, few enough that thousands of them fit on a disk."""

SLEEP_S = 1.0


def sleepy_recipe(verb: str, sof: Path, output: Path, settings: str | None, *, overwrite: bool) -> Published:
    """A recipe that takes a second and hardly any processor."""
    time.sleep(SLEEP_S)
    return cheap_recipe(verb, sof, output, settings, overwrite=overwrite)


def frames(n_files: int) -> list:
    """As many exposures as wished, night after night."""
    made: list = []
    night = 0
    while len(made) < n_files:
        made += whole_night(EVENING + timedelta(days=night))
        night += 1
    return made[:n_files]


def timed(what: Callable[[], object]) -> tuple[object, float]:
    """Answer, and seconds it took."""
    began = time.perf_counter()
    answer = what()
    return answer, time.perf_counter() - began


def index(folder: Path, n_files: int) -> None:
    """Index and plan of plain files."""
    write_headers(folder / "raw", frames(n_files), data_bytes=RAW_BYTES)
    report(folder, n_files, "raw files, 16 MB each")


def archive(folder: Path, n_files: int) -> None:
    """Index and plan of packed files, all packed by ``compress`` of ncompress."""
    import numpy as np
    from ncompress import compress

    noise = np.random.default_rng(1).normal(1000.0, 8.0, PACKED_DATA_BYTES // 2).astype(">i2").tobytes()
    (folder / "raw").mkdir(parents=True)
    side = int((PACKED_DATA_BYTES / 2) ** 0.5)
    for frame in frames(n_files):
        content = header_block(frame.cards, side) + noise[: 2 * side * side].ljust(-(-2 * side * side // 2880) * 2880, b"\0")
        (folder / "raw" / f"{frame.name}.Z").write_bytes(compress(content))
    report(folder, n_files, f"files .fits.Z, {PACKED_DATA_BYTES >> 20} MB of noise each")


def report(folder: Path, n_files: int, what: str) -> None:
    """Time index and plan, cold and unchanged, in a process of its own that tells its memory."""
    for state in ("cold", "unchanged"):
        code = (
            "import resource, sys, time; sys.path.insert(0, sys.argv[2])\n"
            "from pathlib import Path; from soxspipe.night.run import Request, look; from support.nights import every_recipe\n"
            "folder = Path(sys.argv[1]); began = time.perf_counter()\n"
            "plan = look(Request(folder=folder / 'raw', output=folder / 'out'), takes=every_recipe)\n"
            "print(time.perf_counter() - began, time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, len(plan.tasks))\n"
        )
        tests = str(Path(__file__).parents[1] / "tests")
        done = subprocess.run([sys.executable, "-c", code, str(folder), tests], capture_output=True, text=True, check=True)
        seconds, cpu, megabytes, sets = map(float, done.stdout.split())
        print(
            f"| index and plan of {n_files} {what}, {state} | {seconds:.1f} s (CPU with imports {cpu:.1f} s), {megabytes:.0f} MB, {sets:.0f} sets |"
        )


def rerun(folder: Path, n_files: int) -> None:
    """A night with nothing left to do."""
    write_headers(folder / "raw", frames(n_files))
    request = Request(folder=folder / "raw", output=folder / "out", processes=False)
    plan = look(request, takes=every_recipe)
    write_sofs(plan)
    reduce_night(request, plan, recipe=cheap_recipe)

    def again() -> object:
        plan = look(request, takes=every_recipe)
        write_sofs(plan)
        return reduce_night(request, plan, recipe=cheap_recipe).with_status("done")

    left, seconds = timed(again)
    print(f"| rerun of {n_files} files with nothing to do ({len(left)} done again) | {seconds:.2f} s |")  # type: ignore[arg-type]


def overhead(folder: Path, n_files: int) -> None:
    """Wall time of recipes that sleep, against the sum of their sleeps, on two workers and one."""
    write_headers(folder / "raw", frames(n_files))
    walls = {}
    for workers in (2, 1):
        request = Request(folder=folder / "raw", output=folder / f"out{workers}", workers=workers)
        plan = look(request, takes=every_recipe)
        write_sofs(plan)
        night, walls[workers] = timed(functools.partial(reduce_night, request, plan, recipe=sleepy_recipe))
        inside = sum(outcome.seconds for outcome in night.outcomes.values())  # type: ignore[attr-defined]
        share = 100.0 * (1.0 - inside / workers / walls[workers])
        print(
            f"| {n_files} files, {len(plan.tasks)} recipes of {SLEEP_S:g} s, {workers} workers | {walls[workers]:.1f} s, {share:.1f} % outside recipes |"
        )
    print(f"| two workers against one | {walls[1] / walls[2]:.2f} x |")


def night(folder: Path, n_files: int) -> None:
    """A simulated night from raw files to spectra; n_files is the number of targets here."""
    command = [sys.executable, "-m", "soxspipe"]
    subprocess.run(
        [*command, "simulate", "--night", "--targets", str(n_files), "--with-truth", "false", "-o", str(folder / "raw")], check=True
    )
    for attempt in ("whole night", "rerun"):
        began = time.perf_counter()
        status = subprocess.run([*command, "night", str(folder / "raw"), "-o", str(folder / "out")], check=False).returncode
        seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        n_raw = len(list((folder / "raw").glob("*.fits")))
        print(
            f"| {attempt}: {n_raw} files, {n_files} targets, 2 standards, both arms, status {status} | {seconds:.0f} s, largest process {peak:.0f} MB |"
        )


def main() -> None:
    """Run what is asked for."""
    parts = {"index": index, "archive": archive, "rerun": rerun, "overhead": overhead, "night": night}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=parts)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="soxspipe-night-"))
    try:
        parts[arguments.part](folder, arguments.files)
    finally:
        if arguments.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
