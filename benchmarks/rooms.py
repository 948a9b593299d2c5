"""Lines of each room of the package at two commits, as a table: ``python benchmarks/rooms.py BEFORE [NOW]``.

Docstrings, comments and blank lines count.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

ROOT = "src/soxspipe/"


def git(*words: str) -> str:
    """What git answers."""
    return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout


def room_of(path: str) -> str:
    """Name of the room in which a module lies."""
    parts = path.removeprefix(ROOT).split("/")
    if len(parts) == 1:
        return "(top)"
    if parts[0] == "reductions":
        return (
            "reductions, common"
            if len(parts) == 2
            else "reductions/stare"
            if parts[1] == "stare"
            else "reductions, six calibration recipes"
        )
    return "recipes/stare" if parts[:2] == ["recipes", "stare"] else parts[0]


def count(commit: str) -> tuple[Counter[str], Counter[str]]:
    """Modules and lines of each room."""
    modules, lines = Counter[str](), Counter[str]()
    for path in git("ls-tree", "-r", "--name-only", commit, ROOT).split():
        if path.endswith(".py"):
            modules[room_of(path)] += 1
            lines[room_of(path)] += git("show", f"{commit}:{path}").count("\n")
    return modules, lines


def main(before: str, now: str = "HEAD") -> None:
    """Print the table."""
    (old_modules, old_lines), (modules, lines) = count(before), count(now)
    print("| room | modules before | lines before | modules now | lines now |\n|---|---|---|---|---|")
    for room in sorted({*old_modules, *modules}):
        cells = (old_modules[room], old_lines[room], modules[room], lines[room])
        print(f"| `{room}` | " + " | ".join(str(cell or "") for cell in cells) + " |")
    print(f"| all | {old_modules.total()} | {old_lines.total()} | {modules.total()} | {lines.total()} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
