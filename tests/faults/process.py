"""The command as a process of its own on the small detectors, under conditions that the tests choose."""

from __future__ import annotations

import ctypes
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from support.small import ENVIRONMENT, Kit

DATE = {"SOURCE_DATE_EPOCH": "1700000000"}
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2
UNFINISHED = ".unfinished-"
_SECONDS, _WIDTHS = re.compile(rb"\d+\.\d\d s"), re.compile(rb"  +|--+")


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    status: int
    out: str
    err: str
    peak_mb: float

    @property
    def message(self) -> str:
        """The line that says what was wrong."""
        lines = [line for line in self.err.splitlines() if line.startswith("soxspipe: ")]
        return lines[-1] if lines else ""


def start(
    kit: Kit, place: Path, *options: str, sof: str = "", environment: Mapping[str, str | None] | None = None,
    before: Callable[[], None] | None = None, verb: str = "stare",
) -> subprocess.Popen[str]:  # fmt: skip
    """Start the command `verb` in `place`; products go to ``place/out``, unless the options say otherwise."""
    chosen = {**ENVIRONMENT, **DATE, "HOME": str(place), "TMPDIR": str(_temporary(place)), **(environment or {})}
    quiet = kit.folder / "quiet.yaml"
    if not quiet.exists():
        quiet.write_text("make_plots: false\n")
    words = [sys.executable, "-m", "support.small_process", verb, sof or str(kit.sof), *options]
    words += [] if "-o" in options else ["-o", "out"]
    words += [] if "-s" in options else ["-s", str(quiet)]
    return subprocess.Popen(
        words, cwd=place, env={key: value for key, value in chosen.items() if value is not None}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", preexec_fn=before,
    )  # fmt: skip


def end(process: subprocess.Popen[str], timeout: float = 60.0) -> Ended:
    """Wait for a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return Ended(process.returncode, out, err, max(before, after) / 1024.0)


def run(kit: Kit, place: Path, *options: str, **circumstances: object) -> Ended:
    """Run the command to its end."""
    return end(start(kit, place, *options, **circumstances))  # type: ignore[arg-type]


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a process without warning."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def products(place: Path) -> dict[str, bytes]:
    """Whole files below ``place/out`` by name; seconds in log and report are blanked, since no two runs take equally long.

    So are the widths of columns: that of the seconds grows where a step takes ten of them on a busy machine.
    """
    found = {}
    for path in (place / "out").rglob("*"):
        if path.is_file() and not path.name.startswith((UNFINISHED, ".")):
            content = path.read_bytes()
            is_text = path.suffix in (".log", ".html")
            found[str(path.relative_to(place / "out"))] = _WIDTHS.sub(b" ", _SECONDS.sub(b"# s", content)) if is_text else content
    return found


def leftovers(place: Path) -> list[Path]:
    """Files that no run should leave: unfinished products, locks, temporary files."""
    hidden = [path for path in (place / "out").rglob(".*") if path.is_file()]
    return hidden + list(_temporary(place).iterdir())


_libc = ctypes.CDLL(None)


def obey_permissions() -> None:
    """Let the program that follows obey the permissions of files, even if it is root's."""
    if os.getuid() == 0:
        for right in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            _libc.prctl(PR_CAPBSET_DROP, right, 0, 0, 0)


def _temporary(place: Path) -> Path:
    folder = place / "tmp"
    folder.mkdir(exist_ok=True)
    return folder
