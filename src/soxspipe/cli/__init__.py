"""The command ``soxspipe``."""

from __future__ import annotations

import os
import sys

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

__all__ = ["main"]


def main() -> None:
    """Run the command line and leave with its exit status."""
    for (
        variable
    ) in _THREAD_VARIABLES:  # many small matrices: a thread pool costs more than it gives, and must be chosen before numpy is there
        os.environ.setdefault(variable, "1")
    from soxspipe.cli.app import run

    sys.exit(run(sys.argv[1:]))
