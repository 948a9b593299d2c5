"""The command line on small detectors, ``simulate`` included: run as ``python -m support.small_command``."""

from __future__ import annotations

import sys
from pathlib import Path

from support.small import main, small_facts


def simulate_small(arguments: list[str]) -> int:
    """``simulate`` without file or listing: ``--key value`` pairs and ``-o FOLDER``."""
    from soxspipe.cli.scenes import scene_of
    from soxspipe.io.simulated import write_data_set
    from soxspipe.io.simulated_facts import read_facts
    from soxspipe.simulate.observe import simulate

    place = arguments.index("-o")
    scene = scene_of(arguments[:place] + arguments[place + 2 :])
    files = write_data_set(simulate(scene, small_facts(read_facts(scene))), scene, Path(arguments[place + 1]))
    print(files[0])
    return 0


if __name__ == "__main__":
    sys.exit(simulate_small(sys.argv[2:]) if sys.argv[1] == "simulate" else main())
