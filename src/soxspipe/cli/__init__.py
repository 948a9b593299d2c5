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
