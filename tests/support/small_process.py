"""The installed command, from its first line, on small detectors: run as ``python -m support.small_process``.

Nothing heavy is imported before the command's own entry point has run, so that what it does about threads holds here as well.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence

from soxspipe import cli
from soxspipe.cli import app

_run = app.run


def _on_small_detectors(arguments: Sequence[str]) -> int:
    from support.small import small_detectors

    with small_detectors():
        return _run(arguments)


if __name__ == "__main__":
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a test run in the background of a shell ignores interrupts, and hands that down
    app.run = _on_small_detectors
    cli.main()
