"""Commands timed in processes of their own, and the trivial programs that they are held against."""

from __future__ import annotations

import csv
import math
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HISTORY = Path(__file__).with_name("history.csv")
HISTORY_COLUMNS = ("date", "commit", "run", "cpu_s", "wall_s", "peak_mb", "floor_cpu_s", "import_cpu_s", "astropy_cpu_s", "machine")
"""What a benchmark does not measure is left empty."""

QUALITY_STATUS = 3
"""Exit status of a run whose products are there, but whose quality control is out of range."""

LAUNCHER = """
import os, sys, time
start = time.perf_counter()
quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
_, status, usage = os.wait4(child, 0)
print(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024.0, os.waitstatus_to_exitcode(status))
"""
"""A child begins with the largest size its parent has had, so a small process of its own starts and measures the command."""

BYTES_COPIED = """
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

ASTROPY = """
import sys, time
from pathlib import Path
from astropy.io import fits

def read(name):
    if not name.endswith(".fits"):
        return Path(name).read_bytes()
    with fits.open(name, memmap=False) as hdus:
        return [(type(hdu), hdu.data, hdu.header) for hdu in hdus]

def product(name):
    content = read(name)
    return content if isinstance(content, bytes) else fits.HDUList([kind(data=data, header=header) for kind, data, header in content])

reading, writing = (Path(name).read_text().split("\\n") for name in sys.argv[1:3])
target = Path(sys.argv[3])
wall, cpu = time.perf_counter(), time.process_time()
products = [product(name) for name in writing]
(target / "loading").write_text(f"{time.perf_counter() - wall} {time.process_time() - cpu}")
for name in reading:
    read(name)
for k, made in enumerate(products):
    if isinstance(made, bytes):
        (target / f"{k}.copy").write_bytes(made)
    else:
        made.writeto(target / f"{k}.fits", output_verify="ignore")
"""
"""Open every input with astropy and read its data; write every product's HDUs, and the bytes of those that are not FITS."""


@dataclass(frozen=True)
class Timing:
    """Wall and processor seconds, the largest resident size (MB) of any one process, and the wall seconds that the command says it read for."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    reading_s: float = math.nan


@dataclass(frozen=True)
class Comparison:
    """The command, a bare copy of bytes, and a plain script with astropy."""

    ours: Timing
    copied: Timing
    astropy: Timing


def timed(command: Sequence[str]) -> Timing:
    """Run a command to its end in a process of its own."""
    launched = subprocess.run([sys.executable, "-S", "-E", "-c", LAUNCHER, *command], capture_output=True, text=True, check=True)
    wall, cpu, peak, status = launched.stdout.split()
    if int(status) not in (0, QUALITY_STATUS):
        raise SystemExit(f"{' '.join(command)} failed:\n{launched.stderr}")
    said = re.search(r"^  gather +([0-9.]+) s", launched.stderr, re.MULTILINE)
    return Timing(float(wall), float(cpu), float(peak), float(said.group(1)) if said else math.nan)


def median_of(timings: Sequence[Timing]) -> Timing:
    """The median of each figure."""
    return Timing(*(statistics.median(getattr(timing, field.name) for timing in timings) for field in fields(Timing)))


def compare(command: Sequence[str], sof: Path, output: Path, runs: int, *options: str) -> Comparison:
    """Medians of cold runs of the command and, in turn with them, of the two trivial programs."""
    found: list[tuple[Timing, Timing, Timing]] = []
    for _ in range(runs):
        ours = timed([*command, "stare", str(sof), "-x", "-o", str(output), *options])
        found.append((ours, trivial(BYTES_COPIED, sof, output, "-S"), trivial(ASTROPY, sof, output)))
    return Comparison(*(median_of(column) for column in zip(*found, strict=True)))


def trivial(program: str, sof: Path, output: Path, *flags: str) -> Timing:
    """Time a program that reads the inputs of a run and writes its products; what it says it needed to load the products is taken off."""
    reading = [str((sof.parent / line.split()[0]).resolve()) for line in sof.read_text().splitlines() if line.strip()]
    writing = [str(path) for path in sorted(output.rglob("*")) if path.is_file() and path.suffix != ".lock"]
    with tempfile.TemporaryDirectory(dir=output.parent) as temporary:
        place = Path(temporary)
        (place / "reading").write_text("\n".join(reading))
        (place / "writing").write_text("\n".join(writing))
        whole = timed([sys.executable, *flags, "-c", program, str(place / "reading"), str(place / "writing"), temporary])
        loading = place / "loading"
        wall, cpu = map(float, loading.read_text().split()) if loading.exists() else (0.0, 0.0)
    return Timing(whole.wall_s - wall, whole.cpu_s - cpu, whole.peak_mb)


def data_set(folder: Path, arm: str, exposures: int, scene: dict[str, Any], response: Path | None = None) -> Path:
    """Simulate one observation, or find it, and return its set of files."""
    from soxspipe.reductions.simulate import simulate_dataset

    if not list(folder.glob("*.sof")):
        simulate_dataset({**scene, "arm": arm, "exposures": exposures, "seed": 77}, folder)
    sof = next(path for path in folder.glob("*.sof") if not path.name.startswith("bench_"))
    if response is None:
        return sof
    joined = folder / f"bench_{sof.name}"
    with_paths = [" ".join((str(folder / line.split()[0]), *line.split()[1:])) for line in sof.read_text().splitlines() if line.strip()]
    joined.write_text("\n".join([*with_paths, f"{response} RESP_TAB_{arm}"]) + "\n")
    return joined


def response_of(folder: Path, arm: str, command: Sequence[str], scene: dict[str, Any]) -> Path:
    """Reduce a standard star and return its response."""
    products = folder / "products"
    found = list(products.rglob("*_RESP.fits"))
    if not found:
        timed([*command, "stare_std", str(data_set(folder, arm, 1, scene)), "-x", "-o", str(products)])
        found = list(products.rglob("*_RESP.fits"))
    return found[0]


def import_time(runs: int) -> Timing:
    """Importing everything that a reduction needs, as the command does it, in a cold process."""
    text = "import soxspipe.cli.app, soxspipe.cli.console, soxspipe.reductions.stare.recipe, soxspipe.reductions.stare.reduce"
    return median_of([timed([sys.executable, "-c", text]) for _ in range(runs)])


def remember(runs: Iterable[tuple[str, str, Timing]], about: str, **more: str) -> None:
    """Append runs (commit, name, medians) to the history of all benchmarks."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    with HISTORY.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, HISTORY_COLUMNS, restval="", lineterminator="\n")
        for commit, run, timing in runs:
            figures = {"cpu_s": f"{timing.cpu_s:.2f}", "wall_s": f"{timing.wall_s:.2f}", "peak_mb": f"{timing.peak_mb:.0f}"}
            writer.writerow({"date": now, "commit": commit, "run": run, **figures, "machine": about, **more})


def commit_of(checkout: Path) -> str:
    """Short name of the commit that is checked out."""
    said = subprocess.run(["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return said.stdout.strip() or checkout.name
