"""One way of spoiling a valid set, and what has to come of it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from support.small import Kit

Spoil = Callable[[Kit], "Sequence[str] | None"]
BAD, FAILED, FINE = (2,), (1,), (0,)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A case of the corpus.

    Attributes
    ----------
    name : str
        Unique.
    spoil : callable
        Changes a private copy of the set; may return the words that follow ``soxspipe stare``, else the set-of-files is given.
    says : str
        Regular expression that the message must match.
    names : str
        Text (as a rule a file's name) that must stand in the message.
    status : tuple of int
        Exit statuses allowed; with 0, products are there.
    scene : mapping
        Of the set that is spoiled.
    slow : bool
        Whether the data get as far as the algorithms.
    """

    name: str
    spoil: Spoil
    says: str = ""
    names: str = ""
    status: tuple[int, ...] = BAD
    scene: dict[str, object] = field(default_factory=dict)
    slow: bool = False


def replace_file(kit: Kit, role: str, content: bytes, suffix: str = "") -> Path:
    """Other bytes in the place of a file of the set; `suffix` is appended to its name, and the set-of-files follows."""
    path = kit.files[role]
    path.unlink()
    path = path.with_name(path.name + suffix)
    path.write_bytes(content)
    if suffix:
        kit.write_sof(role, extra=(path,))
    return path


def remove(path: Path) -> None:
    """Remove whatever is at a path."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


@contextlib.contextmanager
def quiet_place(folder: Path):
    """Work in a folder of its own, with a folder for temporary files of its own."""
    before, temporary = Path.cwd(), os.environ.get("TMPDIR")
    place = folder / "cwd"
    (folder / "tmp").mkdir()
    place.mkdir()
    os.environ["TMPDIR"] = str(folder / "tmp")
    os.chdir(place)
    try:
        yield place
    finally:
        os.chdir(before)
        if temporary is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = temporary


def listing(folder: Path) -> list[str]:
    """Everything below a folder except other people's links' targets."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@dataclass(frozen=True)
class Outcome:
    """What the command did."""

    status: int
    out: str
    err: str
    seconds: float
    products: tuple[Path, ...]

    @property
    def message(self) -> str:
        """The line that says what was wrong."""
        lines = [line for line in self.err.splitlines() if line.startswith("soxspipe: ")]
        return lines[-1] if lines else ""


def run_case(case: Case, kit: Kit, folder: Path, capsys, verb: str = "stare") -> Outcome:
    """Spoil the set and run the command `verb` on it in this process."""
    from soxspipe.cli.app import run

    words = list(case.spoil(kit) or [str(kit.sof)])
    settings = [] if "-s" in words else ["-s", str(_settings(folder))]
    output = [] if "-o" in words else ["-o", str(folder / "out")]
    capsys.readouterr()
    before = listing(kit.folder)
    forget_peak_memory()
    with quiet_place(folder):
        began = time.monotonic()
        status = run([verb, *words, *settings, *output])
        seconds = time.monotonic() - began
        assert not list(Path.cwd().iterdir()), "something was written to the working directory"
    assert not list((folder / "tmp").iterdir()), "temporary files were left behind"
    assert listing(kit.folder) == before, "something was written beside the inputs"
    out, err = capsys.readouterr()
    return Outcome(status, out, err, seconds, tuple(path for path in (folder / "out").rglob("*") if path.is_file()))


def _settings(folder: Path) -> Path:
    path = folder / "settings.yaml"
    path.write_text("make_plots: false\n")
    return path


def forget_peak_memory() -> None:
    """Let the kernel count this process's most memory from here on, where it can (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_mb() -> float:
    """Most memory that this process has held since `forget_peak_memory`, or ever."""
    with contextlib.suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        if found:
            return int(found.group(1)) / 1024.0
    import resource

    scale = 1024.0 if sys.platform != "darwin" else 1024.0**2
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
