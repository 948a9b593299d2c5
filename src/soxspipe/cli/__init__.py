"""The command ``soxspipe``."""

from __future__ import annotations

import os
import sys

__all__ = ["main"]

INTERRUPTED = 130
"""As in `cli.app`, which may not be loaded yet when the interrupt comes."""


def main() -> None:
    """Run the command line and leave with its exit status."""
    _open_standard_streams()
    try:
        folder = _font_cache_folder()
        if folder:
            os.environ.setdefault("MPLCONFIGDIR", folder)
        from soxspipe.cli.app import run

        status = run(sys.argv[1:])
    except KeyboardInterrupt:  # while modules are loaded; later it is the command's own
        if sys.stderr is not None:
            print("soxspipe: interrupted", file=sys.stderr)
        status = INTERRUPTED
    sys.exit(status)


def _open_standard_streams() -> None:
    """Put ``/dev/null`` in the place of standard streams that are closed, so that no product gets their number and a stray message with it."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _font_cache_folder() -> str:
    """A folder below the system's temporary one for matplotlib's list of fonts, which else goes to the user's home; empty if it is not ours."""
    import stat
    import tempfile

    try:
        folder = os.path.join(tempfile.gettempdir(), f"soxspipe-matplotlib-{os.getuid()}")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        found = os.lstat(folder)
    except OSError:
        return ""
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
    return folder if private else ""
