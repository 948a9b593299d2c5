"""Files that a run opens are closed again, and memory that it takes is free again, however often it is repeated in one process."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from soxspipe.cli.app import run
from soxspipe.io import kept
from soxspipe.night.memory import hand_back_memory
from support.small import Kit

MB = 1e6
SETTLED = 5
"""Runs after which modules and static tables are there."""
MOST_GROWTH = 5.0
"""Of the memory in use, MB: less than one frame that stays in each of forty runs."""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="open files are counted in /proc")
@pytest.mark.parametrize("runs", [1, pytest.param(50, marks=pytest.mark.slow)])
def test_open_files_do_not_grow(
    runs: int, small_kit, small, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "YOUNG_S", 0.0)  # calibrations are kept from the first run on, however quickly it follows the files
    kit = small_kit()

    def reduce() -> int:
        assert run(["stare", str(kit.sof), "-o", str(tmp_path), "-x"]) == 0
        capsys.readouterr()
        return len(os.listdir("/proc/self/fd"))

    first = reduce()  # modules, fonts, kept calibrations and the like are open from now on
    assert [reduce() for _ in range(runs)] == [first] * runs


def memory_in_use_mb() -> float:
    """What the process holds when all that is free has gone back to the system: its C library keeps tens of MB, more in some runs than others."""
    gc.collect()
    hand_back_memory()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MB


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is measured in /proc")
def test_nothing_is_kept_of_forty_damaged_sets(
    small_kit: Callable[..., Kit], small, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the fuzzer of whole reductions has them: files that change all the time, so that no calibration is kept for another run."""
    monkeypatch.setattr(kept, "YOUNG_S", np.inf)
    settings = tmp_path / "quiet.yaml"
    settings.write_text("make_plots: false\n")
    rng, used = np.random.default_rng(1), []
    for number in range(SETTLED + 40):
        kit = small_kit().copy(tmp_path / f"set{number}")
        for role in ("raw0", "flat", "bias"):
            with fits.open(kit.own(role), mode="update") as hdus:
                row, column = rng.integers(0, hdus[0].data.shape[0] - 60), rng.integers(0, hdus[0].data.shape[1] - 20)
                hdus[0].data[row : row + 60, column : column + 20] = rng.choice([0, 1, 60000])
        run(["stare", str(kit.sof), "-o", str(tmp_path / "out"), "-x", "-s", str(settings)])
        capsys.readouterr()
        used.append(memory_in_use_mb())
    assert max(used[SETTLED:]) - used[SETTLED - 1] < MOST_GROWTH, used
