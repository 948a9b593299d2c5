"""The command ``soxspipe``."""

from __future__ import annotations

import os
import stat
import sys
import tempfile

from soxspipe.start_up import begin_imports

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

__all__ = ["main"]


def main() -> None:
    """Run the command line and leave with its exit status.

    Linear algebra gets one thread whatever the environment says: a thread pool costs more than it gives for many small matrices, and
    would round sums differently, so that products depended on it.  It must be chosen before numpy is there.
    """
    for variable in _THREAD_VARIABLES:
        os.environ[variable] = "1"
    folder = _font_cache_folder()
    if folder:
        os.environ.setdefault("MPLCONFIGDIR", folder)
    begin_imports()
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
