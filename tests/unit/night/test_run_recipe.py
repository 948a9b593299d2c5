"""Where the night meets the recipes."""

from __future__ import annotations

import subprocess
import sys

from soxspipe.night.rules import SETS
from soxspipe.night.run_recipe import takes


def test_what_recipes_take_comes_from_their_tables_of_inputs() -> None:
    for rule in SETS:
        for arm in ("VIS", "NIR"):
            taken = takes(rule.verb, arm)
            if taken is not None:
                ours = {need.category for need in rule.needs}
                required = {category for category, needed in taken.calibrations.items() if needed}
                assert required <= ours, f"{rule.verb}: the rules choose nothing for {required - ours}"
    stare = takes("stare", "VIS")
    assert stare is not None
    assert stare.calibrations["MASTER_BIAS"]
    assert not stare.calibrations["RESP_TAB"]
    assert takes("nod", "VIS") is None


def test_a_worker_that_is_to_be_ready_has_the_algorithms() -> None:
    code = (
        "import sys; from soxspipe.night.run_recipe import dask_setup; dask_setup(None)\n"
        "assert 'soxspipe.reductions.stare.reduce' in sys.modules and 'soxspipe.reductions.mflat.reduce' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
