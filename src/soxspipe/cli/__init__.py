"""The command ``soxspipe``."""

from __future__ import annotations

import os
import stat
import sys
import tempfile

__all__ = ["main"]


def main() -> None:
    """Run the command line and leave with its exit status."""
    folder = _font_cache_folder()
    if folder:
        os.environ.setdefault("MPLCONFIGDIR", folder)
    from soxspipe.cli.app import run

    sys.exit(run(sys.argv[1:]))


def _font_cache_folder() -> str:
    """A folder below the system's temporary one for matplotlib's list of fonts, which else goes to the user's home; empty if it is not ours."""
    folder = os.path.join(tempfile.gettempdir(), f"soxspipe-matplotlib-{os.getuid()}")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        found = os.lstat(folder)
    except OSError:
        return ""
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
    return folder if private else ""
